//! A [`Request`] through curl, for what a TcpStream does not speak: HTTP/2 and TLS. Fields and body are passed in files, so that any octet
//! is possible.

use super::place::Place;
use super::process::required;
use super::request::{Framing, Request};
use super::response::Response;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Fields that curl adds by itself; removed unless the request has them.
const OWN_FIELDS: [&str; 4] = ["Accept", "Content-Type", "Expect", "User-Agent"];

#[track_caller]
pub fn send(request: &Request, url: &str, options: &[&str]) -> Response {
    let place = Place::new("curl");
    let fields = place.write("fields", fields(request));
    let [head, body] = ["head", "answer"].map(|name| place.path().join(name));
    let mut curl = Command::new(required("curl", "curl"));
    curl.args(["--disable", "--silent", "--show-error", "--globoff", "--path-as-is", "--noproxy", "*"]);
    curl.arg("--max-time").arg(request.timeout.as_secs().to_string()).args(options);
    curl.arg("--dump-header").arg(&head).arg("--output").arg(&body);
    curl.arg("--header").arg(format!("@{}", fields.display()));
    if request.method == "HEAD" {
        curl.arg("--head")
    } else {
        curl.args(["--request", &request.method])
    };
    if request.framing == Framing::None {
        return exchange(curl.arg(url), &head, &body);
    }
    let file = place.write("body", &request.body);
    if request.framing == Framing::Length {
        return exchange(curl.arg("--data-binary").arg(format!("@{}", file.display())).arg(url), &head, &body);
    }
    // A file has a length; a pipe has none, which means chunked in HTTP/1.1 and no field at all in HTTP/2.
    curl.args(["--upload-file", "-"]).arg(url);
    let mut shell = Command::new("sh");
    shell.args(["-c", "file=$1; shift; cat \"$file\" | \"$@\"", "sh"]).arg(file);
    exchange(shell.arg(curl.get_program()).args(curl.get_args()), &head, &body)
}

#[track_caller]
fn exchange(command: &mut Command, head: &Path, body: &Path) -> Response {
    // An answer before the end of the upload resets an HTTP/2 stream; curl calls that an error (92) and, when the upload is
    // larger than a window, may have lost the answer (7.88): refuse small bodies over HTTP/2, or let the server read them.
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let blocks = fs::read(head).unwrap_or_default();
    let mut answers: Vec<Response> = String::from_utf8_lossy(&blocks)
        .split("\r\n\r\n")
        .filter_map(|block| Response::parse_head(block.as_bytes()))
        .collect();
    let last = answers.pop().filter(|answer| answer.status >= 200);
    let mut response =
        last.unwrap_or_else(|| panic!("{command:?}: no answer: {}", String::from_utf8_lossy(&output.stderr)));
    response.interim = answers.iter().map(|answer| answer.status).collect();
    response.body = fs::read(body).unwrap_or_default(); // no file: no body
    response
}

/// `Name: value` per line; for curl `Name;` is an empty value, and `Name:` a field that it must not add.
fn fields(request: &Request) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in &request.headers {
        let separator: &[u8] = if value.is_empty() { b";" } else { b": " };
        lines.extend([name.as_bytes(), separator, value, b"\n"].concat());
    }
    for name in OWN_FIELDS.iter().filter(|name| !request.has(name)) {
        lines.extend(format!("{name}:\n").bytes());
    }
    lines
}
