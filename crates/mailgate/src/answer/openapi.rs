//! A description of the service in OpenAPI 3.1 (<https://spec.openapis.org/oas/v3.1.1>), made from the tables that parse requests and write
//! answers: the input formats of the location, their members, their statuses.
#![forbid(unsafe_code)]

use super::dialect;
use super::statuses::STATUSES;
use crate::input::fields::{FieldKind, KNOWN};
use crate::input::json::members::{Member, POSTMARK, RESEND, SENDGRID, SENDGRID_MAILBOX, Shape};
use crate::input::json::{Call, Dialect};
use crate::input::ways::{CHALLENGE, DESCRIPTION, Inputs, PATHS, Way};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Its media type (<https://www.iana.org/assignments/media-types/application/vnd.oai.openapi+json>).
pub const MEDIA_TYPE: &str = "application/vnd.oai.openapi+json";

/// The document for the resource at `url`.
pub fn document(url: &str, inputs: &Inputs, has_challenge: bool) -> Value {
    let mut paths = Map::new();
    if inputs.types().next().is_some() {
        paths.insert("/".to_owned(), json!({"post": mail(inputs)}));
    }
    for (path, call) in PATHS.iter().filter(|(_, call)| inputs.offer(Way::Json(call.dialect))) {
        paths.insert((*path).to_owned(), json!({"post": send(path, *call)}));
    }
    if inputs.offer(Way::Json(Dialect::Resend)) {
        paths.insert("/emails/{id}".to_owned(), json!({"get": email()}));
    }
    if has_challenge {
        paths.insert(CHALLENGE.to_owned(), json!({"get": challenge()}));
    }
    let described =
        json!({"200": {"description": "This document.", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}});
    paths.insert(DESCRIPTION.to_owned(), json!({"get": {"operationId": "describe", "responses": described}}));
    json!({
        "openapi": "3.1.0",
        "info": {"title": "mod_sendmail", "description": "A POST becomes an e-mail.", "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": url.trim_end_matches('/')}],
        "security": [{}, {"basic": []}, {"bearer": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {
                "Email": object(RESEND, true), "PostmarkMessage": object(POSTMARK, true), "SendgridMail": object(SENDGRID, true),
                "Mailbox": {"anyOf": [object(SENDGRID_MAILBOX, true), {"type": "string"}]},
                "Problem": {"type": "object", "required": ["status", "title"], "properties": {
                    "status": {"type": "integer"}, "title": {"type": "string"}, "detail": {"type": "string"},
                    "tag": {"type": "string", "description": "As in the log of the server."},
                    "send_again": {"type": "string", "description": "Whether it is safe to send again."},
                    "sent": {"type": "array", "items": {"type": "string"}, "description": "The messages of a batch that were sent."},
                }},
            },
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "user:password in base64 (SendmailBearer)"},
                "token": {"type": "apiKey", "in": "header", "name": "X-Postmark-Server-Token"},
            },
        },
    })
}

