//! A page for a person, in HTML that is also well-formed XML: no script, nothing fetched, and all foreign text escaped and isolated in its
//! direction.
#![forbid(unsafe_code)]

use super::clean::clean;
use super::words::{self, HEURISTIC, NOBODY, NOT_VERIFIABLE, Word};
use super::{Page, codes, decisive, moment, mta};
use crate::store::{Event, RecipientStatus, State};
use web::markup;
use web::markup::{Markup, Value};

/// The style sheet of every page; the Content-Security-Policy contains its exact digest.
pub(super) const STYLE: &str = include_str!("style.css");

/// A server's text of this many characters or more is collapsed.
const LONG: usize = 400;

pub(super) fn page(page: &Page<'_>) -> Markup {
    let counts: Vec<String> = page.counts().iter().map(|(word, count)| format!("{count} {}", word.counted)).collect();
    let title = if counts.is_empty() { "Delivery status".into() } else { counts.join(", ") + " – delivery status" };
    let mut html = head(&title, page.refresh());
    html.push(markup!("<header>\n<h1>Delivery status</h1>\n"));
    if page.single {
        html.push(markup!(
            "<nav><a href=\"{}\">All recipients of this message</a></nav>\n",
            clean(&page.message_url())
        ));
    } else if page.recipients.len() > 1 {
        html.push(markup!("<ul class=\"sum\" role=\"list\" aria-label=\"Summary\">\n"));
        for (word, count) in page.counts() {
            html.push(markup!("<li class=\"{}\">{} <b>{}</b> {}</li>\n", word.name, icon(word), count, word.counted));
        }
        html.push(markup!("</ul>\n"));
    }
    html.push(markup!("<dl class=\"facts\">\n"));
    if let Some(sender) = &page.message.sender {
        fact(&mut html, "From", &markup!("<bdi>{}</bdi>", clean(sender)));
    }
    fact(&mut html, "Submitted", &time(page.message.submitted, page.now));
    fact(
        &mut html,
        "Message-ID",
        &markup!("<code dir=\"auto\">&lt;{}&gt;</code>", breakable(&clean(&page.message.message_id))),
    );
    for tag in &page.message.tags {
        fact(&mut html, &markup!("<bdi>{}</bdi>", clean(&tag.name)), &markup!("<bdi>{}</bdi>", clean(&tag.value)));
    }
    html.push(markup!("</dl>\n</header>\n<main>\n"));
    for recipient in page.by_concern() {
        self::recipient(&mut html, page, recipient);
    }
    if page.recipients.is_empty() {
        html.push(markup!("<p class=\"nobody\">{}</p>\n", NOBODY));
    }
    html.push(markup!("</main>\n<footer>\n<p>As of "));
    html.push(absolute(page.now));
    html.push(markup!(
        "{}",
        match page.refresh() {
            Some(10) => ". A report is awaited: this page looks again every 10 seconds.",
            Some(60) => ". A report is awaited: this page looks again every minute.",
            Some(_) => ". A report is awaited: this page looks again every five minutes.",
            None => ".",
        }
    ));
    html + markup!("</p>\n</footer>\n</body>\n</html>\n")
}

/// A page that explains why there is no status.
pub(super) fn problem(title: &str, sentence: &str) -> Markup {
    let mut html = head(title, None);
    html.push(markup!(
        "<main class=\"problem\">\n<h1>{}</h1>\n<p>{}</p>\n</main>\n</body>\n</html>\n",
        title,
        sentence
    ));
    html
}

pub(super) fn head(title: &str, refresh: Option<u32>) -> Markup {
    let refresh = refresh.map(|seconds| markup!("<meta http-equiv=\"refresh\" content=\"{}\"/>\n", seconds));
    markup!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<meta name=\"robots\" content=\"noindex\"/>\n{}\
         <title>{}</title>\n<style>{}</style>\n</head>\n<body>\n",
        refresh,
        title,
        Markup::literal(STYLE)
    )
}

