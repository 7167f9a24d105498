//! However a session is cut into pieces, questions and replies are the same; and a reply is well-formed for any input.

use crate::recorder::{Recorder, expand, local, network, run, starttls, users};

/// Words of sessions, good and bad, from which sessions are made at random.
const WORDS: &[&[u8]] = &[
    b"{H}",
    b"{E}",
    b"{D}",
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b".",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\r\n",
    b"EHLO me",
    b"MAIL FROM:<a@a.test>",
    b"RCPT TO:<nobody@b.test>",
    b"RCPT TO:<b@b.test> NOTIFY=NEVER",
    b"DATA\r\n",
    b"BDAT 5\r\n",
    b"BDAT 3 LAST\r\n",
    b"BDAT x",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"QUIT",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN dXNlcg==\r\n",
    b"c2VjcmV0\r\n",
    b"*\r\n",
    b"STARTTLS\r\n",
    b"Host: x\r\n",
    b"\0",
    b"\xc3\xbc",
    b"VIRUS",
    b"a line\r\n",
    b"..\r\n",
    b" ",
];

struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n
    }
}

#[test]
fn the_cut_of_the_input_changes_nothing() {
    let (mut random, mut messages) = (Random(7), 0);
    for round in 0..3_000 {
        let mut words = [&b""[..], b"{H}", b"{D}", b"{D}"][random.below(4)].to_vec();
        words.extend((0..random.below(14) + 1).flat_map(|_| WORDS[random.below(WORDS.len())]));
        let input = expand(&words);
        let settings = [network, users, starttls, local][round % 4];
        let whole = run(settings(), &input, <[u8]>::len);
        for longest in [1, 2, 3, 17] {
            let cut = run(settings(), &input, |rest| (random.below(longest) + 1).min(rest.len()));
            assert_eq!(cut.words, whole.words, "{}", input.escape_ascii());
            assert_eq!(cut.replies, whole.replies, "{}", input.escape_ascii());
        }
        check_form(&whole, &input);
        messages += whole.words.iter().filter(|word| word.contains(':')).count();
    }
    assert!(messages > 300, "{messages}");
}

fn check_form(host: &Recorder, input: &[u8]) {
    assert!(host.replies.ends_with("\r\n"));
    for line in host.replies.split_terminator("\r\n") {
        let good = line.len() <= 510
            && line.bytes().all(|octet| matches!(octet, b' '..=b'~'))
            && line.as_bytes()[..3].is_ascii();
        assert!(good, "{line:?} for {}", input.escape_ascii());
    }
}
