//! Clients that break off, are slow, or ask before they send.

use super::SECONDS;
use crate::support::request::Ending;
use crate::support::{Httpd, Mpm, Request, Sendmail, eventually};
use std::time::{Duration, Instant};

/// Every truncation of head and body, with both framings and both endings: no program is started.
#[test]
fn a_body_that_breaks_off_starts_no_program_on_any_mpm() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::new();
        let httpd = Httpd::builder().mpm(mpm).mail(&sendmail, "").start();
        let small = Request::mail("/mail").body("a line of text\n".repeat(4));
        let large = Request::mail("/mail").body("a line of text\n".repeat(20_000));
        for request in [small.clone(), small.chunked(7), large.clone(), large.chunked(1000)] {
            request.send(&httpd).expect_status(202);
            sendmail.take();
            let head = request.head_length();
            for after in [head, head + 1, head + 30] {
                let answer = request.clone().broken_off_after(after, Ending::Half).try_send(&httpd);
                assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 400), "{after}");
                assert!(request.clone().broken_off_after(after, Ending::Reset).try_send(&httpd).is_err());
            }
        }
        // A request sent after the broken ones has been served, so they are over too.
        eventually("each of them is logged", SECONDS, || {
            (httpd.error_log().matches("SM0107").count() >= 20).then_some(())
        });
        httpd.expect_log("SM0107: the body of the request did not come to its end; nothing was sent");
        assert_eq!((sendmail.starts(), sendmail.commits()), (0, 4), "{mpm:?}");
        assert!(httpd.stray_files().is_empty());
    }
}

#[test]
fn a_body_without_its_last_chunk_is_none() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    let head = "POST /mail HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTo: a@example.test\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let whole = format!("{head}5\r\nHello\r\n0\r\n\r\n");
    Request::post("/mail").raw(whole.clone()).send(&httpd).expect_status(202);
    for cut in 1..=14 {
        let octets = &whole.as_bytes()[..whole.len() - cut];
        let answer = Request::post("/mail").raw(octets).ending(Ending::Half).try_send(&httpd);
        // After "0\r\n", with only the empty line after the trailers missing, httpd knows everything.
        if let Ok(answer) = &answer {
            assert!(answer.status == 400 || (cut <= 2 && answer.status == 202), "{cut}: {}", answer.status);
        }
    }
    httpd.expect_log("SM0107");
    assert!(sendmail.commits() <= 3);
    assert!(sendmail.messages().iter().all(|run| run.stdin.ends_with(b"\n\nHello\n")), "no part of it was taken");
}

#[test]
fn a_body_that_comes_too_slowly_is_refused_and_not_sent() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().modules(&["reqtimeout"]).mail(&sendmail, "");
    let httpd = httpd.config("RequestReadTimeout header=5 body=1").start();
    let request = Request::mail("/mail").body("a line of text\n".repeat(4));
    request.send(&httpd).expect_status(202);
    let began = Instant::now();
    let slow = request.clone().broken_off_after(request.head_length() + 10, Ending::Stall);
    assert_eq!(slow.send(&httpd).status, 408);
    assert!(began.elapsed() > Duration::from_millis(900));
    httpd.expect_log("SM0107");
    assert_eq!((sendmail.starts(), sendmail.commits()), (1, 1));
}

#[test]
fn a_client_that_asks_first_is_refused_before_it_uploads() {
    let sendmail = Sendmail::new();
    let below = [
        ("sender", "SendmailSenderMail NOBODY"),
        ("argument", "SendmailArguments -t -i -f %{HTTP:X-Value}"),
        ("base", "SendmailDSNLocation %{HTTP:X-Value}"),
    ];
    let sections = below.map(|(name, settings)| format!("<Location /mail/{name}>\n{settings}\n</Location>\n")).concat();
    let nowhere = "SetHandler sendmail\nRequire ip 127.0.0.1";
    let builder = Httpd::builder().mail(&sendmail, "SendmailMaxSize 1M\nSendmailRecipients example.test");
    let httpd = builder.config(&sections).location("/nowhere", nowhere).start();
    let to = |path: &str| Request::mail(path).expect_continue();
    let good = to("/mail");
    for good in [&good, &to("/mail/argument").header("X-Value", "a@example.test"), &to("/mail/base")] {
        assert_eq!(good.send(&httpd).expect_status(202).interim, [100]);
    }
    let rows = [
        (good.clone().without("To").header("To", "a@elsewhere.test"), 403, "SM0201"),
        (good.clone().without("To").header("To", "a;b@example.test"), 400, "SM0105"),
        (good.clone().without("To"), 400, "SM0105"),
        (good.clone().header("Resent-To", "a@example.test"), 400, "SM0101"),
        (good.clone().without("Content-Type").header("Content-Type", "multipart/form-data; boundary=x"), 415, "SM0103"),
        (good.clone().body(vec![b'\n'; 2_000_000]), 413, "SM0104"),
        (good.clone().header("Content-Encoding", "gzip"), 415, "SM0102"),
        (good.clone().header("Origin", "http://evil.test").header("Host", "evil.test"), 403, "SM0211"),
        (good.header("Origin", "https://evil.test"), 403, "SM0205"),
        (Request::new("PUT", "/mail").expect_continue().body("x"), 405, "SM0108"),
        (to("/mail/sender"), 403, "SM0202"),
        (to("/mail/argument").header("X-Value", "-bd"), 403, "SM0203"),
        (to("/mail/base").header("X-Value", "a b"), 500, "SM0204"),
        (to("/nowhere"), 500, "SM0402"),
    ];
    httpd.expect_log("SM0802"); // of /nowhere, at the start
    for (request, status, tag) in rows {
        let answer = request.send(&httpd).expect_status(status);
        assert_eq!(answer.interim, Vec::<u16>::new(), "nothing was asked for: {tag}");
        httpd.expect_log(tag);
    }
    assert_eq!(sendmail.starts(), 3);
}
