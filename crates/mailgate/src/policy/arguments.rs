//! The words of `SendmailArguments`, literal or with httpd's expressions in them, and the rules for a request's value in one argv element.
//! One word is one element; nothing from a request becomes an option, a second word or a second address.
#![forbid(unsafe_code)]

use super::{PolicyError, Recipients};
use crate::transport::program::arguments::{ProgramArguments, Role, Word};
use mail::address::Address;

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<E> {
    /// An expression, `%{...}`.
    Expression(E),
    /// Used unchanged.
    Literal(String),
}

/// Splits a word into literals and `%{...}` expressions, which `parse` reads. A word without `%{` is one literal.
pub fn pieces<E>(word: &str, mut parse: impl FnMut(&str) -> Result<E, String>) -> Result<Vec<Piece<E>>, String> {
    let (mut pieces, mut rest) = (Vec::new(), word);
    while let Some(start) = rest.find("%{") {
        let (literal, expression) = rest.split_at(start);
        let end = closing_brace(expression).ok_or_else(|| format!("'{word}': '%{{' without its '}}'"))?;
        let (expression, after) = expression.split_at(end + 1);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Expression(parse(expression)?));
        rest = after;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

/// The position of the brace that closes the one opened by `text`, skipping inner `%{...}`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The words in the form that the option parser needs.
pub fn words<'w, E>(words: impl Iterator<Item = &'w [Piece<E>]>) -> impl Iterator<Item = Word<'w>>
where
    E: 'w,
{
    words.map(|word| match word {
        [Piece::Literal(literal)] => Word { literal, is_open: false },
        [Piece::Literal(literal), ..] => Word { literal, is_open: true },
        _ => Word { literal: "", is_open: true },
    })
}

/// Where the recipients of a message come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// From the header: `-t` is among the options.
    Header,
    /// From the header, appended after the last word, a literal `--`.
    Appended,
    /// Only from the arguments; address fields are mere text.
    Arguments,
}

impl Addressing {
    /// What the words imply.
    pub fn of(words: &ProgramArguments<'_>) -> Self {
        if words.reads_recipients() {
            return Addressing::Header;
        }
        match words.roles().last() {
            Some(Role::EndOfOptions) => Addressing::Appended,
            _ => Addressing::Arguments,
        }
    }
}

/// One word, joined from its pieces with the values of its expressions. `number` counts from 1. `recipient` is set if the program may send
/// mail to the word ([`Role::Recipient`]), which must then be one allowed address.
pub fn join(number: usize, pieces: &[Piece<&[u8]>], recipient: Option<&Recipients>) -> Result<Vec<u8>, PolicyError> {
    let fail = |reason| PolicyError::Argument { word: number, reason };
    if let [Piece::Literal(literal)] = pieces {
        return Ok(literal.clone().into_bytes());
    }
    let prefix = match pieces.first() {
        Some(Piece::Literal(literal)) => literal.as_bytes(),
        _ => b"",
    };
    let (mut word, mut first) = (Vec::new(), true);
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => word.extend_from_slice(literal.as_bytes()),
            Piece::Expression(b"") => return Err(fail("has an empty value")),
            Piece::Expression(value) if value.iter().any(|&byte| byte < 0x20 || byte == 0x7f) => {
                return Err(fail("has a control character in its value"));
            }
            Piece::Expression(value) if first && value.starts_with(b"-") => {
                return Err(fail("has a value that starts with '-'"));
            }
            Piece::Expression(value) => {
                word.extend_from_slice(value);
                first = false;
            }
        }
    }
    if word.len() > LONGEST {
        return Err(fail("is longer than 320 octets"));
    }
    let address = |octets: &[u8]| std::str::from_utf8(octets).ok().and_then(|text| Address::parse(text).ok());
    let value = word.get(prefix.len()..).unwrap_or_default();
    match recipient {
        Some(allowed) => {
            let address = address(&word).ok_or_else(|| fail("may be a recipient and is not one address"))?;
            if !allowed.allow(&address) {
                return Err(PolicyError::Recipient(address));
            }
        }
        None if value.contains(&b'@') && address(value).is_none() => {
            return Err(fail("holds '@' and is not one address"));
        }
        None => {}
    }
    Ok(word)
}

