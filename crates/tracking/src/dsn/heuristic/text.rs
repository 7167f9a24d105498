//! The text of a bounce: which texts of the mail belong to it, where the copy of the message begins, and which addresses and codes it
//! contains.
#![forbid(unsafe_code)]

use super::super::parse;
use super::super::parts::Part;
use super::super::report;

/// How many octets of texts are examined.
const MAX_TEXTS: usize = 128 << 10;
/// The longest diagnostic taken from the text.
const MAX_ABOUT: usize = 1000;

/// The MTA's own text in a bounce.
pub struct Words {
    /// As received, decoded.
    pub text: String,
    /// In lower case, with each run of white space as one space.
    lower: String,
}

/// The texts that a person would read (of two alternatives the plain one), up to [`MAX_TEXTS`].
pub fn texts(top: &Part<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    collect(top, &mut texts);
    texts
}

fn collect(part: &Part<'_>, texts: &mut Vec<String>) {
    if texts.iter().map(String::len).sum::<usize>() >= MAX_TEXTS {
        return;
    }
    if !part.parts.is_empty() {
        let plain_only =
            part.media == "multipart/alternative" && part.parts.iter().any(|part| part.media == "text/plain");
        for part in part.parts.iter().filter(|part| !plain_only || part.media == "text/plain") {
            collect(part, texts);
        }
        return;
    }
    let is_words = matches!(part.media.as_str(), "text/plain" | "text/html" | "text/")
        || part.is_delivery_status()
        || part.media.starts_with("multipart/")
        // not a real type, but programs write it
        || part.media == "plain/text";
    let disposition = part.header.value("content-disposition").unwrap_or_default();
    let is_file = part.depth > 0 && disposition.trim().to_ascii_lowercase().starts_with("attachment");
    if is_words && !is_file {
        texts.push(part.text());
    }
}

/// The text, and the copy of the message after it, from the line that announces it.
pub fn split_copy(text: &str) -> (&str, &str) {
    let mut at = 0;
    let mut announced = None;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if announced.is_none() && announces_copy(line) {
            announced = Some(at);
        }
        if starts_copy(line) {
            return text.split_at_checked(announced.unwrap_or(at)).unwrap_or((text, ""));
        }
        at = end;
    }
    match announced {
        Some(at) => text.split_at_checked(at).unwrap_or((text, "")),
        None => (text, ""),
    }
}

/// A trace field or another one that no postmaster would write at the start of a line.
fn starts_copy(line: &str) -> bool {
    let starts = |start: &str| line.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    [
        "received:",
        "return-path:",
        "dkim-signature:",
        "x-originating-ip:",
        "mime-version:",
        "message-id:",
        "delivered-to:",
        "x-received:",
    ]
    .iter()
    .any(|name| starts(name))
}

/// The line above a copy: "--- Below this line is a copy of the message.", "------- Returned Message --------", ...
fn announces_copy(line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() {
        return false;
    }
    let bare = line.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    // "The following addresses did NOT receive a copy of your message"
    if bare.len() > 120 || bare.contains("address") || bare.contains("recipient") {
        return false;
    }
    let marked = line.starts_with("--") || line.ends_with("--") || line.starts_with("==");
    let has = |any: &[&str]| any.iter().any(|phrase| bare.contains(phrase));
    let speaks = has(&[
        "original message",
        "copy of the message",
        "copy of your message",
        "copy of the original",
        "copy of the first part",
        "copy of the mail",
        "returned message",
        "returned mail",
        "unsent message",
        "message header",
        "header of the",
        "source mail",
        "enclosed is a copy",
        "message follows",
        "headers follow",
        "forwarded message",
        "original headers",
        "headers of the message",
        "message body follows",
    ]);
    let names = [
        "original message",
        "original message headers",
        "message headers follow",
        "your original message follows",
        "original message follows",
    ];
    speaks
        && (marked
            || names.contains(&bare.as_str())
            || has(&["follow", "below", "here is a copy", "included is a copy", "attached is a copy"]))
}

impl Words {
    /// Makes it from a text.
    pub fn of(text: &str) -> Self {
        Self { lower: squeeze(text).to_lowercase(), text: text.to_owned() }
    }

