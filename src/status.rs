//! The delivery status service: a message is written to its database before it is handed over, and removed again if it is refused. Mail is
//! sent even if the database is down; the client then gets no status URL.
#![forbid(unsafe_code)]

use crate::expressions::ExpressionVars;
use crate::outcome::Refused;
use crate::settings::Settings;
use httpd::{Begun, Request, Server};
use mail::address::Address;
use mailgate::answer::Problem;
use mailgate::submission::{Label, Submission};
use mailgate::tags;
use mailgate::transport::{Failure, FailureKind};
use sql::DatabaseError;
use std::collections::BTreeMap;
use std::time::Duration;
use tracking::status::url;
use tracking::store::{self, Entered, Owner, Submitted, Tag};

/// Longest wait for each database operation. SendmailTimeout may shorten it.
pub const LIMIT: Duration = Duration::from_secs(3);

/// Makes the children write in turn.
pub fn start(server: &Server<'_>) {
    if let Err(error) = httpd::prepare_writers(server, ("ProcessDSNEnable", "on")) {
        tracing::warn!("{}: the children do not wait in turn for SQLite: {error}", tags::DATABASE);
    }
}

/// The entry of one message: its status URL, and whether it is in the database.
pub struct Entry {
    /// What is written; `None` if no status is stored.
    message: Option<Submitted>,
    status_url: Option<String>,
    limit: Duration,
    written: bool,
}

/// A suppressed recipient who does not get the message.
#[derive(Clone)]
pub struct LeftOut {
    pub address: String,
    pub is_hidden: bool,
}

/// Prepares the entry. A message that was submitted before is refused here, before its body is read. [`Entry::write`] finds out whether the
/// same message is being submitted at the same time; and it also decides with an Idempotency-Key, which may ask for the first answer again.
pub fn open(
    request: &Request<'_>,
    settings: &Settings<'_>,
    vars: &ExpressionVars<'_>,
    status_base: Option<&str>,
    is_keyed: bool,
    left_out: &[LeftOut],
) -> Result<Entry, Refused> {
    let message_id = vars.submission.message_id.without_brackets();
    let status_url = status_base.map(|base| url::message(base, message_id));
    let wanted = status_url.is_some() && settings.processdsn();
    let message = wanted.then(|| submitted(request, settings, vars, left_out));
    let entry = Entry { message, status_url, limit: LIMIT.min(settings.timeout()), written: false };
    let Some(message) = entry.message.clone().filter(|_| vars.submission.client_chose_id && !is_keyed) else {
        return Ok(entry);
    };
    match request.with_database(entry.limit, move |lent| store::submitted_before(lent, &message), |_| ()) {
        Ok(false) => Ok(entry),
        Ok(true) => Err(entry.known()),
        Err(error) => {
            complain("it cannot be determined whether the Message-ID is known", &error);
            Ok(entry)
        }
    }
}

fn submitted(
    request: &Request<'_>,
    settings: &Settings<'_>,
    vars: &ExpressionVars<'_>,
    left_out: &[LeftOut],
) -> Submitted {
    let submission = vars.submission;
    let mut recipients: BTreeMap<String, bool> =
        submission.bcc.iter().map(|address| (address.to_string(), true)).collect();
    let open = submission.recipients.iter().filter(|address| !submission.bcc.contains(address));
    recipients.extend(open.map(|address| (address.to_string(), false)));
    Submitted {
        envid: vars.envid.as_str().to_owned(),
        token: vars.token.as_str().to_owned(),
        message_id: submission.message_id.without_brackets().to_owned(),
        owner: owner(request, settings, vars.submission),
        suppressed: left_out.iter().map(|one| (one.address.clone(), one.is_hidden)).collect(),
        sender: submission.from.as_ref().map(|from| from.address().to_string()),
        recipients,
        tags: submission.labels.iter().map(tag).collect(),
        now: store::now(),
    }
}

fn tag(label: &Label) -> Tag {
    Tag { name: label.name.clone(), value: label.value.clone() }
}

impl Entry {
    /// Writes the message as queued. Of several equal messages the first is sent and the others are refused.
    pub fn write(&mut self, request: &Request<'_>) -> Result<(), Refused> {
        let Some(message) = self.message.clone() else { return Ok(()) };
        let envid = message.envid.clone();
        let undo = move |lent: &mut apr::Dbd<'_>| {
            // The client can no longer be told; the next report or --expire deals with what could not be undone.
            let _ = store::take_back(lent, &envid);
        };
        let work = move |lent: &mut apr::Dbd<'_>, begun| match begun {
            Begun::No => store::submit(lent, &message),
            Begun::Yes => store::enter(lent, &message),
        };
        match request.with_transaction(self.limit, work, undo) {
            Ok(Entered::Now) => self.written = true,
            Ok(Entered::Before) => return Err(self.known()),
            Err(error) => complain("the message is sent without a delivery status", &error),
        }
        Ok(())
    }

    /// The message goes to other recipients than its fields name. Only the owner of a status sees the recipients that a check added.
    pub fn readdress(&mut self, recipients: &[Address]) {
        let Some(message) = &mut self.message else { return };
        let hidden = |recipient: &String| message.recipients.get(recipient).copied().unwrap_or(true);
        let recipients = recipients.iter().map(ToString::to_string);
        message.recipients = recipients.map(|recipient| (recipient.clone(), hidden(&recipient))).collect();
    }

    /// The message was not taken, or that is unknown.
    pub fn failed(&self, request: &Request<'_>, failure: &Failure) {
        let Some(message) = self.message.as_ref().filter(|_| self.written) else { return };
        let envid = message.envid.clone();
        let unknown = matches!(failure.kind, FailureKind::Unknown | FailureKind::DeadlinePassed);
        let work = move |lent: &mut apr::Dbd<'_>| match unknown {
            true => store::mark_unknown(lent, &envid, store::now()),
            false => store::take_back(lent, &envid),
        };
        if let Err(error) = request.with_database(self.limit, work, |_| ()) {
            complain("a message that was not taken stays among the queued ones", &error);
        }
    }

    /// The client's status URL; `None` if no status can be shown.
    pub fn status_url(&self, settings: &Settings<'_>) -> Option<&str> {
        self.status_url.as_deref().filter(|_| self.written || !settings.processdsn())
    }

    /// The answer to a message that was submitted before.
    fn known(&self) -> Refused {
        let log = "the client has submitted this message (Message-ID and recipients) before";
        let detail = "this message was submitted before, or is being submitted; its delivery status tells, \
                      and is 404 once the mail system has refused it";
        let problem = Problem::hidden(&tags::REPEATED, detail, log);
        Problem { status_url: self.status_url.clone(), ..problem }.into()
    }
}

/// Who may see the status: httpd's user, otherwise the address from SendmailSenderMail.
pub fn owner(request: &Request<'_>, settings: &Settings<'_>, submission: &Submission) -> Option<Owner> {
    request.user().map(Owner::login).or_else(|| {
        settings.sender_mail()?;
        submission.from.as_ref().map(|from| Owner::address(from.address()))
    })
}

pub fn complain(what: &str, error: &DatabaseError) {
    tracing::warn!("{}: {what}: {error}", tags::DATABASE);
}
