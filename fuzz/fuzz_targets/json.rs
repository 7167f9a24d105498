//! The JSON of an SDK -> mails, or a complaint that fits into a log: no panic, nothing read that is no JSON, and no field or file that the
//! body does not hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::header::HeaderValue;
use mailgate::input::json::{self, Call, Dialect, JsonError, Mails};
use mailgate::submission::Part;
use sys::spool::Spool;

/// Each dialect, one mail and several.
const CALLS: [Call; 5] = [
    Call { dialect: Dialect::Resend, is_batch: false },
    Call { dialect: Dialect::Postmark, is_batch: false },
    Call { dialect: Dialect::Sendgrid, is_batch: false },
    Call { dialect: Dialect::Resend, is_batch: true },
    Call { dialect: Dialect::Postmark, is_batch: true },
];

// The first octet chooses; the rest is the body.
fuzz_target!(|octets: &[u8]| {
    let [choice, octets @ ..] = octets else { return };
    let call = CALLS[usize::from(*choice) % CALLS.len()];
    let folder = std::env::temp_dir();
    let mut source = Spool::new(&folder, 1 << 20);
    source.write(octets).expect("memory takes everything");
    let mut contents = Spool::new(&folder, 1 << 20);
    match json::read(call, &source, &mut contents) {
        Ok(mails) => {
            assert!(serde_json::from_slice::<serde_json::Value>(octets).is_ok(), "what is read is JSON");
            judge(&mails, octets, contents.len(), call);
        }
        Err(error) => complain(&error),
    }
});

fn judge(mails: &Mails, octets: &[u8], len: u64, call: Call) {
    let several = call.is_batch || call.dialect == Dialect::Sendgrid;
    assert!(!mails.items.is_empty() && mails.items.len() <= if several { call.dialect.most() } else { 1 });
    for mail in &mails.items {
        match mail {
            Ok(mail) => {
                assert!(leaves(mail.root(), len) > 0);
                for (name, value) in mail.fields() {
                    assert!(HeaderValue::parse(value).is_ok(), "{name}: {value:?}");
                    assert!(value.len() <= 8 * octets.len() + 16, "nobody writes more than there is");
                }
            }
            Err(error) => complain(error),
        }
    }
}

/// How many there are; each lies in what was stored.
fn leaves(part: &Part, len: u64) -> usize {
    match part {
        Part::Leaf(leaf) => {
            assert!(leaf.source.offset + leaf.source.len <= len);
            assert!(leaf.header.is_empty() || leaf.header.ends_with('\n') && !leaf.header.contains("\n\n"));
            1
        }
        Part::Multipart { parts, .. } => parts.iter().map(|part| leaves(part, len)).sum(),
    }
}

fn complain(error: &JsonError) {
    assert!(!matches!(error, JsonError::Io(_)), "{error}");
    assert!(!error.path().contains(char::is_control), "{error:?}");
}
