//! `GET <location>/emails/<id>`: the outcome of a message, in the form that Resend's SDKs read, from the database of mod_dbd. To a client
//! other than its sender the message seems not to exist.
#![forbid(unsafe_code)]

use crate::expressions;
use crate::host::{check_host, own_domain};
use crate::settings::Settings;
use crate::status;
use httpd::{Request, Status};
use mailgate::answer::dialect;
use mailgate::input::json::Dialect;
use mailgate::policy::sender;
use mailgate::tags;
use tracking::status::resend;
use tracking::store::{self, Owner, Viewer};
use web::Response;
use web::escape::harmless_json;

/// Answers with the message of this id.
pub fn show(request: &Request<'_>, settings: &Settings<'_>, id: &str) -> Status {
    if let Err(problem) = check_host(request) {
        tracing::warn!("{}: {}", problem.tag, problem.log);
        return answer(request, problem.tag.status, dialect::of_httpd(Dialect::Resend, problem.tag.status));
    }
    let (status, body) = match find(request, settings, id) {
        Ok(Some(message)) => (200, harmless_json(&resend::email(&message, id))),
        Ok(None) => (404, dialect::of_httpd(Dialect::Resend, 404)),
        Err(error) => {
            tracing::warn!("{}: the status cannot be read: {error}", tags::DATABASE);
            (503, dialect::of_httpd(Dialect::Resend, 503))
        }
    };
    answer(request, status, body)
}

fn answer(request: &Request<'_>, status: u16, body: String) -> Status {
    let fields = vec![("Cache-Control", "no-store".to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
    request.send(&Response { status, fields, content_type: dialect::JSON, body: body.into_bytes() })
}

/// The message, if statuses are stored and the client has sent it.
fn find(
    request: &Request<'_>,
    settings: &Settings<'_>,
    id: &str,
) -> Result<Option<store::Message>, sql::DatabaseError> {
    if !settings.processdsn() {
        return Ok(None);
    }
    let message_id = dialect::message_id(id, own_domain(request).as_str());
    let user = owner(request, settings);
    let look = move |database: &mut apr::Dbd<'_>| {
        store::find(database, &message_id, Viewer { user: user.as_ref(), owner_only: true }, store::now())
    };
    request.with_database(status::LIMIT, look, |_| ())
}

/// The client, by the same rule that sets the owner of a message.
fn owner(request: &Request<'_>, settings: &Settings<'_>) -> Option<Owner> {
    request.user().map(Owner::login).or_else(|| {
        let authenticated = expressions::sender(request, settings).ok().flatten()?;
        let mailbox = sender::mailbox(authenticated.authenticated(), None, settings.domain()).ok()?;
        Some(Owner::address(mailbox.address()))
    })
}
