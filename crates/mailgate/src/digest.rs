//! SHA-256 over items that cannot run into each other: the identity of a key, a content or a client.
#![forbid(unsafe_code)]

use sha2::{Digest as _, Sha256};
use std::fmt;

/// 256 bits; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these items.
    pub fn of(items: &[&[u8]]) -> Self {
        let mut digester = Digester::default();
        items.iter().for_each(|item| digester.item(item));
        digester.finish()
    }

    /// The first octets, for a table of slots.
    pub fn number(&self) -> u64 {
        let (first, _) = self.0.split_first_chunk().expect("32 octets");
        u64::from_be_bytes(*first)
    }

    /// 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
        let mut octets = [0; 32];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = pair.iter().try_fold(0, |high, digit| Some(high << 4 | value(*digit)?))?;
        }
        Some(Digest(octets))
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads items one by one, and at the end octets in pieces.
#[derive(Clone, Debug, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// One item, with its length.
    pub fn item(&mut self, octets: &[u8]) {
        self.0.update((octets.len() as u64).to_be_bytes());
        self.0.update(octets);
    }

    /// Part of the last item; only more of it may follow.
    pub fn part(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest of all that was given.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_do_not_run_into_each_other() {
        assert_eq!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"ab", b"c"]));
        for other in [&[&b"a"[..], b"bc"][..], &[b"abc"], &[b"ab", b"c", b""], &[]] {
            assert_ne!(Digest::of(&[b"ab", b"c"]), Digest::of(other), "{other:?}");
        }
        let digest = |parts: &[&[u8]]| {
            let mut digester = Digester::default();
            digester.item(b"field");
            parts.iter().for_each(|part| digester.part(part));
            digester.finish()
        };
        assert_eq!(digest(&[b"a long ", b"body"]), digest(&[b"a long body"]), "however it came");
    }

    #[test]
    fn it_is_read_as_it_is_written_and_nothing_else_is() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-4, "abc"
        let mut abc = Digester::default();
        abc.part(b"abc");
        assert_eq!(abc.finish().to_string(), text);
        assert_eq!(Digest::parse(text).unwrap().to_string(), text);
        let longer = format!("{text}0");
        for bad in ["", &text[1..], &longer, &text.to_uppercase(), &text.replace('b', "g")] {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }
}
