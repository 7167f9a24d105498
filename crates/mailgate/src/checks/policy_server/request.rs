//! The questions to a policy server, as Postfix's SMTP server asks them.
#![forbid(unsafe_code)]

use crate::checks::client::Client;
use mail::address::Address;
use mail::xtext;
use std::fmt::Write;

/// When it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// About this recipient, before the body.
    Rcpt(&'a Address),
    /// About the whole message.
    EndOfMessage,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The client that wants to send.
    pub client: &'a Client,
    /// When.
    pub state: State<'a>,
    /// The envelope sender.
    pub sender: Option<&'a Address>,
    /// All recipients of the envelope.
    pub recipients: &'a [Address],
    /// In octets: as announced, or 0; at the end of the message its real size.
    pub size: u64,
}

impl Question<'_> {
    /// The attributes, one per line, and the empty line.
    pub fn text(&self) -> String {
        let client = self.client;
        let mut text = String::new();
        let mut add = |name: &str, value: &str| {
            // Neither may hold a line end or NUL; if one does anyway, it must not become another attribute.
            let value = value.replace(|c: char| c.is_control(), "?");
            writeln!(text, "{name}={value}").expect("a String takes everything");
        };
        let (state, recipient, count) = match (self.state, self.recipients) {
            (State::Rcpt(recipient), _) => ("RCPT", recipient.to_string(), 0),
            (State::EndOfMessage, [only]) => ("END-OF-MESSAGE", only.to_string(), 1),
            (State::EndOfMessage, all) => ("END-OF-MESSAGE", String::new(), all.len()),
        };
        let authenticated = client.user.is_some();
        let text_of =
            |text: Option<&crate::checks::client::Text>| text.map_or(String::new(), |text| text.as_str().to_owned());
        let tls = client.tls.as_ref();
        let certificate = client.certificate.as_ref();
        add("request", "smtpd_access_policy");
        add("protocol_state", state);
        add("protocol_name", "ESMTP");
        add("helo_name", &client.server_name);
        add("queue_id", if state == "RCPT" { "" } else { &client.queue_id });
        add("sender", &self.sender.map(ToString::to_string).unwrap_or_default());
        add("recipient", &recipient);
        add("recipient_count", &count.to_string());
        add("client_address", &client.address.map(|address| address.to_string()).unwrap_or_default());
        add("client_name", "unknown");
        add("reverse_client_name", "unknown");
        add("instance", &client.queue_id);
        add("sasl_method", &text_of(client.auth_type.as_ref().filter(|_| authenticated)));
        add("sasl_username", &text_of(client.user.as_ref()));
        add("sasl_sender", "");
        add("size", &self.size.to_string());
        add("ccert_subject", &xtext::encode(&text_of(certificate.map(|certificate| &certificate.subject))));
        add("ccert_issuer", &xtext::encode(&text_of(certificate.map(|certificate| &certificate.issuer))));
        add("ccert_fingerprint", "");
        add("encryption_protocol", &text_of(tls.map(|tls| &tls.version)));
        add("encryption_cipher", &text_of(tls.map(|tls| &tls.cipher)));
        add(
            "encryption_keysize",
            tls.map_or("0", |tls| if tls.bits.as_str().is_empty() { "0" } else { tls.bits.as_str() }),
        );
        add("etrn_domain", "");
        add("stress", "");
        add("policy_context", "HTTP");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::client::{Certificate, Text, Tls};

    fn attribute<'t>(text: &'t str, name: &str) -> &'t str {
        let mut found = text.lines().filter_map(|line| line.strip_prefix(&format!("{name}=")));
        let value = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(found.next(), None, "{name} twice");
        value
    }

    #[test]
    fn the_attributes_are_those_of_postfix() {
        let address = |text: &str| Address::parse(text).unwrap();
        let client = Client {
            address: Some("2001:db8::1".parse().unwrap()),
            user: Some(Text::of(b"alice\nsize=9")),
            auth_type: Some(Text::of(b"Basic")),
            tls: Some(Tls { version: Text::of(b"TLSv1.3"), cipher: Text::of(b"X"), bits: Text::of(b"256") }),
            certificate: Some(Certificate { subject: Text::of(b"CN=A B+c"), issuer: Text::of("\u{e4}".as_bytes()) }),
            server_name: "gw.test".into(),
            queue_id: "q1".into(),
        };
        let (sender, recipients) = (address("f@b.test"), [address("a@b.test"), address("c@b.test")]);
        let question = Question {
            client: &client,
            state: State::Rcpt(&recipients[0]),
            sender: Some(&sender),
            recipients: &recipients,
            size: 7,
        };
        let text = question.text();
        assert!(text.starts_with("request=smtpd_access_policy\n") && text.ends_with("\n\n"));
        assert_eq!(text.matches("\n\n").count(), 1);
        for (name, value) in [
            ("protocol_state", "RCPT"),
            ("protocol_name", "ESMTP"),
            ("helo_name", "gw.test"),
            ("sender", "f@b.test"),
            ("recipient", "a@b.test"),
            ("recipient_count", "0"),
            ("client_address", "2001:db8::1"),
            ("client_name", "unknown"),
            ("reverse_client_name", "unknown"),
            ("instance", "q1"),
            ("sasl_method", "Basic"),
            ("sasl_username", "alice?size=9"),
            ("sasl_sender", ""),
            ("size", "7"),
            ("ccert_subject", "CN+3DA+20B+2Bc"),
            ("ccert_issuer", "+C3+A4"),
            ("encryption_protocol", "TLSv1.3"),
            ("encryption_cipher", "X"),
            ("encryption_keysize", "256"),
            ("policy_context", "HTTP"),
        ] {
            assert_eq!(attribute(&text, name), value, "{name}");
        }
        let end = Question { state: State::EndOfMessage, ..question };
        let of = |question: &Question<'_>| {
            let text = question.text();
            ["protocol_state", "recipient", "recipient_count", "queue_id"].map(|name| attribute(&text, name).to_owned())
        };
        assert_eq!(of(&end), ["END-OF-MESSAGE", "", "2", "q1"]);
        assert_eq!(of(&Question { recipients: &recipients[..1], ..end }), ["END-OF-MESSAGE", "a@b.test", "1", "q1"]);
        let nobody = Client::default();
        let text = Question { client: &nobody, sender: None, ..question }.text();
        for name in ["sender", "sasl_method", "sasl_username", "client_address", "ccert_subject", "encryption_protocol"]
        {
            assert_eq!(attribute(&text, name), "", "{name}");
        }
        assert_eq!(attribute(&text, "encryption_keysize"), "0");
    }
}
