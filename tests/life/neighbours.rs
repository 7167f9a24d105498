//! Other modules of httpd next to ours: those that call a handler again, and those that run before it.

use super::SECONDS;
use crate::support::process::required;
use crate::support::request::Ending;
use crate::support::{Behaviour, Httpd, Request, Sendmail, eventually, oracle};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn an_error_document_sends_nothing() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder().mail(&sendmail, "ErrorDocument 502 /mail\nErrorDocument 400 /mail");
    let httpd = builder
        .config("ErrorDocument 404 /mail\nErrorDocument 403 /mail")
        .location("/closed", "Require all denied")
        .start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    for path in ["/none", "/closed"] {
        let answer = Request::mail(path).send(&httpd);
        assert!(matches!(answer.status, 403 | 404), "{path}: {}", answer.status);
    }
    Request::mail("/mail").without("To").send(&httpd).expect_status(400);
    assert_eq!(sendmail.starts(), 1);
    sendmail.behave(&Behaviour::reads_all_and_exits(1));
    Request::mail("/mail").send(&httpd).expect_status(502);
    assert_eq!(sendmail.starts(), 2, "the error page of a failed message sends no second one");
    ["AH01630", "SM0105", "SM0407"].into_iter().for_each(|part| httpd.expect_log(part));
}

#[test]
fn a_page_that_includes_the_handler_sends_nothing() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder();
    fs::create_dir_all(builder.root().join("htdocs")).unwrap();
    fs::write(builder.root().join("htdocs/page.shtml"), "before <!--#include virtual=\"/mail\" --> after\n").unwrap();
    let httpd = builder
        .modules(&["include", "mime"])
        .config("TypesConfig /dev/null\n<Directory \"${ROOT}/htdocs\">\nOptions +Includes\nAddOutputFilter INCLUDES .shtml\n</Directory>")
        .mail(&sendmail, "")
        .start();
    let fields = Request::get("/page.shtml").header("From", "f@example.test").header("To", "a@example.test");
    let page = fields.send(&httpd).expect_status(200);
    assert!(page.text().starts_with("before ") && page.text().ends_with(" after\n"), "{}", page.text());
    assert!(!page.text().contains("Accepted"));
    Request::mail("/page.shtml").send(&httpd);
    assert_eq!(sendmail.starts(), 0);
    Request::mail("/mail").send(&httpd).expect_status(202);
    httpd.expect_log("unable to include");
}

#[test]
fn rewritten_requests_are_sent() {
    let sendmail = Sendmail::new();
    let rules = "RewriteEngine on\nRewriteRule ^/send$ /mail [PT]";
    let inner = "<Directory \"${ROOT}/htdocs\">\nRewriteEngine on\nRewriteRule ^redirected$ /mail\n</Directory>";
    let httpd = Httpd::builder().modules(&["rewrite"]).config(rules).config(inner).mail(&sendmail, "").start();
    for path in ["/send", "/redirected"] {
        let answer = Request::mail(path).send(&httpd).expect_status(202);
        let [run] = &sendmail.take()[..] else { panic!("one message for {path}") };
        assert_eq!(oracle::read(&run.stdin).message_id(), Some(answer.message_id()));
    }
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut child = Command::new(required("gzip", "gzip"))
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, octets) = (child.stdin.take().unwrap(), octets.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&octets).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

#[test]
fn a_compressed_body_is_sent_as_it_was_and_measured_as_it_is() {
    let sendmail = Sendmail::new();
    let text = "SetInputFilter DEFLATE\nSendmailMaxSize 100K";
    let httpd = Httpd::builder().modules(&["deflate"]).mail(&sendmail, text);
    let name = sendmail.program().display().to_string();
    let plain = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"");
    let httpd = httpd.location("/plain", &plain).start();
    let body: String = (0..4000).map(|n| format!("line {n} {}\n", n * 7919 % 4096)).collect();
    let packed = Request::mail("/mail").header("Content-Encoding", "gzip");
    packed.clone().body(gzip(body.as_bytes())).send(&httpd).expect_status(202);
    let [run] = &sendmail.take()[..] else { panic!("one message") };
    assert!(run.stdin.ends_with(body.as_bytes()), "as it was before it was compressed");
    assert_eq!(oracle::read(&run.stdin).field("Content-Encoding"), None);
    Request::mail("/mail").body(body.clone()).send(&httpd).expect_status(202);
    sendmail.take();
    Request::mail("/mail")
        .header("Content-Encoding", "gzip")
        .body(gzip(body.repeat(2).as_bytes()))
        .send(&httpd)
        .expect_status(413);
    // 50 MB of one letter in 50 KB: mod_deflate itself gives up at a ratio of 200, and answers 400; otherwise we do.
    let bomb = packed.clone().body(gzip(&vec![b'a'; 50_000_000]));
    bomb.send(&httpd).expect_status(400);
    httpd.expect_log("AH02649");
    httpd.edit_config("SetInputFilter DEFLATE", "SetInputFilter DEFLATE\nDeflateInflateRatioLimit 1000000");
    httpd.restart();
    bomb.send(&httpd).expect_status(413);
    Request::mail("/plain").header("Content-Encoding", "gzip").body(gzip(b"Hello\n")).send(&httpd).expect_status(415);
    Request::mail("/mail").header("Content-Encoding", "br").send(&httpd).expect_status(415); // no filter knows it
    let mut cut = gzip(body.as_bytes());
    cut.truncate(cut.len() - 20);
    let cut = packed.body(cut).send(&httpd).status;
    assert!((400..500).contains(&cut), "{cut}");
    assert_eq!(sendmail.starts(), 0);
    ["SM0104", "SM0102", "SM0107", "AH02481"].into_iter().for_each(|part| httpd.expect_log(part));
}

