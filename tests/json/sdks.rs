//! The SDKs as their makers ship them (`tools/sdks` installs them), pointed at our httpd by each SDK's own setting.

use super::with_login;
use crate::support::place::repository;
use crate::support::process::{installed, run};
use crate::support::{Httpd, Sendmail, oracle, skipped};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The key of `alice:secret`.
pub const GOOD: &str = "YWxpY2U6c2VjcmV0";

/// Runs a script with the SDKs available; it prints JSON, one line for each call.
pub fn script(program: &str, name: &str, httpd: &Httpd, location: &str, key: &str, sdks: &Path) -> Vec<Value> {
    let base = format!("http://127.0.0.1:{}{location}", httpd.port());
    let mut command = Command::new(program);
    let (name, more) = name.split_once(' ').map_or((name, None), |(name, more)| (name, Some(more)));
    command.arg(repository().join("tests/json").join(name)).arg(&base).arg(key).args(more).current_dir(sdks);
    command.env("NODE_PATH", sdks.join("node/node_modules")).env("PYTHONPATH", sdks.join("python"));
    command
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env("RESEND_BASE_URL", &base)
        .env("RESEND_API_URL", &base);
    let said = run(&mut command);
    let lines = std::str::from_utf8(&said).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Sends plain, html, attachment, inline, Unicode, cc and bcc, and then what must be refused.
fn sends(program: &str, name: &str, location: &str, complaint: &str) {
    let Some(sdks) = installed("sdks") else { return skipped("the SDKs cannot be installed (tools/sdks)") };
    let sendmail = Sendmail::new();
    let httpd = with_login(Httpd::builder(), location, &sendmail, "SendmailBearer On\nSendmailRecipients example.test");
    let answers = script(program, name, &httpd, location, GOOD, &sdks);
    let messages = sendmail.take();
    let [plain, html, file, inline, unicode, refused, forbidden, unknown] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(messages.len(), 5, "{answers:?}");
    for (answer, message) in [plain, html, file, inline, unicode].into_iter().zip(&messages) {
        let id = answer["id"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(id.len() == 32 && message.text().contains(id), "{id} is that of the message\n{}", message.text());
        let read = oracle::read(&message.stdin);
        assert_eq!(read.wire_faults(), Vec::<String>::new(), "{}", message.text());
        assert_eq!(read.mailboxes("From")[0].address, "f@example.test");
    }
    let read: Vec<_> = messages.iter().map(|message| oracle::read(&message.stdin)).collect();
    let types = |at: usize| read[at].parts().into_iter().map(|part| part.content_type).collect::<Vec<_>>();
    let addresses = |at: usize, field: &str| {
        read[at].mailboxes(field).into_iter().map(|mailbox| mailbox.address).collect::<Vec<_>>()
    };
    assert_eq!((read[0].subject(), types(0)), (Some("plain"), vec!["text/plain".to_owned()]));
    assert_eq!(read[0].parts()[0].body.trim_ascii_end(), b"Hello");
    assert_eq!(addresses(0, "To"), ["a@example.test"]);
    assert_eq!(
        (read[1].content_type(), types(1)),
        ("multipart/alternative", vec!["text/plain".into(), "text/html".into()])
    );
    assert_eq!(
        (read[2].content_type(), types(2)),
        ("multipart/mixed", vec!["text/plain".into(), "application/pdf".into()])
    );
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!((&read[2].parts()[1].body, read[2].parts()[1].filename.as_deref()), (&all, Some("rechnung.pdf")));
    assert_eq!((read[3].content_type(), types(3)), ("multipart/related", vec!["text/html".into(), "image/png".into()]));
    assert!(messages[3].text().contains("Content-ID: <logo>"), "{}", messages[3].text());
    assert_eq!(read[4].subject(), Some("Grüße 😀"));
    assert_eq!(read[4].mailboxes("From")[0].name, "Jürgen Müller");
    assert_eq!(String::from_utf8_lossy(&read[4].parts()[0].body).trim_end(), "Grüße 😀");
    assert_eq!(addresses(4, "To"), ["a@example.test", "b@example.test"]);
    assert_eq!(
        (addresses(4, "Cc"), addresses(4, "Reply-To")),
        (vec!["c@example.test".into()], vec!["r@example.test".into()])
    );
    assert_eq!(read[4].field("X-Campaign"), Some("spring"));
    assert_eq!(addresses(4, "Bcc"), ["d@example.test"], "sendmail -t takes it out");
    for (answer, name, says) in [
        (refused, complaint, "Nothing was sent"),
        (forbidden, complaint, "x@elsewhere.test is not allowed"),
        (unknown, complaint, "is not done here"),
    ] {
        let shown = answer["error"]["name"].as_str().unwrap_or_default();
        assert!(!shown.is_empty() && name.split(' ').any(|name| name == shown), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap_or_default().contains(says), "{answer}");
    }
    for tag in ["SM0113", "SM0201"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn resend_for_node_sends_and_shows_our_refusals_as_its_own_errors() {
    sends("node", "send_resend.cjs", "/mail", "validation_error");
}

#[test]
fn resend_for_python_sends_and_shows_our_refusals_as_its_own_errors() {
    sends("python3", "send_resend.py", "/mail", "validation_error");
}

#[test]
fn postmark_for_node_sends_and_shows_our_refusals_as_its_own_errors() {
    sends("node", "send_postmark.cjs", "/mail", "InvalidEmailRequestError");
}

#[test]
fn postmarker_sends_and_shows_our_refusals_as_its_own_errors() {
    sends("python3", "send_postmarker.py", "/", "300");
}

#[test]
fn sendgrid_for_node_sends_and_shows_our_refusals_as_its_own_errors() {
    sends("node", "send_sendgrid.cjs", "/mail", "ResponseError");
}

#[test]
fn sendgrid_for_python_sends_and_shows_our_refusals_as_its_own_errors() {
    sends("python3", "send_sendgrid.py", "/mail", "BadRequestsError ForbiddenError");
}

#[test]
fn django_anymail_sends_by_each_of_its_backends() {
    for backend in ["resend", "postmark", "sendgrid"] {
        sends("python3", &format!("send_anymail.py {backend}"), "/mail", "AnymailRequestsAPIError");
    }
}

/// Several messages in one call: all sent, some left out, and none if one is invalid.
fn sends_batches(program: &str, name: &str, location: &str, expected: &[(usize, &str)]) {
    let Some(sdks) = installed("sdks") else { return skipped("the SDKs cannot be installed (tools/sdks)") };
    let sendmail = Sendmail::new();
    let httpd = with_login(Httpd::builder(), location, &sendmail, "SendmailBearer On\nSendmailRecipients example.test");
    let answers = script(program, name, &httpd, location, GOOD, &sdks);
    assert_eq!(answers.len(), expected.len(), "{answers:?}");
    let messages = sendmail.take();
    let mut sent = messages.iter();
    for (answer, (number, complaint)) in answers.iter().zip(expected) {
        let ids = answer["ids"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(ids.len(), *number, "{answer}");
        for id in ids {
            let message = sent.next().unwrap_or_else(|| panic!("{answer}")).text();
            assert!(id.as_str().is_some_and(|id| message.contains(id)), "{answer} {message}");
        }
        assert!(answer["error"].as_str().unwrap_or_default().contains(complaint), "{answer}");
        assert_eq!(answer["error"].is_null(), complaint.is_empty(), "{answer}");
    }
    assert_eq!(sent.next().map(|message| message.text()), None);
    httpd.allow_log("SM0113");
    httpd.allow_log("SM0201");
}

#[test]
fn batches_of_resend_for_node_are_sent_whole_or_refused() {
    let expected = [(2, ""), (0, "x@elsewhere.test is not allowed"), (1, "x@elsewhere.test is not allowed")];
    sends_batches("node", "batch_resend.cjs", "/mail", &expected);
}

#[test]
fn batches_of_resend_for_python_are_sent_whole_or_refused() {
    let expected = [(2, ""), (0, "x@elsewhere.test is not allowed"), (1, "x@elsewhere.test is not allowed")];
    sends_batches("python3", "batch_resend.py", "/mail", &expected);
}

#[test]
fn batches_of_postmark_for_node_have_a_result_for_each() {
    sends_batches("node", "batch_postmark.cjs", "/mail", &[(2, ""), (1, "x@elsewhere.test is not allowed")]);
}

#[test]
fn batches_of_postmarker_have_a_result_for_each() {
    sends_batches("python3", "batch_postmarker.py", "/", &[(2, ""), (1, "x@elsewhere.test is not allowed")]);
}

#[test]
fn several_personalizations_of_sendgrid_are_several_messages() {
    sends_batches("node", "batch_sendgrid.cjs", "/mail", &[(2, ""), (0, "x@elsewhere.test is not allowed")]);
    sends_batches("python3", "batch_sendgrid.py", "/mail", &[(2, ""), (0, "x@elsewhere.test is not allowed")]);
}
