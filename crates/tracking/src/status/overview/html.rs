//! The overview for a person, in HTML that is also well-formed XML: no script, nothing fetched, one form that asks this page again.
#![forbid(unsafe_code)]

use super::Overview;
use super::bars::bars;
use crate::status::clean::clean;
use crate::status::html::{absolute, head, icon, time};
use crate::status::{concern, words};
use crate::store::State;
use crate::store::overview::{Count, Counts, Line};
use web::markup;
use web::markup::Markup;

/// Seconds after which the first page looks again.
const REFRESH: u32 = 60;

/// What a person may choose of the time.
const AGES: [(&str, &str); 4] =
    [("", "ever"), ("1h", "the last hour"), ("1d", "the last day"), ("7d", "the last week")];

pub(super) fn page(page: &Overview<'_>) -> Markup {
    let is_first = page.query.is_first();
    let mut html = head("Messages – delivery status", is_first.then_some(REFRESH));
    html.push(markup!("<header>\n<h1>Messages</h1>\n"));
    if page.is_all {
        html.push(markup!("<p class=\"since\">of everybody</p>\n"));
    }
    let suppressions = format!("{}/suppressions/", page.base.trim_end_matches('/'));
    html.push(markup!(
        "<nav class=\"pages\"><a href=\"{}\">Suppressed addresses</a></nav>\n</header>\n",
        clean(&suppressions)
    ));
    if is_first {
        counts(&mut html, page, page.counts);
    }
    form(&mut html, page);
    html.push(markup!("<main>\n"));
    match page.list.lines.is_empty() {
        true => html.push(markup!("<p class=\"nobody\">There is nothing to show.</p>\n")),
        false => {
            html.push(markup!("<h2 id=\"list\">Recipients, the newest first</h2>\n<ol class=\"list\" role=\"list\" aria-labelledby=\"list\">\n"));
            page.list.lines.iter().for_each(|line| self::line(&mut html, page, line));
            html.push(markup!("</ol>\n"));
        }
    }
    html.push(markup!("</main>\n<nav class=\"pages\" aria-label=\"Pages\">\n"));
    if !is_first {
        html.push(markup!("<a href=\"{}\">Newest</a>\n", clean(&page.query.url(page.base, &[]))));
    }
    if let Some(next) = page.next() {
        html.push(markup!("<a rel=\"next\" href=\"{}\">Next page</a>\n", clean(&next)));
    }
    for (word, name) in [("csv", "CSV"), ("json", "JSON"), ("jsonl", "JSON lines"), ("xml", "XML")] {
        let url = page.query.url(page.base, &[("format", word)]);
        html.push(markup!("<a href=\"{}\">{}</a>\n", clean(&url), name));
    }
    html.push(markup!("</nav>\n<footer>\n<p>As of "));
    html.push(absolute(page.now));
    html.push(markup!("{}", if is_first { ". This page looks again every minute." } else { "." }));
    html + markup!("</p>\n</footer>\n</body>\n</html>\n")
}

