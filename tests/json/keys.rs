//! SendmailBearer: a key is a login, checked by httpd's provider, in any of the fields.

use super::{post, with_login};
use crate::support::{Httpd, Request, Sendmail};

const GOOD: &str = "YWxpY2U6c2VjcmV0";
const JSON: &str = r#"{"from":"f@example.test","to":"a@example.test","text":"t"}"#;

#[test]
fn a_key_in_the_field_of_an_sdk_is_a_login() {
    let sendmail = Sendmail::new();
    let httpd = with_login(Httpd::builder(), "/mail", &sendmail, "SendmailBearer On");
    let with = |name: &str, value: &str| post("/mail/emails", JSON).header(name, value);
    for good in [
        with("Authorization", &format!("Bearer {GOOD}")),
        with("authorization", &format!("bearer {GOOD}")),
        with("X-Postmark-Server-Token", GOOD),
        with("Authorization", &format!("Basic {GOOD}")),
        Request::mail("/mail").header("Authorization", format!("Bearer {GOOD}")),
    ] {
        let status = if good.has_field("Subject") { 202 } else { 200 };
        good.send(&httpd).expect_status(status);
        let sent = sendmail.take().pop().expect("one message").text();
        assert!(!sent.contains(GOOD) && !sent.to_lowercase().contains("token"), "{sent}");
        assert!(httpd.error_log().contains("user=alice"));
    }
    for bad in [
        post("/mail/emails", JSON),
        with("Authorization", "Bearer YWxpY2U6d3Jvbmc="),
        with("Authorization", "Bearer alice.secret"),
        with("Authorization", &format!("Bearer {GOOD}, Basic {GOOD}")),
        with("X-Postmark-Server-Token", "alice:secret"),
        with("Authorization", &format!("Basic {GOOD}")).header("X-Postmark-Server-Token", GOOD),
    ] {
        bad.send(&httpd).expect_status(401);
        assert_eq!(sendmail.starts(), 0);
    }
    httpd.allow_log("AH");
}

#[test]
fn without_the_directive_a_bearer_is_nobody() {
    let sendmail = Sendmail::new();
    for (settings, status) in [("SendmailBearer On", 200), ("SendmailBearer Off", 401), ("", 401)] {
        let httpd = with_login(Httpd::builder(), "/mail", &sendmail, settings);
        let request = post("/mail/emails", JSON).header("Authorization", format!("Bearer {GOOD}"));
        request.send(&httpd).expect_status(status);
        assert_eq!(sendmail.take().len(), usize::from(status == 200), "{settings}");
        httpd.allow_log("AH");
    }
}
