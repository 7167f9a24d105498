//! SendmailDryRun: it shows exactly what would have been sent, and sends nothing.

use crate::circle::Database;
use crate::support::place::Place;
use crate::support::{Httpd, Request, Response, Sendmail, Smtp};
use serde_json::Value;

const SEPARATOR: &[u8] = b"\n----- message -----\n";

/// A report, and the message after it.
#[track_caller]
fn shown(answer: &Response) -> (String, Vec<u8>) {
    let at = answer.body.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
    let at = at.unwrap_or_else(|| panic!("no separator in {}", answer.text()));
    let report = String::from_utf8(answer.body[..at].to_vec()).unwrap();
    (report, answer.body[at + SEPARATOR.len()..].to_vec())
}

fn asking(request: &Request) -> Request {
    request.clone().header("Prefer", "respond-async, Sendmail-Dry-Run")
}

/// The message without the values that differ each time.
fn without_moment(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).into_owned();
    let of_moment = ["Received:", "\tby ", "\t", "Date:", "Message-ID:"];
    let (header, body) = text.split_once("\n\n").unwrap();
    let lines = header.lines().filter(|line| !of_moment.iter().any(|start| line.starts_with(start)));
    format!("{}\n\n{body}", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn what_is_shown_is_what_a_program_is_then_given() {
    let sendmail = Sendmail::new();
    let arguments = "SendmailArguments -t -i -f %{reqenv:SENDMAIL_FROM}\nSendmailDryRun request";
    let whole = format!("{arguments}\nSendmailReceived off");
    let program = sendmail.program().display().to_string();
    let section = |text: &str| format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{program}\"\n{text}");
    let httpd = Httpd::builder().mail(&sendmail, arguments).location("/whole", &section(&whole)).start();
    let long = "a line of some length, with <b>tags</b> and ümläuts\n".repeat(8_000);
    for body in ["", "Hello\n", "----- message -----\n.\nFrom x\n", "Grüße\r\nund mehr", &long] {
        let own = Request::mail("/whole").header("Bcc", "secret@example.test").header("Message-ID", "<own@b.test>");
        let own = own.header("Date", "Thu, 01 Jan 2026 00:00:00 +0000").body(body);
        let dry = asking(&own).send(&httpd).expect_status(200);
        assert_eq!(dry.header("Preference-Applied"), Some("sendmail-dry-run"));
        assert_eq!(sendmail.starts(), 0, "nothing is started");
        own.send(&httpd).expect_status(202);
        let real = sendmail.take().remove(0);
        let (report, message) = shown(&dry);
        assert!(message == real.stdin, "{report}");
        let lines: Vec<&str> = report.lines().collect();
        let expected = ["-t", "-i", "-f", "f@example.test"];
        assert_eq!(real.arguments(), expected);
        for (number, word) in expected.iter().enumerate() {
            assert!(lines.contains(&format!("Argument {}: \"{word}\"", number + 1).as_str()), "{report}");
        }
        assert!(lines.contains(&format!("Program: \"{program}\"").as_str()), "{report}");
        let recipients = ["a@example.test", "secret@example.test"];
        assert!(recipients.iter().all(|who| lines.contains(&format!("Recipient: \"{who}\"").as_str())), "{report}");
        assert!(lines.contains(&format!("Octets: {}", message.len()).as_str()), "{report}");
        assert_eq!(dry.message_id(), "own@b.test");
    }
    let dry = asking(&Request::mail("/mail")).send(&httpd).expect_status(200);
    Request::mail("/mail").send(&httpd).expect_status(202);
    let (_, message) = shown(&dry);
    let text = String::from_utf8_lossy(&message).into_owned();
    assert_eq!(without_moment(&message), without_moment(&sendmail.take()[0].stdin));
    assert!(text.contains(&format!("Message-ID: <{}>", dry.message_id())) && text.contains("Received: from"), "{text}");
    assert!(!text.contains("Prefer") && !text.to_lowercase().contains("dry-run"), "{text}");
    let log = httpd.error_log();
    assert!(log.contains("SM0007: dry run, nothing was sent id=<own@b.test> from=f@example.test rcpts=2"), "{log}");
    assert!(!log.contains("secret@"), "Bcc is no matter of the log");
}

