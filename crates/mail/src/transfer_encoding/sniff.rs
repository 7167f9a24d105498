//! The charset that a text names itself: by a byte order mark, an XML declaration (XML 1.0, 4.3.3), `@charset` in CSS, or `<meta>` in HTML,
//! searched as the HTML standard does (13.2.3.2, "prescan a byte stream to determine its encoding"). A name that the following octets
//! contradict is ignored.
#![forbid(unsafe_code)]

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// Octets that are searched (HTML 13.2.3.2).
const START: usize = 1024;

/// Where a text may name its charset. A byte order mark is looked for in every text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// `@charset "utf-8";`
    Css,
    /// `<meta charset=utf-8>`
    Html,
    /// Nowhere, or the charset is already known.
    None,
    /// Only in a byte order mark.
    Plain,
    /// `<?xml version="1.0" encoding="utf-8"?>`
    Xml,
}

/// Examines a text in pieces.
pub(super) struct Sniffer {
    markup: Markup,
    start: Vec<u8>,
    /// Set once the whole start is known.
    claim: Option<Claim>,
}

impl Sniffer {
    pub fn new(markup: Markup) -> Sniffer {
        Sniffer { markup, start: Vec::new(), claim: None }
    }

    pub fn update(&mut self, octets: &[u8]) {
        if self.markup == Markup::None {
            return;
        }
        if let Some(claim) = &mut self.claim {
            return claim.update(octets);
        }
        self.start.extend_from_slice(octets);
        if self.start.len() >= START {
            self.claim = Some(Claim::of(&self.start, self.markup));
            self.start = Vec::new();
        }
    }

    /// The charset, if one was named and nothing so far contradicts it; a character cut off at the end does not.
    pub fn charset(&self) -> Option<&'static Encoding> {
        match &self.claim {
            Some(claim) => claim.charset(),
            None => Claim::of(&self.start, self.markup).charset(),
        }
    }
}

impl std::fmt::Debug for Sniffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sniffer").field("markup", &self.markup).finish_non_exhaustive()
    }
}

/// The charset that a text has named, and its check so far.
struct Claim(Option<Decoder>);

impl Claim {
    fn of(start: &[u8], markup: Markup) -> Claim {
        let named = named(&start[..start.len().min(START)], markup);
        let mut claim = Claim(named.map(Encoding::new_decoder_without_bom_handling));
        claim.update(start);
        claim
    }

    fn update(&mut self, mut octets: &[u8]) {
        if self.0.is_none() {
            return;
        }
        let mut text = [0; 4096];
        while let (Some(decoder), false) = (&mut self.0, octets.is_empty()) {
            match decoder.decode_to_utf8_without_replacement(octets, &mut text, false) {
                (DecoderResult::Malformed(..), ..) => self.0 = None,
                (_, read, _) => octets = &octets[read..],
            }
        }
    }

    fn charset(&self) -> Option<&'static Encoding> {
        self.0.as_ref().map(Decoder::encoding)
    }
}

fn named(start: &[u8], markup: Markup) -> Option<&'static Encoding> {
    match start {
        _ if markup == Markup::None => None,
        [0xef, 0xbb, 0xbf, ..] => Some(UTF_8),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        [0xff, 0xfe, 0, 0, ..] => None, // UTF-32
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        _ => match markup {
            Markup::Css => css(start),
            Markup::Html => html(start).or_else(|| xml(start)),
            Markup::Xml => xml(start),
            Markup::None | Markup::Plain => None,
        },
    }
}

/// What is ASCII up to here is not UTF-16, whatever it says (HTML 13.2.3.2).
fn label(label: &[u8]) -> Option<&'static Encoding> {
    match Encoding::for_label_no_replacement(label)? {
        wide if wide == UTF_16BE || wide == UTF_16LE => Some(UTF_8),
        user if user == X_USER_DEFINED => Some(WINDOWS_1252),
        known => Some(known),
    }
}

/// CSS Syntax 3.2: exactly these octets.
fn css(start: &[u8]) -> Option<&'static Encoding> {
    let rest = start.strip_prefix(b"@charset \"")?;
    label(&rest[..memchr::memmem::find(rest, b"\";")?])
}

/// `<?xml version="1.0" encoding="..."?>`
fn xml(start: &[u8]) -> Option<&'static Encoding> {
    let declaration = start.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr::memchr(b'>', declaration)?];
    let rest = &declaration[memchr::memmem::find(declaration, b"encoding")? + b"encoding".len()..];
    let rest = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    label(&rest[..memchr::memchr(*quote, rest)?])
}

