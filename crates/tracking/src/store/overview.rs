//! Many messages at a glance: the recipients that one owner, or an administrator, may see, a page at a time, and how many are in which state. Each
//! order that can be asked for has an index of its own (`recipient_*`), which stands behind the last place of the page before: a page costs
//! the same wherever it is. Where several filters meet, the index that leads to the fewest rows leads.
#![forbid(unsafe_code)]

mod statements;

use super::order::first;
use super::schema::explain;
use super::tags;
use super::{Owner, SILENCE, State};
use crate::dsn::reason::Reason;
use sql::{Database, DatabaseError, Dialect, Row, Statement};
use std::collections::BTreeMap;

/// Whose messages are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's; the recipients from Bcc only where this is the owner.
    All(Option<Owner>),
    /// Those of one owner.
    Own(Owner),
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// How the address begins, in lower case; orders by address.
    pub recipient: Option<String>,
    /// The domain of the address, in lower case.
    pub domain: Option<String>,
    /// The author's address, in lower case.
    pub sender: Option<String>,
    /// The state as it is shown.
    pub state: Option<State>,
    /// What the sender calls the message by: a value, or `name:value`.
    pub tag: Option<String>,
    /// Submitted at this second or later.
    pub since: Option<i64>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: usize,
}

/// Behind which recipient a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its number in the order of time.
    pub position: i64,
    /// Its address, where that is the order.
    pub address: Option<String>,
}

/// One recipient of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The address, in lower case.
    pub address: String,
    /// As it is shown: a pending state that nothing was heard of for [`SILENCE`] is unknown.
    pub state: State,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// The report that said so carried the secret of the message.
    pub verified: bool,
    /// Why it failed or is late.
    pub reason: Option<Reason>,
    /// Of the message, without angle brackets; empty for one that had none.
    pub message_id: String,
    /// The author's address.
    pub sender: Option<String>,
    /// Seconds since 1970.
    pub submitted: i64,
    /// Whose message it is; `?` for one that is known from reports alone.
    pub owner: Option<String>,
    position: i64,
}

/// A page of recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The newest first, or by address.
    pub lines: Vec<Line>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// How many recipients of the last hour, day and week are in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The state.
    pub state: State,
    /// Of messages submitted within the last hour.
    pub hour: i64,
    /// Of the last day.
    pub day: i64,
    /// Of the last week.
    pub week: i64,
}

/// How many recipients of one domain are in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The domain.
    pub name: String,
    /// By state, those that are not none.
    pub states: BTreeMap<&'static str, i64>,
}

impl Domain {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.states.values().sum()
    }
}

/// What is happening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// One for each state that occurs.
    pub states: Vec<Count>,
    /// The domains with the most recipients among the newest of the last day.
    pub domains: Vec<Domain>,
    /// A state has more than were counted.
    pub is_cut: bool,
    /// Events on these messages that no webhook took in five days; 1000 of more.
    pub given_up: i64,
}

/// So many recipients of a state are counted, the newest.
const MOST_COUNTED: i64 = 100_000;
/// So many rows are worth to be counted to find the index that leads to the fewest.
const FEW: i64 = 5000;
/// Domains are looked for in so many recipients, the newest.
const NEWEST: i64 = 5000;
/// So many domains are told.
const DOMAINS: usize = 10;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The recipients that `scope` may see and `filter` asks for.
pub fn list<D: Database>(database: &mut D, scope: &Scope, filter: &Filter, now: i64) -> Result<List, DatabaseError> {
    let mut lines = Vec::new();
    for branch in branches(filter, now - SILENCE) {
        let rows = select(database, scope, filter, &branch).map_err(|error| explain(database, error))?;
        lines.extend(rows.iter().map(|row| line(row, now)));
    }
    match filter.recipient {
        Some(_) => lines.sort_by(|a: &Line, b: &Line| (&a.address, b.position).cmp(&(&b.address, a.position))),
        None => lines.sort_by_key(|line| std::cmp::Reverse(line.position)),
    }
    let has_more = lines.len() > filter.limit;
    if has_more {
        // Two messages of one second may share a number: a page does not part them.
        let first_left = lines[filter.limit].position;
        lines.truncate(filter.limit);
        let kept = lines.iter().rposition(|line| line.position != first_left).map_or(lines.len(), |at| at + 1);
        lines.truncate(kept);
    }
    let by_address = filter.recipient.is_some();
    let cursor = |line: &Line| Cursor { position: line.position, address: by_address.then(|| line.address.clone()) };
    let next = lines.last().filter(|_| has_more).map(cursor);
    Ok(List { lines, next })
}

