//! A finished message for a mail server without 8BITMIME (RFC 6152).
#![forbid(unsafe_code)]

use super::Message;
use mail::mime::{MimeError, Rewriting, Whole};
use std::io::{BufReader, Write};

/// The same message, with each part encoded that needs it.
pub fn seven_bit(message: &Message) -> Result<Message, MimeError> {
    if message.is_sealed() {
        return Err(MimeError::Sealed { what: "a message that was checked", trouble: "octets above 127" });
    }
    let rewriting = Rewriting::plan(Whole::Message, BufReader::new(message.reader()), true)?;
    let write = |to: &mut dyn Write| rewriting.write(Whole::Message, BufReader::new(message.reader()), to);
    Ok(Message::compose(message.directory(), b"", write)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;
    use std::io::Read;

    #[test]
    fn a_finished_message_becomes_one_of_seven_bits() {
        let _alone = alone();
        let directory = std::env::temp_dir();
        for length in [10, 100_000] {
            let text = "Gr\u{fc}\u{df}e\n".repeat(length);
            let header = "To: a@example.test\nContent-Type: multipart/mixed; boundary=\"b\"\n";
            let label = "Content-Transfer-Encoding: 8bit\n\n";
            let message = Message::compose(&directory, format!("{header}{label}").as_bytes(), |to| {
                write!(to, "--b\n\n{text}--b--\n")
            });
            let message = seven_bit(&message.unwrap()).unwrap();
            let mut octets = Vec::new();
            message.reader().read_to_end(&mut octets).unwrap();
            assert!(octets.is_ascii() && octets.starts_with(format!("{header}\n--b\n").as_bytes()));
            let parsed = mail_parser::MessageParser::default().parse(&octets).unwrap();
            assert_eq!(parsed.body_text(0).unwrap().replace('\r', "").trim_end(), text.trim_end());
        }
    }
}
