//! Forms that can be read in more than one way, or that are too large: each is refused, with the place of the fault.

use super::*;

/// The part of a field, with this header in addition to Content-Disposition.
fn part(name: &str, more: &str, content: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n")
}

const GOOD: &str = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX--\r\n";

#[test]
fn what_readers_would_differ_on_is_refused_and_told_where() {
    assert!(form(MULTIPART, GOOD.as_bytes()).is_ok());
    let disposition = "Content-Disposition: form-data; name=\"a\"";
    let good = part("a", "", "1");
    let rows: &[(String, u64, &str)] = &[
        // The first boundary.
        (String::new(), 0, "does not begin"),
        ("--X".into(), 0, "does not begin"),
        ("a=1&b=2".into(), 0, "does not begin"),
        (GOOD.replace("XX", "YY"), 0, "does not begin"),
        (GOOD.replace("XX", "xx"), 0, "does not begin"),
        (format!("preamble\r\n{GOOD}"), 0, "does not begin"),
        (format!("\r\n\r\n{GOOD}"), 0, "does not begin"),
        (format!("\n{GOOD}"), 0, "does not begin"),
        (format!(" {GOOD}"), 0, "does not begin"),
        (GOOD[2..].into(), 0, "does not begin"),
        ("--XX".into(), 4, "ends before the last"),
        ("--XX\n".into(), 5, "goes on otherwise"),
        ("--XX\r".into(), 5, "goes on otherwise"),
        ("--XXX\r\n\r\n".into(), 7, "goes on otherwise"),
        ("--XX-\r\n".into(), 7, "goes on otherwise"),
        // The following boundaries.
        (good.clone(), 6, "does not end"),
        (format!("{good}--X"), 6, "does not end"),
        (format!("{good}--XX"), 57, "ends before the last"),
        (format!("{good}--XX-"), 58, "goes on otherwise"),
        (format!("{good}--XX --"), 60, "goes on otherwise"),
        (format!("{good}--XX--XX\r\n"), 63, "goes on otherwise"),
        (format!("{good}--XX2\r\n{disposition}\r\n\r\n2\r\n--XX--"), 60, "goes on otherwise"),
        (GOOD.replace("\r\n--XX--", "\n--XX--"), 6, "does not end"),
        (GOOD.replace("\r\n--XX--", "\r--XX--"), 6, "does not end"),
        (GOOD.replace("\r\n--XX--", "\r\n --XX--"), 6, "does not end"),
        (GOOD.replace("\r\n", "\n"), 5, "goes on otherwise"),
        (format!("{GOOD}epilogue"), 69, "behind the last boundary"),
        (format!("{GOOD}{GOOD}"), 67, "behind the last boundary"),
        // The header of a part.
        ("--XX\r\n".into(), 6, "does not end in CR LF"),
        (format!("--XX\r\n{disposition}"), 6, "does not end in CR LF"),
        (format!("--XX\r\n{disposition}\n\r\n1\r\n--XX--"), 6, "does not end in CR LF"),
        (format!("--XX\r\n{disposition}\r\n\n1\r\n--XX--"), 48, "does not end in CR LF"),
        ("--XX\r\n\r\n1\r\n--XX--".into(), 8, "no Content-Disposition"),
        ("--XX\r\nContent-Type: text/plain\r\n\r\n1\r\n--XX--".into(), 34, "no Content-Disposition"),
        (format!("--XX\r\n{disposition}\r\n{disposition}\r\n\r\n1\r\n--XX--"), 48, "twice"),
        (format!("--XX\r\n{disposition}\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n\r\n1\r\n--XX--"), 67, "twice"),
        (format!("--XX\r\n{disposition}\r\n ; filename=x\r\n\r\n1\r\n--XX--"), 48, "no :"),
        (format!("--XX\r\n{disposition}\r\n x: y\r\n\r\n1\r\n--XX--"), 48, "begin with a name"),
        (format!("--XX\r\n{disposition}\r\nX : y\r\n\r\n1\r\n--XX--"), 48, "begin with a name"),
        (format!("--XX\r\n{disposition}\r\n: y\r\n\r\n1\r\n--XX--"), 48, "begin with a name"),
        (format!("--XX\r\n{disposition}\r\nX: \0\r\n\r\n1\r\n--XX--"), 48, "NUL or CR"),
        (format!("--XX\r\n{disposition}\r\nX: \rY: z\r\n\r\n1\r\n--XX--"), 48, "NUL or CR"),
        (format!("--XX\r\n{disposition}\r\nX: {}\r\n\r\n1\r\n--XX--", "y".repeat(9000)), 48, "8 KiB"),
        (format!("--XX\r\n{disposition}\r\n{}\r\n1\r\n--XX--", "X: y\r\n".repeat(2000)), 8196, "8 KiB"),
        (
            format!("--XX\r\n{disposition}\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--XX--"),
            48,
            "not for forms",
        ),
        // Content-Disposition.
        (GOOD.replace("form-data", "attachment"), 6, "not form-data"),
        (GOOD.replace("form-data", ""), 6, "not form-data"),
        (GOOD.replace("form-data; name=\"a\"", "form-data"), 6, "no name"),
        (GOOD.replace("name=\"a\"", "filename=\"a\""), 6, "no name"),
        (GOOD.replace("name=\"a\"", "name"), 6, "no ="),
        (GOOD.replace("name=\"a\"", "name=\"a"), 6, "does not end"),
        (GOOD.replace("name=\"a\"", "name=\"a\\\""), 6, "does not end"),
        (GOOD.replace("name=\"a\"", "name=\"a\" b"), 6, "go on with ;"),
        (GOOD.replace("name=\"a\"", "name=\"a\"\"b\""), 6, "go on with ;"),
        (GOOD.replace("name=\"a\"", "name=a; name=b"), 6, "twice"),
        (GOOD.replace("name=\"a\"", "name=a; filename=b; FILENAME=c"), 6, "twice"),
        (GOOD.replace("name=\"a\"", "name=a; filename*=latin-1''b"), 6, "utf-8''name"),
        (GOOD.replace("name=\"a\"", "name=a; filename*=b"), 6, "utf-8''name"),
        (GOOD.replace("name=\"a\"", "name=\"\""), 6, "no name"),
        (GOOD.replace("name=\"a\"", &format!("name=\"{}\"", "n".repeat(201))), 6, "200 octets"),
        (GOOD.replace("name=\"a\"", "name=\"a\"\r\nContent-Type: multipart/mixed; boundary=YY"), 6, "holds parts"),
        (GOOD.replace("name=\"a\"", "name=\"a\"\r\nContent-Type: multipart/mixed"), 6, "holds parts"),
        (format!("{}--XX--", good.repeat(1001)), 6 + 1000 * 53, "more than 1000"),
    ];
    assert!(rows.len() > 55, "{}", rows.len());
    for (body, at, what) in rows {
        let body_shown = body.get(..200).unwrap_or(body);
        match form(MULTIPART, body.as_bytes()) {
            Err(FormError::Malformed { at: found, what: said }) => {
                assert!(said.contains(what), "{body_shown:?}: {said}");
                assert_eq!(found, *at, "{body_shown:?}: {said}");
            }
            other => panic!("{body_shown:?}: {other:?}"),
        }
    }
}

