//! The overview for a person, in HTML that is also well-formed XML: no script, nothing fetched, one form that asks this page again.
#![forbid(unsafe_code)]

use super::Overview;
use crate::status::clean::markup;
use crate::status::html::{absolute, head, icon, time};
use crate::status::words;
use crate::store::State;
use crate::store::overview::{Counts, Line};
use std::fmt::Write;

/// Seconds after which the first page looks again.
const REFRESH: u32 = 60;

/// What a person may choose of the time.
const AGES: [(&str, &str); 4] =
    [("", "ever"), ("1h", "the last hour"), ("1d", "the last day"), ("7d", "the last week")];

pub(super) fn page(page: &Overview<'_>) -> String {
    let is_first = page.query.is_first();
    let mut html = head("Messages – delivery status", is_first.then_some(REFRESH));
    html += "<header>\n<h1>Messages</h1>\n";
    html += if page.is_all { "<p class=\"since\">of everybody</p>\n" } else { "" };
    html += "</header>\n";
    if is_first {
        counts(&mut html, page, page.counts);
    }
    form(&mut html, page);
    html += "<main>\n";
    match page.list.lines.is_empty() {
        true => html += "<p class=\"nobody\">There is nothing to show.</p>\n",
        false => {
            html += "<h2 id=\"list\">Recipients, the newest first</h2>\n<ol class=\"list\" role=\"list\" aria-labelledby=\"list\">\n";
            page.list.lines.iter().for_each(|line| self::line(&mut html, page, line));
            html += "</ol>\n";
        }
    }
    html += "</main>\n<nav class=\"pages\" aria-label=\"Pages\">\n";
    if !is_first {
        let _ = writeln!(html, "<a href=\"{}\">Newest</a>", markup(&page.query.url(page.base, &[])));
    }
    if let Some(next) = page.next() {
        let _ = writeln!(html, "<a rel=\"next\" href=\"{}\">Next page</a>", markup(&next));
    }
    for (word, name) in [("csv", "CSV"), ("json", "JSON"), ("jsonl", "JSON lines")] {
        let url = page.query.url(page.base, &[("format", word)]);
        let _ = writeln!(html, "<a href=\"{}\">{name}</a>", markup(&url));
    }
    html += "</nav>\n<footer>\n<p>As of ";
    html += &absolute(page.now);
    html += if is_first { ". This page looks again every minute." } else { "." };
    html + "</p>\n</footer>\n</body>\n</html>\n"
}

/// What is happening: by state, each a link to those, and by domain.
fn counts(html: &mut String, page: &Overview<'_>, counts: &Counts) {
    if counts.states.is_empty() {
        return;
    }
    html.push_str(
        "<section class=\"counts\" aria-label=\"What is happening\">\n<table>\n<caption>By state</caption>\n<thead><tr><th scope=\"col\">State</th>\
         <th scope=\"col\">Last hour</th><th scope=\"col\">Last day</th><th scope=\"col\">Last week</th></tr></thead>\n<tbody>\n",
    );
    for count in &counts.states {
        let (word, name) = (words::of_state(count.state), count.state.as_str());
        let url = page.query.url(page.base, &[("state", name), ("cursor", "")]);
        let _ = writeln!(
            html,
            "<tr class=\"{}\"><th scope=\"row\"><a class=\"badge\" href=\"{}\">{} {}</a></th><td>{}</td><td>{}</td><td>{}</td></tr>",
            word.name,
            markup(&url),
            icon(word),
            word.title,
            count.hour,
            count.day,
            count.week
        );
    }
    html.push_str("</tbody>\n</table>\n");
    if !counts.domains.is_empty() {
        html.push_str(
            "<table>\n<caption>By domain, the newest of the last day</caption>\n<thead><tr><th scope=\"col\">Domain</th><th scope=\"col\">All</th>\
             <th scope=\"col\">Delayed</th><th scope=\"col\">Failed</th></tr></thead>\n<tbody>\n",
        );
        for domain in &counts.domains {
            let name = if domain.name.is_empty() { "local" } else { &domain.name };
            let url = page.query.url(page.base, &[("domain", &domain.name), ("cursor", "")]);
            let of = |state: State| domain.states.get(state.as_str()).copied().unwrap_or_default();
            let _ = writeln!(
                html,
                "<tr><th scope=\"row\"><a href=\"{}\"><bdi>{}</bdi></a></th><td>{}</td><td>{}</td><td>{}</td></tr>",
                markup(&url),
                markup(name),
                domain.total(),
                of(State::Delayed),
                of(State::Failed)
            );
        }
        html.push_str("</tbody>\n</table>\n");
    }
    if counts.is_cut {
        html.push_str("<p class=\"note\">Of each state the newest 100000 are counted.</p>\n");
    }
    html.push_str("</section>\n");
}

