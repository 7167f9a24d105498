//! The field `Idempotency-Key`: a String of RFC 8941 (draft-ietf-httpapi-idempotency-key-header-07), or the same without quotes, as many
//! clients send it. Both are the same key.
#![forbid(unsafe_code)]

/// The longest key, in octets.
pub const MAX_KEY: usize = 256;

/// The key in the field's value.
pub fn parse(value: &str) -> Result<String, &'static str> {
    let value = value.trim_matches([' ', '\t']);
    let key = match value.strip_prefix('"') {
        Some(quoted) => unquote(quoted).ok_or("Idempotency-Key is not a string in quotes (RFC 8941 3.3.3)")?,
        None if value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b',') => value.to_owned(),
        None => return Err("Idempotency-Key holds more than printable ASCII without blank, comma and quote"),
    };
    match key.len() {
        0 => Err("Idempotency-Key is empty"),
        1..=MAX_KEY => Ok(key),
        _ => Err("Idempotency-Key is longer than 256 octets"),
    }
}

/// The string after its first quote: `\` may only precede `"` and `\`, and nothing may follow the last quote.
fn unquote(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|c| matches!(c, '"' | '\\'))?),
            c @ ' '..='~' => key.push(c),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_with_quotes_and_without() {
        let long = "k".repeat(MAX_KEY);
        for (value, key) in [
            ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            (" a/b+c=; ", "a/b+c=;"),
            (r#""a \"b\" \\ c, d""#, r#"a "b" \ c, d"#),
            (&long, &long),
            (&format!("\"{long}\""), &long),
        ] {
            assert_eq!(parse(value).as_deref(), Ok(key), "{value}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(parse("a").is_ok() && parse("\"a\"").is_ok());
        let long = "k".repeat(MAX_KEY + 1);
        for value in [
            "",
            " ",
            "\"\"",
            "a b",
            "a, b",
            "a,b",
            "a\"b",
            "\"a",
            "\"a\"b",
            "\"a\";x=1",
            "\"a\", \"b\"",
            "\"a\\b\"",
            "\u{e9}",
            "\"\u{e9}\"",
            "a\u{7f}",
            "\"a\tb\"",
            "\"\\",
            &long,
            &format!("\"{long}\""),
        ] {
            assert!(parse(value).is_err(), "{value}");
        }
    }
}
