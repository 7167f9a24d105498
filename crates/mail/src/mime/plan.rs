//! Listens to a message once, and decides what happens to each header and each content.
#![forbid(unsafe_code)]

use std::io::BufRead;

use super::entity::{Encoding, Entity};
use super::walk::{Listener, walk};
use super::{MimeError, Whole, field};
use crate::transfer_encoding::{self as body, BodyKind, LengthCounter, Markup, Scan};

/// More parts than any mail program writes; each takes a few octets here.
const MAX_PARTS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Plan {
    /// For each header, in order.
    pub headers: Vec<Change>,
    /// For the text around the parts of each multipart, in order: whether it is left out. It is never shown (RFC 2046 5.1.1).
    pub left_out: Vec<bool>,
    pub is_eight_bit: bool,
    /// Whether octets above 127 are forbidden.
    pub seven_bit: bool,
}

/// What happens to the part that a header describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Its contents are encoded.
    Encode(body::Plan),
    /// It stays unchanged.
    Keep,
    /// Its Content-Transfer-Encoding becomes this one; `None`: 7bit, which needs no field.
    Relabel(Option<&'static str>),
}

pub(super) fn plan(whole: Whole<'_>, from: impl BufRead, seven_bit: bool) -> Result<Plan, MimeError> {
    let plan = Plan { seven_bit, ..Plan::default() };
    let mut planner = Planner { plan, entity: None, scan: Scan::new(false, Markup::None), lengths: None };
    walk(whole, from, &mut planner)?;
    Ok(planner.plan)
}

struct Planner {
    plan: Plan,
    /// The part whose contents are being read.
    entity: Option<Entity>,
    scan: Scan,
    /// Of text: counted now, since it is not read again before the lengths are needed.
    lengths: Option<LengthCounter>,
}

impl Planner {
    /// For the part whose header came last.
    fn change_last(&mut self, change: Change) {
        if let Some(last) = self.plan.headers.last_mut() {
            *last = change;
        }
    }
}

impl Listener for Planner {
    fn header(&mut self) -> Result<(), MimeError> {
        if self.plan.headers.len() == MAX_PARTS {
            return Err(MimeError::Limit("more than 10000 parts"));
        }
        self.plan.headers.push(Change::Keep);
        Ok(())
    }

    fn field(&mut self, octets: &[u8]) -> Result<(), MimeError> {
        if field::needs_rewriting(octets, self.plan.seven_bit) {
            return field::rewrite(octets).map(drop);
        }
        self.plan.is_eight_bit |= !octets.is_ascii();
        let label = field::split(octets).filter(|(name, _)| field::is_transfer_encoding(name));
        let label = label.map(|(_, value)| value.trim_ascii().to_ascii_lowercase());
        let change = match label.as_deref() {
            Some(b"8bit" | b"binary") if self.plan.seven_bit => Change::Relabel(None),
            Some(b"binary") => Change::Relabel(Some("8bit")), // nobody supports BINARYMIME (RFC 3030)
            _ => return Ok(()),
        };
        self.change_last(change);
        Ok(())
    }

    fn end_of_header(&mut self, _: &[u8]) -> Result<(), MimeError> {
        Ok(())
    }

    fn contents(&mut self, entity: Option<&Entity>) -> Result<(), MimeError> {
        self.entity = entity.cloned();
        self.scan = Scan::new(false, Markup::None);
        let is_text = matches!(entity, Some(Entity::Leaf { kind: BodyKind::Text, encoding: Encoding::Identity }));
        self.lengths = is_text.then(LengthCounter::default);
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Result<(), MimeError> {
        self.scan.update(octets);
        if let Some(lengths) = &mut self.lengths {
            lengths.update(octets);
        }
        Ok(())
    }

    fn end_of_contents(&mut self, _: bool) -> Result<(), MimeError> {
        let facts = self.scan.facts();
        let lengths = self.lengths.take().unwrap_or_default();
        let eight_bit = facts.eight_bit > 0;
        let trouble = body::trouble(&facts).or((self.plan.seven_bit && eight_bit).then_some("an octet above 127"));
        match (trouble, &self.entity) {
            (None, entity) => {
                self.plan.is_eight_bit |= eight_bit;
                if entity.is_none() {
                    self.plan.left_out.push(false);
                }
            }
            (Some(_), None) => self.plan.left_out.push(true),
            (Some(trouble), Some(Entity::Leaf { encoding: Encoding::Unknown, .. })) => {
                return Err(MimeError::UnknownEncoding(trouble));
            }
            (Some(_), Some(Entity::Leaf { kind, encoding })) => {
                let plan = match encoding {
                    Encoding::Base64 => body::Plan::again(body::Encoding::Base64),
                    Encoding::QuotedPrintable => body::Plan::again(body::Encoding::QuotedPrintable),
                    Encoding::Identity | Encoding::Unknown => {
                        body::Plan::of_leaf(*kind, &facts, || Ok::<_, MimeError>(lengths.finish()))?
                    }
                };
                self.change_last(Change::Encode(plan));
            }
            (Some(trouble), Some(Entity::Sealed(what))) => return Err(MimeError::Sealed { what, trouble }),
            (Some(_), Some(Entity::Message | Entity::Multipart { .. })) => {}
        }
        Ok(())
    }

    fn boundary(&mut self, _: &[u8]) -> Result<(), MimeError> {
        Ok(())
    }
}
