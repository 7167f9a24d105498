//! Answers to refused requests: how much they show, whose page they are, which methods are allowed.

use crate::support::{Behaviour, Httpd, Request, Sendmail};

#[test]
fn words_of_the_program_are_shown_only_where_allowed() {
    let words = "452 <b>disk</b> full\u{1b}[2J in /var/spool\n";
    for (setting, shown) in [("", false), ("SendmailErrorDetail off", false), ("SendmailErrorDetail on", true)] {
        let sendmail = Sendmail::behaving(&Behaviour::new().complains(words).reads_all().exits(75));
        let httpd = Httpd::builder().mail(&sendmail, setting).start();
        for accept in ["text/plain", "text/html", "application/json"] {
            let answer = Request::mail("/mail").header("Accept", accept).send(&httpd).expect_status(503);
            assert_eq!(answer.shows(b"full"), shown, "{setting} {accept}: {}", answer.text());
            assert!(!answer.shows(b"\x1b") && !answer.shows(b"<b>disk"), "{accept}: {}", answer.text());
            assert!(!answer.shows(sendmail.program().display().to_string().as_bytes()));
        }
        assert!(
            httpd.error_log().contains("disk") && !httpd.error_log().contains('\u{1b}'),
            "the log has them, escaped"
        );
        httpd.expect_log("SM0403");
    }
}

#[test]
fn where_an_error_document_is_set_it_is_the_answer() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder();
    std::fs::create_dir_all(builder.root().join("htdocs")).unwrap();
    std::fs::write(builder.root().join("htdocs/refused.html"), "<p>a page of this house</p>").unwrap();
    let documents =
        "ErrorDocument 400 /refused.html\nErrorDocument 405 \"not so\"\nErrorDocument 415 /mail\nTraceEnable off";
    let httpd = builder.config(documents).mail(&sendmail, "").start();
    let refused = Request::mail("/mail").without("To").send(&httpd).expect_status(400);
    assert_eq!(refused.text(), "<p>a page of this house</p>");
    let method = Request::get("/mail").send(&httpd).expect_status(405);
    assert_eq!((method.text().as_str(), allowed(&method)), ("not so", vec!["OPTIONS".into(), "POST".into()]));
    let typed =
        Request::mail("/mail").without("Content-Type").header("Content-Type", "multipart/form-data; boundary=b");
    typed.send(&httpd).expect_status(415);
    Request::mail("/mail").without("From").header("From", "a b").send(&httpd).expect_status(400);
    assert_eq!(sendmail.starts(), 0, "an error document that is the handler sends nothing");
    for tag in ["SM0105", "SM0108", "SM0103"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn every_other_method_is_405_with_what_is_allowed() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().config("TraceEnable off").mail(&sendmail, "").start();
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND", "MKCOL", "LOCK", "post", "BREW"] {
        let mut mail = Request::new(method, "/mail").header("To", "a@example.test").header("From", "f@example.test");
        mail = if method == "HEAD" || method == "GET" { mail.without_length() } else { mail.body("hi") };
        let answer = mail.send(&httpd).expect_status(405);
        assert_eq!(allowed(&answer), ["OPTIONS", "POST"], "{method}: {answer:?}");
    }
    let described = Request::options("/mail").send(&httpd).expect_status(200);
    assert_eq!(allowed(&described), ["OPTIONS", "POST"]);
    assert_eq!(sendmail.starts(), 0);
    httpd.expect_log("SM0108");
}

fn allowed(response: &crate::support::Response) -> Vec<String> {
    let mut methods: Vec<String> =
        response.all("Allow").flat_map(|line| line.split(',')).map(|method| method.trim().to_owned()).collect();
    methods.sort();
    methods
}
