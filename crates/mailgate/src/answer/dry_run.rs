//! SendmailDryRun: a message that stands ready, and what would be done with it -> an answer that shows both. Who asks for one says so by
//! `Prefer: sendmail-dry-run` (RFC 7240). That nothing is sent is the business of the caller, who has done all but the hand-over.
#![forbid(unsafe_code)]

use super::Problem;
use super::dialect::rehearsed;
use crate::input::json::Dialect;
use crate::message::Message;
use crate::tags;
use crate::transport::store::Store;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::message_id::MessageId;
use serde_json::{Value, json};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use web::Response;
use web::accept::preferred;
use web::escape::harmless_json;
use web::fields::value_of;

#[cfg(test)]
mod tests;

/// The preference by which a request asks for a dry run, and the token that says it was granted.
pub const PREFERENCE: &str = "sendmail-dry-run";

/// The line of the report behind which the message begins. No line before it begins with a hyphen.
pub const SEPARATOR: &str = "----- message -----";

/// SendmailDryRun: which requests are dry runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRuns {
    /// Those that ask for it.
    Asked,
    /// Every one.
    Every,
    /// None; one that asks is refused.
    #[default]
    Off,
}

/// A request that is a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DryRun {
    /// Whether the client asked for it.
    pub asked: bool,
    /// In whose words it is answered, if not in ours.
    pub dialect: Option<Dialect>,
    /// One of several messages: what is shown of it is not the message itself.
    pub is_one_of_several: bool,
}

impl DryRun {
    fn new(asked: bool) -> Self {
        DryRun { asked, dialect: None, is_one_of_several: false }
    }
}

impl DryRuns {
    /// `off`, `request` or `on`.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word.to_ascii_lowercase().as_str() {
            "off" => Ok(DryRuns::Off),
            "on" => Ok(DryRuns::Every),
            "request" => Ok(DryRuns::Asked),
            _ => Err(format!("'{word}' is none of off, request and on")),
        }
    }

    /// Whether a request may ask for one.
    pub fn is_offered(self) -> bool {
        self != DryRuns::Off
    }

    /// Whether a request with these fields is a dry run. A server may ignore a preference (RFC 7240 2), but then a message would go out that
    /// its sender meant as a trial: where none is allowed, who asks for one is refused.
    pub fn judge(self, fields: &[(&[u8], &[u8])]) -> Result<Option<DryRun>, NotOffered> {
        let asked = is_asked(&value_of(fields, "prefer").unwrap_or_default());
        match self {
            DryRuns::Every => Ok(Some(DryRun::new(asked))),
            DryRuns::Asked => Ok(asked.then_some(DryRun::new(true))),
            DryRuns::Off if !asked => Ok(None),
            DryRuns::Off => Err(NotOffered),
        }
    }

    /// The dry run that the body of a request asks for.
    pub fn ask(self) -> Result<DryRun, NotOffered> {
        if self.is_offered() { Ok(DryRun::new(true)) } else { Err(NotOffered) }
    }
}

/// A dry run is asked for where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOffered;

impl From<NotOffered> for Problem {
    fn from(_: NotOffered) -> Self {
        let detail = "the request asks for a dry run (Prefer: sendmail-dry-run, or sandbox_mode), which SendmailDryRun does not allow here; \
                      without that the message would be sent";
        Problem::new(&tags::DRY_RUN_OFF, detail)
    }
}

/// RFC 7240 2: `Prefer = 1#preference; preference = token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] )`, tokens in any case. Its value
/// does not matter: whoever names it does not mean to send.
fn is_asked(prefer: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    let mut is_comma = |c: char| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        c == ',' && !quoted
    };
    let preferences: Vec<&str> = prefer.split(&mut is_comma).collect();
    // A quote that does not end must not hide what stands behind it.
    let preferences = if quoted { prefer.split(',').collect() } else { preferences };
    let token = |preference: &str| preference.split(['=', ';']).next().unwrap_or_default().trim().to_owned();
    preferences.into_iter().map(token).any(|token| token.eq_ignore_ascii_case(PREFERENCE))
}

/// Where a message would go.
#[derive(Clone, Copy, Debug)]
pub enum Route<'a> {
    /// To this program with these words.
    Program {
        /// Absolute.
        path: &'a Path,
        /// Without its own name.
        arguments: &'a [Vec<u8>],
    },
    /// To this relay, `host:port`.
    Relay {
        /// Without user and password.
        server: &'a str,
        /// Where reports go; none: nowhere.
        sender: Option<&'a str>,
    },
    /// Into the store at this path.
    Store(&'static Store, &'a Path),
}