/// The first `<meta>` that names a known charset.
fn html(start: &[u8]) -> Option<&'static Encoding> {
    let mut rest = start;
    loop {
        rest = &rest[memchr::memchr(b'<', rest)?..];
        rest = match rest {
            [b'<', b'!', b'-', b'-', ..] => &rest[2..][memchr::memmem::find(&rest[2..], b"-->")? + 3..],
            [b'<', b'!' | b'?', ..] => &rest[memchr::memchr(b'>', rest)? + 1..],
            [b'<', b'/', letter, ..] | [b'<', letter, ..] if letter.is_ascii_alphabetic() => {
                let name_at = if rest[1] == b'/' { 2 } else { 1 };
                let end = rest.iter().skip(name_at).position(|b| is_space(*b) || *b == b'>' || *b == b'/')? + name_at;
                let is_meta = rest[1..end].eq_ignore_ascii_case(b"meta");
                let mut attributes = Attributes(&rest[end..]);
                if let Some(known) = attributes.by_ref().collect::<Meta>().charset().filter(|_| is_meta) {
                    return Some(known);
                }
                attributes.0
            }
            [b'<', b'/', ..] => &rest[memchr::memchr(b'>', rest)? + 1..],
            _ => &rest[1..],
        };
    }
}

/// The attributes of one `<meta>`.
#[derive(Default)]
struct Meta {
    is_pragma: bool,
    content: Option<&'static Encoding>,
    charset: Option<Option<&'static Encoding>>,
    seen: Vec<Vec<u8>>,
}

impl Meta {
    fn charset(self) -> Option<&'static Encoding> {
        self.charset.unwrap_or(self.content.filter(|_| self.is_pragma))
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Meta {
    fn from_iter<T: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(attributes: T) -> Meta {
        let mut meta = Meta::default();
        for (name, value) in attributes {
            if meta.seen.contains(&name) {
                continue; // of two, the first counts
            }
            match name.as_slice() {
                b"http-equiv" => meta.is_pragma = value == b"content-type",
                b"content" => meta.content = of_content(&value),
                b"charset" => meta.charset = Some(label(&value)),
                _ => {}
            }
            meta.seen.push(name);
        }
        meta
    }
}

/// `text/html; charset=...` (HTML 2.6.5, "extracting a character encoding from a meta element"); `content` is in lower case.
fn of_content(content: &[u8]) -> Option<&'static Encoding> {
    let mut rest = content;
    loop {
        rest = rest[memchr::memmem::find(rest, b"charset")? + b"charset".len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        return label(match value.first()? {
            quote @ (b'"' | b'\'') => &value[1..][..memchr::memchr(*quote, &value[1..])?],
            _ => value.split(|b| is_space(*b) || *b == b';').next()?,
        });
    }
}

/// The attributes of a tag, names and values in lower case (HTML 13.2.3.2, "get an attribute"); the rest begins with the `>`.
struct Attributes<'a>(&'a [u8]);

