//! The octets of a message -> its parts, in order (RFC 2046 5.1.1): fields, contents, boundaries. No recursion. It keeps one field, a piece
//! of a line, and the open boundaries.
#![forbid(unsafe_code)]

use std::io::{self, BufRead};

use super::entity::{Encoding, Entity, Header};
use super::{MimeError, Whole, field};

/// Octets examined at once: a line up to this length is never split.
const PIECE: usize = 4096;

/// Longest field.
const MAX_FIELD: usize = 32 * 1024;

/// Deepest nesting of multiparts; Postfix follows as many (mime_nesting_limit).
const MAX_DEPTH: usize = 100;

/// Receives the parts of a message in this order: a header, its end, then contents or further headers.
pub(super) trait Listener {
    /// A header begins.
    fn header(&mut self) -> Result<(), MimeError>;
    /// A field with its line ends, or the `From ` line of an mbox.
    fn field(&mut self, octets: &[u8]) -> Result<(), MimeError>;
    /// The header ends; `line` is the empty line, or nothing if there was none.
    fn end_of_header(&mut self, line: &[u8]) -> Result<(), MimeError>;
    /// Contents begin: of a part, or, without an entity, the text before the first boundary or after the last one.
    fn contents(&mut self, entity: Option<&Entity>) -> Result<(), MimeError>;
    /// The next octets of the contents.
    fn octets(&mut self, octets: &[u8]) -> Result<(), MimeError>;
    /// The contents end. The line end before a boundary belongs to the boundary; `line_end` says whether there is one.
    fn end_of_contents(&mut self, line_end: bool) -> Result<(), MimeError>;
    /// A line that is a boundary.
    fn boundary(&mut self, line: &[u8]) -> Result<(), MimeError>;
}

/// Walks the whole message.
pub(super) fn walk(whole: Whole<'_>, mut from: impl BufRead, listener: &mut impl Listener) -> Result<(), MimeError> {
    let mut walker = Walker { listener, open: Vec::new(), place: Place::Contents { line_end: b"" }, in_line: false };
    match whole {
        Whole::Body(content_type) => walker.begin(&Entity::of(content_type, Encoding::Identity))?,
        Whole::Message => walker.header(false)?,
    }
    let mut piece = Vec::with_capacity(PIECE);
    while read_piece(&mut from, &mut piece)? {
        walker.piece(&piece)?;
    }
    walker.end()
}

/// A line, or part of one: a CR is not separated from its LF, unless there are very many.
fn read_piece(from: &mut impl BufRead, piece: &mut Vec<u8>) -> io::Result<bool> {
    piece.clear();
    while piece.len() < PIECE || piece.ends_with(b"\r") && piece.len() < 2 * PIECE {
        let octets = match from.fill_buf() {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let room = if piece.len() < PIECE { PIECE - piece.len() } else { 1 };
        let near = &octets[..octets.len().min(room)];
        let line = memchr::memchr(b'\n', near).map_or(near, |at| &near[..=at]);
        piece.extend_from_slice(line);
        let read = line.len();
        from.consume(read);
        if read == 0 || piece.ends_with(b"\n") {
            break;
        }
    }
    Ok(!piece.is_empty())
}

struct Walker<'l, L> {
    listener: &'l mut L,
    open: Vec<Level>,
    place: Place,
    /// The last piece did not end its line.
    in_line: bool,
}

/// An open multipart.
struct Level {
    boundary: Vec<u8>,
    is_digest: bool,
}

enum Place {
    /// `line_end` is the end of the last line, which may belong to a boundary.
    Contents {
        line_end: &'static [u8],
    },
    Header {
        header: Header,
        field: Vec<u8>,
        in_digest: bool,
        is_first: bool,
    },
}

