//! The queue: what is kept, when it is sent, to which gateway, and how it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::gateway::{Act, Answer, Gateway};
use super::place::{Place, ended};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";

/// A gateway that nobody can reach.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/mail", listener.local_addr().unwrap())
}

#[test]
fn what_cannot_be_sent_waits_and_goes_with_the_next_run() {
    let place = Place::new("waits");
    place.configure(&format!("url {}\n", nowhere()));
    for n in 0..3 {
        let done = place.send("-t", format!("X-Number: {n}\n{MESSAGE}"));
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    }
    let done = place.send("-bp", "");
    assert!(done.stdout.contains("in 3 Requests.") && done.stdout.contains("Connection refused"), "{}", done.stdout);
    let gateway = Gateway::taking();
    place.settings(&gateway, "");
    assert_eq!(place.run_queue().status, 0);
    assert_eq!(gateway.posts().len(), 0, "a minute has not passed");
    place.let_time_pass();
    assert_eq!(place.run_queue().status, 0);
    let numbers: Vec<_> =
        gateway.taken().iter().map(|request| request.field("envelope-to").to_owned() + &request.text()).collect();
    assert_eq!(numbers.len(), 3);
    for (n, text) in numbers.iter().enumerate() {
        assert!(
            text.starts_with("wendy@example.net") && text.contains(&format!("X-Number: {n}\n")),
            "in the order they came: {text}"
        );
    }
    assert_eq!((place.names("new"), place.names("tmp"), place.names("failed")), (vec![], vec![], vec![]));
    assert_eq!(place.send("-bp", "").stdout, "Mail queue is empty\n");
}

#[test]
fn every_try_of_a_message_is_the_same_octet_for_octet() {
    let gateway = Gateway::new(|_, nth| if nth < 3 { Answer::problem(503, "yes", "SM0406") } else { Act::Take });
    let place = Place::new("same");
    place.settings(&gateway, "");
    assert_eq!(place.send("root", "Subject: no date\n\nx\n").status, 0);
    for _ in 0..3 {
        place.let_time_pass();
        place.run_queue();
    }
    let posts = gateway.posts();
    assert_eq!((posts.len(), gateway.taken().len()), (4, 1));
    for post in &posts[1..] {
        assert_eq!(post.body, posts[0].body);
        for name in ["idempotency-key", "envelope-to", "envelope-from", "content-type"] {
            assert_eq!(post.field(name), posts[0].field(name), "{name}");
        }
    }
}

