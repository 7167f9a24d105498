//! What the delivery status service is told: a message is written into its database before it is handed over, and taken back if it is
//! refused. A database that is down stops no mail; the client is then not sent to a status that nobody knows.
#![forbid(unsafe_code)]

use crate::expressions::Offered;
use crate::outcome::Refused;
use crate::settings::Settings;
use httpd::Request;
use mailgate::answer::Problem;
use mailgate::tags;
use mailgate::transport::{Failure, FailureKind};
use sql::DatabaseError;
use std::collections::BTreeMap;
use tracking::status::url;
use tracking::store::{self, Submitted};

/// The entry of one message: where its status will be found, and whether it stands in the database.
pub struct Entry<'a> {
    envid: &'a str,
    status_url: Option<String>,
    written: bool,
}

/// Prepares the entry. An id that the same owner has used before is refused: that message was submitted.
pub fn open<'a>(
    request: &Request<'_>,
    settings: &Settings<'_>,
    offered: &Offered<'a>,
    status_base: Option<&str>,
) -> Result<Entry<'a>, Refused> {
    let message_id = &offered.submission.message_id;
    let status_url = status_base.map(|base| url::message(base, message_id.without_brackets()));
    let entry = Entry { envid: offered.envid.as_str(), status_url, written: false };
    if !offered.submission.client_chose_id || !entry.is_wanted(settings) {
        return Ok(entry);
    }
    let owner = owner(request, settings, offered);
    let known = request.database().and_then(|mut database| {
        store::submitted_before(&mut *database, message_id.without_brackets(), owner.as_deref())
    });
    match known {
        Ok(false) => Ok(entry),
        Ok(true) => {
            let log = "the client has submitted a message with this Message-ID before";
            let detail = "a message with this Message-ID was submitted before";
            let problem = Problem::hidden(&tags::REPEATED, detail, log);
            Err(Problem { status_url: entry.status_url, ..problem }.into())
        }
        Err(error) => {
            complain("whether the Message-ID is known cannot be told", &error);
            Ok(entry)
        }
    }
}

impl Entry<'_> {
    fn is_wanted(&self, settings: &Settings<'_>) -> bool {
        self.status_url.is_some() && settings.processdsn()
    }

    /// Writes the message as queued.
    pub fn write(&mut self, request: &Request<'_>, settings: &Settings<'_>, offered: &Offered<'_>) {
        if !self.is_wanted(settings) {
            return;
        }
        let submission = offered.submission;
        let mut recipients: BTreeMap<String, bool> =
            submission.bcc.iter().map(|address| (address.to_string(), true)).collect();
        let open = submission.recipients.iter().filter(|address| !submission.bcc.contains(address));
        recipients.extend(open.map(|address| (address.to_string(), false)));
        let owner = owner(request, settings, offered);
        let sender = submission.from.as_ref().map(|from| from.address().to_string());
        let message = Submitted {
            envid: self.envid,
            token: offered.token.as_str(),
            message_id: submission.message_id.without_brackets(),
            owner: owner.as_deref(),
            sender: sender.as_deref(),
            recipients: recipients.into_iter().collect(),
            now: store::now(),
        };
        match request.database().and_then(|mut database| store::submit(&mut *database, &message)) {
            Ok(()) => self.written = true,
            Err(error) => complain("the message is sent without a delivery status", &error),
        }
    }

    /// The message was not taken, or nobody knows.
    pub fn failed(&self, request: &Request<'_>, failure: &Failure) {
        if !self.written {
            return;
        }
        let unknown = matches!(failure.kind, FailureKind::Unknown | FailureKind::DeadlinePassed);
        let outcome = request.database().and_then(|mut database| match unknown {
            true => store::mark_unknown(&mut *database, self.envid, store::now()),
            false => store::take_back(&mut *database, self.envid),
        });
        if let Err(error) = outcome {
            complain("a message that was not taken stays among the queued ones", &error);
        }
    }

    /// Where the client can ask for the status; `None` where nobody could answer.
    pub fn status_url(&self, settings: &Settings<'_>) -> Option<&str> {
        self.status_url.as_deref().filter(|_| self.written || !settings.processdsn())
    }
}

/// Who may see the status: the user that httpd knows, else the address that SendmailSenderMail gave.
fn owner(request: &Request<'_>, settings: &Settings<'_>, offered: &Offered<'_>) -> Option<String> {
    let user = request.user().map(|user| String::from_utf8_lossy(user).into_owned());
    user.or_else(|| {
        settings.sender_mail()?;
        offered.submission.from.as_ref().map(|from| from.address().to_string())
    })
}

fn complain(what: &str, error: &DatabaseError) {
    tracing::warn!("{}: {what}: {error}", tags::DATABASE);
}
