//! Any body is restored as it was sent, whatever it holds and in whatever pieces it comes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::*;

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    /// Bodies with many kinds of trouble.
    fn body(&mut self) -> Vec<u8> {
        const WORDS: &[&[u8]] = &[
            b".",
            b"\n",
            b"\r\n",
            b"\r",
            b"From ",
            b"From",
            b" ",
            b"\t",
            b"=",
            b"=3D",
            b"=\n",
            b"a",
            b"word",
            b"\n.\n",
            b"\r\n.\r\n",
            b"\nFrom x",
            "gr\u{fc}n".as_bytes(),
            b"\xff",
            b"\0",
            b"\x7f",
            b"F",
            b"..",
            b"\n\n",
            b"--",
            b" \n",
            b"\t\r\n",
        ];
        let harmless = self.throw(3) == 0;
        let mut body = Vec::new();
        for _ in 0..self.throw(60) {
            match self.throw(12) {
                0 => body.extend(vec![b'x'; self.throw(80)]),
                1 if self.throw(6) == 0 => body.extend(vec![b'y'; 900 + self.throw(200)]),
                2 => body.extend(vec![b' '; self.throw(90)]),
                _ if harmless => body.extend_from_slice(b"plain words "),
                _ => body.extend_from_slice(WORDS[self.throw(WORDS.len())]),
            }
        }
        body
    }
}

fn scan(body: &[u8]) -> Facts {
    let mut scan = Scan::new(true, Markup::None);
    scan.update(body);
    scan.facts()
}

fn plan(kind: BodyKind, declared: Option<&str>, body: &[u8]) -> Result<Plan, BodyError> {
    super::plan(kind, declared, &scan(body), || Ok(Lengths::of(body).unwrap()))
}

/// Reads in pieces of 1 to 9 octets, chosen by the dice.
struct Pieces<'a>(&'a [u8], &'a mut Dice);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = (1 + self.1.throw(9)).min(self.0.len()).min(into.len());
        into[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn written(plan: &Plan, body: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    encode(plan, body, &mut whole).unwrap();
    encode(plan, std::io::BufReader::new(Pieces(body, dice)), &mut pieces).unwrap();
    assert_eq!(whole, pieces, "{}", body.escape_ascii());
    assert!(whole.is_empty() || whole.ends_with(b"\n"));
    whole
}

fn read_back(encoding: Encoding, written: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Base64 => {
            STANDARD.decode(written.iter().copied().filter(|b| *b != b'\n').collect::<Vec<_>>()).unwrap()
        }
        Encoding::QuotedPrintable => quoted_printable_decode(written).unwrap(),
        Encoding::SevenBit | Encoding::EightBit => written.to_vec(),
    }
}

/// CRLF as LF, and a line end at the end: the changes allowed to text.
fn lines(body: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (i, &b) in body.iter().enumerate() {
        if b != b'\r' || body.get(i + 1) != Some(&b'\n') {
            lines.push(b);
        }
    }
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    lines
}

/// Every line end as CRLF.
fn crlf(body: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (i, &b) in body.iter().enumerate() {
        if b == b'\n' && i.checked_sub(1).is_none_or(|before| body[before] != b'\r') {
            lines.push(b'\r');
        }
        lines.push(b);
    }
    lines
}

fn assert_carriable(written: &[u8], encoding: Encoding, context: &[u8]) {
    let limit = if matches!(encoding, Encoding::SevenBit | Encoding::EightBit) { MAX_LINE } else { ENCODED_LINE };
    for line in written.split(|&b| b == b'\n') {
        assert!(line.len() <= limit && line != b".", "{}", context.escape_ascii());
        assert!(encoding == Encoding::EightBit || !line.starts_with(b"From ") || encoding == Encoding::SevenBit);
    }
    assert!(!written.contains(&0) && !written.contains(&b'\r'), "{}", context.escape_ascii());
    assert!(encoding == Encoding::EightBit || written.is_ascii());
}

