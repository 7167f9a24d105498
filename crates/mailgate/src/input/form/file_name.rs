//! A file name as a browser sends it -> one that is not a path, hides nothing and can be stored everywhere (RFC 7578 4.2: it must not be
//! trusted; RFC 6266 4.3 lists the tricks).
#![forbid(unsafe_code)]

use super::label::line;

/// Longest name, in octets of UTF-8: three times that, as RFC 2231 writes it, fits a line.
const MAX: usize = 120;

/// Its last part without characters that are special to a system; `file` if nothing is left.
pub fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // `=?` would be read as an encoded-word (RFC 2047).
    let safe = line(last).replace(|c: char| "<>:\"|?*".contains(c), "_");
    let safe = safe.trim_matches(['.', ' ']);
    match (safe, short(safe)) {
        ("", _) => "file".to_owned(),
        (_, short) => short,
    }
}

/// At most [`MAX`] long, keeping its extension.
fn short(name: &str) -> String {
    if name.len() <= MAX {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.len() <= 12 { ending } else { "" };
    let fits = |(at, character): &(usize, char)| at + character.len_utf8() + ending.len() <= MAX;
    let stem: String = name.char_indices().take_while(fits).map(|(_, character)| character).collect();
    format!("{}{ending}", stem.trim_end_matches(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_name_is_no_path_and_hides_nothing() {
        let long = format!("{}.pdf", "\u{fc}".repeat(200));
        for (sent, cleaned) in [
            ("cat.png", "cat.png"),
            ("Gr\u{fc}\u{df}e \u{1f6b2}.txt", "Gr\u{fc}\u{df}e \u{1f6b2}.txt"),
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd", "passwd"),
            ("C:\\Users\\eve\\a.txt", "a.txt"),
            ("..\\..\\a.txt", "a.txt"),
            ("a/..", "file"),
            ("..", "file"),
            ("", "file"),
            (".htaccess", "htaccess"),
            ("a.txt...", "a.txt"),
            ("a.txt:stream", "a.txt_stream"),
            ("gpj.\u{202e}exe", "gpj. exe"),
            ("a\r\nBcc: z@evil.test", "a Bcc_ z@evil.test"),
            ("a\0.png", "a .png"),
            ("=?utf-8?q?=0ABcc=3A?=", "=_utf-8_q_=0ABcc=3A_="),
            ("a\"; filename=\"b", "a_; filename=_b"),
            (" spaced  out .txt ", "spaced out .txt"),
            (&long, &format!("{}.pdf", "\u{fc}".repeat(58))),
        ] {
            assert_eq!(clean(sent), cleaned, "{sent:?}");
        }
    }
}
