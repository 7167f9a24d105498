//! A page as XML; docs/status.xsd describes it. What is not known is not there.
#![forbid(unsafe_code)]

use super::clean::markup;
use super::{Page, codes, moment, mta, vouched, why};
use crate::dsn::reason::Reason;
use crate::store::{Event, RecipientStatus};
use std::fmt::Write;

pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

pub(super) fn page(page: &Page<'_>) -> String {
    let mut xml = String::from(DECLARATION);
    let message = page.message;
    // Writing into a String cannot fail.
    let _ = writeln!(
        xml,
        "<delivery-status version=\"1\" href=\"{}\" pending=\"{}\">",
        markup(&page.url()),
        page.is_pending()
    );
    let _ =
        writeln!(xml, "  <message id=\"{}\" href=\"{}\">", markup(&message.message_id), markup(&page.message_url()));
    element(&mut xml, 4, "sender", message.sender.as_deref());
    element(&mut xml, 4, "submitted", Some(&moment::stamp(message.submitted)));
    for tag in &message.tags {
        let _ = writeln!(xml, "    <tag name=\"{}\">{}</tag>", markup(&tag.name), markup(&tag.value));
    }
    let _ = writeln!(xml, "  </message>\n  <as-of>{}</as-of>", moment::stamp(page.now));
    for recipient in &page.recipients {
        self::recipient(&mut xml, page, recipient);
    }
    xml + "</delivery-status>\n"
}

fn recipient(xml: &mut String, page: &Page<'_>, recipient: &RecipientStatus) {
    let verified = vouched(recipient).map(|verified| format!(" verified=\"{verified}\"")).unwrap_or_default();
    let _ = writeln!(
        xml,
        "  <recipient state=\"{}\"{verified} href=\"{}\">",
        recipient.state.as_str(),
        markup(&page.recipient_url(recipient))
    );
    element(xml, 4, "address", Some(&recipient.address));
    element(xml, 4, "since", Some(&moment::stamp(recipient.since)));
    element(xml, 4, "reason", why(recipient).map(Reason::as_str));
    for event in &recipient.events {
        self::event(xml, event);
    }
    xml.push_str("  </recipient>\n");
}

fn event(xml: &mut String, event: &Event) {
    let _ = writeln!(
        xml,
        "    <event action=\"{}\" verified=\"{}\" heuristic=\"{}\">",
        event.action.as_str(),
        event.verified,
        event.heuristic
    );
    element(xml, 6, "occurred", Some(&moment::stamp(event.occurred)));
    element(xml, 6, "reason", event.reason.map(Reason::as_str));
    element(xml, 6, "status", event.status.as_deref());
    element(xml, 6, "meaning", event.status.as_deref().and_then(codes::meaning).as_deref());
    element(xml, 6, "diagnostic", event.diagnostic.as_deref());
    element(xml, 6, "reporting-mta", mta(event.reporting_mta.as_ref()).as_deref());
    element(xml, 6, "remote-mta", mta(event.remote_mta.as_ref()).as_deref());
    element(xml, 6, "will-retry-until", event.will_retry_until.map(moment::stamp).as_deref());
    xml.push_str("    </event>\n");
}

fn element(xml: &mut String, indent: usize, name: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    let _ = writeln!(xml, "{:indent$}<{name}>{}</{name}>", "", markup(text));
}
