//! Pages in every situation and form: against goldens, schemas, and readers that believe nothing.
#![forbid(unsafe_code)]

#[path = "status/situations.rs"]
mod situations;

use situations::{BASE, HOSTILE, MINUTE, NOW};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tracking::status::{Format, Page, render};

const FORMS: [(Format, &str); 4] =
    [(Format::Text, "txt"), (Format::Html, "html"), (Format::Xml, "xml"), (Format::Json, "json")];

/// Every page and its name: the messages, and some of their recipients alone.
fn pages(visit: &mut dyn FnMut(&str, &Page<'_>)) {
    let mut count = 0;
    for (name, message) in situations::all() {
        visit(name, &Page::message(&message, BASE, NOW));
        count += 1;
        if let ("failed" | "hostile" | "delayed" | "long", [recipient]) = (name, message.recipients.as_slice()) {
            visit(&format!("{name}-recipient"), &Page::recipient(&message, recipient, BASE, NOW));
        }
    }
    assert!(count > 10);
}

fn text(page: &Page<'_>, format: Format) -> String {
    String::from_utf8(render(page, format)).unwrap()
}

/// Without the style sheet, which has no business in a golden.
fn golden(page: &Page<'_>) -> String {
    FORMS.iter().fold(String::new(), |all, (format, _)| {
        let text = text(page, *format);
        let text = match (text.find("<style>"), text.find("</style>")) {
            (Some(start), Some(end)) => format!("{}<style>{}", &text[..start], &text[end..]),
            _ => text,
        };
        format!("{all}==== {}\n{text}", format.media_type())
    })
}

/// Every page as a file, for other programs to look at.
fn written() -> Vec<(PathBuf, &'static str)> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status");
    std::fs::create_dir_all(&place).unwrap();
    let mut files = Vec::new();
    pages(&mut |name, page| {
        for (format, extension) in FORMS {
            let path = place.join(format!("{name}.{extension}"));
            // Tests run side by side and write the same: nobody shall read half a file.
            let draft = place.join(format!("{name}.{extension}.{:?}", std::thread::current().id()));
            std::fs::write(&draft, render(page, format)).unwrap();
            std::fs::rename(&draft, &path).unwrap();
            files.push((path, extension));
        }
    });
    files
}

fn document(name: &str) -> String {
    format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn is_there(program: &str, args: &[&str]) -> bool {
    let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `UPDATE_GOLDENS=1 cargo test -p tracking --test status` rewrites them; read them before you commit them.
#[test]
fn pages_look_as_they_did() {
    let place = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/status"));
    pages(&mut |name, page| {
        let path = place.join(format!("{name}.golden"));
        let fresh = golden(page);
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        for (line, (fresh, known)) in fresh.lines().zip(known.lines()).enumerate() {
            assert_eq!(fresh, known, "{}:{}", path.display(), line + 1);
        }
        assert_eq!(fresh.len(), known.len(), "{}", path.display());
    });
}

#[test]
fn xml_is_valid_and_html_well_formed() {
    if !is_there("xmllint", &["--version"]) {
        eprintln!("skipped: no xmllint (package libxml2-utils)");
        return;
    }
    let schema = document("status.xsd");
    for (path, extension) in written() {
        match extension {
            "xml" => succeeds(Command::new("xmllint").args(["--noout", "--nonet", "--schema", &schema]).arg(&path)),
            "html" => succeeds(Command::new("xmllint").args(["--noout", "--nonet"]).arg(&path)),
            _ => {}
        }
    }
    // The schema can say no.
    let page = text(&Page::message(&situations::message(Vec::new()), BASE, NOW), Format::Xml);
    let bad = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status-bad.xml");
    std::fs::write(&bad, page.replace("<submitted>", "<submitted>yesterday ")).unwrap();
    assert!(!is_there("xmllint", &["--noout", "--schema", &schema, bad.to_str().unwrap()]));
}

#[test]
fn json_is_valid() {
    if !is_there("python3", &["-c", "import jsonschema; jsonschema.Draft202012Validator"]) {
        eprintln!("skipped: no python3 with jsonschema (package python3-jsonschema)");
        return;
    }
    const CHECK: &str = "import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
checker = jsonschema.Draft202012Validator
checker.check_schema(schema)
for path in sys.argv[2:]:
    checker(schema, format_checker=checker.FORMAT_CHECKER).validate(json.load(open(path, encoding='utf-8')))
    value = json.load(open(path, encoding='utf-8')); del value['recipients']
    assert not checker(schema).is_valid(value)";
    let files = written().into_iter().filter(|(_, extension)| *extension == "json").map(|(path, _)| path);
    succeeds(Command::new("python3").args(["-c", CHECK, &document("status.schema.json")]).args(files));
}

#[test]
fn the_wadl_is_valid() {
    if !is_there("xmllint", &["--version"]) {
        eprintln!("skipped: no xmllint (package libxml2-utils)");
        return;
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status.wadl");
    std::fs::write(&file, tracking::status::wadl::document("https://h/a&b/dsn/").as_str()).unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/wadl.rng");
    succeeds(Command::new("xmllint").args(["--noout", "--nonet", "--relaxng", schema]).arg(file));
}

#[test]
fn no_word_of_a_stranger_becomes_markup_or_moves_a_terminal() {
    let mut seen = 0;
    pages(&mut |name, page| {
        let html = text(page, Format::Html);
        for forbidden in ["<script", "<img", "<i>", "<b>alert", "onerror=alert(1)>", "javascript:", " style=", "src="] {
            // It is allowed as text; `src=x` is the one we planted.
            let html = html.replace("&lt;img src=x onerror=alert(1)&gt;", "");
            assert!(!html.contains(forbidden), "{name}: {forbidden}");
        }
        seen += html.matches("&lt;script&gt;").count();
        for (format, _) in FORMS {
            let text = text(page, format);
            let strange =
                |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2066}' | '\u{fffe}' | '\u{ffff}');
            assert!(!text.contains(strange), "{name} {format:?}");
        }
        let plain = text(page, Format::Text);
        let ours = ["Delivery status: ", "Message-ID: ", "From: ", "Submitted: ", "As of: ", "URL: ", "Tag: "];
        let states = ["failed", "no report", "unknown", "delayed", "queued", "relayed", "expanded", "delivered"];
        for line in plain.lines().filter(|line| !line.is_empty() && !line.starts_with("           ")) {
            assert!(ours.iter().chain(&states).any(|start| line.starts_with(start)), "{name}: {line}");
        }
    });
    assert!(seen > 0 && HOSTILE.contains("<script>"));
}

#[test]
fn a_page_looks_again_while_something_is_pending_and_ever_less_often() {
    for (name, message) in situations::all() {
        let pending = matches!(name, "queued" | "delayed" | "fresh" | "everybody" | "tagged");
        let page = Page::message(&message, BASE, NOW);
        assert_eq!(page.is_pending(), pending, "{name}");
        assert_eq!(text(&page, Format::Html).contains("http-equiv=\"refresh\""), pending, "{name}");
        for (age, seconds) in [(0, 10), (10 * MINUTE, 60), (120 * MINUTE, 300)] {
            let page = Page::message(&message, BASE, message.submitted + age);
            assert_eq!(page.refresh(), pending.then_some(seconds), "{name} {age}");
        }
        for recipient in &message.recipients {
            let page = Page::recipient(&message, recipient, BASE, NOW);
            assert_eq!(page.refresh().is_some(), recipient.state.is_pending(), "{name}");
        }
    }
}

#[test]
fn a_person_and_a_program_are_told_the_same() {
    for (name, words, pointer, value) in [
        ("queued", "No report yet.", "/recipients/0/verified", "null"),
        (
            "delayed",
            "tries again until 2026-11-24 03:07:54 UTC",
            "/recipients/0/events/1/will_retry_until",
            "\"2026-11-24T03:07:54Z\"",
        ),
        ("failed", "Permanent: the mailbox is full", "/recipients/0/state", "\"failed\""),
        ("silent", "No report in five days.", "/recipients/0/state", "\"unknown\""),
        ("unknown", "Nobody knows: the mail program ended", "/recipients/0/state", "\"unknown\""),
        ("unverified", "Not verifiable: ", "/recipients/0/verified", "false"),
        ("heuristic", "Read from the wording of a bounce", "/recipients/0/events/0/heuristic", "true"),
        ("heuristic", "Probably not delivered: ", "/recipients/0/state", "\"failed\""),
        ("forged", "Delivered to the mailbox.", "/recipients/0/state", "\"delivered\""),
        ("nobody", "There is no recipient to show.", "/recipients", "[]"),
    ] {
        let (_, message) = situations::all().into_iter().find(|row| row.0 == name).unwrap();
        let page = Page::message(&message, BASE, NOW);
        assert!(text(&page, Format::Html).contains(words), "{name}");
        let plain = text(&page, Format::Text).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plain.contains(words), "{name}: {plain}");
        let json: serde_json::Value = serde_json::from_str(&text(&page, Format::Json)).unwrap();
        assert_eq!(json.pointer(pointer).unwrap().to_string(), value, "{name}");
    }
}
