//! The overview as XML; docs/overview.xsd describes it. What is not known is not there.
#![forbid(unsafe_code)]

use super::Overview;
use crate::dsn::reason::Reason;
use crate::status::clean::clean;
use crate::status::moment::stamp;
use crate::status::xml::{DECLARATION, element};
use crate::store::overview::{Counts, Line};
use web::markup;
use web::markup::Markup;

/// How far the elements of a recipient are indented.
const RECIPIENT: &str = "    ";

pub(super) fn page(page: &Overview<'_>) -> Markup {
    let mut xml = Markup::literal(DECLARATION);
    let next = page.next().map(|next| markup!(" next=\"{}\"", clean(&next)));
    let scope = if page.is_all { "all" } else { "own" };
    xml.push(markup!("<overview version=\"1\" scope=\"{}\"{}>\n", scope, next));
    element(&mut xml, "  ", "as-of", Some(&stamp(page.now)));
    if page.query.is_first() {
        counts(&mut xml, page.counts);
    }
    for line in &page.list.lines {
        recipient(&mut xml, page, line);
    }
    xml + markup!("</overview>\n")
}

fn counts(xml: &mut Markup, counts: &Counts) {
    xml.push(markup!("  <counts complete=\"{}\" given-up=\"{}\">\n", !counts.is_cut, counts.given_up));
    for count in &counts.states {
        xml.push(markup!(
            "    <state name=\"{}\" hour=\"{}\" day=\"{}\" week=\"{}\"/>\n",
            count.state.as_str(),
            count.hour,
            count.day,
            count.week
        ));
    }
    for domain in &counts.domains {
        xml.push(markup!("    <domain name=\"{}\">\n", clean(&domain.name)));
        for (state, number) in &domain.states {
            xml.push(markup!("      <state name=\"{}\" count=\"{}\"/>\n", *state, *number));
        }
        xml.push(markup!("    </domain>\n"));
    }
    xml.push(markup!("  </counts>\n"));
}

fn recipient(xml: &mut Markup, page: &Overview<'_>, line: &Line) {
    let href = page.url_of(line).map(|url| markup!(" href=\"{}\"", clean(&url)));
    xml.push(markup!("  <recipient state=\"{}\" verified=\"{}\"{}>\n", line.state.as_str(), line.verified, href));
    element(xml, RECIPIENT, "address", Some(&line.address));
    element(xml, RECIPIENT, "since", Some(&stamp(line.since)));
    element(xml, RECIPIENT, "reason", line.reason.map(Reason::as_str));
    element(xml, RECIPIENT, "message-id", Some(line.message_id.as_str()).filter(|id| !id.is_empty()));
    element(xml, RECIPIENT, "sender", line.sender.as_deref());
    element(xml, RECIPIENT, "submitted", Some(&stamp(line.submitted)));
    element(xml, RECIPIENT, "owner", line.owner.as_deref().filter(|_| page.is_all));
    xml.push(markup!("  </recipient>\n"));
}
