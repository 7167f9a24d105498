//! SendmailRateLimit: the counts of this server, made by the parent at its start and kept over restarts, and their result for a request.
#![forbid(unsafe_code)]

use crate::outcome::Refused;
use crate::settings::Settings;
use httpd::{Request, Server, Shared};
use mailgate::answer::Problem;
use mailgate::rate::slots::{self, Slot, Ticks};
use mailgate::rate::{Client, Count, Meter};
use mailgate::tags;
use web::Response;

static SLOTS: Shared<Slot> = Shared::new("mod_sendmail-rates");

/// Changes when a [`Slot`] changes its meaning.
const LAYOUT: u64 = 1;

/// Makes the memory, in the parent.
pub fn start(server: &Server<'_>) {
    if let Err(error) = SLOTS.make(server, LAYOUT, slots::SLOTS) {
        tracing::error!("{}: requests under a SendmailRateLimit are answered with 503: {error}", tags::NO_COUNTERS);
    }
}

/// The limits of one request. The client is told of them in any answer.
pub struct Rates<'r> {
    request: &'r Request<'r>,
    meter: Meter<'r>,
    counts: bool,
}

impl<'r> Rates<'r> {
    /// Counts a message, unless it is a dry run.
    pub fn message(request: &'r Request<'r>, settings: &Settings<'r>, is_dry_run: bool) -> Result<Self, Refused> {
        let client = Client { server: request.server_name(), user: request.user(), address: request.client_ip() };
        let meter = Meter::new(SLOTS.items(), settings.rate_limits(), client, Ticks::now());
        let mut rates = Rates { request, meter, counts: !is_dry_run };
        rates.charge(Count::Messages, 1)?;
        Ok(rates)
    }

    /// Counts the recipients of the message.
    pub fn recipients(&mut self, number: usize) -> Result<(), Refused> {
        self.charge(Count::Recipients, u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Counts all messages of a request at once, instead of one. A number that exceeds the limit by itself is refused for good, and not
    /// asked to come later.
    pub fn messages(&mut self, number: usize) -> Result<(), Refused> {
        if number == 1 {
            return Ok(());
        }
        self.meter.refund_one(0, Ticks::now());
        self.charge(Count::Messages, u32::try_from(number).unwrap_or(u32::MAX)).inspect_err(|_| {
            // The refused messages count as one. If even that finds no room, the client is over its limit anyway.
            if self.counts {
                let _ = self.meter.charge(Count::Messages, 1, Ticks::now());
            }
        })
    }

    /// Takes the count of a message back that was already sent earlier.
    pub fn give_back(&mut self, recipients: usize) {
        self.meter.refund_one(u32::try_from(recipients).unwrap_or(u32::MAX), Ticks::now());
        self.tell();
    }

    /// It turns out to be a dry run.
    pub fn never_mind(&mut self) {
        self.meter.refund(Ticks::now());
        self.counts = false;
        self.tell();
    }

    /// A client that is redirected would wait at this location first (draft-ietf-httpapi-ratelimit-headers-10, 5).
    pub fn answered(&self, reply: &Response) {
        if reply.status == 303 && self.meter.is_exhausted() {
            self.request.err_headers_out().unset(c"RateLimit");
        }
    }

    fn charge(&mut self, what: Count, number: u32) -> Result<(), Refused> {
        let outcome = if self.counts { self.meter.charge(what, number, Ticks::now()) } else { Ok(()) };
        let outcome = outcome.map_err(|over| Problem::from(&over).into());
        self.tell();
        outcome
    }

    fn tell(&self) {
        for (name, value) in self.meter.fields().into_iter().flatten() {
            self.request.err_headers_out().set_text(name, &value);
        }
    }
}
