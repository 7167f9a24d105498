//! The macros that a milter is given before the command of their stage, named and timed as Postfix does (milter_*_macros in postconf(5)).
#![forbid(unsafe_code)]

use super::packet::{Stage, push_text};
use crate::checks::client::Client;
use crate::checks::letter::Envelope;
use mail::address::Address;
use std::borrow::Cow;

/// What SendmailMilterMacros adds or says otherwise: the name as a milter knows it, and the value for this request.
pub type Custom = (String, Vec<u8>);

/// The name of a macro as it is written in a configuration -> as a milter knows it: `i`, `{daemon_name}`.
pub fn name(word: &str) -> Result<String, String> {
    let bare = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')).unwrap_or(word);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match bare.len() {
        1 if bare.bytes().all(plain) => Ok(bare.to_owned()),
        2..=64 if bare.bytes().all(plain) => Ok(format!("{{{bare}}}")),
        _ => Err(format!("'{word}' is no name of a macro; write letters, digits and _, like daemon_name")),
    }
}

/// All macros of a message.
#[derive(Debug)]
pub struct Macros<'a> {
    rows: Vec<(Stage, &'a str, Cow<'a, [u8]>)>,
}

impl<'a> Macros<'a> {
    /// What is known of this message. `name` and `address` are those of the client, as the milter is told.
    pub fn new(
        client: &'a Client,
        name: &'a str,
        address: &'a str,
        sender: Option<&Address>,
        custom: &'a [Custom],
    ) -> Macros<'a> {
        let mut rows: Vec<(Stage, &str, Cow<'_, [u8]>)> = Vec::with_capacity(24);
        let mut add = |stage, name, value: &'a str| rows.push((stage, name, Cow::Borrowed(value.as_bytes())));
        add(Stage::Connect, "j", &client.server_name);
        add(Stage::Connect, "v", concat!("mod_sendmail ", env!("CARGO_PKG_VERSION")));
        add(Stage::Connect, "{daemon_name}", "ORIGINATING");
        add(Stage::Connect, "{client_addr}", address);
        add(Stage::Connect, "{client_name}", name);
        if let Some(tls) = &client.tls {
            add(Stage::Helo, "{tls_version}", tls.version.as_str());
            add(Stage::Helo, "{cipher}", tls.cipher.as_str());
            add(Stage::Helo, "{cipher_bits}", tls.bits.as_str());
        }
        if let Some(certificate) = &client.certificate {
            add(Stage::Helo, "{cert_subject}", certificate.subject.as_str());
            add(Stage::Helo, "{cert_issuer}", certificate.issuer.as_str());
        }
        for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::EndOfHeader, Stage::EndOfBody] {
            add(stage, "i", &client.queue_id);
        }
        if let Some(user) = &client.user {
            add(Stage::Mail, "{auth_type}", client.auth_type.as_ref().map_or("", |auth_type| auth_type.as_str()));
            add(Stage::Mail, "{auth_authen}", user.as_str());
        }
        let sender = sender.map(ToString::to_string).unwrap_or_default();
        rows.push((Stage::Mail, "{mail_addr}", Cow::Owned(sender.into_bytes())));
        rows.push((Stage::Connect, "_", Cow::Owned(format!("{name} [{address}]").into_bytes())));
        for (name, value) in custom {
            match rows.iter().any(|(_, known, _)| known == name) {
                true => rows.iter_mut().filter(|row| row.1 == name).for_each(|row| row.2 = Cow::Borrowed(value)),
                false => rows.push((Stage::Connect, name, Cow::Borrowed(value))),
            }
        }
        Macros { rows }
    }

    /// Appends the data of SMFIC_MACRO for a stage; `wanted` are the names a milter has asked for, where it has.
    pub fn append(&self, data: &mut Vec<u8>, stage: Stage, recipient: Option<&Address>, wanted: Option<&[String]>) {
        data.push(stage.code());
        let mut add = |name: &str, value: &[u8]| {
            push_text(data, name.as_bytes());
            push_text(data, value);
        };
        let recipient = recipient.filter(|_| stage == Stage::Rcpt).map(ToString::to_string);
        match wanted {
            None => {
                self.rows.iter().filter(|row| row.0 == stage).for_each(|(_, name, value)| add(name, value));
                if let Some(recipient) = &recipient {
                    add(RCPT_ADDR, recipient.as_bytes());
                }
            }
            Some(names) => {
                for name in names {
                    let known = self.rows.iter().find(|(_, known, _)| known == name);
                    match (known, &recipient) {
                        (Some((_, name, value)), _) => add(name, value),
                        (None, Some(recipient)) if name == RCPT_ADDR => add(name, recipient.as_bytes()),
                        _ => {}
                    }
                }
            }
        }
    }
}