#[test]
fn any_text_comes_back() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut seen = [0; 3];
    for _ in 0..6_000 {
        let body = dice.body();
        let facts = scan(&body);
        let plan = plan(BodyKind::Text, None, &body).unwrap();
        let out = written(&plan, &body, &mut dice);
        assert_carriable(&out, plan.encoding, &body);
        let (back, lengths) = (read_back(plan.encoding, &out), Lengths::of(&body[..]).unwrap());
        match plan.encoding {
            Encoding::Base64 if facts.nul => assert_eq!(back, body, "no text, whatever it is called"),
            Encoding::Base64 => assert_eq!(back, crlf(&body)),
            _ => assert_eq!(back, lines(&body), "{} as {}", body.escape_ascii(), out.escape_ascii()),
        }
        match plan.encoding {
            Encoding::SevenBit => assert!(!out.starts_with(b"From ") && !out.windows(6).any(|w| w == b"\nFrom ")),
            Encoding::Base64 => assert!(facts.nul || lengths.base64 < lengths.quoted_printable),
            _ => assert!(!facts.nul && lengths.quoted_printable <= lengths.base64),
        }
        seen[match plan.encoding {
            Encoding::SevenBit => 0,
            Encoding::QuotedPrintable => 1,
            _ => 2,
        }] += 1;
    }
    assert!(seen.iter().all(|&n| n > 300), "{seen:?}");
}

#[test]
fn the_lengths_that_were_foretold_are_those_that_come() {
    let mut dice = Dice(42);
    for _ in 0..3_000 {
        let body = dice.body();
        let quoted = Plan { encoding: Encoding::QuotedPrintable, source: Source::Octets };
        let out = written(&quoted, &body, &mut dice);
        let foretold = Lengths::of(std::io::BufReader::new(Pieces(&body, &mut dice))).unwrap();
        assert_eq!(out.len() as u64, foretold.quoted_printable, "{}", body.escape_ascii());
        assert_carriable(&out, Encoding::QuotedPrintable, &body);
        assert!(!out.split(|&b| b == b'\n').any(|line| line.starts_with(b"From ") || line.starts_with(b"--")));
        assert!(!out.windows(2).any(|w| w == b" \n" || w == b"\t\n"), "{}", out.escape_ascii());
        assert!(scan(&out).is_quoted_printable && !scan(&out).lone_dot);
        let base64 = written(&Plan { encoding: Encoding::Base64, source: Source::Octets }, &body, &mut dice);
        let text = written(&Plan { encoding: Encoding::Base64, source: Source::Text }, &body, &mut dice);
        assert_eq!(text.len() as u64, foretold.base64);
        assert_eq!(read_back(Encoding::Base64, &text), crlf(&body));
        assert!(scan(&base64).is_base64);
    }
}

#[test]
fn a_length_that_decides_nothing_is_not_counted() {
    let asked = |kind, declared, body: &[u8]| {
        let mut asked = false;
        let lengths = || {
            asked = true;
            Ok::<_, BodyError>(Lengths { base64: 0, quoted_printable: 0 })
        };
        super::plan(kind, declared, &scan(body), lengths).unwrap();
        asked
    };
    assert!(asked(BodyKind::Text, None, "\u{fc}\n".as_bytes()));
    assert!(asked(BodyKind::Text, Some("8bit"), &[b'x'; 991]));
    for (kind, declared, body) in [
        (BodyKind::Text, None, &b"plain\n"[..]),
        (BodyKind::Text, None, b"\0\xfc"),
        (BodyKind::Text, Some("base64"), b"QUJD"),
        (BodyKind::Other, None, b"\xfc"),
        (BodyKind::Composite, None, b"\xfc"),
    ] {
        assert!(!asked(kind, declared, body), "{kind:?} {declared:?} {}", body.escape_ascii());
    }
}

#[test]
fn other_types_come_back_to_the_octet() {
    let mut dice = Dice(7);
    for _ in 0..1_000 {
        let body = dice.body();
        let plan = plan(BodyKind::Other, None, &body).unwrap();
        assert_eq!(plan.transfer_encoding(), Some("base64"));
        assert_eq!(read_back(plan.encoding, &written(&plan, &body, &mut dice)), body);
    }
}

