//! Where a recipient stands in the overview: a number that grows with the time of its message and is its own among those of one second, so that
//! one number tells where a page ends. It says nothing of the envelope id, which is a secret.
#![forbid(unsafe_code)]

use crate::dsn::report::sha256;

/// How many numbers one second has.
pub(super) const SECOND: i64 = 1 << 30;

/// The number of the recipient that comes after `before` others in its message. Two messages of one second share one by chance; whoever
/// reads a page must not part two that are equal.
pub(super) fn position(submitted: i64, envid: &str, before: usize) -> i64 {
    // Half of the numbers, so that those of the last recipients fit as well.
    let start = i64::from_str_radix(&sha256(envid)[..8], 16).unwrap_or_default() % (SECOND / 2);
    first(submitted) + start + before as i64
}

/// The first number of a second.
pub(super) fn first(second: i64) -> i64 {
    second.clamp(0, i64::MAX / SECOND - 1) * SECOND
}

/// What stands behind the last `@` of an address; nothing for one that has none.
pub(super) fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_message_stands_behind_an_earlier_one() {
        for envid in ["a", "b", "c", "d"] {
            assert!(position(10, envid, 999) < position(11, envid, 0));
            assert!((first(10)..first(11)).contains(&position(10, envid, 100_000)));
        }
        assert_ne!(position(10, "a", 0), position(10, "b", 0));
        assert!(first(i64::MAX) > 0 && position(i64::MAX, "a", 5) > 0 && position(-5, "a", 0) >= 0);
    }

    #[test]
    fn a_domain_stands_behind_the_last_at() {
        for (address, expected) in
            [("a@x.example", "x.example"), ("\"a@b\"@y.example", "y.example"), ("root", ""), ("a@", "")]
        {
            assert_eq!(domain(address), expected);
        }
    }
}
