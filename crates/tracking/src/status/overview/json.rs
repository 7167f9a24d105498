//! The overview as JSON, and its lines as JSON lines; docs/overview.schema.json describes them. Every name is there, `null` where nothing is known.
#![forbid(unsafe_code)]

use super::Overview;
use crate::dsn::reason::Reason;
use crate::status::clean::clean;
use crate::status::moment::stamp;
use crate::store::overview::Line;
use serde_json::{Value, json};

pub(super) fn page(page: &Overview<'_>) -> String {
    let counts = page.counts;
    let of = |amount: fn(&crate::store::overview::Count) -> i64| -> Value {
        counts.states.iter().map(|count| (count.state.as_str().to_owned(), json!(amount(count)))).collect()
    };
    let domains = counts.domains.iter().map(|domain| json!({"domain": clean(&domain.name), "states": domain.states}));
    let value = json!({
        "version": 1,
        "as_of": stamp(page.now),
        "scope": if page.is_all { "all" } else { "own" },
        "counts": {
            "hour": of(|count| count.hour),
            "day": of(|count| count.day),
            "week": of(|count| count.week),
            "complete": !counts.is_cut,
            "given_up": counts.given_up,
        },
        "domains": domains.collect::<Vec<_>>(),
        "recipients": page.list.lines.iter().map(|line| recipient(page, line)).collect::<Vec<_>>(),
        "next": page.next(),
    });
    format!("{value:#}\n")
}

pub(super) fn lines(page: &Overview<'_>) -> String {
    page.list.lines.iter().map(|line| format!("{}\n", recipient(page, line))).collect()
}

fn recipient(page: &Overview<'_>, line: &Line) -> Value {
    let mut value = json!({
        "address": clean(&line.address),
        "state": line.state.as_str(),
        "since": stamp(line.since),
        "reason": line.reason.map(Reason::as_str),
        "verified": line.verified,
        "message_id": Some(clean(&line.message_id)).filter(|id| !id.is_empty()),
        "sender": line.sender.as_deref().map(clean),
        "submitted": stamp(line.submitted),
        "url": page.url_of(line),
    });
    if page.is_all {
        value["owner"] = json!(line.owner.as_deref().map(clean));
    }
    value
}
