//! A feedback report (RFC 5965) -> the state `complained`: which message and which recipient it is about, and whether that is proved.
//!
//! Only the sender knows the envelope id. The token of a message stands in its header, so all recipients know it: it proves that the
//! recipient complains where there is but one.
#![forbid(unsafe_code)]

use super::*;
use crate::dsn::feedback::{Feedback, Opinion};
use crate::store::suppression::Cause;

/// What became of a feedback report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is no complaint, or about no message or recipient of ours; nothing changed.
    Ignored(&'static str),
    /// It was there before; nothing changed.
    Known,
    /// Stored; whether something in it proves that it is about a message of ours.
    Stored {
        /// It carried the secret of its message.
        verified: bool,
    },
}

const SET_STATE: Statement = Statement {
    name: c"dsn_set_state",
    sql: c"UPDATE recipient SET state = %s, since = %lld, heard = %lld, verified = %lld, reason = NULL WHERE envid = %s AND address = %s",
    columns: 0,
};

/// Stores what a recipient says of a message.
pub fn record_feedback<D: Database>(database: &mut D, feedback: &Feedback, now: i64) -> Result<Heard, DatabaseError> {
    if feedback.opinion == Opinion::Other {
        return Ok(Heard::Ignored("no complaint"));
    }
    let outcome = transaction(database, |database| {
        if database.run(&INSERT_REPORT, &[Some(feedback.digest()), Some(&now.to_string())])? == 0 {
            return Ok(Heard::Known);
        }
        let Some((message, is_token)) = subject(database, feedback)? else {
            return Ok(Heard::Ignored("about no message of ours"));
        };
        if !lock(database, &message.envid)? {
            return Ok(Heard::Ignored("about no message of ours"));
        }
        let known = recipients(database, &message.envid)?;
        let Some(recipient) = complainer(&known, feedback) else {
            return Ok(Heard::Ignored("which of several recipients complains is not said"));
        };
        let verified = message.verified || (is_token && known.len() == 1);
        store(database, feedback, &message, recipient, verified, now)?;
        Ok(Heard::Stored { verified })
    });
    outcome.map_err(|error| explain(database, error))
}

/// The message a feedback report is about, and whether its token says so.
fn subject<D: Database>(database: &mut D, feedback: &Feedback) -> Result<Option<(KnownMessage, bool)>, DatabaseError> {
    let mut look =
        |statement: &Statement, value: &str, verified: bool| -> Result<Option<KnownMessage>, DatabaseError> {
            let rows = database.select(statement, &[Some(&kept(value, MAX_KEY))])?;
            Ok(rows.first().map(|row| found(row, verified)).filter(|found| !found.envid.starts_with(STAND_IN)))
        };
    if let Some(envid) = &feedback.original_envelope_id
        && let Some(found) = look(&BY_ENVID, envid, true)?
    {
        return Ok(Some((found, false)));
    }
    for token in feedback.traces.iter().filter_map(|trace| token_in(trace)) {
        if let Some(found) = look(&BY_TOKEN, &token, false)? {
            return Ok(Some((found, true)));
        }
    }
    let id = feedback.original_message_id.as_deref();
    Ok(id.map(|id| look(&BY_MESSAGE_ID, id, false)).transpose()?.flatten().map(|found| (found, false)))
}

/// Who complains: the one who is named, else the only one there is.
fn complainer<'k>(known: &'k [Known], feedback: &Feedback) -> Option<&'k Known> {
    let named = |row: &&Known| feedback.recipients.iter().any(|address| key(address) == row.address);
    known.iter().find(named).or_else(|| known.first().filter(|_| known.len() == 1))
}

fn store<D: Database>(
    database: &mut D,
    feedback: &Feedback,
    message: &KnownMessage,
    recipient: &Known,
    verified: bool,
    now: i64,
) -> Result<(), DatabaseError> {
    let (envid, address, owner) = (message.envid.as_str(), recipient.address.as_str(), message.owner.as_deref());
    if !verified && unverified_events(database, envid, address)? >= MAX_UNVERIFIED_EVENTS {
        return Ok(());
    }
    let trust = Trust::of(verified, false);
    let said = match feedback.opinion {
        Opinion::NotSpam => {
            let is_lifted = recipient.state == State::Complained && verified;
            (State::Delivered, is_lifted.then_some(State::Delivered))
        }
        Opinion::Complaint | Opinion::Other => {
            let is_news = recipient.state.yields_to(recipient.trust, State::Complained, trust);
            (State::Complained, is_news.then_some(State::Complained))
        }
    };
    let (action, new) = said;
    let moment = now.to_string();
    if let Some(new) = new {
        let values =
            [Some(new.as_str()), Some(&moment), Some(&moment), Some(flag(verified)), Some(envid), Some(address)];
        database.run(&SET_STATE, &values)?;
    }
    if verified {
        match feedback.opinion {
            Opinion::NotSpam => suppression::lift(database, owner, address, Cause::Complained)?,
            Opinion::Complaint | Opinion::Other => suppression::complained(database, owner, address)?,
        }
    }
    let words = format!("feedback report: {}", kept(&feedback.kind, MAX_WORDS));
    let reporter = feedback.reporter.as_deref().map(|reporter| kept(reporter, MAX_WORDS));
    let event = [
        Some(envid),
        Some(address),
        Some(&moment),
        Some(action.as_str()),
        None,
        Some(&words),
        reporter.as_deref(),
        None,
        None,
        Some(flag(verified)),
        Some("0"),
        None,
    ];
    database.run(&INSERT_EVENT, &event).map(|_| ())
}