const RCPT_ADDR: &str = "{rcpt_addr}";

/// Appends the parameters of MAIL.
pub fn append_mail(data: &mut Vec<u8>, envelope: &Envelope, size: u64, is_eight_bit: bool) {
    let sender = envelope.sender.as_ref().map(ToString::to_string).unwrap_or_default();
    push_text(data, format!("<{sender}>").as_bytes());
    push_text(data, format!("SIZE={size}").as_bytes());
    if is_eight_bit {
        push_text(data, b"BODY=8BITMIME");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::client::{Text, Tls};

    fn shown(macros: &Macros<'_>, stage: Stage, recipient: &Address, wanted: Option<&[String]>) -> String {
        let mut data = Vec::new();
        macros.append(&mut data, stage, Some(recipient), wanted);
        String::from_utf8(data).unwrap().replace('\0', " ")
    }

    #[test]
    fn a_macro_comes_before_the_command_of_its_stage() {
        let mut client = Client { server_name: "gw.test".into(), queue_id: "q1".into(), ..Client::default() };
        let (sender, recipient) = (Address::parse("f@b.test").unwrap(), Address::parse("a@b.test").unwrap());
        let macros = Macros::new(&client, "localhost", "127.0.0.1", Some(&sender), &[]);
        let all = |macros: &Macros<'_>| Stage::ALL.map(|stage| shown(macros, stage, &recipient, None)).join("\n");
        let text = all(&macros);
        assert!(text.starts_with("Cj gw.test v mod_sendmail "), "{text}");
        assert!(text.contains(" {daemon_name} ORIGINATING {client_addr} 127.0.0.1 "), "{text}");
        assert!(text.contains(" _ localhost [127.0.0.1] \n"), "{text}");
        assert!(text.contains("\nMi q1 {mail_addr} f@b.test \nRi q1 {rcpt_addr} a@b.test \nTi q1 "), "{text}");
        assert!(!text.contains("auth") && !text.contains("tls") && !text.contains("cert"), "{text}");
        client.user = Some(Text::of(b"ali\nce"));
        client.auth_type = Some(Text::of(b"Basic"));
        client.tls = Some(Tls { version: Text::of(b"TLSv1.3"), ..Tls::default() });
        let custom = [("{daemon_name}".to_owned(), b"x\0y".to_vec()), ("{site}".to_owned(), b"s".to_vec())];
        let macros = Macros::new(&client, "localhost", "127.0.0.1", None, &custom);
        let text = all(&macros);
        assert!(text.contains("{daemon_name} x {client_addr}") && text.contains("{site} s "), "{text}");
        assert!(text.contains("\nH{tls_version} TLSv1.3 "), "{text}");
        assert!(text.contains("\nMi q1 {auth_type} Basic {auth_authen} ali?ce {mail_addr}  "), "{text}");
        let wanted = ["{rcpt_addr}".to_owned(), "j".into(), "{unknown}".into()];
        assert_eq!(shown(&macros, Stage::Rcpt, &recipient, Some(&wanted)), "R{rcpt_addr} a@b.test j gw.test ");
    }

    #[test]
    fn names_are_written_with_or_without_braces() {
        for (word, expected) in [("daemon_name", "{daemon_name}"), ("{site}", "{site}"), ("i", "i"), ("{i}", "i")] {
            assert_eq!(name(word).as_deref(), Ok(expected));
        }
        for word in ["", "{}", "a b", "{a", "a-b", "\u{e4}"] {
            assert!(name(word).unwrap_err().contains(&format!("'{word}'")));
        }
    }
}
