//! One post, and what must be read from the resulting message.

use crate::support::Request;
use crate::support::oracle::{Mailbox, Parsed};

/// Starts as the good request `Request::mail`; each method changes what is sent together with what is expected.
pub struct Post {
    pub name: &'static str,
    request: Request,
    wanted: Vec<Want>,
    parts: Vec<(String, Octets)>,
}

enum Want {
    Absent(&'static str),
    Charset(&'static str),
    Contains(String),
    ContentType(&'static str),
    Date(&'static str),
    Field(&'static str, String),
    Filename(usize, &'static str),
    Mailboxes(&'static str, Vec<Mailbox>),
    MessageId(&'static str),
    Subject(String),
    Written(&'static str, String),
}

/// The allowed differences between the octets of a part.
#[derive(Clone)]
enum Octets {
    Exact(Vec<u8>),
    /// Line ends (CRLF is LF), and an added final line end.
    Text(Vec<u8>),
}

impl Post {
    pub fn new(name: &'static str) -> Self {
        let parts = vec![("text/plain".to_owned(), Octets::Text(b"Hello there\n".to_vec()))];
        Self { name, request: Request::mail("/mail"), wanted: Vec::new(), parts }
    }

    pub fn request(&self) -> Request {
        self.request.clone()
    }

    /// Replaces a field, without an expectation.
    pub fn sends(mut self, field: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.without(field).header(field, value);
        self
    }

    /// One more field of that name.
    pub fn sends_also(mut self, field: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(field, value);
        self
    }

    pub fn without(mut self, field: &'static str) -> Self {
        self.request = self.request.without(field);
        self
    }

    pub fn subject(self, sent: impl AsRef<[u8]>, read: impl Into<String>) -> Self {
        self.sends("Subject", sent).wants(Want::Subject(read.into()))
    }

    /// The same subject is sent and read.
    pub fn same_subject(self, subject: &str) -> Self {
        self.subject(subject, subject)
    }

    /// Any other field; a run of white space counts as one space.
    pub fn field(self, field: &'static str, sent: impl AsRef<[u8]>, read: &str) -> Self {
        self.sends(field, sent).wants(Want::Field(field, read.to_owned()))
    }

    /// Any other field, and how it is written; a run of white space counts as one space.
    pub fn written(self, field: &'static str, sent: impl AsRef<[u8]>, written: &str) -> Self {
        self.sends(field, sent).wants(Want::Written(field, written.to_owned()))
    }

    pub fn absent(self, field: &'static str) -> Self {
        self.wants(Want::Absent(field))
    }

    /// An address field, and the pairs of name and address in it.
    pub fn mailboxes(self, field: &'static str, sent: impl AsRef<[u8]>, read: &[(&str, &str)]) -> Self {
        self.sends(field, sent).wants(Want::Mailboxes(field, boxes(read)))
    }

    pub fn message_id(self, id: &'static str) -> Self {
        self.sends("Message-ID", format!("<{id}>")).wants(Want::MessageId(id))
    }

    pub fn date(self, sent: &str, read: &'static str) -> Self {
        self.sends("Date", sent).wants(Want::Date(read))
    }

    pub fn charset(self, charset: &'static str) -> Self {
        self.wants(Want::Charset(charset))
    }

    pub fn content_type(self, read: &'static str) -> Self {
        self.wants(Want::ContentType(read))
    }

    /// Text that the message must contain.
    pub fn contains(self, octets: &str) -> Self {
        self.wants(Want::Contains(octets.to_owned()))
    }

    pub fn filename(self, part: usize, name: &'static str) -> Self {
        self.wants(Want::Filename(part, name))
    }

    /// text/plain, equal except for line ends.
    pub fn text(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.body(body.clone()).reads_text("text/plain", body)
    }

    /// A text type with its parameters, equal except for line ends.
    pub fn text_of(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let (main, body) = (main_type(content_type), body.into());
        self.sends("Content-Type", content_type).body(body.clone()).reads_text(&main, body)
    }

    /// Any other type, equal in every octet.
    pub fn binary_of(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let (main, body) = (main_type(content_type), body.into());
        self.sends("Content-Type", content_type).body(body.clone()).reads_exactly(&main, body)
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body);
        self.parts.clear();
        self
    }

    /// The next part of the message.
    pub fn reads_text(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.parts.push((content_type.to_owned(), Octets::Text(body.into())));
        self
    }

    /// Like [`Self::reads_text`], but equal in every octet.
    pub fn reads_exactly(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.parts.push((content_type.to_owned(), Octets::Exact(body.into())));
        self
    }

    pub fn chunked(mut self, size: usize) -> Self {
        self.request = self.request.chunked(size);
        self
    }

    /// Only over HTTP/1.1.
    pub fn expect_continue(mut self) -> Self {
        self.request = self.request.expect_continue();
        self
    }

    pub fn without_length(mut self) -> Self {
        self.request = self.request.without_length();
        self
    }

    fn wants(mut self, want: Want) -> Self {
        self.wanted.push(want);
        self
    }

    /// The differences between the message and the row's expectations.
    pub fn faults(&self, parsed: &Parsed, message: &str) -> Vec<String> {
        let mut faults: Vec<String> = self.wanted.iter().filter_map(|want| want.fault(parsed, message)).collect();
        for field in ["Date", "Message-ID", "MIME-Version", "Content-Type", "Received", "From"] {
            if parsed.fields(field).len() != 1 {
                faults.push(format!("{} fields {field}", parsed.fields(field).len()));
            }
        }
        let parts = parsed.parts();
        if parts.len() != self.parts.len() {
            faults.push(format!("{} parts for {}", parts.len(), self.parts.len()));
        }
        for ((content_type, octets), part) in self.parts.iter().zip(parts) {
            if *content_type != part.content_type {
                faults.push(format!("type {} for {content_type}", part.content_type));
            }
            faults.extend(octets.fault(&part.body));
        }
        faults
    }
}

impl Want {
    fn fault(&self, parsed: &Parsed, message: &str) -> Option<String> {
        let differ = |what: &str, read: Option<&str>, wanted: &str| {
            (read != Some(wanted)).then(|| format!("{what}: read {read:?}, wanted {wanted:?}"))
        };
        match self {
            Self::Absent(field) => parsed.field(field).map(|value| format!("{field} is there: {value}")),
            Self::Charset(charset) => differ("charset", parsed.charset(), charset),
            Self::Contains(octets) => (!message.contains(octets)).then(|| format!("{octets:?} is not there")),
            Self::ContentType(wanted) => differ("type", Some(parsed.content_type()), wanted),
            Self::Date(date) => differ("date", parsed.date(), date),
            Self::Field(field, wanted) => differ(field, parsed.field(field).map(spaced).as_deref(), wanted),
            Self::Filename(part, name) => {
                let parts = parsed.parts();
                differ("filename", parts.get(*part).and_then(|part| part.filename.as_deref()), name)
            }
            Self::Mailboxes(field, wanted) => {
                let read = parsed.mailboxes(field);
                (!equal(&read, wanted)).then(|| format!("{field}: read {read:?}, wanted {wanted:?}"))
            }
            Self::MessageId(id) => differ("Message-ID", parsed.message_id(), id),
            // An empty subject may also be missing; a fold right after the colon reads as a space.
            Self::Subject(wanted) => differ("subject", Some(parsed.subject().unwrap_or_default().trim_start()), wanted),
            Self::Written(field, wanted) => differ(field, parsed.written(field).as_deref(), wanted),
        }
    }
}

impl Octets {
    fn fault(&self, read: &[u8]) -> Option<String> {
        let (sent, same) = match self {
            Self::Exact(sent) => (sent, sent == read),
            Self::Text(sent) => {
                let (sent_lines, read_lines) = (lf(sent), lf(read));
                (sent, read_lines == sent_lines || read_lines.strip_suffix(b"\n") == Some(&sent_lines[..]))
            }
        };
        let at = sent.iter().zip(read).position(|(sent, read)| sent != read).unwrap_or(sent.len().min(read.len()));
        let piece = |octets: &[u8]| String::from_utf8_lossy(&octets[at..octets.len().min(at + 40)]).into_owned();
        (!same).then(|| {
            format!(
                "octets differ at {at} of {} ({} read): sent {:?}, read {:?}",
                sent.len(),
                read.len(),
                piece(sent),
                piece(read)
            )
        })
    }
}

fn lf(text: &[u8]) -> Vec<u8> {
    let followed = |at: usize| text[at] == b'\r' && text.get(at + 1) == Some(&b'\n');
    (0..text.len()).filter(|at| !followed(*at)).map(|at| text[at]).collect()
}

fn spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn main_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_owned()
}

fn boxes(pairs: &[(&str, &str)]) -> Vec<Mailbox> {
    pairs.iter().map(|(name, address)| Mailbox { name: (*name).to_owned(), address: (*address).to_owned() }).collect()
}

/// Domains ignore case, local parts and names do not.
fn equal(read: &[Mailbox], wanted: &[Mailbox]) -> bool {
    let same = |(read, wanted): (&Mailbox, &Mailbox)| {
        read.name == wanted.name && domain_folded(&read.address) == domain_folded(&wanted.address)
    };
    read.len() == wanted.len() && read.iter().zip(wanted).all(same)
}

fn domain_folded(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    format!("{local}@{}", domain.to_lowercase())
}
