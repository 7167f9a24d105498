//! `bench/rows` fills a database; this times what is asked of it, by the functions that the modules and the commands use, and prints a row
//! of a table for each question: its name, the rows of an answer, and the milliseconds of the median and of the longest.
#![forbid(unsafe_code)]

use apr::{Dbd, OwnPool};
use std::time::Instant;
use tracking::store::overview::{self, Cursor, Filter, Scope};
use tracking::store::suppression::{self, Rules};
use tracking::store::{self, Owner, State, Submitted, Viewer, now};

/// Each question is asked so often, of another value each time where there are several.
const TIMES: usize = 25;
const DAY: i64 = 86_400;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [driver, params] = words.as_slice() else {
        eprintln!("usage: rows DRIVER PARAMS; bench/rows fills a database and runs this");
        return;
    };
    let pool = OwnPool::new();
    let mut database = Dbd::open(pool.borrow(), driver, params).expect("a database");
    pages(&mut database);
    single(&mut database);
    writes(&mut database);
}

fn timed(name: &str, mut ask: impl FnMut(usize) -> usize) {
    let mut rows = 0;
    let mut times: Vec<f64> = (0..TIMES)
        .map(|number| {
            let begun = Instant::now();
            rows = ask(number);
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("| {name} | {rows} | {:.2} | {:.1} |", times[TIMES / 2], times[TIMES - 1]);
}

fn owner(name: &str) -> Owner {
    Owner::login(name.as_bytes())
}

fn pages(database: &mut Dbd<'_>) {
    let scopes = [
        ("administrator", Scope::All(None)),
        ("owner of half", Scope::Own(owner("shop"))),
        ("owner of few", Scope::Own(owner("user42"))),
    ];
    for (who, scope) in &scopes {
        for (what, filter) in filters() {
            let mut next = None;
            timed(&format!("{who}: {what}, first page"), |_| {
                let page = overview::list(database, scope, &filter, now()).expect("a page");
                next = page.next;
                page.lines.len()
            });
            let Some(cursor) = next else { continue };
            timed(&format!("{who}: {what}, next page"), |_| page(database, scope, &filter, &cursor));
            let deep = deep(&cursor);
            timed(&format!("{who}: {what}, a page far behind"), |number| page(database, scope, &filter, &deep(number)));
        }
        timed(&format!("{who}: counts and domains"), |_| {
            let counts = overview::counts(database, scope, now()).expect("counts");
            counts.states.len() + counts.domains.len()
        });
    }
}

fn page(database: &mut Dbd<'_>, scope: &Scope, filter: &Filter, after: &Cursor) -> usize {
    let filter = Filter { after: Some(after.clone()), ..filter.clone() };
    overview::list(database, scope, &filter, now()).expect("a page").lines.len()
}

/// Somewhere in the middle of the same order.
fn deep(cursor: &Cursor) -> impl Fn(usize) -> Cursor {
    let by_address = cursor.address.is_some();
    move |number| {
        let age = (20 + number as i64) * DAY;
        let address = by_address.then(|| format!("ann.{}@", 400_000 + number));
        Cursor { position: (now() - age) << 30, address }
    }
}

fn filters() -> Vec<(&'static str, Filter)> {
    let all = || Filter { limit: 50, ..Filter::default() };
    let text = |text: &str| Some(text.to_owned());
    let mut filters = vec![
        ("all", all()),
        ("all, 500 on a page", Filter { limit: 500, ..all() }),
        ("since 1 d", Filter { since: Some(now() - DAY), ..all() }),
        ("recipient ann", Filter { recipient: text("ann"), ..all() }),
        ("recipient ann.4", Filter { recipient: text("ann.4"), ..all() }),
        ("recipient nobody", Filter { recipient: text("zz"), ..all() }),
        ("large domain", Filter { domain: text("large.example"), ..all() }),
        ("small domain", Filter { domain: text("d77.example"), ..all() }),
        ("large sender", Filter { sender: text("news@shop.example"), ..all() }),
        ("small sender", Filter { sender: text("user42@s42.example"), ..all() }),
    ];
    filters.extend(State::ALL.map(|state| (state.as_str(), Filter { state: Some(state), ..all() })));
    let both = |state, filter| Filter { state: Some(state), ..filter };
    filters.extend([
        ("failed, since 1 d", both(State::Failed, Filter { since: Some(now() - DAY), ..all() })),
        ("failed, large domain", both(State::Failed, Filter { domain: text("large.example"), ..all() })),
        ("failed, small domain", both(State::Failed, Filter { domain: text("d77.example"), ..all() })),
        ("complained, large domain", both(State::Complained, Filter { domain: text("large.example"), ..all() })),
        ("complained, large sender", both(State::Complained, Filter { sender: text("news@shop.example"), ..all() })),
        ("complained, recipient a", both(State::Complained, Filter { recipient: text("a"), ..all() })),
        (
            "small domain, large sender",
            Filter { domain: text("d77.example"), sender: text("news@shop.example"), ..all() },
        ),
        ("small domain, recipient a", Filter { domain: text("d77.example"), recipient: text("a"), ..all() }),
        ("since 1 h, recipient a", Filter { since: Some(now() - 3600), recipient: text("a"), ..all() }),
    ]);
    filters
}

/// One message, one address.
fn single(database: &mut Dbd<'_>) {
    let shop = owner("shop");
    for (who, viewer) in [
        ("administrator", Viewer { user: None, owner_only: false }),
        ("owner", Viewer { user: Some(&shop), owner_only: true }),
    ] {
        timed(&format!("{who}: one message by its id"), |number| {
            let id = format!("m{}@shop.example", 4000 * (number + 1));
            store::find(database, &id, viewer, now()).expect("an answer").map_or(0, |found| found.recipients.len())
        });
    }
    for many in [1, 50] {
        timed(&format!("SendmailSuppress: {many} recipients"), |number| {
            let who: Vec<String> = (0..many).map(|at| format!("ann.{}@large.example", 1000 * number + at)).collect();
            let rules = Rules { after: 1, lasts: 30 * DAY };
            suppression::among(database, Some(&shop), &who, rules, now()).expect("an answer").len()
        });
    }
    for (who, scope) in [("administrator", None), ("owner", Some(suppression::Scope::Of(Some(owner("shop")))))] {
        timed(&format!("{who}: suppressed addresses, a page"), |_| {
            suppression::list(database, scope.as_ref(), "ann.5", 500).expect("a page").len()
        });
    }
    timed("--export of an address", |number| {
        let address = format!("ann.{}@large.example", 1000 * number);
        store::personal::export(database, &address).expect("an answer").len()
    });
}

fn writes(database: &mut Dbd<'_>) {
    let begun = now();
    timed("recording of a message to 1", |number| submit(database, begun, number, 1));
    timed("recording of a message to 50", |number| submit(database, begun, 1000 + number, 50));
    timed("--forget of an address", |number| {
        let address = format!("ann.{}@large.example", 500_000 + number);
        usize::try_from(store::personal::forget(database, &address).expect("an answer")).unwrap_or(0)
    });
}

fn submit(database: &mut Dbd<'_>, begun: i64, number: usize, recipients: usize) -> usize {
    let message = Submitted {
        envid: format!("bench-{begun}-{number}"),
        token: format!("bench-{begun}-{number}"),
        message_id: format!("bench.{begun}.{number}@shop.example"),
        owner: Some(owner("shop")),
        sender: Some("news@shop.example".into()),
        recipients: (0..recipients).map(|at| (format!("ann.{number}.{at}@large.example"), false)).collect(),
        suppressed: Default::default(),
        tags: Vec::new(),
        now: now(),
    };
    let _ = store::submit(database, &message).expect("entered");
    recipients
}
