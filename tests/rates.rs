//! SendmailRateLimit: a limit applies to all children of httpd together and over its restarts, and the answer says what is left.

use crate::keys::{Keys, is_replayed, keyed};
use crate::support::httpd_config::Builder;
use crate::support::{Behaviour, Httpd, Mpm, Request, Response, Sendmail};
use std::sync::atomic::{AtomicUsize, Ordering};

fn field<'r>(response: &'r Response, name: &str) -> &'r str {
    response.header(name).unwrap_or_default()
}

/// Whether it was over the limit; any other status than 202 fails the test.
fn is_over(response: &Response) -> bool {
    match response.status {
        202 => false,
        429 => true,
        other => panic!("{other}: {}", response.text()),
    }
}

#[test]
fn a_limit_lets_the_burst_pass_and_says_what_is_left() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "SendmailRateLimit 100/1h burst=2").start();
    let first = Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(field(&first, "RateLimit-Policy"), "\"user-messages-3600\";q=100;w=3600");
    assert_eq!(field(&first, "RateLimit"), "\"user-messages-3600\";r=1;t=36");
    Request::mail("/mail").send(&httpd).expect_status(202);
    let over = Request::mail("/mail").header("Accept", "application/json").expect_continue().send(&httpd);
    let over = over.expect_status(429);
    let wait: u32 = field(&over, "Retry-After").parse().unwrap();
    assert!((1..=36).contains(&wait), "{wait}");
    assert_eq!(field(&over, "RateLimit"), format!("\"user-messages-3600\";r=0;t={wait}"));
    let json: serde_json::Value = serde_json::from_slice(&over.body).unwrap();
    assert_eq!((json["status"].as_u64(), json["send_again"].as_str()), (Some(429), Some("yes")));
    assert!(!over.text().contains("127.0.0.1"));
    assert_eq!(sendmail.commits(), 2);
    assert_eq!(Request::options("/mail").send(&httpd).expect_status(200).header("RateLimit"), None);
    httpd.expect_log("SM0214: over SendmailRateLimit 100/3600s burst=2 per=user count=messages");
}

/// Four children; with a count of its own, each would let as many pass.
fn four_children(mpm: Mpm) -> Builder {
    let settings = match mpm {
        Mpm::Prefork => "ServerLimit 8\nStartServers 4\nMinSpareServers 4\nMaxSpareServers 8\nMaxRequestWorkers 8\n",
        _ => {
            "ServerLimit 8\nStartServers 4\nThreadsPerChild 4\nThreadLimit 4\nMinSpareThreads 8\nMaxSpareThreads 32\nMaxRequestWorkers 32\n"
        }
    };
    Httpd::builder().mpm(mpm).mpm_settings(settings)
}

#[test]
fn a_limit_holds_over_all_children_and_over_restarts() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::new();
        let httpd = four_children(mpm).mail(&sendmail, "SendmailRateLimit 20/1d per=address").start();
        let crowd = |number: usize| {
            let passed = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..number / 8 {
                            if !is_over(&Request::mail("/mail").send(&httpd)) {
                                passed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    });
                }
            });
            passed.into_inner()
        };
        assert_eq!(crowd(16), 16, "{mpm:?}");
        httpd.graceful();
        assert_eq!(crowd(40), 4, "{mpm:?}: counted before");
        httpd.restart();
        assert_eq!(crowd(16), 0, "{mpm:?}");
        assert_eq!(sendmail.commits(), 20);
        httpd.expect_log("SM0214");
    }
}

#[test]
fn refusals_count_and_dry_runs_and_replays_do_not() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let text = format!("{}\nSendmailRateLimit 5/1d\nSendmailDryRun request", keys.directive(""));
    let httpd = Httpd::builder().mail(&sendmail, &text).start();
    let left = |response: Response| field(&response, "RateLimit").split(['=', ';']).nth(2).map(str::to_owned).unwrap();
    assert_eq!(left(keyed("k", "a").send(&httpd).expect_status(202)), "4");
    for _ in 0..10 {
        let again = keyed("k", "a").send(&httpd).expect_status(202);
        assert!(is_replayed(&again));
        assert_eq!(left(again), "4");
        let dry = Request::mail("/mail").header("Prefer", "sendmail-dry-run").send(&httpd).expect_status(200);
        assert_eq!(left(dry), "4");
    }
    sendmail.behave(&Behaviour::reads_all_and_exits(1));
    assert_eq!(left(keyed("lost", "a").send(&httpd).expect_status(502)), "3");
    assert_eq!(left(keyed("lost", "a").send(&httpd).expect_status(502)), "3", "nobody knows, once more");
    httpd.expect_log("SM0407");
    assert_eq!(left(Request::mail("/mail").without("To").send(&httpd).expect_status(400)), "2");
    assert_eq!(left(keyed("k", "b").send(&httpd).expect_status(422)), "1");
    httpd.expect_log("SM0105");
    httpd.expect_log("SM0111");
}

