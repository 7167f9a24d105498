//! What a milter sends, whatever it is -> a decision, or none. A message that is changed by it is a message still: our trace on top, no line too
//! long, no control character, no field but one of its own, recipients that may be written to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::address::Address;
use mailgate::checks::change::Rules;
use mailgate::checks::client::Client;
use mailgate::checks::letter::{Envelope, Letter};
use mailgate::checks::milter::{Decision, Stream, Told, converse};
use mailgate::message::Message;
use mailgate::policy::Recipients;
use std::cell::RefCell;
use std::io::{self, Read, Write};

/// Gives one packet of what is left for each time it is asked, and is quiet meanwhile; where there is none, whatever is left.
struct Script<'a>(RefCell<&'a [u8]>, RefCell<usize>);

impl Read for Script<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (mut rest, mut due) = (self.0.borrow_mut(), self.1.borrow_mut());
        if *due == 0 {
            let len = rest.first_chunk::<4>().map_or(rest.len(), |len| u32::from_be_bytes(*len) as usize + 4);
            *due = len.min(rest.len());
        }
        let n = (*due).min(into.len());
        let (now, later) = rest.split_at(n);
        into[..n].copy_from_slice(now);
        *rest = later;
        *due -= n;
        Ok(n)
    }
}

impl Write for Script<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Script<'_> {
    fn is_quiet(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn write_last(&mut self, _octets: &[u8]) {}
}

fuzz_target!(|octets: &[u8]| {
    let directory = std::env::temp_dir();
    let address = |text: &str| Address::parse(text).unwrap();
    let envelope = Envelope { sender: Some(address("f@b.test")), recipients: vec![address("a@b.test")] };
    let text = b"Received: ours\nFrom: f@b.test\nSubject: a\n b\n\nbody\n";
    let message = Message::compose(&directory, text, |_| Ok(())).unwrap();
    let mut letter = Letter::open(message, true, envelope).unwrap();
    let client = Client::default();
    let told = Told { client: &client, shows_client: false, macros: &[], max_body: 10_000 };
    let changes = match converse(Script(RefCell::new(octets), RefCell::new(0)), &letter, &told) {
        Ok(Decision::Accept(changes)) => changes,
        Ok(Decision::Quarantine(reason, changes)) => {
            assert!(!reason.contains(char::is_control), "{reason:?}");
            changes
        }
        Ok(Decision::Refuse(reply)) => return assert!(!reply.text.contains(char::is_control), "{reply:?}"),
        Ok(Decision::Discard) => return,
        Err(trouble) => return assert!(!trouble.to_string().contains(char::is_control), "{trouble:?}"),
    };
    let allowed = Recipients::parse(&["b.test"]).unwrap();
    let rules = Rules { sender: true, recipients: true, allowed: &allowed, redirected: false };
    if letter.change(changes, &rules).is_err() {
        return;
    }
    let (message, envelope) = letter.close().unwrap();
    assert!(envelope.recipients.iter().all(|recipient| allowed.allow(recipient)), "{envelope:?}");
    let mut octets = Vec::new();
    message.reader().read_to_end(&mut octets).unwrap();
    let end = octets.windows(2).position(|two| two == b"\n\n").expect("a header has an end");
    let (header, body) = octets.split_at(end + 1);
    let header = std::str::from_utf8(header).expect("ASCII");
    assert!(header.is_ascii() && header.starts_with("Received: ours\n"), "{header:?}");
    for line in header.lines() {
        assert!(line.len() <= 990 && !line.trim().is_empty() && !line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
        let name = line.split(':').next().unwrap();
        let is_field = line.contains(':') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        assert!(line.starts_with([' ', '\t']) || is_field, "{line:?}");
        assert!(!name.eq_ignore_ascii_case("Bcc"), "{line:?}");
    }
    assert!(!body.contains(&0) && !body.contains(&b'\r') && body.ends_with(b"\n"), "{body:?}");
    assert!(body.split(|byte| *byte == b'\n').all(|line| line.len() <= 990));
});
