//! Listens to a message a second time, and writes it as planned.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, Write};

use super::entity::Entity;
use super::plan::{self, Change};
use super::walk::{Listener, walk};
use super::{MimeError, Whole, field};
use crate::transfer_encoding::{self as body, Encoder, Encoding, MAX_LINE};

pub(super) fn write(
    whole: Whole<'_>,
    from: impl BufRead,
    plan: &plan::Plan,
    to: &mut (impl Write + ?Sized),
) -> Result<(), MimeError> {
    let (headers, left_out) = (plan.headers.iter(), plan.left_out.iter());
    let seven_bit = plan.seven_bit;
    walk(
        whole,
        from,
        &mut Writer { headers, left_out, seven_bit, change: Change::Keep, encoder: None, is_ended: true, to },
    )
}

/// The message differs from the one that was planned for.
fn changed() -> MimeError {
    MimeError::Io(io::ErrorKind::InvalidData.into())
}

struct Writer<'p, W: Write + ?Sized> {
    headers: std::slice::Iter<'p, Change>,
    left_out: std::slice::Iter<'p, bool>,
    seven_bit: bool,
    /// What happens to the part whose header came last.
    change: Change,
    /// For the contents being read; `None` if they are left out.
    encoder: Option<Encoder>,
    /// Whether the contents so far end with a line end.
    is_ended: bool,
    to: &'p mut W,
}

impl<W: Write + ?Sized> Writer<'_, W> {
    /// Writes one or more lines, with LF.
    fn lines(&mut self, octets: &[u8]) -> io::Result<()> {
        octets.split_inclusive(|b| *b == b'\n').try_for_each(|line| {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            self.to.write_all(text.strip_suffix(b"\r").unwrap_or(text))?;
            self.to.write_all(b"\n")
        })
    }
}

impl<W: Write + ?Sized> Listener for Writer<'_, W> {
    fn header(&mut self) -> Result<(), MimeError> {
        self.change = *self.headers.next().ok_or_else(changed)?;
        Ok(())
    }

    fn field(&mut self, octets: &[u8]) -> Result<(), MimeError> {
        let is_label = field::split(octets).is_some_and(|(name, _)| field::is_transfer_encoding(name));
        if is_label && self.change != Change::Keep {
            return Ok(());
        }
        if field::needs_rewriting(octets, self.seven_bit) {
            return Ok(self.to.write_all(field::rewrite(octets)?.as_bytes())?);
        }
        Ok(self.lines(octets)?)
    }

    fn end_of_header(&mut self, line: &[u8]) -> Result<(), MimeError> {
        let label = match self.change {
            Change::Encode(plan) => plan.transfer_encoding(),
            Change::Keep => None,
            Change::Relabel(label) => label,
        };
        if let Some(label) = label {
            writeln!(self.to, "Content-Transfer-Encoding: {label}")?;
        }
        if !line.is_empty() || label.is_some() {
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn contents(&mut self, entity: Option<&Entity>) -> Result<(), MimeError> {
        self.is_ended = true;
        self.encoder = match (entity, self.change) {
            (None, _) if *self.left_out.next().ok_or_else(changed)? => None,
            (Some(_), Change::Encode(plan)) => Some(Encoder::new(&plan)),
            _ => Some(Encoder::new(&body::Plan::unchanged(Encoding::EightBit))),
        };
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Result<(), MimeError> {
        if let Some(encoder) = &mut self.encoder {
            encoder.update(octets, self.to)?;
            self.is_ended = octets.ends_with(b"\n");
        }
        Ok(())
    }

    fn end_of_contents(&mut self, line_end: bool) -> Result<(), MimeError> {
        let Some(encoder) = self.encoder.take() else { return Ok(()) };
        encoder.finish(self.to)?; // ends a line that is open
        if line_end && self.is_ended {
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn boundary(&mut self, line: &[u8]) -> Result<(), MimeError> {
        let is_long = line.len() > MAX_LINE;
        Ok(self.lines(if is_long { line.trim_ascii_end() } else { line })?)
    }
}
