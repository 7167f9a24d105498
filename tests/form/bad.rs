//! Invalid forms, and forms that must not be sent: the status, the answer's text, and nothing sent. And forms that may be sent but must not
//! have side effects.

use super::{FORM, only, text, urlencoded};
use crate::support::{Httpd, Request, Response, Sendmail, oracle};

const SETTINGS: &str =
    "SendmailFormFiles image/* text/plain\nSendmailFormRequire message\nSendmailFormTrap hp\nSendmailMaxSize 3M";

/// A form of parts with the boundary XX; each `(header, content)`.
fn parts(parts: &[(&str, &str)]) -> String {
    let part = |(header, content): &(&str, &str)| format!("--XX\r\n{header}\r\n\r\n{content}\r\n");
    parts.iter().map(part).collect::<String>() + "--XX--\r\n"
}

const MESSAGE: (&str, &str) = ("Content-Disposition: form-data; name=\"message\"", "Hello");

fn multipart(body: impl Into<Vec<u8>>) -> Request {
    typed("multipart/form-data; boundary=XX", body)
}

fn typed(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post("/mail").header("Content-Type", content_type).body(body)
}

/// A part with this header in addition to the message.
fn beside(header: &str) -> Request {
    multipart(parts(&[MESSAGE, (header, "x")]))
}

struct Row {
    what: &'static str,
    request: Request,
    status: u16,
    said: &'static str,
}

fn row(what: &'static str, request: Request, status: u16, said: &'static str) -> Row {
    Row { what, request, status, said }
}

/// Multipart that readers would read in different ways, or not at all.
fn malformed() -> Vec<Row> {
    let good = parts(&[MESSAGE]);
    let with = |old: &str, new: &str| multipart(good.replace(old, new));
    let disposition = |new: &str| with("Content-Disposition: form-data; name=\"message\"", new);
    let deep = "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=YY";
    vec![
        row("nothing", multipart(""), 400, "octet 0: "),
        row("no boundary in the type", typed("multipart/form-data", good.clone()), 400, "boundary"),
        row("an empty boundary", typed("multipart/form-data; boundary=\"\"", good.clone()), 400, "boundary"),
        row("two boundaries", typed("multipart/form-data; boundary=XX; boundary=YY", good.clone()), 400, "twice"),
        row(
            "a boundary of 71 octets",
            typed(&format!("multipart/form-data; boundary={}", "b".repeat(71)), good.clone()),
            400,
            "boundary",
        ),
        row("another boundary", typed("multipart/form-data; boundary=YY", good.clone()), 400, "octet 0: "),
        row("the boundary in other letters", typed("multipart/form-data; boundary=xx", good.clone()), 400, "octet 0: "),
        row(
            "a boundary with a blank at its end",
            typed("multipart/form-data; boundary=\"XX \"", good.clone()),
            400,
            "",
        ),
        row("text before the first boundary", multipart(format!("Bcc: z@evil.test\r\n{good}")), 400, "octet 0: "),
        row("text behind the last one", multipart(format!("{good}Bcc: z@evil.test")), 400, "behind the last boundary"),
        row("two forms", multipart(format!("{good}{good}")), 400, "behind the last boundary"),
        row("no last boundary", with("--XX--\r\n", ""), 400, "does not end"),
        row("a last boundary that is cut", with("--XX--\r\n", "--XX-"), 400, "goes on otherwise"),
        row("a boundary that goes on", with("--XX--", "--XXY--"), 400, "goes on otherwise"),
        row("a boundary behind a bare LF", with("\r\n--XX--", "\n--XX--"), 400, "does not end"),
        row("lines that end in LF", with("\r\n", "\n"), 400, "goes on otherwise"),
        row("a header that does not end", with("\r\n\r\nHello", ""), 400, "no :"),
        row(
            "a header without Content-Disposition",
            disposition("Content-Type: text/plain"),
            400,
            "no Content-Disposition",
        ),
        row("no header", disposition(""), 400, "no Content-Disposition"),
        row("a folded header", disposition("Content-Disposition: form-data;\r\n name=\"message\""), 400, ""),
        row("an attachment", disposition("Content-Disposition: attachment; name=\"message\""), 400, "not form-data"),
        row("no name", disposition("Content-Disposition: form-data"), 400, "no name"),
        row("an empty name", disposition("Content-Disposition: form-data; name=\"\""), 400, "no name"),
        row("two names", disposition("Content-Disposition: form-data; name=a; name=message"), 400, "twice"),
        row(
            "a quote that does not end",
            disposition("Content-Disposition: form-data; name=\"message"),
            400,
            "does not end",
        ),
        row("a NUL in a header", disposition("Content-Disposition: form-data; name=\"mess\0age\""), 400, "NUL or CR"),
        row("a CR in a header", disposition("Content-Disposition: form-data; name=\"m\rX: y\""), 400, "NUL or CR"),
        row("two file names", beside("Content-Disposition: form-data; name=a; filename=a; filename=b"), 400, "twice"),
        row(
            "a file name in a charset",
            beside("Content-Disposition: form-data; name=a; filename*=koi8-r''a"),
            400,
            "utf-8",
        ),
        row("two dispositions", beside(&format!("{0}\r\n{0}", MESSAGE.0)), 400, "twice"),
        row("two types", beside(&format!("{}\r\nContent-Type: a/b\r\nContent-Type: a/b", MESSAGE.0)), 400, "twice"),
        row("base64", beside(&format!("{}\r\nContent-Transfer-Encoding: base64", MESSAGE.0)), 400, "not for forms"),
        row("parts within a part", beside(deep), 400, "holds parts"),
    ]
}

