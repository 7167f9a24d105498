//! The rows of HTTP/2 that no library would send: fields and streams that RFC 9113 calls malformed.

use super::judge::Bench;
use super::setup::Setup;
use super::table;
use crate::support::Mpm;
use crate::support::h2::{Ending, Message};
use crate::support::hostile::Expected;

type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

const FROM: (&[u8], &[u8]) = (b"from", b"f@example.test");
const TO: (&[u8], &[u8]) = (b"to", b"a@example.test");

/// The good request that each of them varies.
fn message(more: Pairs<'_>) -> Message {
    Message::post(b"/mail", &[&[FROM, TO], more].concat(), b"hi")
}

/// What a row says in words, as requests.
fn variants(id: &str) -> Vec<Message> {
    let subject = |value| message(&[(b"subject", value)]);
    match id {
        "L01" => vec![subject(b"a\r\nBcc: z@evil.test")],
        "L02" => [&b"a\0b"[..], b"a\nb", b"a\rb"].map(subject).into(),
        "L03" => [&b"Subject"[..], b"x:bcc", b"sub ject"].map(|name| message(&[(name, b"a")])).into(),
        "L04" => vec![
            message(&[]).with(":path", b"/mail\r\nBcc: z@evil.test"),
            message(&[]).with(":authority", b"localhost\r\nBcc: z@evil.test"),
        ],
        "L06" => vec![Message { data: b"half a".to_vec(), ending: Ending::Reset, ..message(&[]) }],
        "L08" => vec![Message { data: b"half a".to_vec(), ..message(&[(b"content-length", b"10")]) }],
        "L10" => vec![message(&[(b"cookie", b"a=SECRET1"), (b"cookie", b"b=SECRET2")])],
        other => panic!("a row without its frames: {other}"),
    }
}

#[test]
fn hostile_frames_of_http2() {
    let Some(rows) = table() else { return };
    let bench = Bench::start(&Setup::default(), Mpm::Event);
    let good = rows.iter().find(|row| row.id == "L10").expect("the table has it");
    let sent = bench.try_row(good, &[Expected::AcceptClean], || message(&[]).send(bench.httpd.address()));
    sent.unwrap_or_else(|fault| panic!("the good request: {fault}"));
    let mut faults = Vec::new();
    for row in rows.iter().filter(|row| row.is_h2()) {
        let tried = variants(&row.id)
            .into_iter()
            .map(|message| bench.try_row(row, &row.expected, || message.send(bench.httpd.address())));
        faults.extend(tried.filter_map(Result::err));
    }
    bench.expect_refusals();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
