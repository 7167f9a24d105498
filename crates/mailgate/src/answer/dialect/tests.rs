use super::*;
use mail::header::HeaderValue;

fn named(text: &str) -> MessageId {
    MessageId::parse(&HeaderValue::parse(text).unwrap()).unwrap()
}

#[test]
fn a_refusal_speaks_the_dialect_and_ours() {
    for (dialect, tag, status, name) in [
        (Dialect::Resend, &tags::JSON_MEMBER, 422, "validation_error"),
        (Dialect::Resend, &tags::FORBIDDEN_RECIPIENT, 403, "validation_error"),
        (Dialect::Resend, &tags::METHOD, 405, "method_not_allowed"),
        (Dialect::Resend, &tags::UNKNOWN, 502, "application_error"),
        (Dialect::Resend, &tags::KEY_IN_USE, 409, "concurrent_idempotent_requests"),
        (Dialect::Resend, &tags::KEY_REUSED, 409, "invalid_idempotent_request"),
        (Dialect::Postmark, &tags::JSON_MEMBER, 422, "300"),
        (Dialect::Postmark, &tags::FORBIDDEN_RECIPIENT, 422, "300"),
        (Dialect::Postmark, &tags::RATE, 429, "429"),
        (Dialect::Sendgrid, &tags::JSON_MEMBER, 400, "subject"),
        (Dialect::Sendgrid, &tags::FORBIDDEN_RECIPIENT, 403, "subject"),
    ] {
        let problem = Problem::new(tag, "subject: is <b>wrong").at("subject".into());
        let reply = refused(dialect, &problem, None, false);
        assert_eq!((reply.status, reply.content_type), (status, "application/json"), "{dialect:?} {tag}");
        assert!(!reply.body.contains(&b'<'));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let (found, message) = match dialect {
            Dialect::Postmark => (body["ErrorCode"].to_string(), &body["Message"]),
            Dialect::Resend => (body["name"].as_str().unwrap().to_owned(), &body["message"]),
            Dialect::Sendgrid => {
                (body["errors"][0]["field"].as_str().unwrap().to_owned(), &body["errors"][0]["message"])
            }
        };
        assert_eq!(found, name, "{dialect:?} {tag}");
        assert!(message.as_str().unwrap().starts_with("subject: is <b>wrong. "), "{body}");
        assert_eq!((&body["status"], &body["send_again"]), (&json!(status), &json!(tag.retry.word())));
    }
}

#[test]
fn every_status_of_httpd_has_a_body_in_each_dialect() {
    for dialect in [Dialect::Postmark, Dialect::Resend, Dialect::Sendgrid] {
        for (status, _) in OF_HTTPD {
            let body: Value = serde_json::from_str(&of_httpd(dialect, *status)).unwrap();
            let said = match dialect {
                Dialect::Postmark => body["ErrorCode"].is_number() && body["Message"].is_string(),
                Dialect::Resend => body["statusCode"] == json!(status) && body["name"].is_string(),
                Dialect::Sendgrid => body["errors"][0]["message"].is_string(),
            };
            assert!(said, "{dialect:?} {status}: {body}");
        }
    }
}

#[test]
fn an_id_names_one_message() {
    let token = "a1".repeat(16);
    for (text, expected) in
        [(format!("<{token}@h.test>"), token.as_str()), ("<own@h.test>".into(), "own@h.test"), ("<A@b>".into(), "A@b")]
    {
        let message_id = named(&text);
        assert_eq!(id(&message_id), expected);
        assert_eq!(super::message_id(id(&message_id), "h.test"), message_id.without_brackets());
    }
}

#[test]
fn a_batch_tells_of_each_message_in_the_words_of_the_dialect() {
    let token = "b2".repeat(16);
    let sent = Item::Sent(Sent {
        to: Some("a@x.test".into()),
        message_id: named(&format!("<{token}@h>")),
        status_url: None,
        suppressed: Vec::new(),
    });
    let items = [sent, Item::Refused(Box::new(Problem::new(&tags::JSON_MEMBER, "[1].to: is wrong")))];
    let read = |dialect| -> Value {
        serde_json::from_slice(&answer(Call { dialect, is_batch: true }, &items).body).unwrap_or_default()
    };
    let resend = read(Dialect::Resend);
    assert_eq!((&resend["data"], &resend["errors"][0]["index"]), (&json!([{"id": token}]), &json!(1)));
    let postmark = read(Dialect::Postmark);
    assert_eq!((&postmark[0]["MessageID"], &postmark[0]["ErrorCode"]), (&json!(token), &json!(0)));
    assert_eq!(postmark[1]["ErrorCode"], 300);
    assert!(postmark[1]["Message"].as_str().unwrap().starts_with("[1].to: is wrong."));
    let sendgrid = answer(Call { dialect: Dialect::Sendgrid, is_batch: false }, &items[..1]);
    assert_eq!((sendgrid.status, sendgrid.body.len()), (202, 0));
    assert!(sendgrid.fields.contains(&("X-Message-Id", token)));
}
