//! Reports about messages that were given up: only to local users and the administrator, and none about a report.

use super::gateway::{Act, Answer, Gateway};
use super::place::Place;

/// The report on this message, sent with these words and refused when sent from the queue.
fn report(more: &str, words: &str, message: &str) -> Option<super::gateway::Request> {
    let gateway =
        Gateway::new(|_, nth| if nth == 0 { Answer::problem(400, "after-correction", "SM0101") } else { Act::Take });
    let place = Place::new("report");
    place.settings(&gateway, more);
    let done = place.send(&format!("-odq {words}"), message);
    assert_eq!(done.status, 0, "{done:?}");
    place.run_queue();
    place.run_queue();
    assert_eq!((place.names("failed").len(), place.names("new").len()), (1, 0));
    gateway.taken().pop()
}

const MESSAGE: &str = "To: wendy@example.net\nSubject: Gr\u{fc}n\nX-Secret: s\n\nthe body\n";

#[test]
fn a_report_names_recipient_cause_and_header_but_not_the_body() {
    let report = report("", "-t", MESSAGE).unwrap();
    // The test's user is root, whose alias is ops.
    if super::place::am_root() {
        assert_eq!(report.field("envelope-to"), "ops@example.org");
    }
    let text = report.text();
    for part in [
        "Auto-Submitted: auto-replied\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=",
        "\nFinal-Recipient: rfc822; wendy@example.net\nAction: failed\nStatus: 5.0.0\n",
        "Diagnostic-Code: x-sendmail-http; it was refused: 400 SM0101",
        "\nX-Secret: s\n",
        "Reporting-MTA: dns; ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("the body") && text.is_ascii(), "{text}");
}

#[test]
fn python_reads_the_report_as_one() {
    let report = report("", "-t", MESSAGE).unwrap();
    let script = "import email,sys\nm=email.message_from_bytes(sys.stdin.buffer.read())\n\
                  assert m.get_content_type()=='multipart/report' and not m.defects\n\
                  p=m.get_payload()\nassert [x.get_content_type() for x in p]==['text/plain','message/delivery-status','text/rfc822-headers']\n\
                  g=p[1].get_payload()\nassert len(g)==2 and g[1]['Action']=='failed' and g[1]['Final-Recipient']=='rfc822; wendy@example.net'\n";
    let mut python = std::process::Command::new("python3");
    python.arg("-c").arg(script).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let done = super::place::run(python, &report.body);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn no_report_about_reports_and_what_programs_send() {
    assert!(report("", "-t", MESSAGE).is_some());
    for (words, message) in [
        ("-t -f <>", MESSAGE.to_owned()),
        ("-t", format!("Auto-Submitted: auto-replied\n{MESSAGE}")),
        ("-t", format!("Auto-Submitted: auto-generated\n{MESSAGE}")),
        ("-t -FCronDaemon", MESSAGE.to_owned()),
    ] {
        assert!(report("", words, &message).is_none(), "{words} {message}");
    }
    assert!(report("", "-t", &format!("Auto-Submitted: no\n{MESSAGE}")).is_some());
}

#[test]
fn the_report_is_from_the_configured_sender() {
    let report = report("from alerts@example.org\n", "-t", MESSAGE).unwrap();
    assert!(report.text().contains("From: Mail Delivery System <alerts@example.org>\n"), "{}", report.text());
}
