//! One mail -> a request, in each of the ways that a gateway may take it.

const MAIL: &str = "To: alice@test.local\r\nFrom: user@test.local\r\nSubject: a report\r\n";

/// Text above this goes as an attachment where a way has one.
const LONG: usize = 1 << 20;

/// The whole request, whose text has so many octets.
pub fn of(way: &str, octets: usize) -> Vec<u8> {
    let text = text(octets);
    match way {
        "fields" => post("/mail", &format!("{MAIL}Content-Type: text/plain; charset=utf-8\r\n"), &text),
        "form" => {
            let body = [b"message=", encoded(&text).as_slice()].concat();
            post("/mail", "Content-Type: application/x-www-form-urlencoded\r\n", &body)
        }
        "mime" => {
            let header = format!("{MAIL}Content-Type: text/plain; charset=utf-8\r\n\r\n");
            post("/mail", "Content-Type: message/rfc822\r\n", &[header.as_bytes(), &text].concat())
        }
        "resend" => post("/mail/emails", "Content-Type: application/json\r\n", &json(&text)),
        "smtp" => {
            let text = String::from_utf8(text).expect("it is ASCII").replace('\n', "\r\n");
            format!("{MAIL}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}.\r\n").into_bytes()
        }
        _ => {
            eprintln!("load knows fields, form, mime, resend and smtp, not {way}");
            std::process::exit(64);
        }
    }
}

/// Lines of 72 octets of plain text, as a script or a log sends them.
fn text(octets: usize) -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and the dog does not mind.\n";
    let text = line.iter().copied().cycle().take(octets.saturating_sub(1)).chain([b'\n']);
    text.take(octets).collect()
}

fn post(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request =
        format!("POST {path} HTTP/1.1\r\nHost: gateway.test\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes();
    request.extend_from_slice(body);
    request
}

/// As a browser does (WHATWG URL, application/x-www-form-urlencoded).
fn encoded(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len() * 3 / 2);
    for &b in text {
        match b {
            b' ' => encoded.push(b'+'),
            b'\n' => encoded.extend_from_slice(b"%0D%0A"),
            b'*' | b'-' | b'.' | b'_' => encoded.push(b),
            _ if b.is_ascii_alphanumeric() => encoded.push(b),
            _ => encoded.extend_from_slice(format!("%{b:02X}").as_bytes()),
        }
    }
    encoded
}

/// As the SDKs of Resend do; there is nothing to escape in it but line ends.
fn json(text: &[u8]) -> Vec<u8> {
    let head = r#"{"from":"user@test.local","to":["alice@test.local"],"subject":"a report","text":""#;
    let (text, attachment) = if text.len() > LONG { (&b"see there"[..], Some(text)) } else { (text, None) };
    let mut json = head.as_bytes().to_vec();
    text.iter().for_each(|b| json.extend_from_slice(if *b == b'\n' { b"\\n" } else { std::slice::from_ref(b) }));
    json.push(b'"');
    if let Some(octets) = attachment {
        json.extend_from_slice(br#","attachments":[{"filename":"report.txt","content":""#);
        json.extend(base64(octets));
        json.extend_from_slice(br#""}]"#);
    }
    json.push(b'}');
    json
}

fn base64(octets: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = Vec::with_capacity(octets.len().div_ceil(3) * 4);
    for three in octets.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            digits.push(if i > three.len() { b'=' } else { digit });
        }
    }
    digits
}
