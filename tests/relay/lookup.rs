//! Looking up a relay's name with a silent name server: the request waits no longer than for anything else.

use super::relaying;
use crate::programs::{Holdings, promised, steady};
use crate::support::place::{Place, am_root};
use crate::support::{Mpm, Request, Smtp, skipped};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_name_server_that_never_answers_takes_no_more_than_the_timeout() {
    if !am_root() {
        return skipped("a resolv.conf of its own needs root");
    }
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        return skipped("a mount namespace is not to be had, as in a chroot");
    }
    // A loopback address without a name server.
    let silent = (1..100).find_map(|n| UdpSocket::bind((format!("127.83.0.{n}"), 53)).ok()).unwrap();
    let folder = Place::new("lookup");
    let text = format!("nameserver {}\noptions timeout:10 attempts:3\n", silent.local_addr().unwrap().ip());
    let file = folder.write("resolv.conf", &text).display().to_string();
    let launcher = ["unshare", "-m", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"", &file];
    let smtp = Smtp::start();
    let known = format!("localhost:{}", smtp.port());
    let builder = relaying(steady(Mpm::Event).launcher(&launcher), "/known", &known, "");
    let httpd = relaying(builder, "/asked", "mx.example.test:25", "SendmailTimeout 1s").start();
    Request::mail("/known").send(&httpd).expect_status(202);
    let before = Holdings::of(&httpd);
    let began = Instant::now();
    let answer = Request::mail("/asked").send(&httpd);
    let took = began.elapsed();
    assert_eq!(promised(&answer), 503, "{}", answer.text());
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    let mut question = [0; 512];
    silent.set_nonblocking(true).unwrap();
    assert!(silent.recv(&mut question).is_ok(), "the name server was asked");
    before.assert_same(&httpd);
    assert!(httpd.error_log().contains("relay mx.example.test:25: connecting: no answer within SendmailTimeout"));
    httpd.expect_log("SM0406");
}