/// A state as it is stored, and between which moments it was last heard of.
struct Branch {
    state: Option<State>,
    positions: std::ops::Range<i64>,
    heard: std::ops::Range<i64>,
}

/// The rows a state is made of: one that is pending becomes unknown by time alone.
fn branches(filter: &Filter, silent: i64) -> Vec<Branch> {
    let end = filter.after.as_ref().filter(|after| after.address.is_none()).map_or(i64::MAX, |after| after.position);
    let start = filter.since.map_or(0, first);
    let branch = |state| Branch { state, positions: start..end, heard: i64::MIN..i64::MAX };
    match filter.state {
        // Nothing was heard of it since it was submitted, so that the newest are all that can be pending.
        Some(State::Queued) => {
            vec![Branch {
                positions: start.max(first(silent))..end,
                heard: silent..i64::MAX,
                ..branch(Some(State::Queued))
            }]
        }
        Some(State::Delayed) => vec![Branch { heard: silent..i64::MAX, ..branch(Some(State::Delayed)) }],
        Some(State::Unknown) => vec![
            branch(Some(State::Unknown)),
            // One that is queued was last heard of when it was submitted.
            Branch { positions: start..end.min(first(silent)), heard: i64::MIN..silent, ..branch(Some(State::Queued)) },
            Branch { heard: i64::MIN..silent, ..branch(Some(State::Delayed)) },
        ],
        state => vec![branch(state)],
    }
}

fn select<D: Database>(
    database: &mut D,
    scope: &Scope,
    filter: &Filter,
    branch: &Branch,
) -> Result<Vec<Row>, DatabaseError> {
    let state = branch.state.map_or("", State::as_str);
    let (sender, domain) = (filter.sender.as_deref().unwrap_or_default(), filter.domain.as_deref().unwrap_or_default());
    let prefix = filter.recipient.as_deref().unwrap_or_default();
    let (place, from) = match &filter.after {
        Some(Cursor { position, address: Some(address) }) => (*position, address.as_str()),
        _ => (i64::MAX, prefix),
    };
    let (end, place) = (format!("{prefix}{}", char::MAX), place.to_string());
    let numbers = [
        branch.positions.end,
        branch.positions.start,
        branch.heard.start,
        branch.heard.end,
        // One more tells whether there is another page.
        filter.limit as i64 + 1,
    ];
    let [upper, lower, heard, silent, limit] = numbers.map(|number| number.to_string());
    let mut leads = vec![];
    leads.extend((!prefix.is_empty()).then_some((Lead::Address, vec![from, &end])));
    leads.extend((!sender.is_empty()).then_some((Lead::Sender, vec![sender])));
    leads.extend((!domain.is_empty()).then_some((Lead::Domain, vec![domain])));
    leads.extend((!state.is_empty()).then_some((Lead::State, vec![state])));
    // The other indexes have the time in them.
    let by_time = leads.is_empty() || (!prefix.is_empty() && branch.positions.start > 0);
    leads.extend(by_time.then_some((Lead::Time, vec![])));
    let (lead, mut own) = fewest(database, scope, leads, [&upper, &lower])?;
    let is_sorted = !prefix.is_empty() && lead != Lead::Address;
    if is_sorted {
        own.extend([from, &end]);
    }
    if !prefix.is_empty() {
        own.extend([from, &place]);
    }
    let mut values = vec![scope.value()];
    values.append(&mut own);
    values.extend([upper.as_str(), &lower, &heard, &silent, sender, sender, domain, domain, state, state, &limit]);
    let marks = filter.tag.as_deref().map(tags::marks).unwrap_or_default();
    values.splice(values.len() - 1..values.len() - 1, [marks[0].as_str(), &marks[0], &marks[1]]);
    let values: Vec<Option<&str>> = values.into_iter().map(Some).collect();
    let statement = if is_sorted { statements::sorted } else { statements::list };
    database.select(statement(lead, scope.is_all(), database.dialect()), &values)
}

/// The index that leads to the fewest rows, the first of those that lead to many; what it is asked with.
fn fewest<'v, D: Database>(
    database: &mut D,
    scope: &Scope,
    mut leads: Vec<(Lead, Vec<&'v str>)>,
    within: [&str; 2],
) -> Result<(Lead, Vec<&'v str>), DatabaseError> {
    let (mut best, mut fewest, most) = (0, i64::MAX, FEW.to_string());
    for (at, (lead, own)) in leads.iter().enumerate().filter(|_| leads.len() > 1) {
        let mut values = vec![Some(scope.value())];
        values.extend(own.iter().copied().map(Some));
        if *lead != Lead::Address {
            values.extend(within.map(Some));
        }
        values.push(Some(&most));
        let rows = database.select(statements::few(*lead, scope.is_all(), database.dialect()), &values)?;
        let found = rows.first().map_or(0, |row| row.number(0));
        if found < fewest {
            (best, fewest) = (at, found);
        }
    }
    Ok(leads.swap_remove(best))
}