#[test]
fn trailers_reach_no_message() {
    let sendmail = Sendmail::new();
    let text = "SendmailArguments -t -i -oK%{tolower:good%{HTTP:X-Late}}\nSendmailDSNLocation %{HTTP:X-Late}";
    let httpd = Httpd::builder().config("MergeTrailers On").mail(&sendmail, text).start();
    let evil = [("To", "evil@example.test"), ("Bcc", "evil@example.test"), ("Subject", "evil"), ("X-Late", "/evil")];
    let framing = [("Accept", "application/json"), ("Content-Range", "bytes 0-1/10")];
    let trailers = evil.into_iter().chain(framing);
    let request = trailers.fold(Request::mail("/mail"), |request, (name, value)| request.trailer(name, value));
    let answer = request.send(&httpd).expect_status(202);
    assert!(answer.text().starts_with("Accepted"), "{answer:?}");
    let [run] = &sendmail.take()[..] else { panic!("one message") };
    assert!(!run.text().contains("evil"), "{}", run.text());
    assert_eq!(oracle::read(&run.stdin).subject(), Some("a"));
    assert_eq!(run.arguments(), ["-t", "-i", "-oKgood"]);
}

/// Sends at /mail, and at /front through mod_proxy.
fn behind_a_proxy(sendmail: &Sendmail) -> Httpd {
    Httpd::builder()
        .modules(&["proxy_http"])
        .config("ProxyPass /front http://127.0.0.1:${PORT}/mail\n<Location /front>\nRequire all granted\n</Location>")
        .mail(sendmail, "")
        .start()
}

#[test]
fn a_proxy_in_front_passes_messages_on() {
    let sendmail = Sendmail::new();
    let httpd = behind_a_proxy(&sendmail);
    for (octets, chunked) in [(100, false), (300_000, false), (300_000, true)] {
        let body = "a line of text\n".repeat(octets / 15);
        let request = Request::mail("/front").body(body.clone());
        let request = if chunked { request.chunked(5000) } else { request };
        let answer = request.send(&httpd).expect_status(202);
        let [run] = &sendmail.take()[..] else { panic!("one message") };
        let message = oracle::read(&run.stdin);
        assert_eq!(message.message_id(), Some(answer.message_id()));
        assert!(run.stdin.ends_with(body.as_bytes()));
        let names = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Server", "Via", "Connection"];
        assert!(names.iter().all(|name| message.field(name).is_none()), "{}", run.text());
    }
    Request::mail("/front").without("To").send(&httpd).expect_status(400);
    httpd.expect_log("SM0105");
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded"] {
        Request::mail("/front").header(name, "192.0.2.66").send(&httpd).expect_status(202);
        let [run] = &sendmail.take()[..] else { panic!("one message") };
        assert!(!run.text().contains("192.0.2.66"), "a client does not say who it is: {}", run.text());
    }
    assert_eq!(sendmail.starts(), 0);
}

/// The proxy streams a large body, so half of it has arrived when the client breaks off.
#[test]
fn what_breaks_off_in_front_of_a_proxy_is_not_sent() {
    let sendmail = Sendmail::new();
    let httpd = behind_a_proxy(&sendmail);
    let large = Request::mail("/front").body("a line of text\n".repeat(20_000));
    for (round, request) in [large.clone(), large.chunked(5000)].into_iter().enumerate() {
        request.send(&httpd).expect_status(202);
        for (nth, ending) in [Ending::Half, Ending::Reset].into_iter().enumerate() {
            let _ = request.clone().broken_off_after(200_000, ending).try_send(&httpd);
            eventually("the module has seen the end", SECONDS, || {
                (httpd.error_log().matches("SM0107").count() > 2 * round + nth).then_some(())
            });
        }
    }
    assert_eq!((sendmail.starts(), sendmail.commits()), (2, 2));
    ["SM0107", "AH02608", "AH01097"].into_iter().for_each(|part| httpd.expect_log(part));
}
