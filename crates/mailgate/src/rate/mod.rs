//! Not too many: how much a client may send in a time (`SendmailRateLimit`). Each limit uses the generic cell rate algorithm (GCRA, ATM
//! Forum TM 4.0): all of `burst` at once, and then one each `window / quota`. The counts are in memory that every process of a server
//! shares ([`slots`]); the caller provides it.
#![forbid(unsafe_code)]

mod limit;
pub mod slots;

pub use limit::{Count, Limit, Per};

use crate::digest::Digest;
use slots::{Charge, Slot, Ticks};
use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The virtual host.
    pub server: &'a str,
    /// The user, if there was authentication.
    pub user: Option<&'a [u8]>,
    /// The address that the request comes from.
    pub address: Option<IpAddr>,
}

/// The limits of one request, and their state for it.
#[derive(Debug)]
pub struct Meter<'a> {
    slots: &'a [Slot],
    counts: Vec<Counted<'a>>,
}

#[derive(Debug)]
struct Counted<'a> {
    limit: &'a Limit,
    key: u64,
    charged: u32,
    state: slots::State,
}

/// A limit that a request exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over<'a> {
    /// There is no memory to count in.
    NoMemory,
    /// Temporarily.
    Now {
        /// Which.
        limit: &'a Limit,
        /// Seconds until this much is allowed again.
        retry_after: u32,
    },
    /// It asks for more at once than the limit ever allows.
    Always(&'a Limit),
}

impl<'a> Meter<'a> {
    /// The state of `limits` for this client. Nothing is counted yet.
    pub fn new(slots: &'a [Slot], limits: &'a [Limit], client: Client<'_>, now: Ticks) -> Self {
        let counted = |limit: &'a Limit| {
            let key = key(limit, client);
            Counted { limit, key, charged: 0, state: slots::look(slots, key, limit.pace(), now) }
        };
        Meter { slots, counts: limits.iter().map(counted).collect() }
    }

    /// Counts `number` of `what` in each limit on that; if one of them is exceeded, in none.
    pub fn charge(&mut self, what: Count, number: u32, now: Ticks) -> Result<(), Over<'a>> {
        let slots = self.slots;
        for at in 0..self.counts.len() {
            let counted = &mut self.counts[at];
            if counted.limit.count != what {
                continue;
            }
            let limit = counted.limit;
            let over = match slots::charge(slots, counted.key, limit.pace(), number, now) {
                Charge::Allowed(state) => {
                    (counted.state, counted.charged) = (state, counted.charged.saturating_add(number));
                    continue;
                }
                Charge::Refused { state, wait } => {
                    counted.state = state;
                    Over::Now { limit, retry_after: wait.seconds().max(1) }
                }
                Charge::TooMany => Over::Always(limit),
                Charge::NoMemory => Over::NoMemory,
            };
            self.counts[..at].iter_mut().filter(|before| before.limit.count == what).for_each(|before| {
                before.refund(slots, number, now);
            });
            return Err(over);
        }
        Ok(())
    }

    /// Refunds everything charged to this request.
    pub fn refund(&mut self, now: Ticks) {
        let slots = self.slots;
        self.counts.iter_mut().for_each(|counted| counted.refund(slots, counted.charged, now));
    }

    /// Refunds one of several messages, and its recipients.
    pub fn refund_one(&mut self, recipients: u32, now: Ticks) {
        let slots = self.slots;
        self.counts.iter_mut().for_each(|counted| {
            let number = if counted.limit.count == Count::Messages { 1 } else { recipients };
            counted.refund(slots, number, now);
        });
    }

    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10); `None` without limits.
    pub fn fields(&self) -> Option<[(&'static str, String); 2]> {
        let (mut policies, mut states) = (String::new(), String::new());
        for Counted { limit, state, .. } in &self.counts {
            let comma = if policies.is_empty() { "" } else { ", " };
            let (name, unit) = (limit.name(), if limit.count == Count::Recipients { ";qu=\"recipients\"" } else { "" });
            let window = limit.window.as_secs();
            let _ = write!(policies, "{comma}\"{name}\";q={}{unit};w={window}", limit.quota); // a String takes all
            let _ = write!(states, "{comma}\"{name}\";r={}", state.remaining);
            if let Some(wait) = state.next {
                let _ = write!(states, ";t={}", wait.seconds().max(1));
            }
        }
        (!policies.is_empty()).then_some([("RateLimit-Policy", policies), ("RateLimit", states)])
    }

    /// Whether another message of this client would be refused now.
    pub fn is_exhausted(&self) -> bool {
        self.counts.iter().any(|counted| counted.state.remaining == 0)
    }
}

impl Counted<'_> {
    fn refund(&mut self, slots: &[Slot], number: u32, now: Ticks) {
        let number = number.min(self.charged);
        self.charged -= number;
        self.state = slots::refund(slots, self.key, self.limit.pace(), number, now);
    }
}

/// The key that a client is counted under.
fn key(limit: &Limit, client: Client<'_>) -> u64 {
    let address = client.address.map_or_else(String::new, |address| network(address).to_string());
    let (kind, value) = match (limit.per, client.user) {
        (Per::Location, _) => ("location", &b""[..]),
        (Per::User, Some(user)) => ("user", user),
        (Per::User | Per::Address, _) => ("address", address.as_bytes()),
    };
    let limit_text = limit.to_string();
    let items = [client.server, &limit.place, &limit_text, kind].map(str::as_bytes);
    Digest::of(&[items[0], items[1], items[2], items[3], value]).number()
}

/// The part of an address that belongs to one client: an IPv6 subscriber has at least a /64 (RFC 6177, RFC 7421).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests;
