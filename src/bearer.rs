//! SendmailBearer: an SDK's API key, which is Basic's user and password (RFC 7617) in base64, is passed on as Basic's credentials, so that
//! httpd's own providers check it.
#![forbid(unsafe_code)]

use crate::directives::DirConfig;
use crate::settings::Settings;
use httpd::Request;

/// Changes the scheme of `Authorization: Bearer`, and the field that Postmark's SDKs send, to Basic.
pub fn rename(request: &Request<'_>, config: &DirConfig<'_>) {
    let is_basic = || request.configured_auth_type().is_some_and(|kind| kind.eq_ignore_ascii_case(b"Basic"));
    if !Settings::of(config).bearer() || !is_basic() {
        return;
    }
    let fields = request.headers_in();
    let key = match (fields.get(c"Authorization"), fields.get(c"X-Postmark-Server-Token")) {
        // Two identities: httpd asks for credentials again.
        (Some(_), Some(_)) => return fields.unset(c"Authorization"),
        (Some(authorization), None) => bearer(authorization),
        (None, token) => token.and_then(key),
    };
    if let Some(key) = key {
        fields.set_text("Authorization", &format!("Basic {key}"));
        fields.unset(c"X-Postmark-Server-Token");
    }
}

/// RFC 6750 2.1.
fn bearer(authorization: &[u8]) -> Option<&str> {
    let (scheme, rest) = authorization.split_at_checked(7)?;
    if scheme.eq_ignore_ascii_case(b"Bearer ") { key(rest) } else { None }
}

/// Only base64; httpd checks whether it holds a user and a password.
fn key(octets: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(octets).ok()?.trim();
    let is_base64 = |octet: u8| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet);
    Some(text).filter(|text| !text.is_empty() && text.bytes().all(is_base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base64_behind_bearer_is_a_key() {
        for (field, expected) in [
            ("Bearer dTpw", Some("dTpw")),
            ("bearer  dTpw== ", Some("dTpw==")),
            ("Basic dTpw", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a.b", None),
            ("Bearer dTpw, Basic x", None),
            ("Bearer d\u{e4}", None),
        ] {
            assert_eq!(bearer(field.as_bytes()), expected, "{field}");
        }
    }
}
