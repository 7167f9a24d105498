//! `Content-Disposition` of a part of a form (RFC 7578 4.2) as browsers and curl write it: `"` and line ends in a name as `%22`, `%0D`,
//! `%0A` (HTML 4.10.21.8) or, in older ones, as `\"`. Other backslashes are literal: Windows paths have them.
#![forbid(unsafe_code)]

/// Its contents.
#[derive(Debug, PartialEq, Eq)]
pub struct Disposition {
    /// The name of the field.
    pub name: Vec<u8>,
    /// The name of the file, if it is one.
    pub file: Option<Vec<u8>>,
}

/// Reads the value of the field; an error says what is wrong with it.
pub fn parse(value: &[u8]) -> Result<Disposition, &'static str> {
    let (kind, mut rest) = value.split_at(value.iter().position(|octet| *octet == b';').unwrap_or(value.len()));
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err("the Content-Disposition of a part is not form-data");
    }
    let (mut name, mut file, mut extended) = (None, None, None);
    while let [b';', after @ ..] = rest {
        let after = after.trim_ascii_start();
        if after.is_empty() || after.starts_with(b";") {
            rest = after;
            continue;
        }
        let equals =
            after.iter().position(|octet| *octet == b'=').ok_or("a parameter of Content-Disposition has no =")?;
        let attribute = after[..equals].trim_ascii().to_ascii_lowercase();
        let (text, behind) = text(after[equals + 1..].trim_ascii_start())?;
        rest = behind.trim_ascii_start();
        let place = match attribute.as_slice() {
            b"name" => &mut name,
            b"filename" => &mut file,
            b"filename*" => &mut extended,
            _ => continue,
        };
        if place.replace(text).is_some() {
            return Err("Content-Disposition has a parameter twice");
        }
    }
    if !rest.is_empty() {
        return Err("Content-Disposition does not go on with ; behind a parameter");
    }
    // RFC 7578 forbids the extended form, but some programs send it; if both are there, it counts (RFC 6266 4.3).
    let extended = extended.as_deref().map(extended_text).transpose()?;
    Ok(Disposition {
        name: unescape(&name.ok_or("a part has no name")?),
        file: extended.or_else(|| file.as_deref().map(unescape)),
    })
}

/// A quoted-string or a token, and the rest.
fn text(value: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let [b'"', quoted @ ..] = value else {
        let end = value.iter().position(|octet| b"; \t\"".contains(octet)).unwrap_or(value.len());
        return Ok((value[..end].to_vec(), &value[end..]));
    };
    let (mut text, mut rest) = (Vec::new(), quoted);
    loop {
        (text, rest) = match rest {
            [b'"', behind @ ..] => return Ok((text, behind)),
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] => (with(text, *escaped), behind),
            [octet, behind @ ..] => (with(text, *octet), behind),
            [] => return Err("a quote in Content-Disposition does not end"),
        }
    }
}

fn with(mut text: Vec<u8>, octet: u8) -> Vec<u8> {
    text.push(octet);
    text
}

/// RFC 8187 3.2: `charset'language'text`; only UTF-8 is accepted here.
fn extended_text(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut parts = value.splitn(3, |octet| *octet == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) if charset.eq_ignore_ascii_case(b"utf-8") => {
            Ok(percent_encoding::percent_decode(text).collect())
        }
        _ => Err("filename* is not written like utf-8''name"),
    }
}

/// Undoes HTML's escapes, and nothing else: a name may hold a percent sign.
fn unescape(name: &[u8]) -> Vec<u8> {
    let (mut text, mut rest) = (Vec::with_capacity(name.len()), name);
    while let [first, tail @ ..] = rest {
        (text, rest) = match tail {
            [b'2', b'2', behind @ ..] if *first == b'%' => (with(text, b'"'), behind),
            [b'0', b'D' | b'd', behind @ ..] if *first == b'%' => (with(text, b'\r'), behind),
            [b'0', b'A' | b'a', behind @ ..] if *first == b'%' => (with(text, b'\n'), behind),
            behind => (with(text, *first), behind),
        };
    }
    text
}
