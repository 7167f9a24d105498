//! A full disk for the keys.

use super::{is_replayed, keyed};
use crate::support::disk::Disk;
use crate::support::{Httpd, Request, Sendmail, skipped};

#[test]
fn where_a_key_finds_no_room_nothing_is_sent() {
    let Some(disk) = Disk::mount("64k") else { return skipped("mount(8) is not allowed") };
    let sendmail = Sendmail::new();
    let directive = format!("SendmailIdempotency \"{}\"", disk.folder().display());
    let httpd = Httpd::builder().mail(&sendmail, &directive).start();
    let mut accepted = Vec::new();
    let refused = (0..100).map(|n| format!("key {n}")).find(|key| {
        let answer = keyed(key, "a").send(&httpd);
        match answer.status {
            202 => accepted.push((key.clone(), answer.message_id().to_owned())),
            503 => assert_eq!(answer.header("Retry-After"), Some("60")),
            other => panic!("{key}: {other}"),
        }
        answer.status == 503
    });
    let refused = refused.expect("the disk is full");
    assert!(accepted.len() >= 2, "{accepted:?}");
    assert_eq!(sendmail.commits(), accepted.len());
    keyed(&refused, "a").send(&httpd).expect_status(503);
    for (key, id) in &accepted {
        let again = keyed(key, "a").send(&httpd).expect_status(202);
        assert!(is_replayed(&again) && again.message_id() == id, "{key}");
    }
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(sendmail.commits(), accepted.len() + 1);
    for folder in std::fs::read_dir(disk.folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let _ = std::fs::remove_dir_all(folder);
    }
    keyed(&refused, "a").send(&httpd).expect_status(202); // there is room again
    httpd.expect_log("SM0305");
}