    /// Whether it contains any of the phrases, which are in lower case.
    pub fn say(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.hold(phrase))
    }

    /// The phrases that it contains, so that the lines need not be searched for the others.
    pub fn said(&self, phrases: &'static [&'static str]) -> Vec<&'static str> {
        phrases.iter().copied().filter(|phrase| self.hold(phrase)).collect()
    }

    fn hold(&self, phrase: &str) -> bool {
        memchr::memmem::find(self.lower.as_bytes(), phrase.as_bytes()).is_some()
    }

    /// The lines, without white space at the end.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim_end)
    }

    /// The paragraph that begins with an address, without the address.
    pub fn about(&self, address: &str) -> Option<String> {
        let mut lines = self.lines().skip_while(|line| !opens_with(line, address));
        let first = lines.next()?;
        let after = first.find(address).map_or(first, |at| first.get(at + address.len()..).unwrap_or_default());
        let mut about = after.trim_start_matches(['>', '"', '\'', ':', '.', ' ', '\t', '-', ',']).to_owned();
        let mut lines = lines.peekable();
        if about.is_empty() {
            while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        }
        for line in lines {
            if line.trim().is_empty()
                || about.len() > MAX_ABOUT
                || line.starts_with('<') && line.trim_end().ends_with(">:")
                || !line.starts_with([' ', '\t']) && leading_address(line).is_some()
            {
                break;
            }
            about.push(' ');
            about.push_str(line.trim());
        }
        let about = squeeze(&about);
        (!about.is_empty()).then_some(about)
    }

    /// The first line with an SMTP reply, and the lines that belong to it.
    pub fn complaint(&self) -> Option<String> {
        let mut lines = self.lines().skip_while(|line| reply_code(line).is_none() && enhanced_code(line).is_none());
        let mut complaint = lines.next()?.trim().to_owned();
        for line in lines.take_while(|line| !line.trim().is_empty()) {
            if complaint.len() > MAX_ABOUT {
                break;
            }
            complaint.push(' ');
            complaint.push_str(line.trim());
        }
        Some(squeeze(&complaint))
    }
}

fn opens_with(line: &str, address: &str) -> bool {
    let line = line.trim_start_matches(['<', '"', '\'', ' ', '\t', '*', '[', '(', '-', '>']);
    line.get(..address.len()).is_some_and(|start| start.eq_ignore_ascii_case(address))
}

/// Whether a line quotes another mail; `>>>` marks what sendmail sent.
pub fn is_quoted(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('>') && !line.starts_with(">>>")
}

/// Runs of white space become one space.
pub fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !squeezed.is_empty() {
            squeezed.push(' ');
        }
        squeezed.push_str(word);
    }
    squeezed
}

/// The mail addresses in a line: `local@domain`, also inside quotes, brackets, `mailto:` and the like.
pub fn addresses(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| rest.find('@')).map(|at| from + at) {
        let (before, after) = (line.get(from..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default());
        let domain_len = after
            .find(|c: char| {
                !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':') && in_domain(c, after))
            })
            .unwrap_or(after.len());
        let domain = after.get(..domain_len).unwrap_or_default();
        let domain = domain
            .find("..")
            .and_then(|end| domain.get(..end))
            .unwrap_or(domain)
            .trim_end_matches(['.', '-', ':', '_']);
        let local = local_part(before);
        from = at + 1;
        let has_letter = domain.starts_with('[') || domain.chars().any(char::is_alphanumeric);
        if !local.is_empty() && has_letter && !domain.starts_with(['.', '-']) {
            found.push(format!("{local}@{domain}"));
            from += domain.len();
        }
    }
    found
}

/// `[` and the characters of a literal belong to a domain only at its start.
fn in_domain(c: char, domain: &str) -> bool {
    !matches!(c, '[' | ']' | ':') || domain.starts_with('[')
}

fn local_part(before: &str) -> &str {
    if let Some(quoted) = before.strip_suffix('"')
        && let Some(open) = quoted.rfind('"')
    {
        return before.get(open..).unwrap_or_default();
    }
    let is_local = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let start = before.char_indices().rev().take_while(|(_, c)| is_local(*c)).last().map_or(before.len(), |(at, _)| at);
    before.get(start..).unwrap_or_default().trim_start_matches(['\'', '*', '/', '=', '`', '!', '?', '.', '|', '-'])
}

