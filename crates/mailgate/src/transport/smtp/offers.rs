//! The answer to EHLO -> what the server offers (RFC 5321 4.1.1.1). What it does not offer is never used.
#![forbid(unsafe_code)]

use super::reply::Reply;

/// What the server offers (its answer to EHLO).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub dsn: bool,
    pub eight_bit: bool,
    pub login: bool,
    pub pipelining: bool,
    pub plain: bool,
    pub size: bool,
    /// The largest message, 0 where it does not say.
    pub max_size: u64,
    pub starttls: bool,
}

impl Offers {
    pub fn read(reply: &Reply) -> Offers {
        let mut offers = Offers::default();
        for line in reply.lines.iter().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase().replace("AUTH=", "AUTH ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("8BITMIME") => offers.eight_bit = true,
                Some("AUTH") => {
                    for mechanism in words {
                        offers.plain |= mechanism == "PLAIN";
                        offers.login |= mechanism == "LOGIN";
                    }
                }
                Some("DSN") => offers.dsn = true,
                Some("PIPELINING") => offers.pipelining = true,
                Some("SIZE") => {
                    offers.size = true;
                    offers.max_size = words.next().and_then(|size| size.parse().ok()).unwrap_or(0);
                }
                Some("STARTTLS") => offers.starttls = true,
                _ => {}
            }
        }
        offers
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
        let offers = Offers::read(&reply);
        assert_eq!((offers.starttls, offers.dsn), (false, false), "the first line is a greeting");
        assert!(offers.size && offers.eight_bit && offers.login && offers.plain && offers.pipelining);
        assert_eq!(offers.max_size, 1000);
        let bare = Reply { code: 250, lines: vec![b"mx".to_vec(), b"SIZE".to_vec()] };
        assert_eq!(Offers::read(&bare), Offers { size: true, ..Offers::default() });
    }
}