fn recipient(html: &mut Markup, page: &Page<'_>, recipient: &RecipientStatus) {
    let word = words::of(recipient, page.now);
    let address = markup!("<bdi>{}</bdi>", clean(&recipient.address));
    let address = match page.single {
        true => address,
        false => markup!("<a href=\"{}\">{}</a>", clean(&page.recipient_url(recipient)), address),
    };
    html.push(markup!("<article class=\"{}\">\n<h2>{}</h2>\n", word.name, address));
    html.push(markup!(
        "<p class=\"state\"><span class=\"badge\">{} {}</span> <span class=\"since\">since {}</span></p>\n",
        icon(word),
        word.title,
        time(recipient.since, page.now)
    ));
    html.push(markup!("<p class=\"lead\">{}</p>\n", words::sentence(recipient, page.now)));
    let decisive = decisive(recipient);
    if let Some(event) = decisive {
        said(html, event);
        if words::is_unverifiable(recipient) {
            html.push(markup!("<p class=\"note\">{}</p>\n", NOT_VERIFIABLE));
        }
        if event.heuristic {
            html.push(markup!("<p class=\"note\">{}</p>\n", HEURISTIC));
        }
    }
    if !recipient.events.is_empty() {
        let open = (page.single || page.recipients.len() == 1).then(|| markup!(" open=\"\""));
        html.push(markup!("<details{}>\n<summary>History</summary>\n<ol class=\"history\">\n", open));
        html.push(markup!(
            "<li class=\"queued\">{} <b>Submitted</b> {}</li>\n",
            icon(words::of_state(State::Queued)),
            time(page.message.submitted, page.now)
        ));
        for event in &recipient.events {
            history(html, page, event, decisive.is_some_and(|shown| std::ptr::eq(shown, event)));
        }
        html.push(markup!("</ol>\n</details>\n"));
    }
    html.push(markup!("</article>\n"));
}

/// A report on a recipient: code, text and source.
fn said(html: &mut Markup, event: &Event) {
    let (remote, reporter) = (mta(event.remote_mta.as_ref()), mta(event.reporting_mta.as_ref()));
    if event.reason.is_none()
        && event.status.is_none()
        && event.diagnostic.is_none()
        && remote.is_none()
        && reporter.is_none()
    {
        return;
    }
    html.push(markup!("<dl class=\"said\">\n"));
    if let Some(reason) = event.reason {
        fact(html, "Reason", &markup!("<code>{}</code> {}", reason.as_str(), reason.sentence()));
    }
    if let Some(status) = &event.status {
        let meaning = codes::meaning(status).map(|meaning| format!(" {meaning}"));
        fact(html, "Status", &markup!("<code>{}</code>{}", clean(status), meaning));
    }
    if let Some(diagnostic) = &event.diagnostic {
        fact(html, "Server said", &quote(&clean(diagnostic)));
    }
    if let Some(remote) = remote {
        fact(html, "Server", &markup!("<bdi>{}</bdi>", clean(&remote)));
    }
    if let Some(reporter) = reporter {
        fact(html, "Reported by", &markup!("<bdi>{}</bdi>", clean(&reporter)));
    }
    html.push(markup!("</dl>\n"));
}

/// A server's text, unchanged; a long one is collapsed after its beginning.
fn quote(words: &str) -> Markup {
    match words.char_indices().nth(LONG) {
        None => markup!("<samp dir=\"auto\">{}</samp>", clean(words)),
        Some((at, _)) => markup!(
            "<details class=\"long\"><summary><samp dir=\"auto\">{}…</samp> <span>all {} characters</span></summary>\
             <samp dir=\"auto\">{}</samp></details>",
            clean(&words[..at / 2 + (0..4).find(|by| words.is_char_boundary(at / 2 + by)).unwrap_or_default()]),
            words.chars().count(),
            clean(words)
        ),
    }
}