/// The address that a line is about: `<a@b>`, `a@b:`, `"a@b":`, and the rest of the line; `None` if it begins with anything else.
pub fn leading_address(line: &str) -> Option<(String, &str)> {
    let bare = line.trim_start_matches([' ', '\t', '*', '-', '>', '"', '\'', '[', '(']).trim_start();
    if let Some(inside) = bare.strip_prefix('<') {
        let (address, rest) = inside.split_once('>')?;
        let address = address.trim();
        let address = report::without_scheme(address);
        let one = address.matches('@').count() == 1
            && !address.starts_with('@')
            && !address.ends_with('@')
            && !address.contains('<');
        return one.then(|| (address.to_owned(), rest));
    }
    let first = bare.split_whitespace().next()?;
    let address = addresses(first).into_iter().next()?;
    let at = bare.find(&address).filter(|at| *at < 6)?;
    let rest = bare.get(at + address.len()..).unwrap_or_default();
    // "Name@elsewhere <a@b>": the first is a display name
    match rest.trim_start_matches(['"', '\'', ' ']).starts_with('<').then(|| leading_address(rest)).flatten() {
        Some(inside) => Some(inside),
        None => Some((address, rest)),
    }
}

/// The class of the first SMTP reply in a text: `550 `, `550-`, `421:`. Not every three-digit number is one.
pub fn reply_code(text: &str) -> Option<char> {
    let bytes = text.as_bytes();
    bytes.windows(3).enumerate().find_map(|(at, code)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
        let after = bytes.get(at + 3).copied().unwrap_or(b' ');
        let is_code = matches!(code, [b'4' | b'5', b'0'..=b'5', b'0'..=b'9'])
            && !before.is_ascii_alphanumeric()
            && !matches!(before, b'.' | b'/' | b'-' | b'+' | b'@')
            && matches!(after, b' ' | b'-' | b':' | b',' | b')' | b']' | b'\'' | b'"');
        code.first().filter(|_| is_code).map(|digit| char::from(*digit))
    })
}

/// The first RFC 3463 code in a text: not part of an IP address or a version.
pub fn enhanced_code(text: &str) -> Option<&str> {
    text.char_indices().filter(|(_, c)| matches!(c, '2' | '4' | '5')).find_map(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back()).unwrap_or(' ');
        let (after, code) = parse::status_code(text.get(at..)?).ok()?;
        let next = after.chars().next().unwrap_or(' ');
        let longer = next == '.' && after.get(1..).is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit()));
        let ends = !next.is_alphanumeric() && !longer;
        (!before.is_alphanumeric() && !matches!(before, '.' | '-' | '/') && ends && !code.starts_with('2'))
            .then_some(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_among_words() {
        for (line, expected) in [
            (
                "to <a@b.example>, 'c@d.example' and \"e f\"@g.example.",
                &["a@b.example", "c@d.example", "\"e f\"@g.example"][..],
            ),
            ("x@b.example...User unknown mailto:y@b.example", &["x@b.example", "y@b.example"]),
            ("a@[192.0.2.1]: no; @b @", &["a@[192.0.2.1]"]),
            ("jürgen@bücher.example:", &["jürgen@bücher.example"]),
        ] {
            assert_eq!(addresses(line), expected, "{line}");
        }
    }

    #[test]
    fn codes_are_told_from_other_numbers() {
        assert_eq!(enhanced_code("host 5.1.1.1 said: 550 5.1.1 no (#5.2.2)"), Some("5.1.1"));
        assert_eq!(enhanced_code("Exim 4.96, v5.0.0x 15.1.1 4.7"), None);
        assert_eq!(reply_code("at 1550 or 550x: 452-full"), Some('4'));
        assert_eq!(reply_code("192.0.2.550 in 5501"), None);
    }

    #[test]
    fn a_copy_begins_below_its_announcement() {
        let text = "Sorry.\n<a@b>: no\n--- Below this line is a copy of the message.\n\nReturn-Path: <x@y>\nTo: z\n";
        let (words, copy) = split_copy(text);
        assert!(words.ends_with("no\n") && copy.starts_with("--- Below") && copy.ends_with("To: z\n"));
        assert_eq!(split_copy("only words\n").1, "");
    }
}