/// A path of RFC 5321 4.5.3.1.3 is 256 octets; plus an option and some room.
const LONGEST: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::program::mta::Mta;

    fn joined(word: &str, value: &str, recipient: bool) -> Result<String, PolicyError> {
        let parsed = pieces(word, |_| Ok(value.as_bytes())).unwrap();
        let allowed = Recipients::parse(&["example.org"]).unwrap();
        join(1, &parsed, recipient.then_some(&allowed)).map(|word| String::from_utf8(word).unwrap())
    }

    #[test]
    fn a_value_becomes_one_word_or_none() {
        for (word, value, expected) in [
            ("%{X}", "a@example.org", Some("a@example.org")),
            ("bounces+%{X}@example.org", "abc", Some("bounces+abc@example.org")),
            ("-fbounces+%{X}@example.org", "abc", Some("-fbounces+abc@example.org")),
            ("%{X}", "envid", Some("envid")),
            ("%{X}", "", None),
            ("%{X}", "-be", None),
            ("-f%{X}", "-oQ/tmp", None),
            ("%{X}", "a\nb", None),
            ("%{X}", "a@example.org b@example.org", None),
            ("%{X}", "a@example.org,b@example.org", None),
            ("bounces+%{X}@example.org", "a@evil.test", None),
        ] {
            assert_eq!(joined(word, value, false).ok().as_deref(), expected, "{word} {value}");
        }
        assert!(joined("%{X}", &"a".repeat(321), false).is_err());
    }

    #[test]
    fn a_recipient_is_one_address_that_may_be_written_to() {
        for good in ["a@example.org", "a.b+c@example.org"] {
            assert_eq!(joined("%{X}", good, true).as_deref(), Ok(good));
        }
        assert_eq!(joined("u%{X}@example.org", "1", true).as_deref(), Ok("u1@example.org"));
        for refused in [
            "a@evil.test",
            "root",
            "a@example.org b@example.org",
            "a@example.org,b@example.org",
            "a,b",
            "|/bin/id",
            ":include:/etc/passwd",
            "/etc/passwd",
            "\\root@example.org",
            "a@example.org@evil.test",
            "a%evil.test@example.org",
            "evil.test!a@example.org",
            "<a@example.org>",
        ] {
            assert!(joined("%{X}", refused, true).is_err(), "{refused}");
        }
        assert!(joined("u%{X}", "@evil.test", true).is_err());
        assert!(joined("-u%{X}", "a@example.org", true).is_err(), "behind -- an option is a recipient");
    }

    #[test]
    fn a_word_is_cut_at_its_expressions() {
        let cut = |word: &str| pieces(word, |text| Ok(text.to_owned())).unwrap();
        assert_eq!(cut("-t"), [Piece::Literal("-t".into())]);
        assert_eq!(cut(""), [Piece::Literal(String::new())]);
        assert_eq!(
            cut("a%{X}b%{tolower:%{Y}}"),
            [
                Piece::Literal("a".into()),
                Piece::Expression("%{X}".into()),
                Piece::Literal("b".into()),
                Piece::Expression("%{tolower:%{Y}}".into())
            ]
        );
        assert!(pieces("%{X", |_| Ok(())).is_err());
    }

    #[test]
    fn the_words_say_who_is_addressed() {
        for (words, addressing) in [
            ("-t -i", Addressing::Header),
            ("-it", Addressing::Header),
            ("-tiv", Addressing::Header),
            ("-itf x@example.org", Addressing::Header),
            ("--read-recipients", Addressing::Header),
            ("-t --", Addressing::Header),
            ("-i --", Addressing::Appended),
            ("-i -f %{X} --", Addressing::Appended),
            ("-i -- boss@example.org", Addressing::Arguments),
            ("-i -- -t", Addressing::Arguments),
            ("-i -f -t", Addressing::Arguments),
            ("-i -f --", Addressing::Arguments),
            ("-i", Addressing::Arguments),
        ] {
            let cut: Vec<_> = words.split(' ').map(|word| pieces(word, |_| Ok(())).unwrap()).collect();
            let read = ProgramArguments::read(Mta::Unknown, super::words(cut.iter().map(Vec::as_slice)));
            assert_eq!(Addressing::of(&read), addressing, "{words}");
        }
    }
}