/// The fields of the request and its body, a form, or a whole message.
fn mail(inputs: &Inputs) -> Value {
    let content = |(way, media): (Way, &str)| {
        let of_fields = json!({"schema": {"type": "object"}});
        (media.to_owned(), if way == Way::Form { of_fields } else { json!({}) })
    };
    let contents: Map<_, _> = inputs.types().map(content).collect();
    let shown = KNOWN.iter().filter(|known| known.meaning.is_some() && known.kind != FieldKind::ContentType);
    let header = |name: &str, meaning: &str| json!({"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}});
    let fields = shown.filter(|_| inputs.offer(Way::Fields));
    let mut parameters: Vec<_> = fields.map(|known| header(known.name, known.meaning.unwrap_or_default())).collect();
    parameters.extend([header("Idempotency-Key", KEY), header("Prefer", PREFER)]);
    let response = |(status, _, meaning): &(u16, &str, &str)| {
        let media = if *status < 400 { "application/json" } else { "application/problem+json" };
        (status.to_string(), json!({"description": meaning, "content": {media: {}, "text/plain": {}, "text/html": {}}}))
    };
    let responses: Map<_, _> = STATUSES.iter().map(response).collect();
    json!({"operationId": "sendMail", "parameters": parameters, "requestBody": {"content": contents}, "responses": responses})
}

/// What the SDKs of a service send.
fn send(path: &str, call: Call) -> Value {
    let schema = match call.dialect {
        Dialect::Postmark => "PostmarkMessage",
        Dialect::Resend => "Email",
        Dialect::Sendgrid => "SendgridMail",
    };
    let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
    let body = match call.is_batch {
        true => json!({"type": "array", "items": schema, "minItems": 1, "maxItems": call.dialect.most()}),
        false => schema,
    };
    let mut responses = refusals(call.dialect);
    let accepted = match call.dialect {
        Dialect::Sendgrid => {
            let id = json!({"X-Message-Id": {"schema": {"type": "string"}, "description": "The ids of the messages."}});
            responses
                .insert("202".to_owned(), json!({"description": "The mail system took all of it.", "headers": id}));
            json!({"type": "object"})
        }
        Dialect::Postmark => one_or_list(call, &["MessageID", "ErrorCode", "Message"]),
        Dialect::Resend if call.is_batch => json!({"type": "object", "required": ["data"], "properties": {
            "data": {"type": "array", "items": required(&["id"])}, "errors": {"type": "array", "items": required(&["index", "message"])},
        }}),
        Dialect::Resend => required(&["id"]),
    };
    let meaning = if call.dialect == Dialect::Sendgrid {
        "A dry run: what would have been sent."
    } else {
        "The mail system took it, or it is a dry run."
    };
    responses
        .insert("200".to_owned(), json!({"description": meaning, "content": {dialect::JSON: {"schema": accepted}}}));
    let name: String = path.split('/').map(capitalized).collect();
    let mut parameters = vec![
        json!({"name": "Idempotency-Key", "in": "header", "description": KEY, "schema": {"type": "string"}}),
        json!({"name": "Prefer", "in": "header", "description": PREFER, "schema": {"type": "string"}}),
    ];
    if call.dialect == Dialect::Resend && call.is_batch {
        let words = json!({"type": "string", "enum": ["strict", "permissive"]});
        parameters.push(json!({"name": "x-batch-validation", "in": "header", "schema": words}));
    }
    json!({
        "operationId": format!("send{name}"), "parameters": parameters,
        "requestBody": {"required": true, "content": {dialect::JSON: {"schema": body}}}, "responses": responses,
    })
}

const KEY: &str = "A name that no other message has: what comes again with it is not sent again.";
const PREFER: &str = "sendmail-dry-run: nothing is sent.";

/// The outcome of a message.
fn email() -> Value {
    let mut responses = refusals(Dialect::Resend);
    let shown = required(&["object", "id", "last_event", "to", "created_at"]);
    responses.insert(
        "200".to_owned(),
        json!({"description": "What became of the message.", "content": {dialect::JSON: {"schema": shown}}}),
    );
    let id = json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[A-Za-z0-9.@_-]+$"}});
    json!({"operationId": "getEmail", "parameters": [id], "responses": responses})
}

/// What a form proves with that its visitor is no robot.
fn challenge() -> Value {
    let shown = required(&["algorithm", "challenge", "maxnumber", "salt", "signature"]);
    let problem = json!({"application/problem+json": {}, "text/plain": {}, "text/html": {}});
    let refused =
        |status: u16, meaning: &str| (status.to_string(), json!({"description": meaning, "content": problem}));
    let mut responses = Map::from_iter([
        refused(500, "The server is not set up to make challenges."),
        refused(503, "There are no challenges now."),
    ]);
    let made = json!({"description": "A challenge in the form of ALTCHA v1.", "content": {"application/json": {"schema": shown}}});
    responses.insert("200".to_owned(), made);
    json!({"operationId": "getChallenge", "responses": responses})
}

/// Every refusal that the SDKs of a service meet: ours, as its dialect has them, and those of httpd.
fn refusals(dialect: Dialect) -> Map<String, Value> {
    let ours = STATUSES.iter().filter(|row| row.0 >= 400).map(|row| (dialect::status(dialect, row.0), row.2));
    let httpds = dialect::OF_HTTPD.iter().map(|row| (row.0, row.1));
    let all: BTreeMap<u16, &str> = httpds.chain(ours).collect();
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    let one = |(status, meaning): (u16, &str)| {
        (status.to_string(), json!({"description": meaning, "content": {dialect::JSON: {"schema": schema}}}))
    };
    all.into_iter().map(one).collect()
}

fn one_or_list(call: Call, names: &[&str]) -> Value {
    match call.is_batch {
        true => json!({"type": "array", "items": required(&names[1..])}),
        false => required(names),
    }
}

fn required(names: &[&str]) -> Value {
    json!({"type": "object", "required": names})
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// An object with these members; if `closed`, with no others.
fn object(members: &[Member], closed: bool) -> Value {
    let shown = members.iter().filter(|member| !matches!(member.shape, Shape::NotDone(_)));
    let properties: Map<_, _> = shown.map(|member| (member.name.to_owned(), schema(&member.shape))).collect();
    let needed: Vec<_> = members.iter().filter(|member| member.is_needed).map(|member| member.name).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !needed.is_empty() {
        object["required"] = json!(needed);
    }
    if closed {
        object["additionalProperties"] = json!(false);
    }
    object
}

fn schema(shape: &Shape) -> Value {
    let strings = || json!({"type": "array", "items": {"type": "string"}});
    match shape {
        Shape::Any | Shape::NotDone(_) => json!({}),
        Shape::Addresses | Shape::Text => json!({"type": "string"}),
        Shape::Base64 => json!({"type": "string", "contentEncoding": "base64"}),
        Shape::List(members) => json!({"type": "array", "items": object(members, true)}),
        Shape::Mailbox => json!({"$ref": "#/components/schemas/Mailbox"}),
        Shape::Mailboxes => json!({"type": "array", "items": {"$ref": "#/components/schemas/Mailbox"}}),
        Shape::Object(members) => object(members, false),
        Shape::OneOrMore => json!({"anyOf": [{"type": "string"}, strings()]}),
        Shape::Pairs => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Shape::Switch => json!({"type": "object", "properties": {"enable": {"type": "boolean"}}}),
        Shape::Words(words) => json!({"type": "string", "enum": words}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_described_and_nothing_else() {
        let paths = |words: &[&str]| {
            let document =
                document("https://mail.example.org/mail/", &Inputs::parse(words).unwrap(), words == ["form"]);
            assert_eq!(document["servers"][0]["url"], "https://mail.example.org/mail");
            document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(paths(&["fields"]), ["/", "/openapi.json"]);
        assert_eq!(paths(&["form"]), ["/", "/challenge", "/openapi.json"]);
        assert_eq!(paths(&["resend"]), ["/emails", "/emails/batch", "/emails/{id}", "/openapi.json"]);
        assert_eq!(paths(&["postmark", "sendgrid"]), ["/email", "/email/batch", "/openapi.json", "/v3/mail/send"]);
    }

    #[test]
    fn a_member_that_is_not_done_is_not_shown() {
        let document = document("https://h", &Inputs::parse(&["resend"]).unwrap(), false);
        let members = &document["components"]["schemas"]["Email"]["properties"];
        assert!(members["html"].is_object() && members["scheduled_at"].is_null());
    }
}
