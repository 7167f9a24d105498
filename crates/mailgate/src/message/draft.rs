//! A [`Submission`] and its body, piece by piece -> a [`Message`]. A body too long for memory is written directly behind its header, into
//! the file that the program gets, as soon as the header can be determined. If that was a wrong guess (an octet above 127 after a megabyte
//! of ASCII), the message is rewritten from the file.
#![forbid(unsafe_code)]

use super::compose::{ComposeError, Form, Trace, last_lines, markup};
use super::composed::{IN_MEMORY, Message};
use crate::submission::Submission;
use mail::content_type::ContentType;
use mail::mime::{Rewriting, Whole};
use mail::transfer_encoding::{self as body, BodyError, Encoder, Encoding, Facts, Lengths, Plan, Scan};
use std::io;
use std::path::Path;
use sys::spool::Spool;

/// A message under construction.
#[derive(Debug)]
pub struct Draft<'a> {
    submission: &'a Submission,
    /// The trace and the client's fields.
    header: String,
    directory: &'a Path,
    /// How much of the body stays in memory.
    memory: usize,
    scan: Scan,
    store: Store,
}

#[derive(Debug)]
enum Store {
    /// The body as received.
    Body(Spool),
    /// The message in this form, provided that the rest of the body is like its beginning; the original body starts at `start`.
    AsIs { message: Spool, form: Form, start: u64 },
    /// The message, whatever follows.
    Encoded { message: Spool, encoder: Encoder },
}

