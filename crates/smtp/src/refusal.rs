//! Why something is refused -> the reply, in one table: the code says whether the client may try again (4yz) or must give up (5yz), the
//! enhanced code (RFC 3463, RFC 4954, RFC 7504) says why. Each row names the HTTP statuses with the same meaning, so that an outcome is
//! answered alike in both protocols.
#![forbid(unsafe_code)]

use crate::reply::Reply;

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the texts of the table say what each is")]
pub enum Cause {
    AccessDenied,
    AuthenticationFailed,
    AuthenticationRequired,
    BadContent,
    BadMediaType,
    BadRecipient,
    BadSender,
    Busy,
    ConnectionDenied,
    LineTooLong,
    MayHaveBeenDelivered,
    Misconfigured,
    NoReports,
    NoRoom,
    ProtocolError,
    RateLimited,
    ShuttingDown,
    Timeout,
    TooLarge,
    TooManyConnections,
    TooManyErrors,
    TooManyRecipients,
    Unavailable,
    Unknown,
}

struct Row {
    cause: Cause,
    code: u16,
    enhanced: &'static str,
    text: &'static str,
    http: &'static [u16],
}

const fn row(cause: Cause, code: u16, enhanced: &'static str, text: &'static str, http: &'static [u16]) -> Row {
    Row { cause, code, enhanced, text, http }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(Cause::AccessDenied,           550, "5.7.1",  "Not allowed", &[403]),
    row(Cause::AuthenticationFailed,   535, "5.7.8",  "Authentication credentials invalid", &[401]),
    row(Cause::AuthenticationRequired, 530, "5.7.0",  "Authentication required", &[]),
    row(Cause::BadContent,             554, "5.6.0",  "The message cannot be sent as it is", &[400, 422]),
    row(Cause::BadMediaType,           554, "5.6.1",  "Media type not supported", &[415]),
    row(Cause::BadRecipient,           550, "5.1.1",  "No such recipient", &[]),
    row(Cause::BadSender,              550, "5.7.1",  "Sender not allowed", &[]),
    row(Cause::Busy,                   451, "4.3.2",  "Busy, try again later", &[409]),
    row(Cause::ConnectionDenied,       554, "5.7.1",  "No mail is taken from this address", &[]),
    row(Cause::LineTooLong,            500, "5.5.2",  "Line too long", &[]),
    row(Cause::MayHaveBeenDelivered,   554, "5.4.7",  "This message may have been delivered, it is not sent again", &[]),
    row(Cause::Misconfigured,          451, "4.3.5",  "The server is not set up to send this; its administrator must act", &[404, 405, 500]),
    row(Cause::NoReports,              554, "5.3.3",  "The delivery reports that are asked for cannot be promised here", &[]),
    row(Cause::NoRoom,                 452, "4.3.1",  "No room to store the message, try again later", &[507]),
    row(Cause::ProtocolError,          554, "5.5.0",  "Protocol error", &[]),
    row(Cause::RateLimited,            450, "4.7.1",  "Too many messages, try again later", &[429]),
    row(Cause::ShuttingDown,           421, "4.3.2",  "The server is stopping, try again later", &[]),
    row(Cause::Timeout,                421, "4.4.2",  "Timeout, closing connection", &[408]),
    row(Cause::TooLarge,               552, "5.3.4",  "Message too large", &[413]),
    row(Cause::TooManyConnections,     421, "4.7.0",  "Too many connections, try again later", &[]),
    row(Cause::TooManyErrors,          421, "4.7.0",  "Too many errors", &[]),
    row(Cause::TooManyRecipients,      452, "4.5.3",  "Too many recipients", &[]),
    row(Cause::Unavailable,            451, "4.3.0",  "Mail cannot be sent now, try again later", &[503]),
    row(Cause::Unknown,                451, "4.4.2",  "It is not known whether the message was sent", &[502, 504]),
];

impl Cause {
    /// The cause for an HTTP status. Without a row in the table, the outcome of the message is unknown.
    pub fn of_status(status: u16) -> Cause {
        TABLE.iter().find(|row| row.http.contains(&status)).map_or(Cause::Unknown, |row| row.cause)
    }

    /// The refusal with the host's text instead of the table's.
    pub fn with(self, text: impl Into<String>) -> Refusal {
        Refusal { cause: self, text: Some(text.into()) }
    }
}

/// A refusal that the host gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    cause: Cause,
    text: Option<String>,
}

impl Refusal {
    /// Its kind.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The reply to the client.
    pub fn reply(&self) -> Reply {
        let row = TABLE.iter().find(|row| row.cause == self.cause).expect("every cause has a row; a test says so");
        Reply::new(row.code, row.enhanced, self.text.as_deref().unwrap_or(row.text))
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Refusal {
        Refusal { cause, text: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_one_row_in_order_and_its_codes_agree() {
        let causes: Vec<u8> = TABLE.iter().map(|row| row.cause as u8).collect();
        let all: Vec<u8> = (0..=Cause::Unknown as u8).collect();
        assert_eq!(causes, all);
        for row in TABLE {
            let class = row.enhanced.bytes().next().map(|digit| u16::from(digit - b'0'));
            assert_eq!(class, Some(row.code / 100), "{:?}", row.cause);
            assert_eq!(
                Refusal::from(row.cause).reply().to_string(),
                format!("{} {} {}\r\n", row.code, row.enhanced, row.text)
            );
        }
    }

    #[test]
    fn a_status_of_http_has_one_meaning() {
        for (status, start) in [
            (400, "554 5.6.0"),
            (401, "535 5.7.8"),
            (403, "550 5.7.1"),
            (413, "552 5.3.4"),
            (415, "554 5.6.1"),
            (422, "554 5.6.0"),
            (429, "450 4.7.1"),
            (500, "451 4.3.5"),
            (502, "451 4.4.2"),
            (503, "451 4.3.0"),
            (504, "451 4.4.2"),
            (599, "451 4.4.2"),
        ] {
            let reply = Refusal::from(Cause::of_status(status)).reply().to_string();
            assert!(reply.starts_with(start), "{status}: {reply}");
            assert!(TABLE.iter().filter(|row| row.http.contains(&status)).count() <= 1, "{status}");
        }
    }
}
