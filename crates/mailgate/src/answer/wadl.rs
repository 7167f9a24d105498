//! A description of the resource in the Web Application Description Language (W3C submission of 2009), made from the tables that parse
//! requests and write answers.
#![forbid(unsafe_code)]

use super::statuses::STATUSES;
use super::{dialect, openapi};
use crate::input::fields::{FieldKind, KNOWN};
use crate::input::json::Dialect;
use crate::input::ways::{CHALLENGE, DESCRIPTION, Inputs, PATHS, Way};
use web::markup;
use web::markup::Markup;
use web::wadl::{CLOSE, DESCRIBE, open, param, representations, response};

/// The document for the resource at `url` and for those below it, as far as `inputs` offers them. The fields that are described are those of a
/// mail, in whichever way it comes.
pub fn document(url: &str, inputs: &Inputs, has_challenge: bool) -> Markup {
    let mut xml = open("mod_sendmail", "A POST becomes an e-mail.", url);
    xml.push(markup!("      <method name=\"POST\" id=\"send\">\n        <request>\n"));
    for known in KNOWN {
        let Some(meaning) = known.meaning else { continue };
        param(&mut xml, known.name, "header", known.kind == FieldKind::Addresses, meaning);
    }
    param(&mut xml, "Prefer", "header", false, PREFER);
    param(&mut xml, "Idempotency-Key", "header", false, KEY);
    xml.push(representations(&inputs.types().map(|(_, media)| media).collect::<Vec<_>>()));
    xml.push(markup!("        </request>\n"));
    for (status, _, meaning) in STATUSES {
        let contents = match status {
            200 => Markup::literal(ID) + representations(&["text/plain", "application/json"]),
            202 | 303 => {
                Markup::literal(ID) + Markup::literal(LOCATION) + representations(&["text/plain", "application/json"])
            }
            _ => representations(&["text/plain", "text/html", "application/problem+json"]),
        };
        response(&mut xml, *status, meaning, contents);
    }
    xml.push(markup!("      </method>\n"));
    xml.push(Markup::literal(DESCRIBE));
    for (path, call) in PATHS.iter().filter(|(_, call)| inputs.offer(Way::Json(call.dialect))) {
        let json = representations(&["application/json"]);
        let path = path.trim_start_matches('/');
        xml.push(markup!(
            "      <resource path=\"{}\">\n        <method name=\"POST\">\n        <request>\n{}        </request>\n",
            path,
            json
        ));
        response(&mut xml, if call.dialect == Dialect::Sendgrid { 202 } else { 200 }, SDK, json);
        xml.push(markup!("        </method>\n      </resource>\n"));
    }
    if inputs.offer(Way::Json(Dialect::Resend)) {
        get(&mut xml, "/emails/{id}", dialect::JSON, "What became of the message with this id.");
    }
    if has_challenge {
        get(&mut xml, CHALLENGE, "application/json", "A challenge for a form (SendmailChallenge).");
    }
    get(&mut xml, DESCRIPTION, openapi::MEDIA_TYPE, "This description in OpenAPI.");
    xml + Markup::literal(CLOSE)
}

/// A resource below that is read.
fn get(xml: &mut Markup, path: &str, media: &str, meaning: &str) {
    let path = path.trim_start_matches('/');
    xml.push(markup!("      <resource path=\"{}\">\n        <method name=\"GET\">\n", path));
    response(xml, 200, meaning, representations(&[media]));
    xml.push(markup!("        </method>\n      </resource>\n"));
}

const SDK: &str = "Accepted, in the words of the service whose SDK sends; openapi.json describes it.";

const PREFER: &str = "sendmail-dry-run: the request is checked and answered with what would be sent, and nothing is sent; 403 where the server \
                      does not offer that (RFC 7240).";

const KEY: &str = "A name of this message that no other has: what comes again with it is not sent again, but answered as before. Honoured where the \
                   answers tell Idempotency-Key-Lifetime, in seconds (draft-ietf-httpapi-idempotency-key-header-07).";

const ID: &str = "          <param name=\"X-Message-ID\" style=\"header\" type=\"xsd:string\"/>\n";

const LOCATION: &str = "          <param name=\"Location\" style=\"header\" type=\"xsd:anyURI\"/>
";
