//! SendmailSuppress: before the hand-over, looks in the delivery status database for recipients with a permanent failure or a complaint,
//! with one statement per message. Mail is sent even if the database is down.
#![forbid(unsafe_code)]

use crate::directives::{Suppress, SuppressMode};
use crate::outcome::Refused;
use crate::settings::Settings;
use crate::status::{self, LeftOut};
use httpd::Request;
use mailgate::answer::{self, Problem};
use mailgate::submission::Submission;
use mailgate::tags;
use mailgate::transport::Failure;
use tracking::store::suppression::{self, Cause, Rules};
use tracking::store::{self, Owner};

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The suppressed recipients, already removed from the submission.
    pub left_out: Vec<LeftOut>,
    /// Those of them whom the client named.
    pub named: Vec<String>,
    /// Nobody gets the message.
    pub refused: Option<Problem>,
}

/// Looks up the recipients, and removes those to be left out.
pub fn look(request: &Request<'_>, settings: &Settings<'_>, submission: &mut Submission) -> Result<Found, Refused> {
    let Some(suppress) = settings.suppress().filter(|_| submission.redirected.is_none()) else {
        return Ok(Found::default());
    };
    if !settings.processdsn() {
        let log = "SendmailSuppress needs the database of delivery statuses; add ProcessDSNEnable On and DBDriver";
        return Err(Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to send mail", log).into());
    }
    let owner = status::owner(request, settings, submission);
    let found = match among(request, settings, suppress, owner, submission) {
        Ok(found) if found.is_empty() => return Ok(Found::default()),
        Ok(found) => found,
        Err(error) => {
            status::complain("it cannot be determined whether recipients are suppressed", &error);
            return Ok(Found::default());
        }
    };
    let addresses: Vec<String> = found.into_iter().map(|(address, _)| address).collect();
    // The client must not learn whom one of our aliases stands for.
    let is_known = |address: &&String| {
        !submission
            .recipients
            .iter()
            .any(|one| one.to_string() == **address && settings.aliases().name_of(one).is_some())
    };
    let named: Vec<String> = addresses.iter().filter(is_known).cloned().collect();
    let is_left_out = |address: &mail::address::Address| addresses.contains(&address.to_string());
    let remain = submission.recipients.iter().any(|address| !is_left_out(address));
    match suppress.mode {
        SuppressMode::Warn => {
            let id = mail::text::log_value(submission.message_id.as_str());
            tracing::warn!(
                "{}: {} recipients are suppressed and get the message id={id}",
                tags::SUPPRESSED_SENT,
                addresses.len()
            );
            Ok(Found::default())
        }
        // A program that reads the header sends to everybody named there.
        SuppressMode::Drop if remain && settings.has_envelope() => {
            let id = mail::text::log_value(submission.message_id.as_str());
            tracing::info!("{}: {} recipients are suppressed and left out id={id}", tags::LEFT_OUT, addresses.len());
            let hidden: Vec<String> = submission.bcc.iter().map(ToString::to_string).collect();
            submission.recipients.retain(|address| !is_left_out(address));
            submission.bcc.retain(|address| !is_left_out(address));
            let left_out = |address: String| LeftOut { is_hidden: hidden.contains(&address), address };
            Ok(Found { left_out: addresses.into_iter().map(left_out).collect(), named, refused: None })
        }
        SuppressMode::Drop | SuppressMode::Refuse => {
            Ok(Found { refused: Some(answer::suppressed(addresses.len(), named)), ..Found::default() })
        }
    }
}

/// A relay refused a recipient as unknown in our own dialogue: that counts as a verified report.
pub fn refused(request: &Request<'_>, settings: &Settings<'_>, submission: &Submission, failure: &Failure) {
    let Some(address) = failure.recipient.clone().filter(|_| failure.unknown_user) else { return };
    if settings.suppress().is_none() || !settings.processdsn() || submission.redirected.is_some() {
        return;
    }
    let owner = status::owner(request, settings, submission);
    let work = move |lent: &mut apr::Dbd<'_>| suppression::refused(lent, owner.as_ref(), &address);
    if let Err(error) = request.with_database(status::LIMIT.min(settings.timeout()), work, |_| ()) {
        status::complain("a recipient whom the relay does not know is not suppressed", &error);
    }
}

fn among(
    request: &Request<'_>,
    settings: &Settings<'_>,
    suppress: &Suppress,
    owner: Option<Owner>,
    submission: &Submission,
) -> Result<Vec<(String, Cause)>, sql::DatabaseError> {
    let recipients: Vec<String> = submission.recipients.iter().map(ToString::to_string).collect();
    let rules = Rules { after: suppress.after, lasts: suppress.lasts.as_secs() as i64 };
    let look =
        move |lent: &mut apr::Dbd<'_>| suppression::among(lent, owner.as_ref(), &recipients, rules, store::now());
    request.with_database(status::LIMIT.min(settings.timeout()), look, |_| ())
}
