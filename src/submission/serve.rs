//! A connection from its first octet to its last: access, offered extensions, and alternate reading and writing.
#![forbid(unsafe_code)]

use super::Submission;
use super::clock::Clock;
use super::directives::SubmissionConfig;
use super::host::Client;
use super::{deliver, limits};
use crate::Sendmail;
use crate::settings::Settings;
use httpd::{Activity, Connection, Read, Transaction};
use mailgate::tags;
use smtp::{Auth, Cause, LineEnds, Phase, Refusal, Session};
use std::time::Duration;

/// How often to check whether httpd stops.
const TICK: Duration = Duration::from_secs(1);

/// Serves a connection to its end.
pub fn serve(mut connection: Connection<'_>, config: &SubmissionConfig) {
    // It only limits HTTP requests, and would cut off a session.
    connection.remove_filter(c"reqtimeout");
    let place = limits::enter(connection.client_ip(), config.sessions());
    let (settings, refusal) = match &place {
        Some(_) => match enter(&connection, config) {
            Ok(settings) => (settings, None),
            Err(refusal) => (smtp::Settings::new(connection.server_name(), LineEnds::Crlf), Some(refusal)),
        },
        None => {
            tracing::warn!(
                "{}: too many sessions of SMTP, SubmissionMaxConnections says how many there may be",
                tags::SESSIONS
            );
            let settings = smtp::Settings::new(connection.server_name(), LineEnds::Crlf);
            (settings, Some(Cause::TooManyConnections.into()))
        }
    };
    let (mut session, mut client) = (Session::new(settings), Client::new(connection));
    match refusal {
        Some(refusal) => session.close(&refusal, &mut client),
        None => converse(&mut session, &mut client, config),
    }
    client.flush();
}

/// Asks httpd about the client, and returns what the client is offered.
fn enter(connection: &Connection<'_>, config: &SubmissionConfig) -> Result<smtp::Settings, Refusal> {
    let transaction = Transaction::new::<Submission>(connection, "CONNECT / SMTP", c"SMTP");
    let admitted = transaction.admit();
    let auth_required = match admitted {
        Ok(()) => false,
        Err(401) => true,
        Err(403) => return Err(Cause::ConnectionDenied.into()),
        Err(_) => return Err(not_set_up()),
    };
    // The client has not been asked for a password yet.
    transaction.set_status(200);
    let settings = transaction.config::<Sendmail>().map(Settings::of).ok_or_else(not_set_up)?;
    if let Err(problem) = deliver::check_transport(&settings) {
        tracing::error!("{}: {}", problem.tag, problem.log);
        return Err(not_set_up());
    }
    let basic = transaction.auth_type().is_some_and(|name| name.eq_ignore_ascii_case("Basic"));
    let local = connection.client_ip().is_some_and(|address| address.is_loopback()) && config.takes_loopback_auth();
    let auth = match basic {
        true if connection.is_tls() || local => Auth::Offered,
        true => Auth::NeedsTls,
        false => Auth::Off,
    };
    Ok(smtp::Settings {
        auth,
        auth_required,
        dsn: deliver::offers_dsn(&settings, connection.server_name()),
        max_size: Some(settings.max_size()),
        max_recipients: settings.max_recipients(),
        ..smtp::Settings::new(connection.server_name(), LineEnds::Crlf)
    })
}

fn not_set_up() -> Refusal {
    Cause::ShuttingDown.with("This server is not set up to take mail; its administrator must act")
}

fn converse(session: &mut Session, client: &mut Client<'_>, config: &SubmissionConfig) {
    let mut clock = Clock::start(config.timeouts());
    let mut buffer = Vec::new();
    // A client that talks before the greeting is a browser or a robot.
    if client.connection.read(&mut buffer) == Read::Nothing {
        session.greet(client);
    }
    loop {
        if !buffer.is_empty() {
            client.connection.show(Activity::Working);
            let (replies, messages) = (client.replies, client.messages);
            session.feed(&buffer, client);
            clock.advance(buffer.len(), client.replies > replies, session.phase());
            if client.messages > messages {
                clock.message_ended();
            }
            buffer.clear();
        }
        if !client.flush() {
            return session.hang_up(client);
        }
        let phase = session.phase();
        let Some(left) = clock.left() else { return session.close(&Cause::Timeout.into(), client) };
        match phase {
            Phase::Ended => return,
            // A message that was begun is read to its end.
            Phase::Command | Phase::CommandLine if client.connection.is_stopping() => {
                return session.close(&Cause::ShuttingDown.into(), client);
            }
            _ => {}
        }
        match client.connection.read(&mut buffer) {
            Read::Some => {}
            Read::Closed => return session.hang_up(client),
            Read::Nothing => {
                client.connection.show(if phase == Phase::Command { Activity::Idle } else { Activity::Reading });
                client.connection.wait(left.min(TICK));
            }
        }
    }
}
