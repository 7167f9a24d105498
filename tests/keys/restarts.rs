//! Keys outlive the processes that used them.

use super::{Keys, SECONDS, is_replayed, keyed, with_keys};
use crate::support::{Behaviour, Httpd, Mpm, Sendmail, eventually};
use std::time::Duration;

#[test]
fn a_key_is_known_after_graceful_and_full_restarts_and_a_new_start_on_any_mpm() {
    for mpm in Mpm::ALL {
        let (sendmail, keys) = (Sendmail::new(), Keys::new());
        let httpd = with_keys(Httpd::builder().mpm(mpm), &sendmail, &keys).start();
        let first = keyed("k", "a").send(&httpd).expect_status(202);
        httpd.graceful();
        assert!(is_replayed(&keyed("k", "a").send(&httpd).expect_status(202)));
        httpd.restart();
        let again = keyed("k", "a").send(&httpd).expect_status(202);
        assert_eq!(again.header("X-Message-ID"), first.header("X-Message-ID"), "{mpm:?}");
        drop(httpd);
        let httpd = with_keys(Httpd::builder().mpm(mpm), &sendmail, &keys).start();
        assert!(is_replayed(&keyed("k", "a").send(&httpd).expect_status(202)));
        assert_eq!(sendmail.commits(), 1, "{mpm:?}");
    }
}

#[test]
fn a_request_of_the_old_generation_holds_its_key_against_the_new_one() {
    let slow = Behaviour::new().reads_all().sleeps(Duration::from_secs(5));
    let (sendmail, keys) = (Sendmail::behaving(&slow), Keys::new());
    let httpd = with_keys(Httpd::builder(), &sendmail, &keys).start();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| keyed("k", "a").send(&httpd));
        eventually("the program runs", SECONDS, || (sendmail.starts() == 1).then_some(()));
        httpd.graceful();
        keyed("k", "a").send(&httpd).expect_status(409);
        first.join().expect("a thread of this test").expect_status(202);
    });
    assert!(is_replayed(&keyed("k", "a").send(&httpd).expect_status(202)));
    assert_eq!(sendmail.commits(), 1);
    httpd.expect_log("SM0110");
}