impl<L: Listener> Walker<'_, L> {
    fn piece(&mut self, piece: &[u8]) -> Result<(), MimeError> {
        let begins_line = !std::mem::replace(&mut self.in_line, !piece.ends_with(b"\n"));
        if begins_line && let Some((level, closes)) = self.boundary(piece) {
            return self.cross(level, closes, piece);
        }
        match &mut self.place {
            Place::Contents { line_end } => {
                let text = piece.strip_suffix(b"\n").map_or(piece, |line| line.strip_suffix(b"\r").unwrap_or(line));
                if !line_end.is_empty() {
                    self.listener.octets(line_end)?;
                }
                *line_end = match piece.len() - text.len() {
                    0 => b"",
                    1 => b"\n",
                    _ => b"\r\n",
                };
                if text.is_empty() { Ok(()) } else { self.listener.octets(text) }
            }
            Place::Header { .. } => self.header_piece(piece, begins_line),
        }
    }

    fn header_piece(&mut self, piece: &[u8], begins_line: bool) -> Result<(), MimeError> {
        let Place::Header { field, is_first, .. } = &mut self.place else { return Ok(()) };
        let is_first = std::mem::take(is_first);
        let continues = !begins_line || matches!(piece, [b' ' | b'\t', ..]) && !field.is_empty();
        if continues {
            if field.len() + piece.len() > MAX_FIELD {
                return Err(MimeError::Limit("a part with a field of more than 32 KiB"));
            }
            field.extend_from_slice(piece);
            return Ok(());
        }
        let is_empty = matches!(piece, b"\n" | b"\r\n");
        let is_mbox = is_first && piece.starts_with(b"From ");
        if !is_empty && (is_mbox || field::split(piece).is_some()) {
            self.field()?;
            if let Place::Header { field, .. } = &mut self.place {
                field.extend_from_slice(piece);
            }
            return Ok(());
        }
        self.end_header(if is_empty { piece } else { b"" })?;
        if is_empty {
            return Ok(());
        }
        // A line that is not a field is the first line after the header.
        self.in_line = false;
        self.piece(piece)
    }

    /// Reports the field that is now complete.
    fn field(&mut self) -> Result<(), MimeError> {
        let Place::Header { header, field, .. } = &mut self.place else { return Ok(()) };
        if !field.is_empty() {
            header.field(field);
            self.listener.field(field)?;
            field.clear();
        }
        Ok(())
    }

    fn header(&mut self, in_digest: bool) -> Result<(), MimeError> {
        self.listener.header()?;
        self.place = Place::Header { header: Header::default(), field: Vec::new(), in_digest, is_first: true };
        Ok(())
    }

    fn end_header(&mut self, line: &[u8]) -> Result<(), MimeError> {
        self.field()?;
        let Place::Header { header, in_digest, .. } = &self.place else { return Ok(()) };
        let entity = header.entity(*in_digest);
        self.listener.end_of_header(line)?;
        self.begin(&entity)
    }

    /// Begins what follows a header.
    fn begin(&mut self, entity: &Entity) -> Result<(), MimeError> {
        let entity = match entity {
            Entity::Message => return self.header(false),
            Entity::Multipart { boundary, is_digest } => {
                if self.open.len() == MAX_DEPTH {
                    return Err(MimeError::Limit("parts in parts, more than 100 deep"));
                }
                self.open.push(Level { boundary: boundary.clone(), is_digest: *is_digest });
                None
            }
            entity => Some(entity),
        };
        self.place = Place::Contents { line_end: b"" };
        self.listener.contents(entity)
    }

    /// The multipart that this boundary line belongs to, and whether it is the last one. If two have the same boundary, the outer one
    /// counts, as in Python's email package.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let is_whole = line.ends_with(b"\n") || line.len() < PIECE;
        let text = line.strip_prefix(b"--").filter(|_| is_whole)?.trim_ascii_end(); // a valid boundary does not end in a blank
        self.open.iter().enumerate().find_map(|(level, Level { boundary, .. })| {
            match text.strip_prefix(&boundary[..])? {
                b"" => Some((level, false)),
                b"--" => Some((level, true)),
                _ => None,
            }
        })
    }

    fn cross(&mut self, level: usize, closes: bool, line: &[u8]) -> Result<(), MimeError> {
        while let Place::Header { .. } = self.place {
            self.end_header(b"")?; // a message in a message in a message, each of them empty
        }
        if let Place::Contents { line_end } = &self.place {
            self.listener.end_of_contents(!line_end.is_empty())?;
        }
        self.listener.boundary(line)?;
        self.open.truncate(level + usize::from(!closes));
        if closes {
            self.place = Place::Contents { line_end: b"" };
            return self.listener.contents(None);
        }
        let in_digest = self.open.last().is_some_and(|level| level.is_digest);
        self.header(in_digest)
    }

    fn end(mut self) -> Result<(), MimeError> {
        while let Place::Header { .. } = self.place {
            self.end_header(b"")?;
        }
        if let Place::Contents { line_end } = &self.place
            && !line_end.is_empty()
        {
            self.listener.octets(line_end)?;
        }
        self.listener.end_of_contents(false)
    }
}
