//! A page as XML, described in docs/status.xsd. Unknown values are left out.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::{Page, codes, moment, mta, vouched, why};
use crate::dsn::reason::Reason;
use crate::store::{Event, RecipientStatus};
use web::markup;
use web::markup::Markup;

pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The indent of the elements of a message or a recipient.
const MESSAGE: &str = "    ";
/// The indent of an event's elements.
const EVENT: &str = "      ";

pub(super) fn page(page: &Page<'_>) -> Markup {
    let mut xml = Markup::literal(DECLARATION);
    let message = page.message;
    xml.push(markup!(
        "<delivery-status version=\"1\" href=\"{}\" pending=\"{}\">\n",
        clean(&page.url()),
        page.is_pending()
    ));
    xml.push(markup!("  <message id=\"{}\" href=\"{}\">\n", clean(&message.message_id), clean(&page.message_url())));
    element(&mut xml, MESSAGE, "sender", message.sender.as_deref());
    element(&mut xml, MESSAGE, "submitted", Some(&moment::stamp(message.submitted)));
    for tag in &message.tags {
        xml.push(markup!("    <tag name=\"{}\">{}</tag>\n", clean(&tag.name), clean(&tag.value)));
    }
    xml.push(markup!("  </message>\n  <as-of>{}</as-of>\n", moment::stamp(page.now)));
    for recipient in &page.recipients {
        self::recipient(&mut xml, page, recipient);
    }
    xml + markup!("</delivery-status>\n")
}

fn recipient(xml: &mut Markup, page: &Page<'_>, recipient: &RecipientStatus) {
    let verified = vouched(recipient).map(|verified| markup!(" verified=\"{}\"", verified));
    xml.push(markup!(
        "  <recipient state=\"{}\"{} href=\"{}\">\n",
        recipient.state.as_str(),
        verified,
        clean(&page.recipient_url(recipient))
    ));
    element(xml, MESSAGE, "address", Some(&recipient.address));
    element(xml, MESSAGE, "since", Some(&moment::stamp(recipient.since)));
    element(xml, MESSAGE, "reason", why(recipient).map(Reason::as_str));
    for event in &recipient.events {
        self::event(xml, event);
    }
    xml.push(markup!("  </recipient>\n"));
}

fn event(xml: &mut Markup, event: &Event) {
    xml.push(markup!(
        "    <event action=\"{}\" verified=\"{}\" heuristic=\"{}\">\n",
        event.action.as_str(),
        event.verified,
        event.heuristic
    ));
    element(xml, EVENT, "occurred", Some(&moment::stamp(event.occurred)));
    element(xml, EVENT, "reason", event.reason.map(Reason::as_str));
    element(xml, EVENT, "status", event.status.as_deref());
    element(xml, EVENT, "meaning", event.status.as_deref().and_then(codes::meaning).as_deref());
    element(xml, EVENT, "diagnostic", event.diagnostic.as_deref());
    element(xml, EVENT, "reporting-mta", mta(event.reporting_mta.as_ref()).as_deref());
    element(xml, EVENT, "remote-mta", mta(event.remote_mta.as_ref()).as_deref());
    element(xml, EVENT, "will-retry-until", event.will_retry_until.map(moment::stamp).as_deref());
    xml.push(markup!("    </event>\n"));
}

pub(super) fn element(xml: &mut Markup, indent: &str, name: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    xml.push(markup!("{}<{}>{}</{}>\n", indent, name, clean(text), name));
}
