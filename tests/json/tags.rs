//! What a sender calls a mail by (tags, categories, metadata): kept for the owner of the mail where statuses are kept, found again by it, and
//! never in the mail.

use super::{emails, post};
use crate::circle::Database;
use crate::status::by;
use crate::support::{Httpd, Request, Sendmail};
use serde_json::{Value, json};

const RESEND: &str = r#"{"from":"f@example.test","to":"a@example.test","subject":"s","text":"t",
    "tags":[{"name":"category","value":"welcome-r"},{"name":"plan","value":"pro-r"}]}"#;
const POSTMARK: &str = r#"{"From":"f@example.test","To":"a@example.test","Subject":"s","TextBody":"t",
    "Tag":"welcome-p","MessageStream":"outbound-p","Metadata":{"plan":"pro-p"}}"#;
const SENDGRID: &str = r#"{"from":{"email":"f@example.test"},"subject":"s","content":[{"type":"text/plain","value":"t"}],
    "personalizations":[{"to":[{"email":"a@example.test"}],"custom_args":{"plan":"pro-s"}}],"categories":["welcome-s","news-s"]}"#;

/// Names and values.
type Called = &'static [(&'static str, &'static str)];

/// The path, what is sent, and what the mail is called.
const ROWS: [(&str, &str, Called); 3] = [
    ("/mail/emails", RESEND, &[("category", "welcome-r"), ("plan", "pro-r")]),
    ("/mail/email", POSTMARK, &[("Tag", "welcome-p"), ("MessageStream", "outbound-p"), ("plan", "pro-p")]),
    ("/mail/v3/mail/send", SENDGRID, &[("plan", "pro-s"), ("category", "welcome-s"), ("category", "news-s")]),
];

#[test]
fn what_a_mail_is_called_is_kept_for_its_owner_and_is_not_in_the_mail() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let login = "AuthType Basic\nAuthName Mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";
    let httpd = emails::builder(&database, &sendmail, super::INPUTS).location("/dsn", login).start();
    let get = |user: &str, path: &str| {
        let request = Request::get(path).header("Accept", "application/json");
        by(user, request).send(&httpd).expect_status(200)
    };
    let listed = |user: &str, query: &str| -> Vec<Value> {
        let list: Value = serde_json::from_slice(&get(user, &format!("/dsn/{query}")).body).unwrap();
        list["recipients"].as_array().unwrap().iter().map(|line| line["message_id"].clone()).collect()
    };
    for (path, body, called) in ROWS {
        by("alice", post(path, body)).send(&httpd);
        let mail = sendmail.take().pop().unwrap_or_else(|| panic!("{path}: no mail"));
        let text = mail.text();
        for (_, value) in called {
            assert!(!text.contains(value) && !mail.arguments().concat().contains(value), "{path}: {value} in {text}");
        }
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")).unwrap();
        let id = id.trim_end_matches('>').split('@').next().unwrap();
        let tags: Vec<Value> = called.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let email = emails::read(&get("alice", &format!("/mail/emails/{id}")));
        assert_eq!(email["tags"], json!(tags), "{path}");

        let page: Value = serde_json::from_slice(&get("alice", &format!("/dsn/{id}%40gateway.test/")).body).unwrap();
        assert_eq!(page["tags"], json!(tags), "{path}");
        for (name, value) in called {
            for tag in [value.to_string(), format!("{name}:{value}")] {
                assert_eq!(listed("alice", &format!("?tag={tag}")), [json!(format!("{id}@gateway.test"))], "{tag}");
                assert_eq!(listed("bob", &format!("?tag={tag}")), [json!(null); 0], "{tag}");
            }
        }
    }
    assert_eq!(listed("alice", "").len(), 3);
    assert_eq!(listed("alice", "?tag=pro").len(), 0);
}

#[test]
fn where_no_statuses_are_kept_it_is_sent_all_the_same() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, super::INPUTS).start();
    for (path, body, _) in ROWS {
        let answer = post(path, body).send(&httpd);
        assert!([200, 202].contains(&answer.status), "{path}: {}", answer.text());
        assert_eq!(sendmail.take().len(), 1, "{path}");
    }
}
