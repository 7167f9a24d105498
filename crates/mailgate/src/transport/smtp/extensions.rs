//! The reply to EHLO -> what the server offers (RFC 5321 4.1.1.1). Nothing else is ever used.
#![forbid(unsafe_code)]

use super::reply::Reply;

/// What the server offers in its reply to EHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub dsn: bool,
    pub eight_bit: bool,
    pub login: bool,
    pub pipelining: bool,
    pub plain: bool,
    pub size: bool,
    /// The largest message; 0 if the server does not say.
    pub max_size: u64,
    pub starttls: bool,
}

impl Extensions {
    pub fn read(reply: &Reply) -> Extensions {
        let mut extensions = Extensions::default();
        for line in reply.lines.iter().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase().replace("AUTH=", "AUTH ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("8BITMIME") => extensions.eight_bit = true,
                Some("AUTH") => {
                    for mechanism in words {
                        extensions.plain |= mechanism == "PLAIN";
                        extensions.login |= mechanism == "LOGIN";
                    }
                }
                Some("DSN") => extensions.dsn = true,
                Some("PIPELINING") => extensions.pipelining = true,
                Some("SIZE") => {
                    extensions.size = true;
                    extensions.max_size = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
                }
                Some("STARTTLS") => extensions.starttls = true,
                _ => {}
            }
        }
        extensions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_in_any_case_and_spelling() {
        let lines =
            ["mx STARTTLS DSN", "size 1000", "8BitMime", "AUTH=LOGIN", "AUTH CRAM-MD5 plain", "Pipelining", "X"];
        let reply = Reply { code: 250, lines: lines.map(|line| line.as_bytes().to_vec()).to_vec() };
        let extensions = Extensions::read(&reply);
        assert_eq!((extensions.starttls, extensions.dsn), (false, false), "the first line is a greeting");
        assert!(
            extensions.size && extensions.eight_bit && extensions.login && extensions.plain && extensions.pipelining
        );
        assert_eq!(extensions.max_size, 1000);
        let bare = Reply { code: 250, lines: vec![b"mx".to_vec(), b"SIZE".to_vec()] };
        assert_eq!(Extensions::read(&bare), Extensions { size: true, ..Extensions::default() });
    }
}