#[test]
fn who_asks_where_it_is_not_allowed_is_refused_and_who_does_not_is_sent() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let inner = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{program}\"");
    let builder = Httpd::builder().mail(&sendmail, "").location("/trial", &format!("{inner}\nSendmailDryRun on"));
    let httpd = builder.location("/trial/real", "SendmailDryRun off").start();
    for accept in ["text/plain", "application/json", "text/html"] {
        for path in ["/mail", "/trial/real"] {
            let answer = asking(&Request::mail(path)).header("Accept", accept).send(&httpd).expect_status(403);
            assert!(answer.shows(b"SendmailDryRun") && answer.shows(b"Nothing was sent"), "{}", answer.text());
        }
    }
    assert_eq!(sendmail.starts(), 0);
    for path in ["/mail", "/trial/real"] {
        Request::mail(path).header("Prefer", "respond-async, wait=10").send(&httpd).expect_status(202);
        assert_eq!(sendmail.take().len(), 1);
    }
    let answer = Request::mail("/trial").send(&httpd).expect_status(200);
    assert_eq!(answer.header("Preference-Applied"), None, "nobody asked");
    assert_eq!(asking(&Request::mail("/trial")).send(&httpd).header("Preference-Applied"), Some("sendmail-dry-run"));
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0206");
}

#[test]
fn every_check_runs_before_anything_is_shown() {
    let sendmail = Sendmail::new();
    let settings = "SendmailDryRun on\nSendmailRecipients example.test\nSendmailMaxRecipients 2\nSendmailMaxSize 100\n\
                    SendmailArguments -t -i -f %{HTTP:X-Return}";
    let httpd = Httpd::builder().mail(&sendmail, settings).start();
    let good = Request::mail("/mail").header("X-Return", "r@example.test");
    good.send(&httpd).expect_status(200);
    for (name, request, status, tag) in [
        ("recipient", good.clone().header("Bcc", "z@evil.test"), 403, "SM0201"),
        ("no recipient", good.clone().without("To"), 400, "SM0105"),
        ("many", good.clone().header("Cc", "b@example.test, c@example.test"), 400, "SM0105"),
        ("address", good.clone().header("Cc", "a b"), 400, "SM0105"),
        ("size", good.clone().body("x".repeat(101)), 413, "SM0104"),
        ("argument", good.clone().without("X-Return").header("X-Return", "-oQ"), 403, "SM0203"),
        ("origin", good.clone().header("Origin", "https://evil.test"), 403, "SM0205"),
        (
            "form",
            good.clone().without("Content-Type").header("Content-Type", "multipart/form-data; boundary=b"),
            415,
            "SM0103",
        ),
        ("body", good.clone().header("Content-Transfer-Encoding", "base64").body("!"), 400, "SM0106"),
        ("method", Request::get("/mail"), 405, "SM0108"),
    ] {
        let answer = request.send(&httpd);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        httpd.expect_log(tag);
    }
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn no_way_out_is_touched() {
    let (smtp, folder) = (Smtp::start(), Place::new("dry"));
    let maildir = folder.folder("mail", 0o777).join("Maildir").display().to_string();
    let section = |text: &str| format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailDryRun on\n{text}");
    let relay = format!("SendmailRelay 127.0.0.1:{}\nSendmailRelayFrom bounces@example.org", smtp.port());
    let sendmail = Sendmail::new();
    let script = format!("SendmailName \"{}\"\nSendmailArguments -q \"a \\\"b\"", sendmail.program().display());
    let builder = Httpd::builder().location("/maildir", &section(&format!("SendmailMaildir \"{maildir}\"")));
    let httpd = builder.location("/relay", &section(&relay)).location("/script", &section(&script)).start();
    let request = |path: &str| Request::mail(path).header("Bcc", "b@example.test");
    let (report, message) = shown(&request("/maildir").send(&httpd).expect_status(200));
    assert!(report.contains(&format!("\nMaildir: \"{maildir}\"\n")), "{report}");
    assert!(!String::from_utf8(message).unwrap().contains("Bcc"), "a Maildir is given none");
    assert!(!std::path::Path::new(&maildir).exists(), "not even the folder is made");
    let (report, _) = shown(&request("/relay").send(&httpd).expect_status(200));
    let expected = format!("\nRelay: \"127.0.0.1:{}\"\nSender: \"bounces@example.org\"\nRecipient: ", smtp.port());
    assert!(report.contains(&expected) && report.contains("Recipient: \"b@example.test\""), "{report}");
    assert_eq!(smtp.connections(), 0);
    let (report, _) = shown(&request("/script").send(&httpd).expect_status(200));
    assert!(report.contains("\nArgument 2: \"a \\\"b\"\nRecipients: the arguments alone"), "{report}");
    assert_eq!(sendmail.starts(), 0);
    assert!(httpd.stray_files().is_empty());
}

#[test]
fn programs_read_json_and_see_no_password() {
    let text = "SendmailRelay smtp://me:geheim@mx.example.org:587\nSendmailDryRun on\nSendmailReceived off";
    let httpd = Httpd::builder().location("/mail", &format!("SetHandler sendmail\nRequire local\n{text}")).start();
    let request = Request::mail("/mail").header("Accept", "application/json").header("Bcc", "b@example.test");
    let answer = request.clone().body("<script>Grüße</script>\n").send(&httpd).expect_status(200);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert!(!answer.shows(b"geheim") && !answer.shows(b"<script") && !answer.shows(b"me:"), "{}", answer.text());
    let report: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&report["dry_run"], &report["relay"]), (&true.into(), &"mx.example.org:587".into()));
    assert_eq!(report["recipients"], serde_json::json!(["a@example.test", "b@example.test"]));
    assert_eq!(report["message_id"], format!("<{}>", answer.message_id()));
    let message = report["message"].as_str().unwrap();
    assert!(message.starts_with("From: f@example.test\n") && message.contains("\n\n"), "{message}");
    assert_eq!(report["octets"], message.len());
    let plain = request.without("Accept").header("Accept", "image/png").send(&httpd).expect_status(200);
    assert_eq!(plain.header("Content-Type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn the_report_is_no_page_for_a_browser_and_no_cache() {
    let sendmail = Sendmail::new();
    let settings = "SendmailDryRun on\nSendmailArguments -t -N %{HTTP:X-Note}";
    let httpd = Httpd::builder().mail(&sendmail, settings).start();
    httpd.allow_log("SM0804");
    let script = "<script>alert(1)</script>";
    let request = Request::mail("/mail").without("Content-Type").header("Content-Type", "text/html");
    let request = request.header("Accept", "text/html").header("X-Note", script).body(format!("<html>{script}"));
    let answer = request.send(&httpd).expect_status(200);
    assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert!(answer.header("Content-Security-Policy").unwrap().contains("default-src 'none'"));
    assert!(String::from_utf8(shown(&answer).1).unwrap().ends_with(&format!("\n\n<html>{script}\n")));
}

#[test]
fn a_known_id_is_refused_and_no_row_is_written() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let program = sendmail.program().display().to_string();
    let mail = format!(
        "SetHandler sendmail\nRequire local\nSendmailName \"{program}\"\nSendmailDryRun request\nSendmailDSNLocation https://h/dsn"
    );
    let httpd = database.httpd().location("/mail", &mail).start();
    let request = Request::mail("/mail").header("Message-ID", "<twice@b.test>");
    for _ in 0..2 {
        let dry = asking(&request).send(&httpd).expect_status(200);
        assert_eq!((dry.header("Location"), dry.header("Link")), (None, None), "there is no status to look at");
    }
    request.send(&httpd).expect_status(303);
    asking(&request).send(&httpd).expect_status(409);
    assert_eq!(sendmail.starts(), 1);
    httpd.expect_log("SM0109");
}