#[test]
fn recipients_are_counted_and_limits_add_up_until_one_takes_them_away() {
    let sendmail = Sendmail::new();
    let section =
        format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"", sendmail.program().display());
    let limits = "SendmailRateLimit 100/1h\nSendmailRateLimit 10/1h burst=6 count=recipients";
    let httpd = Httpd::builder()
        .mail(&sendmail, limits)
        .location("/mail/free", "SendmailRateLimit none")
        .location("/own", &format!("{section}\nSendmailRateLimit 3/1h"))
        .start();
    let to = |path: &str, number: usize| {
        let list: Vec<_> = (0..number).map(|n| format!("a{n}@example.test")).collect();
        Request::mail(path).without("To").header("To", list.join(", ")).send(&httpd)
    };
    let first = to("/mail", 4).expect_status(202);
    assert_eq!(field(&first, "RateLimit"), "\"user-messages-3600\";r=99;t=36, \"user-recipients-3600\";r=2;t=360");
    let over = to("/mail", 3).expect_status(429);
    assert!((350..=360).contains(&field(&over, "Retry-After").parse::<u32>().unwrap()), "{over:?}");
    to("/mail", 2).expect_status(202);
    let never = to("/mail", 7).expect_status(400);
    assert!(
        never.text().contains("more than 6 recipients") && never.header("Retry-After").is_none(),
        "{}",
        never.text()
    );
    assert_eq!(to("/mail/free", 20).expect_status(202).header("RateLimit"), None);
    for _ in 0..3 {
        to("/own", 20).expect_status(202);
    }
    to("/own", 1).expect_status(429);
    httpd.expect_log("SM0214");
    httpd.expect_log("SM0105");
}

#[test]
fn clients_are_counted_apart_behind_a_proxy_that_is_trusted() {
    let sendmail = Sendmail::new();
    let server = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1";
    let section = format!(
        "SetHandler sendmail\nRequire all granted\nSendmailRecipients example.test\nSendmailName \"{}\"",
        sendmail.program().display()
    );
    let httpd = Httpd::builder()
        .modules(&["remoteip"])
        .config(server)
        .location("/mail", &format!("{section}\nSendmailRateLimit 1/1h per=address"))
        .location("/all", &format!("{section}\nSendmailRateLimit 2/1h per=location"))
        .start();
    let from =
        |path: &str, address: &str| is_over(&Request::mail(path).header("X-Forwarded-For", address).send(&httpd));
    assert!(!from("/mail", "192.0.2.1") && from("/mail", "192.0.2.1") && !from("/mail", "192.0.2.2"));
    assert!(!from("/mail", "2001:db8::1") && from("/mail", "2001:db8::2"), "an IPv6 /64 is one");
    assert!(!from("/mail", "2001:db8:0:1::1"));
    assert!(!from("/all", "192.0.2.1") && !from("/all", "192.0.2.2") && from("/all", "192.0.2.3"));
    httpd.expect_log("SM0214");
}

#[test]
fn a_redirect_is_followed_at_once_although_nothing_is_left() {
    let (sendmail, database) = (Sendmail::new(), crate::circle::Database::new());
    let text = "SendmailDSNLocation http://127.0.0.1:${PORT}/dsn\nSendmailRateLimit 2/1h";
    let httpd = database.httpd().mail(&sendmail, text).start();
    assert!(field(&Request::mail("/mail").send(&httpd).expect_status(303), "RateLimit").contains(";r=1;"));
    let last = Request::mail("/mail").send(&httpd).expect_status(303);
    assert_eq!(last.header("RateLimit"), None);
    Request::mail("/mail").send(&httpd).expect_status(429);
    httpd.expect_log("SM0214");
}
