//! Modules from outside httpd (`strange_module.c`): they do things to a body and to a request that no client can.

use crate::support::c_module::compile;
use crate::support::httpd_config::Builder;
use crate::support::{Httpd, Request, Sendmail};

fn beside_a_strange_module(sendmail: &Sendmail) -> Builder {
    let module = compile("mod_strange", include_str!("strange_module.c"), sendmail.folder());
    Httpd::builder().load("strange_module", &module)
}

#[test]
fn a_body_that_a_filter_ends_in_any_wrong_way_is_not_sent() {
    let sendmail = Sendmail::new();
    let httpd = beside_a_strange_module(&sendmail).mail(&sendmail, "SetInputFilter STRANGE").start();
    let way = |way| Request::mail("/mail").header("X-Way", way).send(&httpd);
    way("well").expect_status(202);
    let [run] = &sendmail.take()[..] else { panic!("one message") };
    assert!(run.stdin.ends_with(b"\n\nhalf a message\n"));
    for (wrong, status) in [("nothing", 400), ("status", 400), ("error", 400), ("unreadable", 400)] {
        way(wrong).expect_status(status);
        assert_eq!(sendmail.starts(), 0, "{wrong}");
    }
    httpd.expect_log("SM0107");
}

/// httpd's own sub-requests and error pages are never POST, which would be refused anyway; these two are.
#[test]
fn a_sub_request_and_an_error_page_that_post_send_nothing() {
    let sendmail = Sendmail::new();
    let httpd = beside_a_strange_module(&sendmail)
        .mail(&sendmail, "ErrorDocument 400 /mail")
        .config("ErrorDocument 404 /mail")
        .location("/again", "SetHandler post-again\nRequire all granted")
        .start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    let part = Request::mail("/again").send(&httpd).expect_status(200);
    assert!(part.text().ends_with("the part: POST 405\n"), "{}", part.text());
    Request::mail("/none").send(&httpd).expect_status(404);
    Request::mail("/mail").header("Content-Range", "bytes 0-1/10").send(&httpd).expect_status(400);
    assert_eq!((sendmail.starts(), sendmail.commits()), (1, 1));
    httpd.expect_log("SM01");
}
