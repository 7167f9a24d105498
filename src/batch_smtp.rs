//! `application/batch-SMTP` (RFC 2442): a body that holds the client's side of one transaction of SMTP -> its envelope, and the message in a
//! spool. The session of SMTP reads it and nobody hears its replies: the first that refuses is the reason why nothing is sent.
#![forbid(unsafe_code)]

use crate::envelope;
use crate::outcome::Refused;
use crate::read;
use crate::settings::{IN_MEMORY, Settings, TEMPORARY};
use httpd::Request;
use mailgate::input::InputError;
use smtp::{Cause, Decision, Envelope, Host, LineEnds, Mail, Phase, Receipt, Recipient, Refusal, Reply, Session};
use std::io;
use sys::spool::Spool;

/// Reads the body of the request.
pub fn read(request: &Request<'_>, settings: &Settings<'_>) -> Result<(Envelope, Spool), Refused> {
    let mut batch =
        Batch { settings, spool: Spool::new(&TEMPORARY, IN_MEMORY), envelope: None, fault: None, full: None };
    let limits =
        smtp::Settings { max_recipients: settings.max_recipients(), ..smtp::Settings::new("localhost", LineEnds::Any) };
    let mut session = Session::new(limits);
    session.greet(&mut batch);
    read::body(request, settings, &mut |octets| {
        // Line by line: what stands behind QUIT would be read by nobody.
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if session.phase() != Phase::Ended {
                session.feed(line, &mut batch);
            } else if !line.trim_ascii().is_empty() {
                batch.fault.get_or_insert_with(|| "more stands behind QUIT".to_owned());
            }
        }
        batch.full.take().map_or(Ok(()), Err)
    })?;
    match (batch.fault, batch.envelope) {
        (None, Some(envelope)) => Ok((envelope, batch.spool)),
        (fault, _) => {
            let fault = fault.unwrap_or_else(|| "it ends before its message does".to_owned());
            Err(InputError::Message(format!("its transaction of SMTP is refused: {fault}").into()).into())
        }
    }
}

/// A transaction that is being read.
struct Batch<'s> {
    settings: &'s Settings<'s>,
    spool: Spool,
    /// Of the message that came to its end.
    envelope: Option<Envelope>,
    /// The first reply that refused.
    fault: Option<String>,
    full: Option<io::Error>,
}

impl Host for Batch<'_> {
    fn reply(&mut self, reply: &Reply) {
        if reply.is_refusal() {
            self.fault.get_or_insert_with(|| reply.text());
        }
    }

    fn mail(&mut self, _: &Mail) -> Decision {
        match self.envelope {
            Some(_) => Err(Cause::BadContent.with("there is more than one; send each in a request of its own")),
            None => Ok(()),
        }
    }

    fn recipient(&mut self, recipient: &Recipient, before: &Envelope) -> Decision {
        envelope::check_notify(self.settings, recipient, before)
    }

    fn begin(&mut self, _: &Envelope) -> Decision {
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Decision {
        self.spool.write(octets).map_err(|error| {
            self.full.get_or_insert(error);
            Cause::NoRoom.into()
        })
    }

    fn end(&mut self, envelope: &Envelope) -> Result<Receipt, Refusal> {
        self.envelope = Some(envelope.clone());
        Ok(Receipt { id: String::new() })
    }
}
