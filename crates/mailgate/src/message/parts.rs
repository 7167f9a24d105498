//! The parts of a message assembled here, with contents in a spool -> a [`Message`] (RFC 2046 5.1). Each leaf is encoded as if it were the
//! only one; memory does not grow with it.
#![forbid(unsafe_code)]

use super::compose::{ComposeError, Form, Trace};
use crate::message::Message;
use crate::submission::{Extent, Leaf, Part, Submission};
use mail::message_id::{Token, TokenError};
use mail::transfer_encoding::{self as body, Scan};
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use sys::spool::Spool;

/// The message of these parts, whose contents are in `spool`. `directory` is where it is stored if it is too long for memory.
pub fn compose(
    submission: &Submission,
    trace: Option<Trace<'_>>,
    root: &Part,
    spool: &Spool,
    directory: &Path,
) -> Result<Message, ComposeError> {
    let mut header = trace.map(|trace| trace.field()).unwrap_or_default();
    header += &submission.header;
    Message::compose(directory, header.as_bytes(), |to| write(root, spool, to)).map_err(ComposeError::Io)
}

/// A part with its header.
fn write(part: &Part, spool: &Spool, to: &mut dyn Write) -> io::Result<()> {
    match part {
        Part::Leaf(leaf) => write_leaf(leaf, spool, to),
        Part::Multipart { subtype, parts } => {
            let boundary = boundary().map_err(|error| io::Error::other(error.to_string()))?;
            write!(to, "Content-Type: multipart/{subtype};\n boundary=\"{boundary}\"")?;
            match parts.first() {
                // RFC 2387 3.1 requires the type of the root.
                Some(Part::Leaf(root)) if *subtype == "related" => {
                    writeln!(to, ";\n type=\"{}\"", root.content_type.essence())?;
                }
                _ => writeln!(to)?,
            }
            for part in parts {
                write!(to, "\n--{boundary}\n")?;
                write(part, spool, to)?;
            }
            writeln!(to, "\n--{boundary}--")
        }
    }
}

/// RFC 2046 5.1.1. Quoted-printable never holds `=_`, and the rest is random, so it occurs nowhere else.
fn boundary() -> Result<String, TokenError> {
    Token::random().map(|token| format!("=_{}", token.as_str()))
}

fn write_leaf(leaf: &Leaf, spool: &Spool, to: &mut dyn Write) -> io::Result<()> {
    let mut scan = Scan::new(false, super::compose::markup(Some(&leaf.content_type)));
    let mut reader = contents(spool, leaf.source);
    loop {
        let octets = reader.fill_buf()?;
        if octets.is_empty() {
            break;
        }
        scan.update(octets);
        let read = octets.len();
        reader.consume(read);
    }
    let lengths = || body::Lengths::of(contents(spool, leaf.source));
    let Form { header, plan, .. } = Form::of_leaf(leaf, &scan.facts(), lengths)?;
    to.write_all(leaf.header.as_bytes())?;
    to.write_all(header.as_bytes())?;
    body::encode(&plan, contents(spool, leaf.source), to)
}

fn contents(spool: &Spool, Extent { offset, len }: Extent) -> impl BufRead {
    spool.reader_at(offset).take(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;
    use mail::content_type::ContentType;
    use mail::header::HeaderValue;
    use mail::message_id::MessageId;
    use mail_parser::{MessageParser, MimeHeaders};

    fn leaf(spool: &mut Spool, content_type: &str, header: &str, octets: &[u8]) -> Part {
        let source = Extent { offset: spool.len(), len: octets.len() as u64 };
        spool.write(octets).unwrap();
        let content_type = ContentType::parse(&HeaderValue::parse(content_type).unwrap()).unwrap();
        Part::Leaf(Leaf { content_type, header: header.to_owned(), source })
    }

    fn submission() -> Submission {
        let value = HeaderValue::parse("<1@example.test>").unwrap();
        Submission {
            labels: Vec::new(),
            bcc: Vec::new(),
            client_chose_id: true,
            content_type: None,
            transfer_encoding: None,
            from: None,
            hidden: Vec::new(),
            header: "To: a@example.test\nMIME-Version: 1.0\n".to_owned(),
            message_id: MessageId::parse(&value).unwrap(),
            recipients: Vec::new(),
            redirected: None,
            stripped: Vec::new(),
        }
    }

    #[test]
    fn text_html_and_files_read_back_as_they_were() {
        let _alone = alone();
        let directory = std::env::temp_dir();
        for limit in [0, 1 << 20] {
            let mut spool = Spool::new(&directory, limit);
            let file: Vec<u8> = (0..200_000_u32).map(|n| (n * 31 % 251) as u8).collect();
            let text = leaf(&mut spool, "text/plain", "", "gr\u{fc}n\n".as_bytes());
            let html = leaf(&mut spool, "text/html; charset=utf-8", "", "<p>gr\u{fc}n</p>".repeat(300).as_bytes());
            let attached = "Content-Disposition: attachment; filename=\"a.bin\"\n";
            let attachment = leaf(&mut spool, "application/octet-stream", attached, &file);
            let both = Part::Multipart { subtype: "alternative", parts: vec![text, html] };
            let root = Part::Multipart { subtype: "mixed", parts: vec![both, attachment] };
            let message = compose(&submission(), None, &root, &spool, &directory).unwrap();
            let mut octets = Vec::new();
            message.reader().read_to_end(&mut octets).unwrap();
            assert!(octets.is_ascii() && octets.split(|&octet| octet == b'\n').all(|line| line.len() <= 990));
            let read = MessageParser::default().parse(&octets).unwrap();
            assert_eq!(read.body_text(0).unwrap().trim_end(), "gr\u{fc}n");
            assert!(read.body_html(0).unwrap().trim_end().ends_with("<p>gr\u{fc}n</p>"));
            let attachment = read.attachment(0).unwrap();
            assert_eq!((attachment.attachment_name(), attachment.contents()), (Some("a.bin"), file.as_slice()));
            assert_eq!(read.attachment_count(), 1);
        }
    }

    #[test]
    fn an_attached_text_keeps_the_ends_of_its_lines() {
        let _alone = alone();
        let directory = std::env::temp_dir();
        let octets = b"a;b\r\nc\rd\n\n.\n";
        for (header, kept) in [("", false), ("Content-Disposition: attachment; filename=a.csv\n", true)] {
            let mut spool = Spool::new(&directory, 1 << 20);
            let root = leaf(&mut spool, "text/csv", header, octets);
            let message = compose(&submission(), None, &root, &spool, &directory).unwrap();
            let mut written = Vec::new();
            message.reader().read_to_end(&mut written).unwrap();
            let read = MessageParser::default().parse(&written).unwrap();
            assert_eq!(read.parts[0].contents() == octets, kept, "{header}");
        }
    }

    #[test]
    fn a_single_leaf_is_no_multipart() {
        let _alone = alone();
        let directory = std::env::temp_dir();
        let mut spool = Spool::new(&directory, 1 << 20);
        let root = leaf(&mut spool, "text/plain", "", b"plain");
        let message = compose(&submission(), None, &root, &spool, &directory).unwrap();
        let mut octets = String::new();
        message.reader().read_to_string(&mut octets).unwrap();
        assert_eq!(octets, "To: a@example.test\nMIME-Version: 1.0\nContent-Type: text/plain\n\nplain\n");
    }
}