#[test]
fn composites_pass_or_are_opened() {
    let mut dice = Dice(8);
    let mut opened = 0;
    for _ in 0..2_000 {
        let body = dice.body();
        let plan = plan(BodyKind::Composite, None, &body).unwrap();
        if plan.opens_parts() {
            opened += 1;
            continue;
        }
        let out = written(&plan, &body, &mut dice);
        assert_eq!(out, lines(&body));
        assert_carriable(&out, plan.encoding, &body);
    }
    assert!((100..1_900).contains(&opened));
    let clean = |body: &[u8]| {
        let plan = plan(BodyKind::Composite, None, body).unwrap();
        if plan.opens_parts() { Err(()) } else { Ok(plan.transfer_encoding()) }
    };
    assert_eq!(clean(b"--b\r\n\r\nx\r\n--b--\r\n"), Ok(None));
    assert_eq!(clean(b"--b\n\n\xfc\n--b--\n"), Ok(Some("8bit")));
    assert_eq!(clean(&[b'x'; 990]), Ok(None));
    for body in [&b"a\0"[..], b"a\rb", b"a\n.\n", &[b'x'; 991]] {
        assert_eq!(clean(body), Err(()), "{}", body.escape_ascii());
    }
}

#[test]
fn what_a_client_has_encoded_itself_passes_and_means_the_same() {
    let mut dice = Dice(9);
    for _ in 0..2_000 {
        let body = dice.body();
        let mut base64 = STANDARD.encode(&body);
        for _ in 0..dice.throw(5) {
            base64.insert_str(dice.throw(base64.len() + 1), ["\r\n", " ", "\n"][dice.throw(3)]);
        }
        let plan_of = |declared, body: &[u8]| plan(BodyKind::Other, Some(declared), body).unwrap();
        let plan = plan_of("BASE64", base64.as_bytes());
        let out = written(&plan, base64.as_bytes(), &mut dice);
        assert_carriable(&out, Encoding::Base64, base64.as_bytes());
        assert_eq!(read_back(Encoding::Base64, &out), body);

        let quoted = written(&Plan { encoding: Encoding::QuotedPrintable, source: Source::Octets }, &body, &mut dice);
        let quoted = String::from_utf8(quoted).unwrap().replace("=2E\n", ".\n").replace("=46rom", "From");
        for quoted in [quoted.clone(), quoted.replace('\n', "\r\n"), small(&quoted), quoted.replace("=\n", "")] {
            let plan = plan_of(" quoted-Printable", quoted.as_bytes());
            let out = written(&plan, quoted.as_bytes(), &mut dice);
            assert_carriable(&out, Encoding::QuotedPrintable, quoted.as_bytes());
            assert!(!out.split(|&b| b == b'\n').any(|line| line.starts_with(b"From ") || line.starts_with(b"--")));
            assert!(!out.windows(2).any(|two| two[0] == b'=' && two[1].is_ascii_lowercase()), "{}", out.escape_ascii());
            let meant = quoted_printable_decode(quoted.replace("\r\n", "\n").as_bytes()).unwrap();
            assert_eq!(read_back(Encoding::QuotedPrintable, &out), meant);
        }
    }
}

/// Hexadecimal digits in lower case.
fn small(quoted: &str) -> String {
    let mut pieces = quoted.split('=');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (digits, rest) = piece.split_at(if piece.starts_with('\n') { 0 } else { 2 });
        format!("{text}={}{rest}", digits.to_ascii_lowercase())
    })
}

