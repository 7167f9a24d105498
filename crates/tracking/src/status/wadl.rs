//! The description of the status service in the Web Application Description Language, from the tables it answers by.
#![forbid(unsafe_code)]

use super::Format;
use super::overview::Form;
use super::statuses::STATUSES;
use web::markup;
use web::markup::Markup;
use web::wadl::{CLOSE, DESCRIBE, open, param, representations, response};

/// The document for the service at `base`.
pub fn document(base: &str) -> Markup {
    let mut xml = open("mod_processdsn", "What became of an e-mail.", base);
    show(&mut xml, "show", QUERY);
    xml.push(Markup::literal(DESCRIBE));
    for (path, id, parameters) in
        [("{message-id}/", "show-message", MESSAGE), ("{recipient}/", "show-recipient", RECIPIENT)]
    {
        xml.push(markup!("      <resource path=\"{}\">\n", path));
        for (name, meaning) in parameters {
            param(&mut xml, name, "template", false, meaning);
        }
        show(&mut xml, id, &[]);
    }
    xml.push(markup!("      </resource>\n      </resource>\n"));
    xml + Markup::literal(CLOSE)
}

const QUERY: &[(&str, &str)] = &[
    (
        "message-id",
        "The identifier of a message, with or without angle brackets; for one that holds a slash, which no path can.",
    ),
    (
        "recipient",
        "One of its recipients; all of them if missing. Without a message id: how the addresses begin that are listed.",
    ),
    (
        "state",
        "Only recipients in this state are listed: queued, delayed, relayed, delivered, expanded, failed, complained, suppressed or unknown.",
    ),
    ("domain", "Only recipients of this domain are listed."),
    ("sender", "Only messages of this author are listed."),
    ("tag", "Only messages with this tag are listed: value, or name:value."),
    ("since", "Only messages submitted since then are listed: 2026-11-22T03:00:00Z, or 90m, 12h, 7d ago."),
    ("limit", "How many are listed at most, 50 if missing, 500 at most."),
    ("cursor", "Where the page before ended, from its Link with rel=next."),
    ("format", "html, json, jsonl, csv, xml or text, in the place of Accept."),
];
const MESSAGE: &[(&str, &str)] = &[("message-id", "The identifier of a message, without angle brackets.")];
const RECIPIENT: &[(&str, &str)] = &[("recipient", "One of its recipients.")];

fn show(xml: &mut Markup, id: &str, query: &[(&str, &str)]) {
    let types: Vec<&str> = Format::all().map(Format::media_type).collect();
    let overview = Form::MEDIA_TYPES.into_iter().filter(|form| !types.contains(form));
    let show_types: Vec<&str> = types.iter().copied().chain(overview).collect();
    xml.push(markup!("      <method name=\"GET\" id=\"{}\">\n        <request>\n", id));
    for (name, meaning) in query {
        param(xml, name, "query", false, meaning);
    }
    xml.push(markup!("        </request>\n"));
    for (status, _, meaning) in STATUSES.iter().filter(|row| !matches!(row.0, 204 | 405)) {
        let offered = match status {
            200 if id == "show" => &show_types[..],
            200 => &types[..],
            304 => &[],
            406 => &["text/plain"],
            _ => &["text/plain", "text/html", "application/problem+xml", "application/problem+json"],
        };
        response(xml, *status, meaning, representations(offered));
    }
    xml.push(markup!("      </method>\n"));
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn the_service_is_described_with_every_form_and_answer() {
        let xml = document("https://h/a&b/dsn/").into_string();
        for part in [
            "<resources base=\"https://h/a&amp;b/\">",
            "<resource path=\"dsn\">",
            "<resource path=\"{message-id}/\">",
            "<resource path=\"{recipient}/\">",
            "mediaType=\"application/xml\"",
            "<response status=\"404\">",
            "<response status=\"503\">",
            "<method name=\"OPTIONS\" id=\"describe\">",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
    }
}
