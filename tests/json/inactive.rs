//! Recipients that are not written to any more, as the SDKs of Postmark show them: who got it, who did not, and the error where nobody did.

use super::sdks;
use crate::circle::Database;
use crate::support::process::{installed, run};
use crate::support::{Sendmail, skipped};
use serde_json::json;

const BAD: &str = "gone@example.test";

#[test]
fn an_sdk_of_postmark_names_the_recipients_who_do_not_get_it() {
    let Some(sdks) = installed("sdks") else { return skipped("the SDKs cannot be installed (tools/sdks)") };
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let settings = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\nSendmailArguments -i --\nSendmailInputs postmark\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn\nSendmailSuppress drop",
        sendmail.program().display()
    );
    let httpd = database.httpd().location("/mail", &settings).start();
    run(database.processdsn().args(["--suppress", BAD]));
    for (program, name, expected) in [
        (
            "python3",
            "inactive_anymail.py",
            [json!({"a@example.test": "sent", "gone@example.test": "rejected"}), json!("AnymailRecipientsRefused")],
        ),
        (
            "node",
            "inactive_postmark.cjs",
            [json!("Message OK, but will not deliver to these inactive addresses: gone@example.test."), json!([BAD])],
        ),
    ] {
        let answers = sdks::script(program, name, &httpd, "/mail", sdks::GOOD, &sdks);
        let [partly, nobody] = &answers[..] else { panic!("{answers:?}") };
        let partly = partly.as_str().map_or_else(|| partly.clone(), |said| json!(said.split(" Inactive").next()));
        assert_eq!([partly, nobody.clone()], expected, "{name}");
        let sent = sendmail.take();
        assert_eq!(sent.len(), 1, "{name}");
        assert!(!sent[0].arguments().contains(&BAD.to_owned()), "{name}");
    }
    httpd.expect_log("SM0223");
}