#[test]
fn a_form_beyond_the_limits_is_refused_before_it_fills_memory() {
    let (most, name) = ("x".repeat(MAX_TEXT - 1), "n".repeat(200));
    assert!(form(URLENCODED, format!("a={most}").as_bytes()).is_ok());
    assert!(form(URLENCODED, format!("{name}=1").as_bytes()).is_ok());
    assert!(form(URLENCODED, "a=1&".repeat(1000).as_bytes()).is_ok());
    assert!(form(MULTIPART, format!("{}--XX--", part("a", "", &most)).as_bytes()).is_ok());
    assert!(
        form(MULTIPART, format!("{}--XX--", part("a", "; filename=x", &most.repeat(2))).as_bytes()).is_ok(),
        "a file"
    );
    let too_much = Err(FormError::TooMuchText);
    for (kind, body) in [
        (URLENCODED, format!("a={most}x")),
        (URLENCODED, format!("a={most}&b=1")),
        (URLENCODED, format!("a={}", "%".repeat(3 * MAX_TEXT))),
        (MULTIPART, format!("{}--XX--", part("a", "", &format!("{most}x")))),
        (MULTIPART, format!("{}{}--XX--", part("a", "", &most), part("b", "; filename=x", "1"))),
    ] {
        assert_eq!(form(kind, body.as_bytes()).map(|form| form.fields.len()), too_much, "{}", &body[..20]);
    }
    for (body, at, what) in [
        ("=1".to_owned(), 0, "no name"),
        ("a=1&=2".to_owned(), 4, "no name"),
        (format!("a=1&{name}n=1"), 4, "200 octets"),
        ("a=1&".repeat(1001), 4000, "more than 1000"),
    ] {
        match form(URLENCODED, body.as_bytes()) {
            Err(FormError::Malformed { at: found, what: said }) => {
                assert!(found == at && said.contains(what), "{found} {said}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn fields_that_are_wrong_are_named_with_what_to_do() {
    let wrong = |body: &str, trap: &[&str], require: &[&str]| {
        let form = form(URLENCODED, body.as_bytes()).unwrap();
        letter(&form, trap, require).map(|letter| letter.trapped).map_err(|error| error.to_string())
    };
    assert_eq!(wrong("email=a@b.example&text=x", &[], &["email", "text"]), Ok(false));
    for (body, trap, require, expected) in [
        ("email=a@b.example&text=+", &[][..], &["text"][..], "text: fill this in"),
        ("email=a@b.example", &[], &["text", "name"], "text: fill this in; name: fill this in"),
        ("email=a", &[], &[], "email: write one address, like name@example.org"),
        ("email=a@b.example,c@d.example", &[], &[], "email: write one address, like name@example.org"),
        ("email=a@b.example%0d%0aBcc:c@d.example", &[], &[], "email: write one address, like name@example.org"),
        ("email=a@b.example&email=c@d.example", &[], &[], "email: write one address, like name@example.org"),
        ("_replyto=x", &[], &[], "the form is empty; fill something in"),
        ("a=1&_replyto=x", &[], &[], "_replyto: write one address, like name@example.org"),
        ("a=1&_gotcha=1", &[], &[], "_gotcha: leave this empty"),
        ("a=1&hp=1", &["hp"], &[], "hp: leave this empty"),
        ("hp=1", &["hp"], &[], "the form is empty; fill something in"),
        ("", &[], &[], "the form is empty; fill something in"),
        ("a=&b=++&c=%0d%0a&_d=1", &[], &[], "the form is empty; fill something in"),
    ] {
        assert_eq!(wrong(body, trap, require).unwrap_err(), expected, "{body}");
    }
    assert_eq!(wrong("a=1&hp=1", &["hp", "tag"], &[]), Ok(true));
    assert_eq!(wrong("email=junk&hp=1", &["hp", "drop"], &["text"]), Ok(true), "a robot learns nothing");
}

#[test]
fn a_file_of_a_type_that_is_not_taken_is_named() {
    let file = |header: &str| format!("{}--XX--", part("a", &format!("; filename=\"../b.exe\"{header}"), "1"));
    for (header, expected) in [
        ("\r\nContent-Type: image/png", None),
        ("\r\nContent-Type: application/x-msdownload", Some("\"b.exe\" is of the type application/x-msdownload")),
        ("", Some("\"b.exe\" is of the type application/octet-stream")),
        ("\r\nContent-Type: image", Some("application/octet-stream")),
        ("\r\nContent-Type: multipart/related; boundary=image/png", Some("application/octet-stream")),
    ] {
        let form = form(MULTIPART, file(header).as_bytes()).unwrap();
        let error = letter(&form, &[], &[]).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), expected.is_some(), "{header}: {error:?}");
        assert!(error.unwrap_or_default().contains(expected.unwrap_or_default()));
    }
}

#[test]
fn a_form_must_hold_its_proof_once_and_the_proof_is_no_text() {
    use super::super::challenge::Challenger;
    use base64::Engine;
    const NOW: u64 = 1_764_000_000;
    let challenger = Challenger { secret: b"0123456789abcdef", difficulty: 0 };
    let mut solution = challenger.challenge(NOW).unwrap();
    solution["number"] = 0.into();
    let solution = base64::engine::general_purpose::STANDARD.encode(solution.to_string()).replace('+', "%2B");
    let (files, roles, trap) = (FileTypes::default(), Roles::default(), Trap::default());
    let read = |body: &str, challenger, now| {
        let form = form(URLENCODED, body.as_bytes()).unwrap();
        let rules = FormRules {
            challenger: Some((challenger, now)),
            files: &files,
            require: &["email".to_owned()],
            roles: &roles,
            subject_is_set: false,
            trap: &trap,
        };
        Letter::read(&form, &rules).map(|letter| (letter.text, letter.solved)).map_err(|error| error.to_string())
    };
    let good = format!("email=a@b.example&text=x&altcha={solution}");
    let (text, solved) = read(&good, challenger, NOW).unwrap();
    assert!(text == "text: x\n" && solved.is_some(), "{text}");
    let other = Challenger { secret: b"another secret!!", difficulty: 0 };
    let refused = "altcha: solve a new challenge";
    for (body, challenger, now, expected) in [
        ("email=a@b.example&text=x", challenger, NOW, refused),
        ("email=a@b.example&text=x&altcha=", challenger, NOW, refused),
        ("email=a@b.example&text=x&altcha=x", challenger, NOW, refused),
        (&format!("{good}&altcha={solution}"), challenger, NOW, refused),
        (&good, other, NOW, refused),
        (&good, challenger, NOW + 3600, refused),
        (&format!("altcha={solution}"), challenger, NOW, "the form is empty; fill something in"),
        ("text=x", challenger, NOW, "email: fill this in; altcha: solve a new challenge"),
    ] {
        assert_eq!(read(body, challenger, now).unwrap_err(), expected, "{body}");
    }
}
