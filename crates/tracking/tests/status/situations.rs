//! Messages in every situation a page has to show.

use tracking::dsn::reason;
use tracking::store::{Event, Message, RecipientStatus, State, Tag};

/// When the pages are looked at: 2026-11-22 03:07:54 UTC.
pub const NOW: i64 = 1_795_316_874;
pub const BASE: &str = "https://mail.example.org/dsn/";
pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// What no server should say, and one will.
pub const HOSTILE: &str = "550 5.7.1 <script>alert('x')</script> ]]> --> <!-- &amp; \" ' </samp></article>\r\n\u{1b}[2J\u{9b}31m\
    \u{7}\u{0}\u{fffe}\u{ffff} \u{202e}txt.exe\u{2066} <img src=x onerror=alert(1)> https://evil.example/ \u{1f426} Größe";

/// Every situation and its name.
pub fn all() -> Vec<(&'static str, Message)> {
    let mut one_each: Vec<(&str, Message)> =
        recipients().into_iter().map(|(name, recipient)| (name, message(vec![recipient]))).collect();
    one_each.push(("nobody", message(Vec::new())));
    one_each.push(("everybody", message(recipients().into_iter().map(|(_, recipient)| recipient).collect())));
    one_each
        .push(("fresh", Message { submitted: NOW - 8, ..message(vec![recipient("new", State::Queued, NOW - 8, [])]) }));
    let tag = |name: &str, value: &str| Tag { name: name.into(), value: value.into() };
    one_each.push((
        "tagged",
        Message {
            tags: vec![tag("category", "welcome"), tag("plan", HOSTILE)],
            ..message(vec![recipient("new", State::Queued, NOW - 8, [])])
        },
    ));
    one_each
}

pub fn message(recipients: Vec<RecipientStatus>) -> Message {
    Message {
        message_id: "9k3mz8q2v7x1c5b4n6l0p9o8i7u6y5t4@gateway.example.org".into(),
        sender: Some("ann@example.org".into()),
        submitted: NOW - 6 * DAY,
        tags: Vec::new(),
        recipients,
    }
}

fn recipient<const N: usize>(name: &str, state: State, since: i64, events: [Event; N]) -> RecipientStatus {
    RecipientStatus {
        address: format!("{name}@example.com"),
        state,
        since,
        reason: None,
        verified: events.last().is_some_and(|event: &Event| event.verified),
        events: events.into(),
    }
}

fn event(ago: i64, action: State, status: &str, diagnostic: &str) -> Event {
    let is_why = matches!(action, State::Failed | State::Delayed);
    Event {
        occurred: NOW - ago,
        action,
        reason: is_why.then(|| reason::of_words(Some(status), Some(diagnostic), None)),
        status: Some(status.into()),
        diagnostic: Some(diagnostic.into()),
        reporting_mta: Some("dns; gateway.example.org".into()),
        remote_mta: Some("mx1.example.com".into()),
        will_retry_until: None,
        verified: true,
        heuristic: false,
    }
}

fn recipients() -> Vec<(&'static str, RecipientStatus)> {
    let busy = "connect to mx1.example.com[192.0.2.25]:25: Connection timed out";
    let delay = |ago| Event { will_retry_until: Some(NOW + 2 * DAY), ..event(ago, State::Delayed, "4.4.1", busy) };
    let full = "552-5.2.2 The email account that you tried to reach is over quota. Please direct the recipient to 552 5.2.2 clear it.";
    let delivered = event(6 * DAY - 40, State::Delivered, "2.0.0", "250 2.0.0 Ok: queued as 4F2A91C03E");
    let hostile = Event {
        remote_mta: Some("dns; \"><script>alert(2)</script>".into()),
        status: Some("5.7.1<b>".into()),
        ..event(3 * HOUR, State::Failed, "", HOSTILE)
    };
    let long = "Remote said much. ".repeat(60);
    let unverified = |event: Event| Event { verified: false, ..event };
    let late = Event {
        will_retry_until: Some(NOW - DAY),
        ..event(5 * DAY + HOUR, State::Delayed, "4.7.1", "451 4.7.1 Greylisted")
    };
    let mut forged = recipient("forged", State::Delivered, NOW - 6 * DAY + 9, [delivered.clone()]);
    forged.events.push(unverified(event(DAY, State::Failed, "5.1.1", "550 5.1.1 no such user")));
    let bare = Event { status: None, diagnostic: None, reporting_mta: None, remote_mta: None, ..delivered.clone() };
    let mut strange = recipient("strange", State::Failed, NOW - 3 * HOUR, [hostile]);
    strange.address = "\"a/b<i>\u{202e}\u{1}\"@example.com".into();
    vec![
        ("delivered", recipient("dora", State::Delivered, NOW - 6 * DAY + 40, [delivered.clone()])),
        ("bare", recipient("bare", State::Delivered, NOW - 6 * DAY + 40, [bare])),
        ("delayed", recipient("dave", State::Delayed, NOW - 5 * HOUR, [delay(5 * HOUR), delay(HOUR)])),
        (
            "failed",
            recipient(
                "fred",
                State::Failed,
                NOW - 2 * HOUR,
                [delay(4 * HOUR), event(2 * HOUR, State::Failed, "5.2.2", full)],
            ),
        ),
        ("hostile", strange),
        ("long", recipient("long", State::Failed, NOW - 3 * HOUR, [event(3 * HOUR, State::Failed, "5.0.0", &long)])),
        (
            "expanded",
            recipient(
                "list",
                State::Expanded,
                NOW - 6 * DAY + 2,
                [event(6 * DAY - 2, State::Expanded, "2.1.5", "250 ok")],
            ),
        ),
        (
            "relayed",
            recipient(
                "ray",
                State::Relayed,
                NOW - 6 * DAY + 3,
                [event(6 * DAY - 3, State::Relayed, "2.1.9", "250 Accepted")],
            ),
        ),
        ("queued", recipient("quinn", State::Queued, NOW - 2 * DAY, [])),
        ("silent", recipient("sid", State::Unknown, NOW - 6 * DAY, [])),
        ("silent-after-delay", recipient("sal", State::Unknown, NOW - 5 * DAY - HOUR, [late])),
        ("unknown", recipient("uma", State::Unknown, NOW - 10 * MINUTE, [])),
        (
            "unverified",
            recipient(
                "uri",
                State::Failed,
                NOW - DAY,
                [unverified(event(DAY, State::Failed, "5.1.1", "550 5.1.1 <uri@example.com>: user unknown"))],
            ),
        ),
        (
            "heuristic",
            recipient(
                "hugo",
                State::Failed,
                NOW - DAY,
                [Event {
                    heuristic: true,
                    remote_mta: None,
                    ..unverified(event(
                        DAY,
                        State::Failed,
                        "5.1.2",
                        "Sorry, I couldn't find any host named exampel.com. (#5.1.2)",
                    ))
                }],
            ),
        ),
        ("forged", forged),
    ]
}
