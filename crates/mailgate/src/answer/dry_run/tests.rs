//! Which requests ask for a dry run, and reports that cannot be misread.

use super::*;
use mail::header::HeaderValue;

fn message(octets: &[u8]) -> Message {
    Message::compose(&std::env::temp_dir(), octets, |_| Ok(())).unwrap()
}

fn id() -> MessageId {
    MessageId::parse(&HeaderValue::parse("<a@b.test>").unwrap()).unwrap()
}

#[test]
fn a_preference_is_found_among_others_and_in_any_form() {
    for (prefer, expected) in [
        ("sendmail-dry-run", true),
        ("Sendmail-Dry-Run", true),
        ("respond-async, sendmail-dry-run; x=1", true),
        ("wait=10,sendmail-dry-run=\"\"", true),
        ("sendmail-dry-run = 0", true),
        ("return=\"a, sendmail-dry-run\"", false),
        ("x=\"\\\"\", sendmail-dry-run", true),
        ("x=\", sendmail-dry-run", true),
        ("sendmail-dry-running", false),
        ("wait=sendmail-dry-run", false),
        ("", false),
    ] {
        assert_eq!(is_asked(prefer), expected, "{prefer}");
    }
}

#[test]
fn where_none_is_allowed_who_asks_is_refused() {
    let asks: &[(&[u8], &[u8])] = &[(b"prefer", b"respond-async"), (b"Prefer", b"sendmail-dry-run")];
    for (word, asked, unasked) in
        [("off", Err(403), Ok(None)), ("Request", Ok(Some(true)), Ok(None)), ("on", Ok(Some(true)), Ok(Some(false)))]
    {
        let judged = |fields| {
            let judged = DryRuns::parse(word).unwrap().judge(fields);
            judged
                .map(|dry_run| dry_run.map(|dry_run| dry_run.asked))
                .map_err(|refused| Problem::from(refused).tag.status)
        };
        assert_eq!((judged(asks), judged(&[])), (asked, unasked), "{word}");
    }
    assert!(DryRuns::parse("maybe").unwrap_err().contains("'maybe'"));
}

#[test]
fn the_report_stays_one_thing_a_line_and_the_message_unchanged() {
    let octets = b"Subject: x\n\n----- message -----\n<script>\xff";
    let (message, message_id) = (message(octets), id());
    let arguments = [b"-f".to_vec(), b"a\n----- message -----\"\\\xe9".to_vec()];
    let rehearsal = DryRunReport {
        message_id: &message_id,
        route: Route::Program { path: Path::new("/a b"), arguments: &arguments },
        recipients: Some(&["a@b.test".to_owned()]),
        message: &message,
        dry_run: DryRun::new(true),
    };
    let reply = rehearsal.reply(None).unwrap();
    let separator = format!("\n{SEPARATOR}\n").into_bytes();
    let at = reply.body.windows(separator.len()).position(|window| window == separator).unwrap();
    assert_eq!(&reply.body[at + separator.len()..], octets);
    assert_eq!(
        String::from_utf8_lossy(&reply.body[..at]),
        "Dry run: nothing was sent.\nMessage-ID: \"<a@b.test>\"\nProgram: \"/a b\"\nArgument 1: \"-f\"\n\
         Argument 2: \"a\\n----- message -----\\\"\\\\\\xe9\"\nRecipient: \"a@b.test\"\nOctets: 41"
    );
    assert!(reply.fields.contains(&("Preference-Applied", "sendmail-dry-run".into())));
    let json = rehearsal.reply(Some("application/json")).unwrap().body;
    assert!(!json.contains(&b'<'));
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["message"]["base64"], STANDARD.encode(octets));
    assert_eq!(json["arguments"][1]["base64"], STANDARD.encode(&arguments[1]));
    assert_eq!((&json["arguments"][0], &json["recipients"][0]), (&json!("-f"), &json!("a@b.test")));
}
