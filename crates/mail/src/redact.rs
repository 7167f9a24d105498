//! The output of a program or a relay -> the same without the addresses that may not be logged: those of Bcc, and every recipient that a
//! relay repeats.
#![forbid(unsafe_code)]

/// Replaces an address.
const PLACEHOLDER: &str = "(recipient)";

/// The end of a text that was cut.
const CUT: &str = "...";

/// This many characters of a truncated address are enough to identify it.
const TELLING: usize = 3;

/// `text` without these addresses, in upper or lower case. A bare name counts only as a whole word.
pub fn redact(text: &str, addresses: &[String]) -> String {
    let mut addresses: Vec<String> = addresses.iter().map(|address| address.to_ascii_lowercase()).collect();
    addresses.sort_by_key(|address| std::cmp::Reverse(address.len()));
    addresses.iter().filter(|address| !address.is_empty()).fold(text.to_owned(), |text, address| {
        let folded = text.to_ascii_lowercase(); // same length and offsets as the text
        let whole = folded.match_indices(address).map(|(at, _)| (at, at + address.len()));
        let cut =
            folded.match_indices(CUT).filter_map(|(end, _)| Some((end - cut_address(&folded[..end], address)?, end)));
        let mut found: Vec<_> =
            whole.chain(cut).filter(|&(at, end)| address.contains('@') || is_word(&folded, at, end)).collect();
        found.sort_unstable();
        let (mut clean, mut from) = (String::new(), 0);
        for (at, end) in found {
            if at >= from {
                clean += &text[from..at];
                clean += PLACEHOLDER;
                from = end;
            }
        }
        clean + &text[from..]
    })
}

/// How much of `address`, but not all of it, is at the end of `text`.
fn cut_address(text: &str, address: &str) -> Option<usize> {
    (TELLING..address.len()).rev().find(|&length| address.get(..length).is_some_and(|start| text.ends_with(start)))
}

/// Whether `text[start..end]` is not part of a longer word.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: char| c.is_alphanumeric() || "-_".contains(c);
    !text[..start].ends_with(joins) && !text[end..].starts_with(joins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_repeated_in_any_case_of_letters_nor_in_part() {
        let hidden = ["bob@x.test", "bob@x.test.example", "root", "k\u{fc}che@\u{fc}.test", ""].map(str::to_owned);
        for (text, expected) in [
            ("554 <Bob@X.test> and bob@x.test no", "554 <(recipient)> and (recipient) no"),
            ("to bob@x.test.example: no", "to (recipient): no"),
            ("rcpt=<BOB@X.TEST>,<bob@x.test>", "rcpt=<(recipient)>,<(recipient)>"),
            ("root... User unknown", "(recipient)... User unknown"),
            ("chroot of root@gateway and root-2: root", "chroot of (recipient)@gateway and root-2: (recipient)"),
            ("K\u{fc}che@\u{fc}.test, \u{fc}", "(recipient), \u{fc}"),
            ("cut inside bob@x.te...", "cut inside (recipient)..."),
            ("stderr: for Bob@... (and 9 octets more)", "stderr: for (recipient)... (and 9 octets more)"),
            ("it is b...", "it is b..."),
            ("bobby@x.test", "bobby@x.test"),
            ("alice@x.test is not hidden", "alice@x.test is not hidden"),
            ("", ""),
        ] {
            assert_eq!(redact(text, &hidden), expected);
        }
        assert_eq!(redact("bob@x.test", &[]), "bob@x.test");
    }
}
