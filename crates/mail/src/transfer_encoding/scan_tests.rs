//! The facts of a body do not depend on the pieces it comes in.
#![forbid(unsafe_code)]

use super::*;

fn facts(octets: &[u8]) -> Facts {
    let facts = octet_by_octet(octets, true);
    for size in [octets.len().max(1), 1, 2, 3, 7] {
        assert_eq!(in_pieces(octets, true, || size), facts, "in pieces of {size}: {}", octets.escape_ascii());
    }
    facts
}

fn in_pieces(mut octets: &[u8], declared: bool, mut size: impl FnMut() -> usize) -> Facts {
    let mut scan = Scan::new(declared, Markup::None);
    while !octets.is_empty() {
        let (piece, rest) = octets.split_at(size().min(octets.len()));
        scan.update(piece);
        octets = rest;
    }
    scan.facts()
}

/// The state machines alone, without the fast paths.
fn octet_by_octet(octets: &[u8], declared: bool) -> Facts {
    let mut scan = Scan::new(declared, Markup::None);
    for &b in octets {
        scan.lines.octet(b);
        scan.lines.nul |= b == 0;
        scan.lines.eight_bit += u64::from(b > 127);
        scan.quoted.octet(b);
        scan.base64.octet(b);
        scan.utf8.update(&[b]);
    }
    scan.facts()
}

#[test]
fn what_is_fast_says_what_is_slow() {
    const WORDS: &[&[u8]] = &[
        b"The quick brown fox ",
        b"From ",
        b"\nFrom ",
        b"\n.\n",
        b"Fro",
        b"m ",
        b".",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"=",
        b"=3D",
        b"=\n",
        b"QUJD",
        b"QQ==",
        b"\xc3\xbc",
        b"\xc3",
        b"\xff",
        b"\x7f",
        b"\0",
        &[b'a'; 74],
        &[b'b'; 76],
        &[b'/'; 985],
        &[b'c'; 990],
    ];
    let mut state = 1_u64;
    let mut throw = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    let mut plain = 0;
    for round in 0..40_000 {
        let kinds = 1 + throw(WORDS.len()); // not every body has every trouble
        let body: Vec<u8> =
            (0..throw(24)).flat_map(|_| WORDS[(throw(kinds) * 7 + round) % WORDS.len()]).copied().collect();
        plain += usize::from(is_plain(&body));
        let largest = [3, 20, 300, 3_000][throw(4)];
        let declared = round % 10 == 0;
        let fast = in_pieces(&body, declared, || 1 + throw(largest));
        assert_eq!(fast, octet_by_octet(&body, declared), "pieces up to {largest}: {}", body.escape_ascii());
    }
    assert!((5_000..35_000).contains(&plain), "{plain}");
}

#[test]
fn lines() {
    let long = |n: usize, end: &[u8]| [b"a\n", &vec![b'x'; n][..], end].concat();
    for (octets, has_long_line) in [
        (long(990, b""), false),
        (long(990, b"\n"), false),
        (long(990, b"\r\n"), false),
        (long(990, b"\na\n"), false),
        (long(991, b""), true),
        (long(991, b"\n"), true),
        (long(990, b"\r"), true),
        (long(989, b"\rx\n"), true),
        (long(989, b"\r\n").repeat(3), false),
        ([long(990, b"\n").repeat(3), long(991, b"\n"), long(990, b"\n").repeat(3)].concat(), true),
        (long(600, b"\n").repeat(9), false),
    ] {
        assert_eq!(facts(&octets).has_long_line, has_long_line, "{}", octets.escape_ascii());
        assert_eq!(in_pieces(&octets, false, || 5_000).has_long_line, has_long_line, "{}", octets.escape_ascii());
    }
    for (octets, lone_dot, from_line, bare_cr, has_crlf) in [
        (&b""[..], false, false, false, false),
        (b"ab\nabc\r\na", false, false, false, true),
        (b".", true, false, false, false),
        (b"a\n.\r\nb", true, false, false, true),
        (b"a\n.\rb\n", false, false, true, false),
        (b"..\n. \n a.\n", false, false, false, false),
        (b"From me", false, true, false, false),
        (b"a\nFrom \n", false, true, false, false),
        (b"a From b\nFrom\nfrom x\n", false, false, false, false),
        (b"F\rrom \n", false, false, true, false),
        (b"ab\r", false, false, true, false),
        (b".\r", true, false, true, false),
        (b"\r\r\n", false, false, true, true),
        (b"x\rFrom y\n", false, false, true, false),
    ] {
        let f = facts(octets);
        let got = (f.lone_dot, f.from_line, f.bare_cr, f.has_crlf);
        assert_eq!(got, (lone_dot, from_line, bare_cr, has_crlf), "{}", octets.escape_ascii());
    }
    assert!(facts(b"a\n").ends_with_newline && !facts(b"a").ends_with_newline && facts(b"\0").nul);
}

#[test]
fn utf_8_in_pieces() {
    for (octets, valid) in [
        ("gr\u{fc}n \u{20ac} \u{1f600}".as_bytes(), true),
        (b"", true),
        (b"\xc3", false),
        (b"\xc3\xc3\xbc", false),
        (b"a\xff", false),
        (b"\xed\xa0\x80", false),
        (b"\xf0\x9f\x98", false),
        ("caf\u{e9}s in K\u{f6}ln \u{e9}".as_bytes().split_last().map_or(b"", |(_, cut)| cut), true),
        ("\u{20ac}\u{20ac}".as_bytes().split_last().map_or(b"", |(_, cut)| cut), true),
        (b"un caf\xe9", false),
        (b"\xc3\xa9\xc3 a", false),
    ] {
        assert_eq!(facts(octets).valid_utf8, valid, "{octets:x?}");
    }
    assert_eq!(facts("\u{20ac}a".as_bytes()).eight_bit, 3);
}

#[test]
fn what_bears_out_base64() {
    for (octets, is) in [
        (&b""[..], true),
        (b"QUJD", true),
        (b"QU\r\nJD \n", true),
        (b"QQ==\n", true),
        (b"QUI=", true),
        (b"QUI", false),
        (b"QQ=", false),
        (b"QQ===", false),
        (b"QR==", false),
        (b"QQ==QUJD", false),
        (b"QU_-", false),
        (b"A===", false),
        (b"====", false),
        (b"hello", false),
    ] {
        assert_eq!(facts(octets).is_base64, is, "{:?}", octets.escape_ascii().to_string());
    }
}

#[test]
fn what_bears_out_quoted_printable() {
    let long = [b'a'; 2000];
    for (octets, is) in [
        (&b""[..], true),
        (b"plain\r\ntext\n", true),
        (b"=C3=bc=\nsoft= \t\r\nend", true),
        (b"a=3D", true),
        (b"a=3", false),
        (b"a=", false),
        (b"a=\r", false),
        (b"a=G0", false),
        (b"a= b\n", false),
        (b"bare\rCR", false),
        (b"\xc3\xbc", false),
        (b"\0", false),
        (&long, true),
    ] {
        assert_eq!(facts(octets).is_quoted_printable, is, "{:?}", octets.escape_ascii().to_string());
    }
}
