//! The authenticated sender (`SendmailSenderMail`, `SendmailSenderName`): the value of a variable -> one mailbox.
#![forbid(unsafe_code)]

use super::PolicyError;
use mail::address::{Address, Domain, Mailbox};
use mail::header::HeaderValue;

/// The values of the two directives for a request.
#[derive(Clone, Copy, Debug)]
pub struct AuthenticatedSender<'a> {
    /// What SendmailSenderMail names, for the log.
    pub source: &'a str,
    /// Its value; `None` if the variable is not set.
    pub mail: Option<&'a [u8]>,
    /// The value of SendmailSenderName.
    pub name: Option<&'a [u8]>,
}

/// The mailbox from these values. Of several addresses in an LDAP entry, the one in the client's From is used, otherwise the first. A login
/// is completed by `domain`.
pub fn mailbox(
    authenticated: AuthenticatedSender<'_>,
    client_from: Option<&Address>,
    domain: Option<&Domain>,
) -> Result<Mailbox, PolicyError> {
    let fail = |reason| PolicyError::Sender { source: authenticated.source.to_owned(), reason };
    let mail = authenticated.mail.filter(|mail| !mail.is_empty()).ok_or_else(|| {
        fail("is empty: the location needs authentication that sets it (Require valid-user, AuthLDAPURL with the attribute)")
    })?;
    let mail = std::str::from_utf8(mail).map_err(|_| fail("holds 8-bit octets: an address is ASCII"))?;
    let values: Vec<&str> =
        if may_hold_several(authenticated.source) { mail.split("; ").collect() } else { vec![mail] };
    let addresses = values
        .into_iter()
        .map(|address| {
            let address = Address::parse(address.trim()).map_err(|_| {
                fail("is not one plain address: correct the directory, or set SendmailDomain if it is a login")
            })?;
            match (address.domain(), domain) {
                (None, Some(domain)) => Ok(address.complete(domain)),
                (None, None) => Err(fail("is a login without a domain: set SendmailDomain")),
                (Some(_), _) => Ok(address),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let named = addresses.iter().find(|address| Some(*address) == client_from);
    let address = named.or(addresses.first()).ok_or_else(|| fail("is empty"))?.clone();
    let name = match authenticated.name.filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => {
            Some(HeaderValue::from_field(name).map_err(|_| fail("has a SendmailSenderName with control characters"))?)
        }
    };
    Ok(Mailbox::new(name.as_ref().map(HeaderValue::as_str), address))
}

/// Whether the value may be several, which mod_authnz_ldap joins with "; ". In any other source that may be part of one value, such as a
/// login that somebody has chosen.
fn may_hold_several(source: &str) -> bool {
    let name = source.strip_prefix("%{reqenv:").and_then(|rest| rest.strip_suffix('}')).unwrap_or(source);
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && (name.starts_with("AUTHENTICATE_") || name.starts_with("AUTHORIZE_"))
}

/// Whether a variable or an expression takes its value from the certificate of the client (mod_ssl).
pub fn is_from_certificate(source: &str) -> bool {
    source.to_ascii_uppercase().contains("SSL_CLIENT_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(mail: &str, client: Option<&str>, domain: Option<&str>) -> Result<String, PolicyError> {
        from_source("AUTHENTICATE_MAIL", mail, client, domain)
    }

    fn from_source(
        source: &str,
        mail: &str,
        client: Option<&str>,
        domain: Option<&str>,
    ) -> Result<String, PolicyError> {
        let client = client.map(|client| Address::parse(client).unwrap());
        let domain = domain.map(|domain| Domain::parse(domain).unwrap());
        let authenticated = AuthenticatedSender { source, mail: Some(mail.as_bytes()), name: None };
        mailbox(authenticated, client.as_ref(), domain.as_ref()).map(|mailbox| mailbox.address().to_string())
    }

    #[test]
    fn only_an_attribute_of_ldap_holds_several_addresses() {
        for source in ["AUTHENTICATE_MAIL", "AUTHORIZE_MAIL", "%{reqenv:AUTHENTICATE_MAIL}"] {
            let from = from_source(source, "ceo; mallory", Some("mallory@example.org"), Some("example.org"));
            assert_eq!(from.unwrap(), "mallory@example.org", "{source}");
        }
        for source in [
            "REMOTE_USER",
            "%{REMOTE_USER}",
            "SSL_CLIENT_S_DN_Email",
            "MAIL",
            "X_AUTHENTICATE_MAIL",
            "%{reqenv:AUTHENTICATE_MAIL}; %{REMOTE_USER}",
            "%{reqenv:AUTHENTICATE_MAIL}%{REMOTE_USER}",
        ] {
            assert_eq!(from_source(source, "ceo", None, Some("example.org")).unwrap(), "ceo@example.org");
            assert!(from_source(source, "ceo; mallory", None, Some("example.org")).is_err(), "{source}");
        }
    }

    #[test]
    fn what_a_certificate_says_is_known_by_its_name() {
        for source in [
            "SSL_CLIENT_S_DN_Email",
            "%{SSL:SSL_CLIENT_SAN_Email_0}",
            "%{tolower:%{SSL_CLIENT_S_DN_Email}}",
            "%{ssl_client_s_dn_cn}",
        ] {
            assert!(is_from_certificate(source), "{source}");
        }
        for source in ["REMOTE_USER", "SSL_SERVER_S_DN_CN", "%{HTTPS}"] {
            assert!(!is_from_certificate(source), "{source}");
        }
    }

    #[test]
    fn one_address_comes_out_or_none() {
        assert_eq!(from("a@example.org", None, None).unwrap(), "a@example.org");
        assert_eq!(from("a@example.org; b@example.org", None, None).unwrap(), "a@example.org");
        assert_eq!(from("a@example.org; b@example.org", Some("b@example.org"), None).unwrap(), "b@example.org");
        assert_eq!(from("a@example.org; b@example.org", Some("ceo@example.org"), None).unwrap(), "a@example.org");
        assert_eq!(from("alice", None, Some("example.org")).unwrap(), "alice@example.org");
        for refused in [
            "",
            "alice",
            "a@x.test, b@y.test",
            "\"A\" <a@x.test>",
            "a@x.test;b@y.test",
            "a@x.test\nBcc: z@y.test",
            "-f@x.test",
        ] {
            assert!(from(refused, None, None).is_err(), "{refused}");
        }
    }
}