#[test]
fn a_page_may_ask_where_dry_runs_are_offered() {
    let sendmail = Sendmail::new();
    for (dry_run, allowed) in [("off", "subject"), ("request", "subject, prefer")] {
        let settings = format!("SendmailAllowOrigin https://www.example.org\nSendmailDryRun {dry_run}");
        let httpd = Httpd::builder().mail(&sendmail, &settings).start();
        let page = |request: Request| request.header("Origin", "https://www.example.org");
        let preflight = page(Request::options("/mail")).header("Access-Control-Request-Method", "POST");
        let leave = preflight.header("Access-Control-Request-Headers", "subject, prefer, cookie").send(&httpd);
        assert_eq!(leave.header("Access-Control-Allow-Headers"), Some(allowed));
        let answer = asking(&page(Request::mail("/mail"))).send(&httpd);
        assert_eq!(answer.status, if dry_run == "off" { 403 } else { 200 });
        assert!(answer.header("Access-Control-Expose-Headers").unwrap().contains("Preference-Applied"));
        httpd.allow_log("SM0206");
    }
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn the_access_log_tells_a_dry_run_from_a_message() {
    let sendmail = Sendmail::new();
    let log = "LogFormat \"%{sendmail-status}n %{sendmail-id}n %{sendmail-rcpts}n %{sendmail-exit}n\" notes\n\
               CustomLog \"${ROOT}/logs/notes\" notes";
    let httpd = Httpd::builder().config(log).mail(&sendmail, "SendmailDryRun request").start();
    let request = Request::mail("/mail").header("Message-ID", "<id@b.test>");
    asking(&request).send(&httpd).expect_status(200);
    request.send(&httpd).expect_status(202);
    let path = httpd.root().join("logs/notes");
    let lines = crate::support::within(std::time::Duration::from_secs(5), || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort(); // a line is written after its answer was sent, and threads do not wait for each other
        (lines.len() == 2).then_some(lines)
    });
    assert_eq!(lines.expect("two lines"), ["accepted <id@b.test> 1 0", "dry-run <id@b.test> 1 -"]);
}