impl Iterator for Attributes<'_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let skip = |octets: &mut &[u8], is: fn(u8) -> bool| {
            let n = octets.iter().take_while(|b| is(**b)).count();
            let (skipped, rest) = octets.split_at(n);
            *octets = rest;
            skipped.to_ascii_lowercase()
        };
        skip(&mut self.0, |b| is_space(b) || b == b'/');
        self.0.first().filter(|b| **b != b'>')?;
        let first = self.0[0]; // may be a `=`
        self.0 = &self.0[1..];
        let mut name = vec![first.to_ascii_lowercase()];
        name.extend(skip(&mut self.0, |b| !is_space(b) && !matches!(b, b'=' | b'/' | b'>')));
        skip(&mut self.0, is_space);
        let Some(rest) = self.0.strip_prefix(b"=") else { return Some((name, Vec::new())) };
        self.0 = rest;
        skip(&mut self.0, is_space);
        let value = match self.0.split_first() {
            Some((quote @ (b'"' | b'\''), rest)) => {
                let end = memchr::memchr(*quote, rest)?;
                self.0 = &rest[end + 1..];
                rest[..end].to_ascii_lowercase()
            }
            _ => skip(&mut self.0, |b| !is_space(b) && b != b'>'),
        };
        Some((name, value))
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(markup: Markup, text: &[u8]) -> Option<&'static str> {
        let whole = {
            let mut sniffer = Sniffer::new(markup);
            sniffer.update(text);
            sniffer.charset().map(Encoding::name)
        };
        let mut sniffer = Sniffer::new(markup);
        text.chunks(7).for_each(|piece| sniffer.update(piece));
        assert_eq!(sniffer.charset().map(Encoding::name), whole, "{}", text.escape_ascii());
        whole
    }

    #[test]
    fn a_text_says_what_it_is() {
        use Markup::*;
        let far = [&b" ".repeat(1020)[..], b"<meta charset=koi8-r>"].concat();
        for (markup, text, expected) in [
            (Plain, &b"\xef\xbb\xbfa"[..], Some("UTF-8")),
            (Plain, b"\xff\xfea\0\r\0", Some("UTF-16LE")),
            (Plain, b"\xfe\xff\0a", Some("UTF-16BE")),
            (Plain, b"\xff\xfe\0\0a\0\0\0", Option::None),
            (None, b"\xff\xfea\0", Option::None),
            (Plain, b"<meta charset=koi8-r>", Option::None),
            (Html, b"<!DOCTYPE html><HTML><Head><META CHARSET='Windows-1251'>\xcf", Some("windows-1251")),
            (Html, b"<meta http-equiv=\"Content-Type\" content=\"text/html; charset=koi8-r\">\xcf", Some("KOI8-R")),
            (Html, b"<meta content='text/html;charset = \"big5\" x' http-equiv=content-type />", Some("Big5")),
            (Html, b"<meta content=\"text/html; charset=koi8-r\">", Option::None),
            (Html, b"<meta http-equiv=refresh content=\"0; charset=koi8-r\">", Option::None),
            (Html, b"<meta name=a><meta charset=nonsense><meta\ncharset=gbk>", Some("GBK")),
            (Html, b"<!-- <meta charset=gbk> --><meta charset=koi8-r>", Some("KOI8-R")),
            (Html, b"<!--><meta charset=koi8-r>", Some("KOI8-R")),
            (Html, b"<p title='<meta charset=gbk>'></p><metal charset=gbk><meta/charset=koi8-r>", Some("KOI8-R")),
            (Html, b"<meta charset=gbk charset=koi8-r>", Some("GBK")),
            (Html, b"<meta charset=utf-16>", Some("UTF-8")),
            (Html, b"<meta charset=x-user-defined>", Some("windows-1252")),
            (Html, b"<meta charset=iso-2022-kr>", Option::None),
            (Html, b"<?xml version='1.0' encoding='koi8-r'?><html>", Some("KOI8-R")),
            (Html, &far, Option::None),
            (Html, &far[1..], Option::None),
            (Html, &far[17..], Some("KOI8-R")),
            (Html, b"<meta charset", Option::None),
            (Html, b"<meta charset='koi8-r", Option::None),
            (Html, b"</", Option::None),
            (Xml, b"<?xml version=\"1.0\" encoding = \"ISO-8859-2\" ?><a/>", Some("ISO-8859-2")),
            (Xml, b" <?xml version=\"1.0\" encoding=\"koi8-r\"?>", Option::None),
            (Xml, b"<?xml version=\"1.0\"?><a encoding=\"koi8-r\"/>", Option::None),
            (Css, b"@charset \"koi8-r\"; a { }", Some("KOI8-R")),
            (Css, b"@charset 'koi8-r';", Option::None),
        ] {
            assert_eq!(sniff(markup, text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_the_octets_contradict_was_not_said() {
        let html = |charset: &str, text: &[u8]| {
            let octets = [format!("<meta charset={charset}>").as_bytes(), text, &b"a".repeat(2000), text].concat();
            sniff(Markup::Html, &octets)
        };
        assert_eq!(html("euc-jp", b"\xc6\xfc\xcb\xdc"), Some("EUC-JP"));
        assert_eq!(html("euc-jp", b"\xc6\xfc\xcb\xdc\xff"), None);
        assert_eq!(html("euc-jp", b"\xc6\xfc\xcb"), None, "cut in the middle");
        assert_eq!(sniff(Markup::Html, b"<meta charset=euc-jp>\xc6\xfc\xcb"), Some("EUC-JP"), "cut at the end");
        assert_eq!(html("utf-8", b"Gr\xfcn"), None);
        assert_eq!(html("iso-2022-jp", b"\x1b$BF|\x1b(B"), Some("ISO-2022-JP"));
        assert_eq!(html("iso-2022-jp", b"\xe9"), None);
        assert_eq!(sniff(Markup::Plain, &[b"\xff\xfe".as_slice(), &b"\0\xd8".repeat(9)].concat()), None);
    }
}