fn history(html: &mut Markup, page: &Page<'_>, event: &Event, shown_above: bool) {
    let word = words::of_state(event.action);
    html.push(markup!(
        "<li class=\"{}\">{} <b>{}</b> {}",
        word.name,
        icon(word),
        word.title,
        time(event.occurred, page.now)
    ));
    if !event.verified {
        html.push(markup!(" <span class=\"tag\">not verifiable</span>"));
    }
    if event.heuristic {
        html.push(markup!(" <span class=\"tag\">from wording</span>"));
    }
    html.push(markup!("\n"));
    if !shown_above {
        if let Some(until) = event.will_retry_until {
            html.push(markup!("<p>To be tried until {}.</p>\n", absolute(until)));
        }
        said(html, event);
    }
    html.push(markup!("</li>\n"));
}

/// A Message-ID that may wrap before its `@`.
fn breakable(id: &str) -> Markup {
    let mut pieces = id.split('@');
    let first = markup!("{}", pieces.next().unwrap_or_default());
    pieces.fold(first, |id, piece| id + markup!("<wbr/>@{}", piece))
}

fn fact(html: &mut Markup, name: &(impl Value + ?Sized), value: &Markup) {
    html.push(markup!("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value));
}

pub(super) fn absolute(seconds: i64) -> Markup {
    markup!("<time datetime=\"{}\">{}</time>", moment::stamp(seconds), moment::absolute(seconds))
}

pub(super) fn time(seconds: i64, now: i64) -> Markup {
    markup!("{} <span class=\"ago\">({})</span>", absolute(seconds), moment::relative(seconds, now))
}

/// An icon for each state. Its word is next to it, so screen readers skip the icon.
pub(super) fn icon(word: &Word) -> Markup {
    let shape = ICONS.iter().find(|row| row.0 == word.name).map(|row| Markup::literal(row.1));
    markup!(
        "<svg viewBox=\"0 0 24 24\" width=\"20\" height=\"20\" aria-hidden=\"true\" focusable=\"false\">{}</svg>",
        shape
    )
}

const ICONS: [(&str, &str); 9] = [
    ("complained", "<path d=\"M12 2.5L22 20.5H2z\"/><path d=\"M12 9v5.500m0 3v.5\"/>"),
    ("delayed", "<circle cx=\"12\" cy=\"12\" r=\"9.5\"/><path d=\"M12 6.5V12l4 2.5\"/>"),
    (
        "delivered",
        "<circle class=\"full\" cx=\"12\" cy=\"12\" r=\"9.5\"/><path class=\"ink\" d=\"M7.5 12.5l3 3 6-7\"/>",
    ),
    (
        "expanded",
        "<path d=\"M3 12h6m0 0c4 0 4-6 9-6m-9 6c4 0 4 6 9 6M9 12h9m-2-8l2.5 2-2.5 2m0 2l2.5 2-2.5 2m0 2l2.5 2-2.5 2\"/>",
    ),
    (
        "failed",
        "<path class=\"full\" d=\"M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8z\"/><path class=\"ink\" d=\"M8.5 8.5l7 7m0-7l-7 7\"/>",
    ),
    ("queued", "<path d=\"M2.5 5.5h19v13h-19zM3 6l9 7 9-7\"/>"),
    ("relayed", "<path d=\"M13 2.5H2.5v19H13M9 12h12.5m-5-5l5 5-5 5\"/>"),
    ("suppressed", "<circle cx=\"12\" cy=\"12\" r=\"9.5\"/><path d=\"M5.5 5.500l13 13\"/>"),
    (
        "unknown",
        "<path d=\"M12 1.5L22.5 12 12 22.5 1.5 12z\"/><path d=\"M9.5 9.8c0-3.2 5-3.2 5 0 0 2-2.5 2-2.5 4m0 2.700v.5\"/>",
    ),
];
