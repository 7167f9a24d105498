//! The exit status that a caller gets for each answer of a gateway, with and without a queue.

use std::time::Duration;

use super::gateway::{Act, Answer, Gateway};
use super::place::Place;

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";

/// One case: the gateway's act; exit status with `queue none`; exit status with a queue; messages then queued; messages taken.
struct Row(&'static str, Act, i32, i32, usize, usize);

#[test]
fn each_answer_has_its_exit_status_and_nothing_is_lost_or_sent_twice() {
    let early = |act: Act| match act {
        Act::Answer(answer) => Act::Early(answer),
        other => other,
    };
    let named = |status| Answer::with(Answer::html(status), "X-Message-ID", "<a@gateway>");
    #[rustfmt::skip]
    let rows = [
        Row("202", Act::Take, 0, 0, 0, 1),
        Row("303 of the gateway", named(303), 0, 0, 0, 0),
        Row("400", Answer::problem(400, "after-correction", "SM0101"), 65, 65, 0, 0),
        Row("400 for a recipient", Answer::problem(400, "after-correction", "SM0105"), 67, 67, 0, 0),
        Row("403 for a recipient", Answer::problem(403, "after-correction", "SM0201"), 67, 67, 0, 0),
        Row("403 for a user without address", Answer::problem(403, "after-administrator", "SM0202"), 77, 0, 1, 0),
        Row("413", Answer::problem(413, "after-correction", "SM0104"), 65, 65, 0, 0),
        Row("415", Answer::problem(415, "after-correction", "SM0103"), 65, 65, 0, 0),
        Row("422", Answer::problem(422, "after-correction", "SM0111"), 65, 65, 0, 0),
        Row("409 submitted", Answer::problem(409, "no", "SM0109"), 0, 0, 0, 0),
        Row("409 busy", Answer::with(Answer::problem(409, "yes", "SM0110"), "Retry-After", "1"), 69, 0, 1, 0),
        Row("429", Answer::with(Answer::problem(429, "yes", "SM0209"), "Retry-After", "30"), 69, 0, 1, 0),
        Row("500", Answer::problem(500, "after-administrator", "SM0402"), 69, 0, 1, 0),
        Row("502", Answer::with(Answer::problem(502, "unknown", "SM0407"), "Idempotency-Replayed", "true"), 76, 76, 0, 0),
        Row("502, not settled", Answer::problem(502, "unknown", "SM0407"), 76, 0, 1, 0),
        Row("503", Answer::problem(503, "yes", "SM0406"), 69, 0, 1, 0),
        Row("504, not settled", Answer::problem(504, "unknown", "SM0404"), 76, 0, 1, 0),
        Row("401 of httpd", Answer::html(401), 77, 0, 1, 0),
        Row("401 before the body", early(Answer::html(401)), 77, 0, 1, 0),
        Row("403 of httpd", Answer::html(403), 77, 0, 1, 0),
        Row("404", Answer::html(404), 69, 0, 1, 0),
        Row("405", Answer::html(405), 69, 0, 1, 0),
        Row("407 of a proxy", Answer::html(407), 77, 0, 1, 0),
        Row("413 of httpd", Answer::html(413), 69, 0, 1, 0),
        Row("a page", Answer::html(200), 69, 0, 1, 0),
        Row("202 of somebody else", Answer::html(202), 69, 0, 1, 0),
        Row("303 to a login", Answer::html(303), 69, 0, 1, 0),
        Row("302", Answer::html(302), 69, 0, 1, 0),
        Row("307", Answer::html(307), 69, 0, 1, 0),
        Row("500 of somebody else", Answer::html(500), 69, 0, 1, 0),
        Row("502 of a proxy", Answer::html(502), 76, 0, 1, 0),
        Row("503 of a proxy", Answer::html(503), 69, 0, 1, 0),
        Row("closed before the body", Act::CloseEarly, 76, 0, 1, 0),
        Row("closed after the body", Act::CloseLate, 76, 0, 1, 0),
        Row("taken, and closed", Act::TakeAndClose, 76, 0, 1, 1),
        Row("taken, and half an answer", Act::TakeAndBreak, 76, 0, 1, 1),
        Row("taken, and silence", Act::TakeAndWait(Duration::from_secs(30)), 76, 0, 1, 1),
    ];
    std::thread::scope(|scope| {
        for Row(what, act, without, with, queued, taken) in &rows {
            scope.spawn(move || {
                let gateway = Gateway::doing(act.clone());
                let place = Place::new("exit");
                let done = place.settings(&gateway, "queue none\ntimeout 1s\n").send("-t", MESSAGE);
                assert_eq!(done.status, *without, "{what}, no queue: {done:?}");
                assert_eq!(done.stderr.is_empty(), *without == 0, "{what}: {done:?}");
                let gateway = Gateway::doing(act.clone());
                let done = place.settings(&gateway, "timeout 1s\n").send("-t", MESSAGE);
                assert_eq!(done.status, *with, "{what}: {done:?}");
                assert_eq!(place.names("new").len(), *queued, "{what}: {done:?}");
                assert_eq!(gateway.taken().len(), *taken, "{what}: {done:?}");
                assert_eq!(gateway.posts().len(), 1, "{what}: a request is never repeated at once");
                // The gateway's explanation is shown wherever somebody must act.
                if let Act::Answer(answer) = act
                    && *with != 0
                {
                    assert!(done.stderr.contains(&answer.status.to_string()), "{what}: {done:?}");
                    assert!(done.stderr.contains("the gateway's word"), "{what}: {done:?}");
                }
            });
        }
    });
}

#[test]
fn what_cannot_be_kept_is_for_the_caller_to_send_again_only_if_it_was_not_sent() {
    for (act, status) in [
        (Act::Take, 0),
        (Answer::problem(503, "yes", "SM0406"), 75),
        (Answer::html(401), 75),
        (Act::TakeAndClose, 76),
        (Answer::problem(502, "unknown", "SM0407"), 76),
    ] {
        let gateway = Gateway::doing(act.clone());
        let place = Place::new("unkept");
        place.settings(&gateway, &format!("queue {}/queue\n", place.file("aliases").display())); // below a file
        let done = place.send("-t", MESSAGE);
        assert_eq!((done.status, gateway.posts().len()), (status, 1), "{act:?}: {done:?}");
    }
}

#[test]
fn a_large_message_that_is_refused_costs_no_upload_and_the_refusal_is_heard() {
    let Act::Answer(refusal) = Answer::problem(413, "after-correction", "SM0104") else { unreachable!() };
    let gateway = Gateway::new(move |request, _| match request.field("content-length").parse::<u64>() {
        Ok(octets) if octets > 1 << 20 => Act::Early(refusal.clone()),
        _ => Act::Take,
    });
    let place = Place::new("large");
    place.settings(&gateway, "");
    let line = format!("{}\n", "x".repeat(72));
    let message = |lines: usize| format!("{MESSAGE}{}", line.repeat(lines));
    assert_eq!(place.send("-t", message(5000)).status, 0);
    assert_eq!(gateway.only().text().matches(&line).count(), 5000);
    assert_eq!(gateway.only().field("expect"), "100-continue");
    let done = place.send("-t", message(150_000));
    assert_eq!((done.status, place.names("new").len()), (65, 0), "{done:?}");
    assert!(done.stderr.contains("413 SM0104"), "{done:?}");
}

#[test]
fn a_refusal_in_the_middle_of_a_large_message_is_heard_or_keeps_the_mail() {
    // A server that does not know Expect reads ten megabytes before it refuses.
    let Act::Answer(refusal) = Answer::problem(413, "after-correction", "SM0104") else { unreachable!() };
    let gateway = Gateway::doing(Act::Halfway(10 << 20, refusal));
    let place = Place::new("halfway");
    place.settings(&gateway, "");
    let done = place.send("-t", format!("{MESSAGE}{}", format!("{}\n", "x".repeat(72)).repeat(300_000)));
    let kept = place.names("new").len();
    assert!(matches!((done.status, kept), (65, 0) | (0, 1)), "{done:?}, {kept} kept");
    assert_eq!((gateway.taken().len(), gateway.posts().len()), (0, 1));
}

#[test]
fn a_message_of_a_hundred_megabytes_arrives_whole_and_is_not_held_in_memory() {
    let gateway = Gateway::taking();
    let place = Place::new("hundred");
    place.settings(&gateway, "max_size 200M\n");
    let line = format!("{}\n", "x".repeat(99));
    let file = place.file("message");
    std::fs::write(&file, format!("{MESSAGE}{}", line.repeat(1 << 20))).unwrap();
    // 64 MB of data address space could not hold it.
    let mut command = std::process::Command::new("sh");
    command.args(["-ec", "ulimit -d 65536; exec \"$1\" --config \"$2\" -i -t <\"$3\"", "sh", super::place::PROGRAM]);
    command.arg(place.file("conf")).arg(&file);
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let text = gateway.only().text();
    let (_, body) = text.split_once("\n\n").unwrap();
    assert_eq!(body.len(), "Hi there\n".len() + line.len() * (1 << 20));
}

#[test]
fn what_is_larger_than_max_size_is_refused_here() {
    let gateway = Gateway::taking();
    let place = Place::new("max");
    place.settings(&gateway, "max_size 10K\n");
    assert_eq!(place.send("-t", format!("{MESSAGE}{}", "x\n".repeat(2000))).status, 0);
    let done = place.send("-t", format!("{MESSAGE}{}", "x\n".repeat(6000)));
    assert_eq!((done.status, gateway.taken().len(), place.names("new").len()), (65, 1, 0), "{done:?}");
}

#[test]
fn usage_is_64_and_a_recipient_that_is_none_67() {
    let gateway = Gateway::taking();
    let place = Place::new("usage");
    place.settings(&gateway, "");
    assert_eq!(place.send("-i wendy@example.net", MESSAGE).status, 0);
    for (words, message, status) in [
        ("", MESSAGE, 64),
        ("-t", "Subject: nobody\n\nHi\n", 64),
        ("-f", MESSAGE, 64),
        ("-bd", MESSAGE, 64),
        ("-bt", MESSAGE, 64),
        ("a@b@c", MESSAGE, 67),
        ("-- -oops", MESSAGE, 67),
        ("-t", "To: a@b@c\n\nHi\n", 67),
    ] {
        let done = place.send(words, message);
        assert_eq!((done.status, done.stderr.is_empty()), (status, false), "{words}: {done:?}");
    }
    assert_eq!((gateway.taken().len(), place.names("new").len()), (1, 0));
}

#[test]
fn an_unknown_letter_loses_no_mail() {
    let gateway = Gateway::taking();
    let place = Place::new("letter");
    let done = place.settings(&gateway, "").send("-Z --frobnicate -t", MESSAGE);
    assert_eq!(done.status, 0);
    assert!(done.stderr.contains("-Z") && done.stderr.contains("--frobnicate"), "{done:?}");
    assert!(gateway.only().text().contains("Hi there"));
}