impl Scope {
    fn is_all(&self) -> bool {
        matches!(self, Scope::All(_))
    }

    /// Whose rows, or whose hidden rows.
    fn value(&self) -> &str {
        match self {
            Scope::All(None) => statements::NO_OWNER,
            Scope::All(Some(owner)) | Scope::Own(owner) => owner.as_str(),
        }
    }
}

fn line(row: &Row, now: i64) -> Line {
    let (stored, heard) = (State::parse(&row.text(1)), row.number(6));
    let is_silent = stored.is_pending() && now - heard > SILENCE;
    Line {
        address: row.text(0),
        state: if is_silent { State::Unknown } else { stored },
        since: row.number(2),
        verified: row.number(3) == 1,
        reason: row.optional(4).and_then(|word| Reason::parse(&word)),
        position: row.number(5),
        message_id: row.text(7),
        sender: row.optional(8),
        submitted: row.number(9),
        owner: row.optional(10),
    }
}

/// How many recipients are in which state, and where they are.
pub fn counts<D: Database>(database: &mut D, scope: &Scope, now: i64) -> Result<Counts, DatabaseError> {
    count(database, scope, now).map_err(|error| explain(database, error))
}

fn count<D: Database>(database: &mut D, scope: &Scope, now: i64) -> Result<Counts, DatabaseError> {
    let [hour, day, week, silent] = [HOUR, DAY, WEEK, SILENCE].map(|ago| first(now - ago).to_string());
    let (silent_since, most) = ((now - SILENCE).to_string(), MOST_COUNTED.to_string());
    let mut found: BTreeMap<&str, Count> = BTreeMap::new();
    let mut is_cut = false;
    for state in State::ALL {
        let silent = match state {
            State::Delayed => &silent_since,
            State::Queued => &silent,
            _ => "0",
        };
        let values = [&hour, &day, silent, scope.value(), state.as_str(), &week, &most].map(Some);
        let rows = database.select(statements::count(state == State::Delayed, scope.is_all()), &values)?;
        let Some(row) = rows.first() else { continue };
        is_cut |= row.number(0) >= MOST_COUNTED;
        let unheard = row.number(3);
        let mut add = |state: State, hour, day, week| {
            let count = found.entry(state.as_str()).or_insert(Count { state, hour: 0, day: 0, week: 0 });
            (count.hour, count.day, count.week) = (count.hour + hour, count.day + day, count.week + week);
        };
        add(state, row.number(1), row.number(2), row.number(0) - unheard);
        add(State::Unknown, 0, 0, unheard);
    }
    let newest = NEWEST.to_string();
    let rows =
        database.select(statements::domains(scope.is_all()), &[Some(scope.value()), Some(&day), Some(&newest)])?;
    let mut domains: BTreeMap<String, BTreeMap<&'static str, i64>> = BTreeMap::new();
    for row in rows {
        *domains.entry(row.text(0)).or_default().entry(State::parse(&row.text(1)).as_str()).or_default() +=
            row.number(2);
    }
    let mut domains: Vec<Domain> = domains.into_iter().map(|(name, states)| Domain { name, states }).collect();
    domains.sort_by_key(|domain| std::cmp::Reverse(domain.total()));
    domains.truncate(DOMAINS);
    let states = found.into_values().filter(|count| count.week > 0).collect();
    let given_up = database.select(statements::given_up(scope.is_all()), &[Some(scope.value())])?;
    let given_up = given_up.first().map_or(0, |row| row.number(0));
    Ok(Counts { states, domains, is_cut, given_up })
}

/// Every statement on recipients, for those who want to know what a database makes of them.
pub fn statements() -> Vec<&'static Statement> {
    let mut all = Vec::new();
    for is_all in [false, true] {
        for lead in [Lead::Address, Lead::Domain, Lead::Sender, Lead::State, Lead::Time] {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                all.push(statements::list(lead, is_all, dialect));
                all.push(statements::few(lead, is_all, dialect));
                all.extend((lead != Lead::Address).then(|| statements::sorted(lead, is_all, dialect)));
            }
        }
        all.extend([false, true].map(|by_heard| statements::count(by_heard, is_all)));
        all.push(statements::domains(is_all));
    }
    all
}

/// Which index is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    Address,
    Domain,
    Sender,
    State,
    Time,
}

#[cfg(test)]
mod tests;
