//! The result of a health check -> 200 or 503, for monitoring.
#![forbid(unsafe_code)]

use crate::transport::health::{HealthError, Healthy, Scope};
use serde_json::json;
use web::Response;
use web::accept::preferred;
use web::escape::{escape_tags, harmless_json};

/// 200 or 503, as text or as JSON. `detailed`: whether the client may see what is logged.
pub fn reply(health: &Result<Healthy, HealthError>, accept: Option<&str>, detailed: bool) -> Response {
    let as_json = preferred(accept, &["text/plain", "application/json"]) == Some("application/json");
    let (status, json, text) = match health {
        Ok(Healthy { scope: Scope { transport, checked, unchecked }, also }) => {
            let checked = [&[*checked], also.as_slice()].concat().join("; ");
            let json = json!({"status": "ok", "transport": transport, "checked": checked, "not_checked": unchecked});
            (200, json, format!("ok: {checked}\nnot checked: {unchecked}\n"))
        }
        Err(HealthError { reason, detail }) => {
            let detail = detailed.then_some(detail);
            let more = detail.map(|detail| format!("{detail}\n")).unwrap_or_default();
            let json = json!({"status": "failing", "reason": reason, "detail": detail});
            (503, json, format!("failing: {reason}\n{more}"))
        }
    };
    let (content_type, body) = match as_json {
        true => ("application/json", harmless_json(&json)),
        false => ("text/plain; charset=utf-8", escape_tags(&text)),
    };
    let fields = vec![("Cache-Control", "no-store".to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
    Response { status, fields, content_type, body: body.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::health::PROGRAM;

    #[test]
    fn a_fault_is_told_in_full_only_where_allowed() {
        let ailing = Err(HealthError { reason: "it is missing", detail: "/a/<b>".into() });
        for (accept, detailed) in
            [(None, false), (None, true), (Some("application/json"), false), (Some("application/json"), true)]
        {
            let reply = reply(&ailing, accept, detailed);
            let text = String::from_utf8(reply.body).unwrap();
            assert_eq!((reply.status, text.contains("/a/")), (503, detailed), "{text}");
            assert!(text.contains("it is missing") && !text.contains("<b>"), "{text}");
        }
        let well = reply(&Ok(Healthy::new(PROGRAM)), Some("application/json"), true);
        let json: serde_json::Value = serde_json::from_slice(&well.body).unwrap();
        assert_eq!((well.status, &json["status"]), (200, &"ok".into()));
    }
}
