//! An event -> one POST to its hook, and the outcome. Nothing comes from the environment, no redirect is followed, only a short part of the
//! answer is read, and the whole attempt has ten seconds.
#![forbid(unsafe_code)]

use crate::{address, signature, tls};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use tracking::secret;
use tracking::status::clean;
use tracking::store;
use tracking::store::outbox::queue::{Attempt, Outcome};
use ureq::config::Config;
use ureq::http::{Response, StatusCode, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

/// For everything: name lookup, connection, request, answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many octets of an answer's body are read.
const MAX_ANSWER: u64 = 1 << 10;
/// How many octets of an answer's head are read.
const MAX_HEAD: usize = 16 << 10;
/// How many characters of an answer are shown.
const SHOWN: usize = 200;

/// Sends events.
pub struct Sender {
    public: Agent,
    internal: Agent,
}

impl Sender {
    /// Reads the certificates.
    pub fn new(ca: Option<&Path>) -> Result<Sender, String> {
        let tls = tls::settings(ca)?;
        let agent = |internal| {
            let config = Agent::config_builder()
                .proxy(None) // otherwise the environment's would be used
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .max_idle_connections(0)
                .max_response_header_size(MAX_HEAD)
                .user_agent(concat!("processdsn-deliver/", env!("CARGO_PKG_VERSION")))
                .accept("*/*")
                .timeout_global(Some(TIMEOUT))
                .tls_config(tls.clone())
                .build();
            Agent::with_parts(
                config,
                DefaultConnector::default(),
                Guard { internal, names: DefaultResolver::default() },
            )
        };
        Ok(Sender { public: agent(false), internal: agent(true) })
    }

    /// Sends an event once.
    pub fn send(&self, attempt: &Attempt) -> Outcome {
        let keys = match secret::read(Path::new(&attempt.secret_file)) {
            Ok(keys) => keys,
            Err(words) => return Outcome::Untried(words),
        };
        let agent = if attempt.internal { &self.internal } else { &self.public };
        let now = store::now();
        let signature = signature::sign(&keys, &attempt.id, now, &attempt.body);
        let mut post = agent.post(&attempt.url).header("Content-Type", "application/json");
        // Receivers written for Resend expect Svix's field names, which mean the same.
        for name in ["webhook", "svix"] {
            post = post
                .header(format!("{name}-id"), &attempt.id)
                .header(format!("{name}-timestamp"), now)
                .header(format!("{name}-signature"), &signature);
        }
        match post.send(attempt.body.as_bytes()) {
            Ok(response) => outcome(response),
            Err(error) => Outcome::Unreachable(error.to_string()),
        }
    }
}

/// Standard Webhooks 1.0, "Deliverability and reliability".
fn outcome(mut response: Response<Body>) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Taken;
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(pause);
    let mut octets = Vec::new();
    // A body that cannot be read is not shown.
    let _ = response.body_mut().as_reader().take(MAX_ANSWER).read_to_end(&mut octets);
    let words: String = clean(&String::from_utf8_lossy(&octets)).trim().chars().take(SHOWN).collect();
    let said = if words.is_empty() { String::new() } else { format!(": {words}") };
    Outcome::Refused(format!("{status}{said}"), wait)
}

/// Retry-After (RFC 9110 10.2.3), in seconds from now.
fn pause(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(seconds.into());
    }
    let time = rfc2822::parse(text).ok()?.timestamp();
    Some(time.as_second().saturating_sub(Timestamp::now().as_second()).max(0))
}

/// Looks up names, and returns only addresses that may be connected to.
#[derive(Debug)]
struct Guard {
    internal: bool,
    names: DefaultResolver,
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let is_tls = uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        let (mut allowed, mut reason) = (self.empty(), None);
        for found in &self.names.resolve(uri, config, timeout)? {
            match refusal(address::special(found.ip()), self.internal, is_tls) {
                None => allowed.push(*found),
                Some(words) => reason = Some(format!("{}: {words}", found.ip())),
            }
        }
        match (allowed.is_empty(), reason) {
            (false, _) => Ok(allowed),
            (true, Some(words)) => Err(io::Error::new(io::ErrorKind::PermissionDenied, words).into()),
            (true, None) => Err(ureq::Error::HostNotFound),
        }
    }
}

/// Why an address may not be connected to.
fn refusal(special: Option<&str>, internal: bool, is_tls: bool) -> Option<String> {
    match (special, internal, is_tls) {
        (Some(what), false, _) => Some(format!("{what}; the hook must be added with --internal if that is meant")),
        (None, _, false) => Some("an address of the public network; events go there by https alone".into()),
        (Some(_), true, _) | (None, _, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_connected_to_depends_on_the_hook_and_on_tls() {
        let special = Some("a loopback address");
        for (address, internal, is_tls, allowed) in [
            (None, false, true, true),
            (None, true, true, true),
            (special, true, true, true),
            (special, true, false, true),
            (special, false, true, false),
            (special, false, false, false),
            (None, false, false, false),
            (None, true, false, false),
        ] {
            assert_eq!(refusal(address, internal, is_tls).is_none(), allowed, "{address:?} {internal} {is_tls}");
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        assert_eq!((pause("120"), pause(" 0 "), pause("soon"), pause("-1")), (Some(120), Some(0), None, None));
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        let date =
            rfc2822::to_string(&(Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC) + jiff::Span::new().minutes(2)));
        assert!((118..=120).contains(&pause(&date.unwrap()).unwrap()));
    }
}
