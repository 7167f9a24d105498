//! A message that was accepted -> the HTTP answer.
#![forbid(unsafe_code)]

use super::problem::monitor;
use mail::message_id::MessageId;
use serde_json::json;
use web::Response;
use web::accept::preferred;

/// A message that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// Its identifier.
    pub message_id: &'a MessageId,
    /// The URL of its delivery status.
    pub status_url: Option<&'a str>,
    /// Whether the answer redirects the client there.
    pub redirect: bool,
}

impl Accepted<'_> {
    /// 303 to the delivery status, or 202.
    pub fn reply(&self, accept: Option<&str>) -> Response {
        let id = self.message_id.as_str();
        let mut fields = vec![("X-Message-ID", id.to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
        let status = match self.status_url {
            Some(url) if self.redirect => {
                fields.push(("Location", url.to_owned()));
                303
            }
            Some(url) => {
                fields.push(("Link", monitor(url)));
                202
            }
            None => 202,
        };
        let (content_type, body) = match preferred(accept, &["text/plain", "application/json"]) {
            Some("application/json") => {
                ("application/json", format!("{}\n", json!({"message_id": id, "status_url": self.status_url})))
            }
            _ => {
                let status = self.status_url.map(|url| format!("Delivery status: {url}\n")).unwrap_or_default();
                ("text/plain; charset=utf-8", format!("Accepted: {id}\n{status}"))
            }
        };
        Response { status, fields, content_type, body: body.into_bytes() }
    }
}

/// A message that is held for a person.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Its identifier.
    pub message_id: &'a MessageId,
}

impl Held<'_> {
    /// 202: it was taken, but not delivered yet.
    pub fn reply(&self, accept: Option<&str>) -> Response {
        let id = self.message_id.as_str();
        let fields = vec![("X-Message-ID", id.to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
        let (content_type, body) = match preferred(accept, &["text/plain", "application/json"]) {
            Some("application/json") => {
                ("application/json", format!("{}\n", json!({"message_id": id, "state": "held"})))
            }
            _ => {
                let held = "It is held; it is sent once a person has looked at it.";
                ("text/plain; charset=utf-8", format!("Accepted: {id}\n{held}\n"))
            }
        };
        Response { status: 202, fields, content_type, body: body.into_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::header::HeaderValue;

    #[test]
    fn an_accepted_message_redirects_or_links() {
        let message_id = MessageId::parse(&HeaderValue::parse("<a@b>").unwrap()).unwrap();
        let accepted = Accepted { message_id: &message_id, status_url: Some("https://h/dsn/a%40b/"), redirect: true };
        let reply = accepted.reply(None);
        assert_eq!(reply.status, 303);
        assert!(reply.fields.contains(&("Location", "https://h/dsn/a%40b/".into())));
        let reply = Accepted { redirect: false, ..accepted }.reply(Some("application/json"));
        assert_eq!(reply.status, 202);
        assert!(reply.fields.contains(&("Link", "<https://h/dsn/a%40b/>; rel=\"monitor\"".into())));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["message_id"], "<a@b>");
        let reply = Held { message_id: &message_id }.reply(Some("application/json"));
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &body["state"]), (202, &"held".into()));
    }
}