fn form(html: &mut String, page: &Overview<'_>) {
    let query = page.query;
    let action = query.url(page.base, &[]);
    let action = action.split('?').next().unwrap_or_default();
    let _ = writeln!(html, "<form method=\"get\" action=\"{}\" role=\"search\" aria-label=\"Filter\">", markup(action));
    let states = State::ALL.map(|state| (state.as_str(), words::of_state(state).title));
    let states: Vec<(&str, &str)> = std::iter::once(("", "any")).chain(states).collect();
    choice(html, "state", "State", &states, query.value("state"));
    let since = query.value("since");
    let mut ages = AGES.to_vec();
    if !since.is_empty() && !AGES.iter().any(|age| age.0 == since) {
        ages.push((since, since));
    }
    choice(html, "since", "Submitted", &ages, since);
    for (name, label) in [
        ("recipient", "Recipient begins with"),
        ("domain", "Domain"),
        ("sender", "Sender"),
        ("tag", "Tag"),
        ("message-id", "Message-ID"),
    ] {
        let _ = writeln!(
            html,
            "<label>{label} <input name=\"{name}\" value=\"{}\" autocapitalize=\"off\" spellcheck=\"false\"/></label>",
            markup(query.value(name))
        );
    }
    let _ = writeln!(html, "<button>Show</button> <a href=\"{}\">All</a>\n</form>", markup(action));
}

fn choice(html: &mut String, name: &str, label: &str, choices: &[(&str, &str)], chosen: &str) {
    let _ = write!(html, "<label>{label} <select name=\"{name}\">");
    for (value, title) in choices {
        let selected = if *value == chosen { " selected=\"\"" } else { "" };
        let _ = write!(html, "<option value=\"{}\"{selected}>{}</option>", markup(value), markup(title));
    }
    html.push_str("</select></label>\n");
}

fn line(html: &mut String, page: &Overview<'_>, line: &Line) {
    let word = words::of_state(line.state);
    let address = format!("<bdi>{}</bdi>", markup(&line.address));
    let address = match page.url_of(line) {
        Some(url) => format!("<a href=\"{}\">{address}</a>", markup(&url)),
        None => address,
    };
    let _ = write!(
        html,
        "<li class=\"{}\"><span class=\"badge\">{} {}</span> <span class=\"whom\">{address}</span>",
        word.name,
        icon(word),
        word.title
    );
    if let Some(reason) = line.reason {
        let _ = write!(html, " <span class=\"why\">{}</span>", reason.sentence());
    }
    html.push_str("<span class=\"since\">");
    html.push_str(&time(line.submitted, page.now));
    if let Some(sender) = &line.sender {
        let _ = write!(html, " from <bdi>{}</bdi>", markup(sender));
    }
    if let Some(owner) = line.owner.as_ref().filter(|_| page.is_all) {
        let _ = write!(html, ", submitted by <bdi>{}</bdi>", markup(owner));
    }
    html.push_str("</span></li>\n");
}