/// More than is accepted.
fn too_much() -> Vec<Row> {
    let name = "n".repeat(201);
    let field = |number: usize| format!("--XX\r\nContent-Disposition: form-data; name=\"f{number}\"\r\n\r\n\r\n");
    let many: String = (0..1001).map(field).collect();
    let file = "Content-Disposition: form-data; name=a; filename=a.png\r\nContent-Type: image/png";
    vec![
        row("1001 parts", multipart(format!("{many}--XX--")), 400, "more than 1000"),
        row(
            "100 000 parts",
            multipart("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(40_000)),
            400,
            "more",
        ),
        row("1001 fields", urlencoded(&"message=1&".repeat(1001)), 400, "more than 1000"),
        row("a name of 201 octets", urlencoded(&format!("message=1&{name}=1")), 400, "200 octets"),
        row(
            "a name of 201 octets in a part",
            beside(&format!("Content-Disposition: form-data; name={name}")),
            400,
            "200 octets",
        ),
        row("a header of 9 KiB", beside(&format!("{}\r\nX: {}", MESSAGE.0, "y".repeat(9000))), 400, "8 KiB"),
        row("2 MiB of text", urlencoded(&format!("message={}", "x".repeat(2 << 20))), 413, "1 MiB"),
        row("2 MiB of text in a part", multipart(parts(&[(MESSAGE.0, &"x".repeat(2 << 20))])), 413, "1 MiB"),
        row(
            "a file beyond SendmailMaxSize",
            multipart(parts(&[MESSAGE, (file, &"x".repeat(3 << 20))])),
            413,
            "3145728",
        ),
        row(
            "the same in chunks",
            multipart(parts(&[MESSAGE, (file, &"x".repeat(3 << 20))])).chunked(65536),
            413,
            "3145728",
        ),
    ]
}

/// Valid forms that must not be sent.
fn refused() -> Vec<Row> {
    let file = |header: &str| beside(&format!("Content-Disposition: form-data; name=a; filename=\"{header}"));
    let email = |value: &str| urlencoded(&format!("message=1&email={value}"));
    vec![
        row("an empty form", urlencoded(""), 400, "empty"),
        row("blanks alone", urlencoded("message=+%0D%0A+"), 400, "empty"),
        row("a field that is required", urlencoded("name=x"), 422, "message"),
        row("no address", email("nobody"), 422, "email"),
        row("an address without a domain", email("root"), 422, "email"),
        row("two addresses", email("a@b.example,c@d.example"), 422, "email"),
        row("a group", email("x:a@b.example;"), 422, "email"),
        row("an address and a field", email("a@b.example%0D%0ABcc:z@evil.test"), 422, "email"),
        row("an address and a bare LF", email("a@b.example%0ABcc:z@evil.test"), 422, "email"),
        row("an address and a line separator", email("a@b.example%E2%80%A8Bcc:z@evil.test"), 422, "email"),
        row("an address with a comment", email("a@b.example(c)%00"), 422, "email"),
        row("the address twice", urlencoded("message=1&email=a@b.example&email=c@d.example"), 422, "email"),
        row("a second name of the address", urlencoded("message=1&_replyto=x%0Ay"), 422, "_replyto"),
        row("the trap", urlencoded("message=1&hp=1"), 422, "hp"),
        row("a trap that services have", urlencoded("message=1&_gotcha=1"), 422, "_gotcha"),
        row("a program", file("a.exe\"\r\nContent-Type: application/x-msdownload"), 415, "a.exe"),
        row("a page", file("../a.html\"\r\nContent-Type: text/html"), 415, "a.html"),
        row("a type that lies", file("a.png\"\r\nContent-Type: image/png/../../text/html"), 415, "a.png"),
        row(
            "a type of several parts",
            file("a.png\"\r\nContent-Type: multipart/related; boundary=image/png"),
            415,
            "a.png",
        ),
        row("a file without a type", file("a\""), 415, "octet-stream"),
        row("a coding of the body", urlencoded("message=1").header("Content-Encoding", "gzip"), 415, ""),
    ]
}

#[test]
fn what_is_no_form_is_refused_by_name_and_nothing_is_sent() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{FORM}\n{SETTINGS}")).start();
    for good in [urlencoded("message=Hello"), multipart(parts(&[MESSAGE])), urlencoded("message=1&email=a@b.example")] {
        good.send(&httpd).expect_status(202);
        only(&sendmail);
    }
    let rows: Vec<Row> = [malformed(), too_much(), refused()].into_iter().flatten().collect();
    assert!(rows.len() >= 60, "{}", rows.len());
    let mut faults = Vec::new();
    for Row { what, request, status, said } in rows {
        let answer: Response = request.send(&httpd);
        if answer.status != status || !answer.text().contains(said) {
            faults.push(format!("{what}: {} {}", answer.status, answer.text().chars().take(300).collect::<String>()));
        }
        if sendmail.messages().len() + sendmail.starts() > 0 {
            faults.push(format!("{what}: was sent"));
            sendmail.take();
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for tag in ["SM0102", "SM0103", "SM0104", "SM0106", "SM0114"] {
        httpd.expect_log(tag);
    }
    httpd.allow_log("SM01");
    assert_eq!(httpd.stray_files(), Vec::<std::path::PathBuf>::new());
    urlencoded("message=Hello").send(&httpd).expect_status(202);
    only(&sendmail);
}

/// The header fields of a mail made from a form, except the trace.
const NAMES: &[&str] = &[
    "Received",
    "To",
    "From",
    "Subject",
    "Reply-To",
    "Auto-Submitted",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

#[track_caller]
fn sent(httpd: &Httpd, sendmail: &Sendmail, request: &Request) -> oracle::Parsed {
    request.send(httpd).expect_status(202);
    let (message, mail) = only(sendmail);
    let names = mail.names();
    let strange: Vec<_> = names.iter().filter(|name| !NAMES.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}: {}", message.text());
    for (field, address) in [("To", "office@example.test"), ("From", "web@example.test")] {
        let found: Vec<String> = mail.mailboxes(field).into_iter().map(|mailbox| mailbox.address).collect();
        assert_eq!(found, [address], "{}", message.text());
    }
    mail
}

#[test]
fn nothing_in_a_form_becomes_a_field_of_the_mail() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, FORM).start();
    for (body, subject) in [
        ("subject=Hi%0D%0ABcc:+z@evil.test", "Hi Bcc: z@evil.test"),
        ("subject=Hi%0ABcc:+z@evil.test%0A%0Abody", "Hi Bcc: z@evil.test body"),
        ("subject=Hi%0DBcc:+z@evil.test", "Hi Bcc: z@evil.test"),
        ("subject=Hi%E2%80%A8Bcc:+z@evil.test", "Hi Bcc: z@evil.test"),
        ("subject=Hi%C2%85Bcc:+z@evil.test", "Hi Bcc: z@evil.test"),
        ("subject=Hi%00Bcc:+z@evil.test", "Hi\u{fffd}Bcc: z@evil.test"),
        ("subject=%3D?utf-8?q?Hi%3D0D%3D0ABcc:_z@evil.test?%3D", "=?utf-8?q?Hi=0D=0ABcc:_z@evil.test?="),
        ("_subject=Hi%0D%0ABcc:+z@evil.test", "Hi Bcc: z@evil.test"),
    ] {
        let mail = sent(&httpd, &sendmail, &urlencoded(&format!("message=1&{body}")));
        assert_eq!(mail.subject(), Some(subject), "{body}");
    }
    for name in [
        "Eve%0D%0ABcc:+z@evil.test",
        "Eve%22+%3Cz@evil.test%3E,+%22",
        "Eve%5C",
        "%3D?utf-8?q?%22_%3Cz%40evil.test%3E?%3D",
        "Eve%3Cz@evil.test%3E",
    ] {
        let mail = sent(&httpd, &sendmail, &urlencoded(&format!("message=1&name={name}&email=eve@example.org")));
        let replies: Vec<String> = mail.mailboxes("Reply-To").into_iter().map(|mailbox| mailbox.address).collect();
        assert_eq!(replies, ["eve@example.org"], "{name}");
    }
    for name in [
        "Bcc",
        "to",
        "X-Evil",
        "a%0D%0ABcc:+z@evil.test%0D%0A%0D%0A",
        "Content-Type",
        "_to",
        "_cc",
        "_next",
        "webhook",
        "_autoresponse",
    ] {
        let mail = sent(&httpd, &sendmail, &urlencoded(&format!("message=1&{name}=z@evil.test")));
        assert_eq!(mail.content_type(), "text/plain", "{name}");
        let body = text(&mail.parts()[0]);
        assert!(body.starts_with("message: 1"), "{name}: {body}");
        assert_eq!(body.contains("z@evil.test"), !name.starts_with('_'), "{name}: {body}");
    }
}

#[test]
fn no_field_can_be_taken_for_another_in_the_text() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, FORM).start();
    let lines = ["%0D%0A", "%0A", "%0D", "%E2%80%A8", "%E2%80%A9", "%C2%85", "%0B", "%0C"];
    for line in lines {
        let mail = sent(&httpd, &sendmail, &urlencoded(&format!("message=1{line}iban:+DE00&a{line}b=1")));
        assert_eq!(text(&mail.parts()[0]), "message:\n  1\n  iban: DE00\n\na b: 1", "{line}");
    }
}