#[test]
fn quoted_printable_of_a_client_is_written_anew() {
    for (sent, expected) in [
        ("a=c3=bc\n", "a=C3=BC\n"),
        ("soft= \t\r\nbreak  \nend\t", "softbreak\nend\n"),
        (".\r\nFrom me\n--b\n", "=2E\n=46rom me\n=2D-b\n"),
        ("a=0D=0Ab", "a=0D=0Ab\n"),
        ("a=20\n", "a=20\n"),
        ("", ""),
        ("a=\n", "a\n"),
        ("a =\n\nb\t= \n", "a=20\nb=09\n"),
    ] {
        let plan = plan(BodyKind::Text, Some("quoted-printable"), sent.as_bytes()).unwrap();
        let out = written(&plan, sent.as_bytes(), &mut Dice(1));
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{sent:?}");
    }
    let broken = Plan { encoding: Encoding::QuotedPrintable, source: Source::Encoded };
    for (sent, expected) in
        [("a=b= c=\r=4", "a=3Db=3D c=3D=0D=3D4\n"), ("a=zz=\tb\r", "a=3Dzz=3D\tb=0D\n"), ("\u{fc}\0", "=C3=BC=00\n")]
    {
        assert_eq!(String::from_utf8(written(&broken, sent.as_bytes(), &mut Dice(1))).unwrap(), expected, "{sent:?}");
    }
}

#[test]
fn declarations_that_do_not_hold_are_refused_and_idle_ones_ignored() {
    for (kind, declared, body, expected) in [
        (BodyKind::Text, "base64", &b"no base64!"[..], Err(BodyError::NotAsDeclared("base64"))),
        (BodyKind::Text, "base64", b"QUJD", Ok(Some("base64"))),
        (BodyKind::Text, "quoted-printable", b"100 %=", Err(BodyError::NotAsDeclared("quoted-printable"))),
        (BodyKind::Other, "quoted-printable", b"=00", Ok(Some("quoted-printable"))),
        (BodyKind::Composite, "base64", b"QUJD", Err(BodyError::OnComposite("base64"))),
        (BodyKind::Composite, "Quoted-Printable", b"a", Err(BodyError::OnComposite("quoted-printable"))),
        (BodyKind::Composite, "8bit", b"a", Ok(None)),
        (BodyKind::Text, "7bit", b"a\n", Ok(None)),
        (BodyKind::Text, "7bit", b"\xfc", Err(BodyError::EightBitDeclared7bit)),
        (BodyKind::Text, "8BIT", b"a", Ok(None)),
        (BodyKind::Text, "binary", b"caf\xc3\xa9 au lait, s'il vous plait\n", Ok(Some("quoted-printable"))),
        (BodyKind::Text, "", b"a", Ok(None)),
        (BodyKind::Text, "x-uuencode", b"a", Err(BodyError::UnknownEncoding)),
        (BodyKind::Text, "gzip", b"a", Err(BodyError::UnknownEncoding)),
    ] {
        let got = plan(kind, Some(declared), body).map(|plan| plan.transfer_encoding());
        assert_eq!(got, expected, "{kind:?} {declared}");
    }
    assert!(BodyError::OnComposite("base64").to_string().ends_with("encode the parts"));
}

#[test]
fn what_makes_text_need_an_encoding() {
    let line = |n| [vec![b'x'; n], b"\n".to_vec()].concat();
    for (body, expected) in [
        (b"".to_vec(), None),
        (b"a\r\nb\n".to_vec(), None),
        (line(990), None),
        (line(991), Some("quoted-printable")),
        (b"some words and\n.\n".to_vec(), Some("quoted-printable")),
        (b"some words and\nFrom me\n".to_vec(), Some("quoted-printable")),
        (b"some words and a\rbare CR\n".to_vec(), Some("quoted-printable")),
        (b"mostly text\0but a NUL".to_vec(), Some("base64")),
        ("\u{4f60}\u{597d}\u{4e16}\u{754c}".repeat(9).into_bytes(), Some("base64")),
    ] {
        let plan = plan(BodyKind::Text, None, &body).unwrap();
        assert_eq!(plan.transfer_encoding(), expected, "{}", body.escape_ascii());
    }
    let mut out = Vec::new();
    let body = b"From me\r\n.\n. \nFrom\r\ntab\t\nbare\rCR \xfc=";
    encode(&plan(BodyKind::Text, None, body).unwrap(), &body[..], &mut out).unwrap();
    assert_eq!(out.escape_ascii().to_string(), "=46rom me\\n=2E\\n.=20\\nFrom\\ntab=09\\nbare=0DCR =FC=3D\\n");
}
