//! The rows of HTTP/2 that no library would send: fields and streams that RFC 9113 calls malformed. Most of them never reach the module:
//! nghttp2 refuses L01 to L04, and the streams of L06 and L08, which come at once, are over before mod_http2 hands them to a handler.
//! The same endings under a handler that is reading have a test of their own.

use super::judge::Bench;
use super::setup::Setup;
use super::table;
use crate::support::h2::{Ending, Message};
use crate::support::hostile::Expected;
use crate::support::{Httpd, Mpm, Sendmail, eventually, oracle};
use std::time::Duration;

type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

const FROM: (&[u8], &[u8]) = (b"from", b"f@example.test");
const TO: (&[u8], &[u8]) = (b"to", b"a@example.test");

/// The good request that they all vary.
fn message(more: Pairs<'_>) -> Message {
    message_of(b"hi", b"2", more)
}

/// With a length that may be wrong, or none.
fn message_of(data: &[u8], length: &[u8], more: Pairs<'_>) -> Message {
    let length: Pairs<'_> = &[(b"content-length", length)];
    let length = if length[0].1.is_empty() { &[] } else { length };
    Message::post(b"/mail", &[&[FROM, TO], length, more].concat(), data)
}

/// The requests that a row describes in words.
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
        "L06" => vec![Message { ending: Ending::Reset, ..message_of(b"half a", b"10", &[]) }],
        "L08" => vec![message_of(b"half a", b"10", &[])],
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

/// A server whose handler reads HTTP/2, and a message for it that waits until the handler reads.
fn reading(sendmail: &Sendmail) -> (Httpd, impl Fn(&[u8], Ending) -> Message) {
    let builder = Httpd::builder().modules(&["http2"]).config("Protocols h2c http/1.1\nMergeTrailers On");
    let asks =
        |length: &[u8], ending| Message { ending, ..message_of(b"half a", length, &[(b"expect", b"100-continue")]) };
    (builder.mail(sendmail, "").start(), asks)
}

#[test]
fn a_stream_that_ends_under_a_handler_that_reads_sends_nothing() {
    let sendmail = Sendmail::new();
    let (httpd, message) = reading(&sendmail);
    assert_eq!(message(b"6", Ending::EndStream).send(httpd.address()).unwrap().status, 202);
    let trailers = Ending::Trailers(vec![(b"x".to_vec(), b"y".to_vec())]);
    let mut faults = Vec::new();
    for (i, ending) in [Ending::Reset, Ending::Close, Ending::EndStream, trailers].into_iter().enumerate() {
        let (commits, row) = (sendmail.commits(), format!("{ending:?}"));
        let outcome = message(b"10", ending).send(httpd.address());
        // The client knows that the stream is over before the handler does.
        eventually(&row, Duration::from_secs(20), || {
            (httpd.error_log().matches("SM0107").count() + sendmail.commits() > i + 1).then_some(())
        });
        if outcome.is_ok() || sendmail.commits() > commits {
            faults.push(row);
        }
    }
    assert!(faults.is_empty(), "taken for whole: {}", faults.join("; "));
    assert_eq!((sendmail.starts(), sendmail.commits()), (1, 1));
    httpd.expect_log("SM0107");
}

/// mod_http2 ends the body of a reset stream like a complete one; now and then it reports the reset too late.
#[test]
fn a_body_of_http2_without_a_length_is_refused_before_it_is_read() {
    let sendmail = Sendmail::new();
    let (httpd, message) = reading(&sendmail);
    let empty = Message { data: Vec::new(), ..message(b"", Ending::EndStream) };
    for (whole, status) in
        [(message(b"6", Ending::EndStream), 202), (empty, 202), (message(b"", Ending::EndStream), 411)]
    {
        assert_eq!(whole.send(httpd.address()).unwrap().status, status, "{:?}", whole.data);
    }
    for _ in 0..20 {
        let reset = message(b"", Ending::Reset).send(httpd.address());
        assert!(reset.is_ok_and(|answer| answer.status == 411));
    }
    assert_eq!((sendmail.starts(), sendmail.commits()), (2, 2));
    httpd.expect_log("SM0102");
}

#[test]
fn trailers_of_http2_reach_no_message() {
    let sendmail = Sendmail::new();
    let (httpd, message) = reading(&sendmail);
    let evil = ["to", "bcc", "subject", "x-evil"].map(|name| (name.as_bytes().to_vec(), b"evil@example.test".to_vec()));
    let answer = message(b"6", Ending::Trailers(evil.into())).send(httpd.address()).unwrap();
    assert_eq!(answer.status, 202);
    let [run] = &sendmail.take()[..] else { panic!("one message") };
    assert!(!run.text().contains("evil") && oracle::read(&run.stdin).subject().is_none(), "{}", run.text());
}