#[test]
fn a_message_to_many_goes_in_parts_each_once() {
    let gateway = Gateway::new(|_, nth| if nth == 0 { Answer::problem(503, "yes", "SM0406") } else { Act::Take });
    let place = Place::new("parts");
    place.settings(&gateway, "");
    let all: Vec<String> = (0..250).map(|n| format!("u{n}@x.example")).collect();
    let done = super::place::run(place.command(&all), MESSAGE.as_bytes());
    assert_eq!((done.status, gateway.posts().len()), (0, 0), "{done:?}");
    place.run_queue();
    place.let_time_pass();
    place.run_queue();
    let taken = gateway.taken();
    let sent: Vec<_> = taken
        .iter()
        .flat_map(|request| request.field("envelope-to").split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(taken.len(), 3);
    assert_eq!(
        {
            let mut sorted = sent.clone();
            sorted.sort();
            sorted
        },
        {
            let mut sorted = all.clone();
            sorted.sort();
            sorted
        }
    );
    assert!(taken.iter().all(|request| request.body == taken[0].body), "one message, whatever part");
    assert_eq!((place.names("drop").len(), place.names("new").len()), (0, 0));
    place.settings(&gateway, "queue none\n");
    assert_eq!(super::place::run(place.command(&all), MESSAGE.as_bytes()).status, 67);
}

#[test]
fn odq_only_queues() {
    let gateway = Gateway::taking();
    let place = Place::new("odq");
    place.settings(&gateway, "");
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    assert_eq!((gateway.posts().len(), place.names("new").len()), (0, 1));
    place.run_queue();
    assert!(gateway.only().text().contains("Hi there"));
}

#[test]
fn a_gateway_that_is_down_is_asked_once_a_run_and_not_once_a_message() {
    let busy = Gateway::doing(Answer::with(Answer::problem(503, "yes", "SM0406"), "Retry-After", "5"));
    let place = Place::new("down");
    place.settings(&busy, "");
    for _ in 0..10 {
        assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    }
    place.run_queue();
    assert_eq!(busy.posts().len(), 1);
    let denied = Gateway::doing(Answer::html(401));
    place.settings(&denied, "");
    place.run_queue();
    assert_eq!(denied.posts().len(), 1);
    // A gateway that is only slow to accept is asked a few times.
    let moody = Gateway::doing(Answer::problem(503, "yes", "SM0406"));
    place.settings(&moody, "");
    place.run_queue();
    assert_eq!(moody.posts().len(), 3);
    let gateway = Gateway::taking();
    place.settings(&gateway, "");
    place.let_time_pass();
    place.run_queue();
    assert_eq!((gateway.taken().len(), gateway.connections()), (10, 2), "one to begin with, and one that is kept");
}

#[test]
fn retry_after_is_obeyed() {
    let gateway = Gateway::doing(Answer::with(Answer::problem(429, "yes", "SM0209"), "Retry-After", "7200"));
    let place = Place::new("pause");
    place.settings(&gateway, "");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    let next = place.queue()[0]["next"].as_u64().unwrap();
    assert!((now + 7200..now + 7230).contains(&next), "{next} {now}");
    place.let_time_pass();
    place.run_queue();
    let next = place.queue()[0]["next"].as_u64().unwrap();
    assert!(next >= now + 7200, "{next} {now}");
}

#[test]
fn what_needs_a_person_is_loud() {
    let gateway = Gateway::new(|_, nth| if nth == 0 { Answer::html(401) } else { Act::Take });
    let place = Place::new("loud");
    place.settings(&gateway, "");
    let done = place.send("-t", MESSAGE);
    assert!(done.status == 0 && done.stderr.contains("401") && done.stderr.contains("queued"), "{done:?}");
    let done = place.send("-bp", "");
    assert!(done.status == 1 && done.stdout.contains("401"), "{done:?}");
    let done = place.send("--check", "");
    assert!(done.status == 1 && done.stdout.contains("WRONG: ") && done.stdout.contains("oldest"), "{done:?}");
    place.let_time_pass();
    place.run_queue();
    assert_eq!((place.send("-bp", "").status, gateway.taken().len()), (0, 1));
}

#[test]
fn another_gateway_is_asked_only_while_the_first_has_certainly_not_got_it() {
    let place = Place::new("second");
    let second = Gateway::taking();
    place.configure(&format!("url {}\nurl {}\n", nowhere(), second.url));
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    assert_eq!(second.taken().len(), 1, "the first cannot be reached");
    let busy = Gateway::new(|_, nth| if nth == 0 { Answer::problem(503, "yes", "SM0406") } else { Act::Take });
    place.configure(&format!("url {}\nurl {}\n", nowhere(), busy.url));
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    place.let_time_pass();
    place.run_queue();
    assert_eq!(
        (busy.taken().len(), place.names("new").len()),
        (1, 0),
        "none of them had it, so any may be asked again"
    );
    for (what, act, goes_on) in [
        ("not queued", Answer::problem(503, "yes", "SM0406"), true),
        ("not let in", Answer::html(401), true),
        ("may double", Answer::problem(503, "yes-may-double", "SM0403"), false),
        ("lost after the message", Act::CloseLate, false),
        ("taken", Act::TakeAndClose, false),
        ("refused", Answer::problem(400, "after-correction", "SM0101"), false),
        ("a proxy that lost it", Answer::html(502), false),
        ("a fault", Answer::html(500), false),
    ] {
        let (first, second) = (Gateway::doing(act), Gateway::taking());
        let place = Place::new("second");
        place.configure(&format!("url {}\nurl {}\n", first.url, second.url));
        place.send("-t", MESSAGE);
        assert_eq!((first.posts().len(), second.taken().len()), (1, usize::from(goes_on)), "{what}");
        // It stays that way in the queue too.
        place.let_time_pass();
        place.run_queue();
        let elsewhere = matches!(what, "may double" | "a fault"); // the gateway's own answer: not queued
        if !goes_on && !elsewhere {
            assert_eq!(second.taken().len(), 0, "{what}");
        }
    }
}

#[test]
fn a_connection_lost_after_the_message_is_asked_again_with_its_key() {
    for act in [Act::TakeAndClose, Act::TakeAndBreak, Act::CloseLate] {
        let gateway = Gateway::new(move |_, nth| if nth == 0 { act.clone() } else { Act::Take });
        let place = Place::new("lost");
        place.settings(&gateway, "");
        let done = place.send("-t", MESSAGE);
        assert!(done.status == 0 && done.stderr.contains("may have been taken"), "{done:?}");
        place.let_time_pass();
        place.run_queue();
        assert_eq!((gateway.posts().len(), gateway.taken().len(), place.names("new").len()), (2, 1, 0));
        assert_eq!(gateway.options(), 1, "whether it honours keys was asked before");
    }
}

#[test]
fn without_an_honoured_key_a_lost_connection_is_unknown_and_never_sent_again() {
    let gateway = Gateway::start(None, |_, nth| if nth == 0 { Act::TakeAndClose } else { Act::Take });
    let place = Place::new("nokey");
    place.settings(&gateway, "");
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    place.let_time_pass();
    let done = place.run_queue();
    assert!(done.stderr.contains("it may or may not have been delivered"), "{done:?}");
    let about: Vec<_> = gateway.taken().iter().map(|request| request.text().contains("Hi there")).collect();
    assert_eq!(about, [true], "not again");
    assert_eq!(place.names("failed").len(), 1);
    // The report about it is a message of its own.
    place.run_queue();
    assert!(gateway.taken()[1].text().contains("may or may not have been delivered"));
}

#[test]
fn a_key_is_used_only_while_the_gateway_knows_it() {
    let place = Place::new("lifetime");
    let gateway = Gateway::start(Some(3600), |_, nth| if nth == 0 { Act::TakeAndClose } else { Act::Take });
    place.settings(&gateway, "");
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    // As if it had been sent an hour ago.
    let file = place.file("queue/new").join(&place.names("new")[0]);
    let text = fs::read_to_string(&file).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (head, journal) = text.split_at(text.find("Hi there\n").unwrap() + 9);
    let mut aged = journal.to_owned();
    for second in now - 10..=now + 70 {
        aged = aged.replace(&second.to_string(), &(second - 3500).to_string());
    }
    assert_ne!(aged, journal);
    fs::write(&file, format!("{head}{aged}")).unwrap();
    place.run_queue();
    assert_eq!((gateway.posts().len(), place.names("failed").len()), (1, 1), "sent again after its key was forgotten");
}

#[test]
fn a_gateway_that_says_it_does_not_know_is_believed() {
    // A proxy loses the gateway; the gateway repeats what it stored for this key.
    let gateway = Gateway::new(|_, nth| match nth {
        0 => Answer::html(502),
        _ => Answer::with(Answer::problem(504, "unknown", "SM0404"), "Idempotency-Replayed", "true"),
    });
    let place = Place::new("replayed");
    place.settings(&gateway, "");
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    place.let_time_pass();
    place.run_queue();
    assert_eq!((gateway.posts().len(), place.names("failed").len()), (2, 1));
}

#[test]
fn a_refusal_in_the_queue_ends_in_failed_with_a_report_to_the_local_user() {
    let gateway = Gateway::new(|_, nth| match nth {
        0 => Answer::problem(503, "yes", "SM0406"),
        1 => Answer::problem(400, "after-correction", "SM0101"),
        _ => Act::Take,
    });
    let place = Place::new("refused");
    place.settings(&gateway, "");
    assert_eq!(place.send("-t -f somebody@example.net", MESSAGE).status, 0);
    place.let_time_pass();
    assert!(place.run_queue().stderr.contains("it was refused: 400"));
    assert_eq!((place.names("failed").len(), place.names("new").len()), (1, 1));
    place.run_queue();
    let report = gateway.only();
    assert_eq!(report.field("envelope-from"), "<>");
    assert_ne!(report.field("envelope-to"), "somebody@example.net", "a sender that was made up gets nothing");
    assert!(report.text().contains("Content-Type: multipart/report"), "{}", report.text());
}

#[test]
fn an_old_message_is_given_up_only_after_several_tries() {
    let gateway = Gateway::doing(Answer::html(503));
    let place = Place::new("old");
    place.settings(&gateway, "expire 1s\n");
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    std::thread::sleep(Duration::from_millis(2100));
    for tries in 1..10 {
        assert_eq!(place.queue()[0]["folder"], if tries < 5 { "new" } else { "failed" }, "{tries}");
        if tries < 5 {
            assert_eq!(place.queue()[0]["tries"], 2 * tries - 1);
        }
        place.let_time_pass();
        place.run_queue();
        if place.names("failed").len() == 1 {
            return;
        }
    }
    panic!("never given up");
}

#[test]
fn a_clock_that_was_set_back_delays_nothing() {
    let gateway = Gateway::new(|_, nth| if nth == 0 { Answer::problem(503, "yes", "SM0406") } else { Act::Take });
    let place = Place::new("clock");
    place.settings(&gateway, "");
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    // What a clock ten years ahead would have written.
    let file = place.file("queue/new").join(&place.names("new")[0]);
    let text = fs::read_to_string(&file).unwrap();
    let (head, journal) = text.split_at(text.find("Hi there\n").unwrap() + 9);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut ahead = journal.to_owned();
    for second in now - 10..=now + 70 {
        ahead = ahead.replace(&second.to_string(), &(second + 315_360_000).to_string());
    }
    assert_ne!(ahead, journal);
    fs::write(&file, format!("{}{ahead}", head.replace("\"time\":1", "\"time\":2"))).unwrap();
    place.run_queue();
    assert_eq!((gateway.taken().len(), place.names("new").len()), (1, 0));
}

#[test]
fn two_runners_send_each_message_once() {
    let gateway = Gateway::new(|_, _| Act::TakeAndWait(Duration::from_millis(3)));
    let place = Place::new("two");
    place.settings(&gateway, "");
    for _ in 0..40 {
        assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    }
    let runners: Vec<_> = (0..4).map(|_| place.command(["-q"]).spawn().unwrap()).collect();
    for runner in runners {
        let done = ended(runner);
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    }
    assert_eq!((gateway.posts().len(), gateway.taken().len(), place.names("new").len()), (40, 40, 0));
}

#[test]
fn a_failed_message_is_tried_again_under_a_new_key() {
    let gateway =
        Gateway::start(None, |_, nth| if nth == 0 { Answer::problem(502, "unknown", "SM0407") } else { Act::Take });
    let place = Place::new("again");
    place.settings(&gateway, "");
    let done = place.send("-t", MESSAGE);
    assert!(done.status == 76 && done.stderr.contains("a copy is in failed/"), "{done:?}");
    let id = place.queue()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(place.send(&format!("--retry {id}"), "").status, 0);
    place.run_queue();
    let posts = gateway.posts();
    assert_eq!((posts.len(), gateway.taken().len(), place.names("failed").len()), (2, 1, 0));
    assert_ne!(posts[0].field("idempotency-key"), posts[1].field("idempotency-key"));
    assert_eq!(
        posts[0].body, posts[1].body,
        "the message keeps its Message-ID, so that a reader sees that it is the same"
    );
    for (words, status) in
        [("--retry x", 64), (&format!("--remove {id}") as &str, 64), ("--remove ../../etc/passwd", 64)]
    {
        assert_eq!(place.send(words, "").status, status, "{words}");
    }
}

#[test]
fn a_queue_file_that_cannot_be_read_stops_nobody() {
    let gateway = Gateway::taking();
    let place = Place::new("broken");
    place.settings(&gateway, "");
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    let good = place.names("new")[0].clone();
    let text = fs::read(place.file("queue/new").join(&good)).unwrap();
    let line = text.iter().position(|b| *b == b'\n').unwrap();
    for (name, content) in [
        ("00000000aaaaaaaaaaaaaaaaaaaaaaaa.0", &b""[..]),
        ("00000001aaaaaaaaaaaaaaaaaaaaaaaa.0", b"{}\n"),
        ("00000002aaaaaaaaaaaaaaaaaaaaaaaa.0", b"\xff\xfe\n\n"),
        ("00000003aaaaaaaaaaaaaaaaaaaaaaaa.0", &text), // another message's head
        ("nonsense", &text),
    ] {
        fs::write(place.file("queue/new").join(name), content).unwrap();
    }
    fs::write(place.file("queue/new").join(format!("{good}x")), &text[..line + 20]).unwrap();
    let done = place.run_queue();
    assert_eq!((done.status, gateway.taken().len(), place.names("new").len()), (0, 1, 0), "{done:?}");
    assert_eq!(place.names("failed").len(), 6);
    assert_eq!(done.stderr.matches("moved to failed/").count(), 6, "{done:?}");
}

#[test]
fn what_was_given_up_is_kept_for_thirty_days_and_what_was_never_finished_for_one() {
    let place = Place::new("old");
    place.configure("url http://127.0.0.1:9/mail\n");
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    let age = |name: &str, days: u32| {
        fs::write(place.file("queue").join(name), "x").unwrap();
        let mut touch = std::process::Command::new("touch");
        touch.args(["-d", &format!("{days} days ago")]).arg(place.file("queue").join(name));
        assert!(touch.status().unwrap().success());
    };
    age("failed/29", 29);
    age("failed/31", 31);
    age("tmp/young", 0);
    age("tmp/old", 2);
    let waits = place.names("new");
    let file = place.file("queue/new").join(&waits[0]);
    let mut touch = std::process::Command::new("touch");
    assert!(touch.args(["-d", "60 days ago"]).arg(file).status().unwrap().success());
    assert_eq!(place.run_queue().status, 0);
    assert_eq!((place.names("failed"), place.names("tmp")), (vec!["29".to_owned()], vec!["young".to_owned()]));
    assert_eq!(place.names("new"), waits, "what waits is never old");
}

#[test]
fn the_folders_of_the_queue_are_closed_to_others() {
    let gateway = Gateway::taking();
    let place = Place::new("modes");
    place.settings(&gateway, "");
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    let mode = |name: &str| fs::metadata(place.file("queue").join(name)).unwrap().permissions().mode() & 0o7777;
    for (name, expected) in [("new", 0o700), ("tmp", 0o700), ("failed", 0o700), ("drop", 0o3733), ("shown", 0o711)] {
        assert_eq!(mode(name), expected, "{name}");
    }
    assert_eq!(mode(&format!("new/{}", place.names("new")[0])), 0o600);
}

#[test]
fn ten_thousand_messages_drain_over_one_connection_with_flat_memory() {
    let count = if super::place::is_long() { 10_000 } else { 500 };
    let gateway = Gateway::taking();
    let place = Place::new("many");
    place.settings(&gateway, "quota_messages 20K\n");
    assert_eq!(place.send("-odq -t", MESSAGE).status, 0);
    // More of the same, under their own names.
    let name = place.names("new")[0].clone();
    let (id, uid) = name.split_once('.').unwrap();
    let text = fs::read_to_string(place.file("queue/new").join(&name)).unwrap();
    for n in 1..count {
        let other = format!("{}{n:08}", &id[..24]);
        fs::write(place.file("queue/new").join(format!("{other}.{uid}")), text.replace(id, &other)).unwrap();
    }
    let mut command = place.command(["-q"]);
    command.stdin(std::process::Stdio::null());
    let begun = std::time::Instant::now();
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        peak = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    eprintln!("{count} messages in {:?}, {peak} KB", begun.elapsed());
    assert_eq!((gateway.taken().len(), place.names("new").len()), (count, 0));
    assert_eq!(gateway.connections(), 2, "one to begin with, and one that is kept");
    assert!(peak < 30_000, "{peak} KB");
}