#[test]
fn the_name_of_a_file_is_no_path_and_hides_nothing() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{FORM}\nSendmailFormFiles */*")).start();
    for (sent_name, name) in [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\Users\\eve\\a.txt", "a.txt"),
        ("/etc/cron.d/evil", "evil"),
        (".htaccess", "htaccess"),
        ("..", "file"),
        ("a.txt::$DATA", "a.txt__$DATA"),
        ("a%22; x=%22b.txt", "a_; x=_b.txt"),
        ("a%0D%0ABcc: z@evil.test", "a Bcc_ z@evil.test"),
        ("invoice\u{202e}fdp.exe", "invoice fdp.exe"),
        ("=?utf-8?q?a=0D=0ABcc=3A?=.txt", "=_utf-8_q_a=0D=0ABcc=3A_=.txt"),
        ("Rechnung\u{fc}ber 100 \u{20ac}.pdf", "Rechnung\u{fc}ber 100 \u{20ac}.pdf"),
    ] {
        let header =
            format!("Content-Disposition: form-data; name=\"f\"; filename=\"{sent_name}\"\r\nContent-Type: text/html");
        let mail = sent(&httpd, &sendmail, &multipart(parts(&[MESSAGE, (&header, "<script>")])));
        let parts = mail.parts();
        assert_eq!(parts.len(), 2, "{sent_name}");
        assert_eq!(parts[1].filename.as_deref(), Some(name), "{sent_name}");
        assert_eq!(parts[1].body, b"<script>");
    }
}

#[test]
fn a_charset_that_lies_loses_no_octet_and_makes_no_field() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, FORM).start();
    for (body, shown) in [
        ("message=%FC", "message: \u{fc}"),
        ("_charset_=utf-8&message=%FC", "message: \u{fc}"),
        ("_charset_=utf-16&message=%C3%BC", "message: \u{fc}"),
        ("_charset_=utf-7&message=%2BAA0ACg-Bcc:z", "message: +AA0ACg-Bcc:z"),
        ("_charset_=windows-1251&message=%CF", "message: \u{41f}"),
        ("_charset_=iso-2022-kr&message=%1B$)C", "message: \u{fffd}$)C"),
        ("message=%C0%8D%C0%8ABcc:z", "message: \u{c0}\u{fffd}\u{c0}\u{160}Bcc:z"),
        ("message=%ED%A0%80", "message: \u{ed}\u{a0}\u{20ac}"),
    ] {
        let mail = sent(&httpd, &sendmail, &urlencoded(body));
        assert_eq!(text(&mail.parts()[0]), shown, "{body}");
    }
}