/// What would have been done.
#[derive(Clone, Copy, Debug)]
pub struct DryRunReport<'a> {
    /// Of the message.
    pub message_id: &'a MessageId,
    /// Where it would go.
    pub route: Route<'a>,
    /// Who would get it, Bcc among them; `None` where the arguments of the program alone decide.
    pub recipients: Option<&'a [String]>,
    /// What would go.
    pub message: &'a Message,
    /// Who asked for this.
    pub dry_run: DryRun,
}

impl DryRunReport<'_> {
    /// 200 with all of it, as text or as JSON. Fails where the message cannot be read again.
    pub fn reply(&self, accept: Option<&str>) -> io::Result<Response> {
        let mut message = Vec::new();
        if !self.dry_run.is_one_of_several {
            message.reserve_exact(self.message.len() as usize);
            self.message.reader().read_to_end(&mut message)?;
        }
        let (content_type, body) = match preferred(accept, &["text/plain", "application/json"]) {
            _ if self.dry_run.dialect.is_some() => ("application/json", self.json(message)),
            Some("application/json") => ("application/json", self.json(message)),
            _ => ("text/plain; charset=utf-8", [self.report().into_bytes(), message].concat()),
        };
        let mut fields = vec![
            ("X-Message-ID", self.message_id.as_str().to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            // The message is whatever the client sent, and shown unchanged: no browser may take it for a page.
            ("X-Content-Type-Options", "nosniff".to_owned()),
            ("Content-Security-Policy", "default-src 'none'; sandbox".to_owned()),
        ];
        if self.dry_run.asked {
            fields.push(("Preference-Applied", PREFERENCE.to_owned()));
        }
        Ok(Response { status: 200, fields, content_type, body })
    }

    /// Everything but the message; one thing a line, and what is not ours in quotes.
    fn report(&self) -> String {
        let mut lines =
            vec!["Dry run: nothing was sent.".to_owned(), line("Message-ID", self.message_id.as_str().as_bytes())];
        match self.route {
            Route::Program { path, arguments } => {
                lines.push(line("Program", path.as_os_str().as_bytes()));
                lines.extend(arguments.iter().enumerate().map(|(i, word)| line(&format!("Argument {}", i + 1), word)));
            }
            Route::Relay { server, sender } => {
                lines.push(line("Relay", server.as_bytes()));
                lines.push(line("Sender", sender.unwrap_or_default().as_bytes()));
            }
            Route::Store(store, path) => lines.push(line(store.name, path.as_os_str().as_bytes())),
        }
        match self.recipients {
            Some(recipients) => {
                lines.extend(recipients.iter().map(|recipient| line("Recipient", recipient.as_bytes())));
            }
            None => lines.push("Recipients: the arguments alone say who they are".to_owned()),
        }
        lines.push(format!("Octets: {}", self.message.len()));
        lines.push(SEPARATOR.to_owned());
        lines.join("\n") + "\n"
    }

    fn json(&self, message: Vec<u8>) -> Vec<u8> {
        let mut report = json!({
            "dry_run": true, "message_id": self.message_id.as_str(), "octets": self.message.len(), "recipients": self.recipients,
        });
        if let Some(Value::Object(members)) = self.dry_run.dialect.map(|dialect| rehearsed(dialect, self.message_id)) {
            members.into_iter().for_each(|(name, value)| report[name] = value);
        }
        match self.route {
            Route::Program { path, arguments } => {
                report["program"] = text(path.as_os_str().as_bytes());
                report["arguments"] = arguments.iter().map(|word| text(word)).collect();
            }
            Route::Relay { server, sender } => {
                report["relay"] = json!(server);
                report["sender"] = json!(sender);
            }
            Route::Store(store, path) => report[store.name.to_ascii_lowercase()] = text(path.as_os_str().as_bytes()),
        }
        if !self.dry_run.is_one_of_several {
            report["message"] = String::from_utf8(message).map_or_else(|error| base64(error.as_bytes()), Value::String);
        }
        harmless_json(&report).into_bytes()
    }
}

/// `Name: "value"`, in which nothing ends the quotes or the line: `\"`, `\\`, `\n`, `\xNN`.
fn line(name: &str, value: &[u8]) -> String {
    format!("{name}: \"{}\"", value.escape_ascii())
}

/// A string where the octets are UTF-8, else an object that says what it is.
fn text(octets: &[u8]) -> Value {
    std::str::from_utf8(octets).map_or_else(|_| base64(octets), |text| json!(text))
}

fn base64(octets: &[u8]) -> Value {
    json!({ "base64": STANDARD.encode(octets) })
}
