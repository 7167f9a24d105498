//! Forms as browsers and programs send them.

use super::*;

fn pairs(kind: &str, body: &[u8]) -> Vec<(String, String)> {
    let form = form(kind, body).unwrap_or_else(|error| panic!("{}: {error}", body.escape_ascii()));
    shown(&form, body)
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn urlencoded_reads_as_browsers_write_it() {
    for (body, expected) in [
        (&b""[..], &[][..]),
        (b"a=1", &[("a", "1")]),
        (b"a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
        (b"&&a=1&&", &[("a", "1")]),
        (b"a", &[("a", "")]),
        (b"a=", &[("a", "")]),
        (b"a=b=c", &[("a", "b=c")]),
        (b"a+b=1+2%2B3", &[("a b", "1 2+3")]),
        (b"a=%C3%BC%20\xc3\xbc", &[("a", "\u{fc} \u{fc}")]),
        (b"a=%FC%80", &[("a", "\u{fc}\u{20ac}")]),
        (b"a=%&b=%4&c=%zz&d=%%41", &[("a", "%"), ("b", "%4"), ("c", "%zz"), ("d", "%A")]),
        (b"a=%2541", &[("a", "%41")]),
        (b"a=1%0D%0A2%0D3%0A4", &[("a", "1\n2\n3\n4")]),
        (b"a=%00%1b%E2%80%A8%C2%85%09", &[("a", "\u{fffd}\u{fffd}\n\n\t")]),
        (b"_charset_=windows-1251&a=%CF", &[("_charset_", "windows-1251"), ("a", "\u{41f}")]),
        (b"_charset_=utf-8&a=%FC", &[("_charset_", "utf-8"), ("a", "\u{fc}")]),
        (b"_charset_=utf-16&a=%C3%BC", &[("_charset_", "utf-16"), ("a", "\u{fc}")]),
        (b"_charset_=nonsense&a=%C3%BC", &[("_charset_", "nonsense"), ("a", "\u{fc}")]),
        (b"_charset_=iso-2022-jp&a=%1B$BF|K\\%1B(B", &[("_charset_", "iso-2022-jp"), ("a", "\u{65e5}\u{672c}")]),
    ] {
        assert_eq!(pairs(URLENCODED, body), owned(expected), "{}", body.escape_ascii());
    }
}

#[test]
fn multipart_reads_as_browsers_write_it_and_files_stay_where_they_are() {
    let disposition = "Content-Disposition: form-data; name=";
    for (body, expected) in [
        ("--XX--".to_owned(), &[][..]),
        ("--XX--\r\n\r\n".to_owned(), &[]),
        (format!("\r\n--XX \t\r\n{disposition}a\r\n\r\n1\r\n--XX--  \r\n"), &[("a", "1")]),
        (format!("--XX\r\n{disposition}\"a\"\r\n\r\n\r\n--XX--"), &[("a", "")]),
        (
            format!("--XX\r\n{disposition}\"a\"\r\n\r\n--XX\r\n{disposition}b\r\n\r\n2\r\n--XX--"),
            &[("a", ""), ("b", "2")],
        ),
        (format!("--XX\r\n{disposition}\"a%22%0D%0Ab%41\"\r\n\r\n1\r\n--XX--"), &[("a\"\r\nb%41", "1")]),
        (format!("--XX\r\n{disposition}\"a\\\"b\\c;\" ; x=y;\r\n\r\n1\r\n--XX--"), &[("a\"b\\c;", "1")]),
        ("--XX\r\ncontent-DISPOSITION:Form-Data;NAME = a\r\n\r\n1\r\n--XX--".to_owned(), &[("a", "1")]),
        (format!("--XX\r\n{disposition}a\r\n\r\n\r\n--X\r\n-\r\r\n--XY\r\n--XX--"), &[("a", "\n--X\n-\n\n--XY")]),
        (
            format!(
                "--XX\r\n{disposition}a; filename=\"C:\\x\\\u{fc}.png\"\r\nContent-Type: image/png\r\n\r\n\r\n--X\0\r\n\r\n--XX--"
            ),
            &[("a", "\u{fc}.png|image/png|\\r\\n--X\\x00\\r\\n")],
        ),
        (
            format!(
                "--XX\r\n{disposition}a; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--XX--"
            ),
            &[("a", "no file")],
        ),
        (
            format!("--XX\r\n{disposition}a; filename=\"e.txt\"\r\n\r\n\r\n--XX--"),
            &[("a", "e.txt|application/octet-stream|")],
        ),
        (
            format!("--XX\r\n{disposition}a; filename=x; filename*=UTF-8''%C3%BC.txt\r\n\r\n1\r\n--XX--"),
            &[("a", "\u{fc}.txt|application/octet-stream|1")],
        ),
        (
            format!("--XX\r\n{disposition}a\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--XX--"),
            &[("a", "file|application/json|{}")],
        ),
        (
            format!(
                "--XX\r\n{disposition}a; filename=m.mht\r\nContent-Type: multipart/related; boundary=XX\r\n\r\n1\r\n--XX--"
            ),
            &[("a", "m.mht|application/octet-stream|1")],
        ),
    ] {
        assert_eq!(pairs(MULTIPART, body.as_bytes()), owned(expected), "{body:?}");
    }
    let latin = b"--XX\r\nContent-Disposition: form-data; name=\"\xfc\"\r\nContent-Type: text/plain; charset=iso-8859-2\r\n\r\n\xb1\r\n--XX--";
    assert_eq!(pairs(MULTIPART, latin), owned(&[("\u{fc}", "\u{105}")]));
}

#[test]
fn a_boundary_is_found_wherever_the_pieces_of_a_file_end() {
    let delimiter = "\r\n--XX";
    for at in (65_500..65_560).chain(131_030..131_090) {
        let head = "--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=b\r\n\r\n";
        let content = "\r".repeat(at - head.len());
        let body = format!("{head}{content}{delimiter}--");
        let form = form(MULTIPART, body.as_bytes()).unwrap();
        let Value::File(file) = &form.fields[0].value else { panic!("no file") };
        assert_eq!((file.source.offset, file.source.len), (head.len() as u64, content.len() as u64));
    }
}

#[test]
fn the_text_lists_what_was_filled_in_and_nobody_can_add_a_field_to_it() {
    let long = "long ".repeat(20);
    for (body, text, reply_to, subject) in [
        (
            "email=a@b.example&name=Anna+B%C3%A4r&subject=Hi&message=Hello",
            "message: Hello\n",
            Some("=?utf-8?B?QW5uYSBCw6Ry?= <a@b.example>"),
            Some("Hi"),
        ),
        ("name=Eve&a=1", "name: Eve\na: 1\n", None, None),
        ("a=1&_b=2&c=&d=+&e=3", "a: 1\ne: 3\n", None, None),
        ("a=1&b=2&a=3", "a:\n  1\n  3\n\nb: 2\n", None, None),
        ("a=1%0D%0Aemail:+x@y.example%0D%0A%0D%0A2", "a:\n  1\n  email: x@y.example\n\n  2\n\n", None, None),
        ("a=1%E2%80%A8b:+2", "a:\n  1\n  b: 2\n\n", None, None),
        ("a%0D%0Ab:+c=1", "a b: c: 1\n", None, None),
        ("subject=a%0D%0ABcc:+x@y.example&a=1", "a: 1\n", None, Some("a Bcc: x@y.example")),
        ("_subject=S&_replyto=a@b.example&subject=&a=1", "a: 1\n", Some("a@b.example"), Some("S")),
        (
            "to=x@y.example&cc=x@y.example&bcc=x@y.example&from=x@y.example&_to=z&_next=z",
            "to: x@y.example\ncc: x@y.example\nbcc: x@y.example\nfrom: x@y.example\n",
            None,
            None,
        ),
        (&format!("a={long}"), &format!("a:\n  {}\n\n", long.trim_end()), None, None),
    ] {
        let form = form(URLENCODED, body.as_bytes()).unwrap();
        let letter = letter(&form, &[], &[]).unwrap();
        assert_eq!(letter.text, text, "{body}");
        assert_eq!(letter.reply_to.map(|mailbox| mailbox.to_string()).as_deref(), reply_to, "{body}");
        assert_eq!(letter.subject.as_deref(), subject, "{body}");
    }
}