impl<'a> Draft<'a> {
    /// `directory` is where the message is stored if it is too long for memory.
    pub fn new(submission: &'a Submission, trace: Option<Trace<'_>>, directory: &'a Path) -> Draft<'a> {
        Draft::keeping(IN_MEMORY, submission, trace, directory)
    }

    /// The same with another limit.
    fn keeping(memory: usize, submission: &'a Submission, trace: Option<Trace<'_>>, directory: &'a Path) -> Draft<'a> {
        let mut header = trace.map(|trace| trace.field()).unwrap_or_default();
        header += &submission.header;
        let store = Store::Body(Spool::new(directory, memory));
        let scan = Scan::new(submission.transfer_encoding.is_some(), markup(submission.content_type.as_ref()));
        Draft { submission, header, directory, memory, scan, store }
    }

    /// Octets of the body so far.
    pub fn body_len(&self) -> u64 {
        self.scan.len()
    }

    /// The next octets of the body. After an error the draft must not be used any more.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.scan.update(octets);
        if let Store::Body(body) = &mut self.store
            && !body.is_file()
            && body.len() + octets.len() as u64 > self.memory as u64
            && let Some(store) = begun(self.submission, &self.header, body, &self.scan, self.directory)?
        {
            self.store = store;
        }
        match &mut self.store {
            Store::Body(body) => body.write(octets),
            Store::AsIs { message, .. } => message.write(octets),
            Store::Encoded { message, encoder } => encoder.update(octets, message),
        }
    }

    /// The complete message, after the last octet of the body.
    pub fn finish(self) -> Result<Message, ComposeError> {
        let facts = self.scan.facts();
        let (body, start) = self.store.body();
        let form = Form::of(self.submission, &facts, || Ok::<_, ComposeError>(Lengths::of(body.reader_at(start))?))?;
        if let (true, Some(content_type)) = (form.plan.opens_parts(), &self.submission.content_type) {
            return self.with_parts(content_type);
        }
        let header = self.header + &form.header;
        let rewritten = |body: &Spool, start| {
            let body = body.reader_at(start);
            Message::compose(self.directory, header.as_bytes(), |to| body::encode(&form.plan, body, to))
        };
        match self.store {
            Store::Body(mut body) if form.plan.is_as_is() && !has_cr(&facts) && has_room(&body, self.memory) => {
                if !facts.ends_with_newline && !body.is_empty() {
                    body.write(b"\n").map_err(ComposeError::Io)?;
                }
                Ok(Message::in_memory(header, body))
            }
            Store::Body(body) => rewritten(&body, 0),
            Store::AsIs { mut message, form: begun, start } => {
                if begun != form || has_cr(&facts) {
                    rewritten(&message, start)
                } else if facts.ends_with_newline {
                    Message::of(message)
                } else {
                    message.write(b"\n").and_then(|()| Message::of(message))
                }
            }
            Store::Encoded { mut message, encoder } => encoder.finish(&mut message).and_then(|()| Message::of(message)),
        }
        .map_err(ComposeError::Io)
    }

    /// The message, with its parts encoded where needed.
    fn with_parts(self, content_type: &ContentType) -> Result<Message, ComposeError> {
        let (body, start) = self.store.body();
        let whole = Whole::Body(content_type);
        let rewriting = Rewriting::plan(whole, body.reader_at(start), false)?;
        let encoding = if rewriting.is_eight_bit() { Encoding::EightBit } else { Encoding::SevenBit };
        let header = self.header + &last_lines(content_type, &Plan::unchanged(encoding));
        Message::compose(self.directory, header.as_bytes(), |to| rewriting.write(whole, body.reader_at(start), to))
            .map_err(ComposeError::Io)
    }
}

impl Store {
    /// The original body, and where it begins; not called for one that is already encoded.
    fn body(&self) -> (&Spool, u64) {
        match self {
            Store::Body(body) => (body, 0),
            Store::AsIs { message, start, .. } => (message, *start),
            Store::Encoded { message, .. } => (message, 0),
        }
    }
}

/// The message up to the end of `body`, if the octets so far determine its header.
fn begun(
    submission: &Submission,
    header: &str,
    body: &Spool,
    scan: &Scan,
    directory: &Path,
) -> io::Result<Option<Store>> {
    let facts = scan.facts();
    // Only the end shows which of two encodings is shorter.
    let Ok(form) = Form::of(submission, &facts, || Err(Unclear)) else { return Ok(None) };
    let as_is = form.plan.is_as_is() && !has_cr(&facts);
    if !as_is && !form.is_certain {
        return Ok(None);
    }
    let mut message = Spool::new(directory, IN_MEMORY);
    message.write(header.as_bytes())?;
    message.write(form.header.as_bytes())?;
    let start = message.len();
    let octets = body.memory().unwrap_or_default();
    Ok(Some(if as_is {
        message.write(octets)?;
        Store::AsIs { message, form, start }
    } else {
        let mut encoder = Encoder::new(&form.plan);
        encoder.update(octets, &mut message)?;
        Store::Encoded { message, encoder }
    }))
}

/// The beginning of a body does not determine how all of it is written.
struct Unclear;

impl From<BodyError> for Unclear {
    fn from(_: BodyError) -> Self {
        Unclear
    }
}

/// Whether a body is in memory and stays there with one more octet: it may need a line end.
fn has_room(body: &Spool, memory: usize) -> bool {
    body.memory().is_some_and(|octets| octets.len() < memory)
}

/// A CR is never written as received: before a LF it is dropped, elsewhere it needs another form.
fn has_cr(facts: &Facts) -> bool {
    facts.has_crlf || facts.bare_cr
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::alone;
    use mail::header::HeaderValue;
    use mail::message_id::MessageId;
    use std::io::Read;

    fn submission(content_type: Option<&str>, transfer_encoding: Option<&str>) -> Submission {
        let value = |text: &str| HeaderValue::from_field(text.as_bytes()).unwrap();
        Submission {
            labels: Vec::new(),
            bcc: Vec::new(),
            client_chose_id: true,
            content_type: content_type.map(|text| ContentType::parse(&value(text)).unwrap()),
            transfer_encoding: transfer_encoding.map(str::to_owned),
            from: None,
            hidden: Vec::new(),
            header: "To: a@example.test\n".to_owned(),
            message_id: MessageId::parse(&value("<1@example.test>")).unwrap(),
            recipients: Vec::new(),
            redirected: None,
            stripped: Vec::new(),
        }
    }

    /// Small enough to be exceeded often.
    const MEMORY: usize = 64 * 1024;

    fn drafted(submission: &Submission, body: &[u8], piece: usize) -> Result<Vec<u8>, String> {
        let directory = std::env::temp_dir();
        let mut draft = Draft::keeping(MEMORY, submission, None, &directory);
        body.chunks(piece).for_each(|octets| draft.write(octets).unwrap());
        assert_eq!(draft.body_len(), body.len() as u64);
        let mut octets = Vec::new();
        draft.finish().map_err(|error| error.to_string())?.reader().read_to_end(&mut octets).unwrap();
        Ok(octets)
    }

    /// With the whole body known before the first octet is written.
    fn at_once(submission: &Submission, body: &[u8]) -> Result<Vec<u8>, String> {
        let mut scan = Scan::new(true, markup(submission.content_type.as_ref()));
        scan.update(body);
        let lengths = || Ok::<_, ComposeError>(Lengths::of(body)?);
        let form = Form::of(submission, &scan.facts(), lengths).map_err(|error| error.to_string())?;
        let header = |last: &str| [submission.header.as_bytes(), last.as_bytes()].concat();
        if form.plan.opens_parts() {
            let content_type = submission.content_type.as_ref().unwrap();
            let whole = Whole::Body(content_type);
            let rewriting = Rewriting::plan(whole, body, false).map_err(|error| error.to_string())?;
            let encoding = if rewriting.is_eight_bit() { Encoding::EightBit } else { Encoding::SevenBit };
            let mut octets = header(&last_lines(content_type, &Plan::unchanged(encoding)));
            rewriting.write(whole, body, &mut octets).unwrap();
            return Ok(octets);
        }
        let mut octets = header(&form.header);
        body::encode(&form.plan, body, &mut octets).unwrap();
        Ok(octets)
    }

    #[test]
    fn a_guess_from_the_beginning_never_changes_the_message() {
        let _alone = alone();
        let line = "The quick brown fox jumps over the lazy dog.\n";
        let (mail, part) = (line.repeat(2_000), "--b\n\ntext\n");
        let late: [&[u8]; 11] = [
            b"",
            b"no line end",
            b"\r\n",
            b"a\rb\n",
            b"\r",
            "\u{e9}\n".as_bytes(),
            b"\xff\n",
            b"\0",
            b"From me\n",
            b".\n",
            &[b'x'; 991],
        ];
        let early: [&[u8]; 4] = [b"", b"\r\n", "\u{e9}\n".as_bytes(), b"\0\n"];
        let types = [
            None,
            Some("text/plain"),
            Some("text/plain; charset=utf-16"),
            Some("application/pdf"),
            Some("multipart/mixed; boundary=b"),
        ];
        for content_type in types {
            for encoding in [None, Some("7bit"), Some("8bit"), Some("base64"), Some("quoted-printable")] {
                let submission = submission(content_type, encoding);
                for (early, late) in
                    early.iter().map(|early| (*early, late[0])).chain(late.iter().map(|late| (early[0], *late)))
                {
                    let body = [part.as_bytes(), early, mail.as_bytes(), late].concat();
                    let what =
                        format!("{content_type:?} {encoding:?} {} {}", early.escape_ascii(), late.escape_ascii());
                    assert!(drafted(&submission, &body, 8_000) == at_once(&submission, &body), "{what}");
                }
            }
        }
        let base64 = submission(Some("application/pdf"), Some("base64"));
        let digits = "QUJD".repeat(40_000);
        assert_eq!(drafted(&base64, digits.as_bytes(), 8_000), at_once(&base64, digits.as_bytes()));
    }

    #[test]
    fn pieces_of_any_size_make_the_same_message() {
        let _alone = alone();
        for content_type in ["text/plain", "application/pdf"] {
            let submission = submission(Some(content_type), None);
            for length in [0, 1, MEMORY - 1, MEMORY, MEMORY + 1, 3 * MEMORY] {
                let body: Vec<u8> = b"0123456789\n".iter().copied().cycle().take(length).collect();
                for piece in [1_000, MEMORY, MEMORY + 1, 1 << 20] {
                    assert!(drafted(&submission, &body, piece) == at_once(&submission, &body), "{length} by {piece}");
                }
            }
        }
    }

    #[test]
    fn most_long_bodies_are_written_once() {
        let directory = std::env::temp_dir();
        let kept = |content_type, body: &[u8]| {
            let submission = submission(content_type, None);
            let mut draft = Draft::keeping(MEMORY, &submission, None, &directory);
            body.chunks(8_000).for_each(|octets| draft.write(octets).unwrap());
            !matches!(draft.store, Store::Body(_))
        };
        assert!(kept(None, &b"text\n".repeat(20_000)));
        assert!(kept(None, &b"\0\n".repeat(50_000)));
        assert!(kept(Some("application/pdf"), &b"\xff\r\n".repeat(50_000)));
        assert!(!kept(Some("text/plain"), &b"\xff\n".repeat(50_000)), "which encoding is shorter, only the end tells");
    }
}
