//! What is found in bodies, whatever the pieces they come in.
#![forbid(unsafe_code)]

use super::*;

fn facts(octets: &[u8]) -> Facts {
    let mut scan = Scan::new(true, Markup::None);
    scan.update(octets);
    let whole = scan.facts();
    for size in [1, 2, 3, 7] {
        let mut scan = Scan::new(true, Markup::None);
        octets.chunks(size).for_each(|piece| scan.update(piece));
        assert_eq!(scan.facts(), whole, "in pieces of {size}: {:?}", octets.escape_ascii().to_string());
    }
    assert_eq!(octet_by_octet(octets), whole, "{:?}", octets.escape_ascii().to_string());
    whole
}

/// The machines alone, without what makes them fast.
fn octet_by_octet(octets: &[u8]) -> Facts {
    let mut scan = Scan::new(true, Markup::None);
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
    ];
    let mut state = 1_u64;
    let mut throw = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    for round in 0..1_500 {
        let kinds = 1 + throw(WORDS.len()); // not every body has every trouble
        let body: Vec<u8> =
            (0..throw(24)).flat_map(|_| WORDS[(throw(kinds) * 7 + round) % WORDS.len()]).copied().collect();
        facts(&body);
    }
}

#[test]
fn lines() {
    for (octets, longest, lone_dot, from_line, bare_cr, has_crlf) in [
        (&b""[..], 0, false, false, false, false),
        (b"ab\nabc\r\na", 3, false, false, false, true),
        (b".", 1, true, false, false, false),
        (b"a\n.\r\nb", 1, true, false, false, true),
        (b"a\n.\rb\n", 3, false, false, true, false),
        (b"..\n. \n a.\n", 3, false, false, false, false),
        (b"From me", 7, false, true, false, false),
        (b"a\nFrom \n", 5, false, true, false, false),
        (b"a From b\nFrom\nfrom x\n", 8, false, false, false, false),
        (b"F\rrom \n", 6, false, false, true, false),
        (b"ab\r", 3, false, false, true, false),
        (b".\r", 2, true, false, true, false),
        (b"\r\r\n", 1, false, false, true, true),
        (b"x\rFrom y\n", 8, false, false, true, false),
    ] {
        let f = facts(octets);
        let got = (f.longest_line, f.lone_dot, f.from_line, f.bare_cr, f.has_crlf);
        assert_eq!(got, (longest, lone_dot, from_line, bare_cr, has_crlf), "{:?}", octets.escape_ascii().to_string());
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