/// What is happening: by state, each a link to those, and by domain.
fn counts(html: &mut Markup, page: &Overview<'_>, counts: &Counts) {
    if counts.given_up > 0 {
        html.push(markup!(
            "<p class=\"note\">Events that no webhook took in five days: {}. An administrator sends them once more by <code>processdsn --webhook retry</code>.</p>\n",
            counts.given_up
        ));
    }
    if counts.states.is_empty() {
        return;
    }
    html.push(markup!("<section class=\"counts\" aria-label=\"What is happening\">\n{}<table>\n<caption>By state</caption>\n<thead><tr><th scope=\"col\">State</th>\
         <th scope=\"col\">Last hour</th><th scope=\"col\">Last day</th><th scope=\"col\">Last week</th></tr></thead>\n<tbody>\n", bars(&by_concern(&counts.states))));
    for count in by_concern(&counts.states) {
        let (word, name) = (words::of_state(count.state), count.state.as_str());
        let url = page.query.url(page.base, &[("state", name), ("cursor", "")]);
        html.push(markup!("<tr class=\"{}\"><th scope=\"row\"><a class=\"badge\" href=\"{}\">{} {}</a></th><td>{}</td><td>{}</td><td>{}</td></tr>\n", word.name, clean(&url), icon(word), word.title, count.hour, count.day, count.week));
    }
    html.push(markup!("</tbody>\n</table>\n"));
    if !counts.domains.is_empty() {
        html.push(markup!("<table>\n<caption>By domain, the newest of the last day</caption>\n<thead><tr><th scope=\"col\">Domain</th><th scope=\"col\">All</th>\
             <th scope=\"col\">Delayed</th><th scope=\"col\">Failed</th></tr></thead>\n<tbody>\n"));
        for domain in &counts.domains {
            let name = if domain.name.is_empty() { "local" } else { &domain.name };
            let url = page.query.url(page.base, &[("domain", &domain.name), ("cursor", "")]);
            let of = |state: State| domain.states.get(state.as_str()).copied().unwrap_or_default();
            html.push(markup!(
                "<tr><th scope=\"row\"><a href=\"{}\"><bdi>{}</bdi></a></th><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                clean(&url),
                clean(name),
                domain.total(),
                of(State::Delayed),
                of(State::Failed)
            ));
        }
        html.push(markup!("</tbody>\n</table>\n"));
    }
    if counts.is_cut {
        html.push(markup!("<p class=\"note\">Of each state the newest 100000 are counted.</p>\n"));
    }
    html.push(markup!("</section>\n"));
}

/// What needs attention first.
fn by_concern(counts: &[Count]) -> Vec<&Count> {
    let mut counts: Vec<&Count> = counts.iter().collect();
    counts.sort_by_key(|count| concern(count.state));
    counts
}

fn form(html: &mut Markup, page: &Overview<'_>) {
    let query = page.query;
    let action = query.url(page.base, &[]);
    let action = action.split('?').next().unwrap_or_default();
    html.push(markup!("<form method=\"get\" action=\"{}\" role=\"search\" aria-label=\"Filter\">\n", clean(action)));
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
        html.push(markup!(
            "<label>{} <input name=\"{}\" value=\"{}\" autocapitalize=\"off\" spellcheck=\"false\"/></label>\n",
            label,
            name,
            clean(query.value(name))
        ));
    }
    html.push(markup!("<button>Show</button> <a href=\"{}\">All</a>\n</form>\n", clean(action)));
}

fn choice(html: &mut Markup, name: &str, label: &str, choices: &[(&str, &str)], chosen: &str) {
    html.push(markup!("<label>{} <select name=\"{}\">", label, name));
    for (value, title) in choices {
        let selected = (*value == chosen).then(|| markup!(" selected=\"\""));
        html.push(markup!("<option value=\"{}\"{}>{}</option>", clean(value), selected, clean(title)));
    }
    html.push(markup!("</select></label>\n"));
}

fn line(html: &mut Markup, page: &Overview<'_>, line: &Line) {
    let word = words::of_state(line.state);
    let address = markup!("<bdi>{}</bdi>", clean(&line.address));
    let address = match page.url_of(line) {
        Some(url) => markup!("<a href=\"{}\">{}</a>", clean(&url), address),
        None => address,
    };
    html.push(markup!(
        "<li class=\"{}\"><span class=\"badge\">{} {}</span> <span class=\"whom\">{}</span>",
        word.name,
        icon(word),
        word.title,
        address
    ));
    if let Some(reason) = line.reason {
        html.push(markup!(" <span class=\"why\">{}</span>", reason.sentence()));
    }
    html.push(markup!("<span class=\"since\">"));
    html.push(time(line.submitted, page.now));
    if let Some(sender) = &line.sender {
        html.push(markup!(" from <bdi>{}</bdi>", clean(sender)));
    }
    if let Some(owner) = line.owner.as_ref().filter(|_| page.is_all) {
        html.push(markup!(", submitted by <bdi>{}</bdi>", clean(owner)));
    }
    html.push(markup!("</span></li>\n"));
}
