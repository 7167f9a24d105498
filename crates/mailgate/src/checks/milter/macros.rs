//! The macros that a milter is given before the command of their stage, named and timed as Postfix does (milter_*_macros in postconf(5)).
#![forbid(unsafe_code)]

use super::packet::{Stage, text};
use crate::checks::client::Client;
use crate::checks::letter::Envelope;
use mail::address::Address;

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
pub struct Macros {
    rows: Vec<(Stage, String, Vec<u8>)>,
}

impl Macros {
    /// What is known of this message. `as_local`: the client is not named, since the mail originates here.
    pub fn new(client: &Client, name: &str, address: &str, sender: Option<&Address>, custom: &[Custom]) -> Macros {
        let mut rows: Vec<(Stage, String, Vec<u8>)> = Vec::new();
        let mut add = |stage, name: &str, value: &str| rows.push((stage, name.to_owned(), value.as_bytes().to_vec()));
        add(Stage::Connect, "j", &client.server_name);
        add(Stage::Connect, "v", concat!("mod_sendmail ", env!("CARGO_PKG_VERSION")));
        add(Stage::Connect, "_", &format!("{name} [{address}]"));
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
        add(Stage::Mail, "{mail_addr}", &sender.map(ToString::to_string).unwrap_or_default());
        for (name, value) in custom {
            match rows.iter().any(|(_, known, _)| known == name) {
                true => rows.iter_mut().filter(|(_, known, _)| known == name).for_each(|row| row.2 = value.clone()),
                false => rows.push((Stage::Connect, name.clone(), value.clone())),
            }
        }
        Macros { rows }
    }

    /// The data of SMFIC_MACRO for a stage; `wanted` are the names a milter has asked for, where it has.
    pub fn data(&self, stage: Stage, recipient: Option<&Address>, wanted: Option<&[String]>) -> Vec<u8> {
        let mut data = vec![stage.code()];
        let mut add = |name: &str, value: &[u8]| {
            data.extend(text(name.as_bytes()));
            data.extend(text(value));
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
        data
    }
}

const RCPT_ADDR: &str = "{rcpt_addr}";

/// The parameters of MAIL.
pub fn mail_parameters(envelope: &Envelope, size: u64, is_eight_bit: bool) -> Vec<u8> {
    let sender = envelope.sender.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut data = text(format!("<{sender}>").as_bytes());
    data.extend(text(format!("SIZE={size}").as_bytes()));
    if is_eight_bit {
        data.extend(text(b"BODY=8BITMIME"));
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::client::{Text, Tls};

    fn shown(data: &[u8]) -> String {
        String::from_utf8(data.to_vec()).unwrap().replace('\0', " ")
    }

    #[test]
    fn a_macro_comes_before_the_command_of_its_stage() {
        let mut client = Client { server_name: "gw.test".into(), queue_id: "q1".into(), ..Client::default() };
        let (sender, recipient) = (Address::parse("f@b.test").unwrap(), Address::parse("a@b.test").unwrap());
        let macros = Macros::new(&client, "localhost", "127.0.0.1", Some(&sender), &[]);
        let all =
            |macros: &Macros| Stage::ALL.map(|stage| shown(&macros.data(stage, Some(&recipient), None))).join("\n");
        let text = all(&macros);
        assert!(text.starts_with("Cj gw.test v mod_sendmail "), "{text}");
        assert!(text.contains(" _ localhost [127.0.0.1] {daemon_name} ORIGINATING {client_addr} 127.0.0.1 "), "{text}");
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
        assert_eq!(
            shown(&macros.data(Stage::Rcpt, Some(&recipient), Some(&wanted))),
            "R{rcpt_addr} a@b.test j gw.test "
        );
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
