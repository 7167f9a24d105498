//! A message and its envelope -> one POST (RFC 9110) to a gateway, and its outcome. Nothing comes from the environment, no redirect is
//! followed, and no request is repeated here: the caller knows what was sent, and decides.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::{Agent, Body, SendBody};

use crate::config::{Config, Login, Url};
use crate::exit::{Failure, Status};
use crate::message::prepare::Envelope;

pub mod answer;
mod tls;

use answer::Answer;

/// A larger request waits for the server's `100 Continue`: a refusal then costs no upload and is not lost in a reset.
const EXPECT_FROM: u64 = 256 * 1024;
/// A connection idle for longer is not reused; httpd itself closes it after 5 seconds.
const MAX_IDLE: Duration = Duration::from_secs(2);
/// How many octets of an answer are read.
const MAX_ANSWER: u64 = 64 * 1024;

/// The gateways of the configuration.
pub struct Gateway {
    urls: Vec<Url>,
    authorization: Option<HeaderValue>,
    /// One agent opens a connection per request, the other keeps one.
    fresh: Agent,
    kept: Agent,
}

/// A message to post.
pub struct Request<'a> {
    /// The key by which the gateway recognizes it.
    pub key: &'a str,
    /// Its sender and recipients.
    pub envelope: &'a Envelope,
    /// Octets of header and body.
    pub size: u64,
    /// Whether the gateway is known to honour the key. Only then may a connection be reused: the other end may close it just as the message
    /// is sent.
    pub is_key_honoured: bool,
    /// `Prefer: sendmail-dry-run`.
    pub dry_run: bool,
}

/// How far a request got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The gateway answered.
    Answered(Answer),
    /// The connection broke or timed out.
    Broken {
        /// How much was sent before.
        sent: Sent,
        /// Why.
        words: String,
    },
}

/// How much of a message was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sent {
    /// Nothing.
    #[default]
    Nothing,
    /// Part of it: by Content-Length the gateway knows that, and cannot have taken it.
    Part,
    /// All of it: it is unknown whether the gateway has taken it.
    Whole,
}

impl Gateway {
    /// Reads the certificates.
    pub fn new(config: &Config) -> Result<Gateway, Failure> {
        let mistake = |words: String| Failure::new(Status::Config, words);
        let proxy = match &config.proxy {
            Some(proxy) => Some(ureq::Proxy::new(proxy).map_err(|error| mistake(format!("proxy: {error}")))?),
            None => None,
        };
        // The system's authorities are 140 certificates to read, which http on loopback does not need.
        let tls = match config.urls.iter().any(Url::is_tls) {
            true => Some(tls::settings(config).map_err(mistake)?),
            false => None,
        };
        let agent = |idle: usize| -> Agent {
            let agent = Agent::config_builder()
                .proxy(proxy.clone()) // instead of the environment's
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .user_agent(concat!("sendmail-http/", env!("CARGO_PKG_VERSION")))
                .accept("application/problem+json, application/json;q=0.9")
                .max_idle_connections(idle)
                .max_idle_connections_per_host(idle)
                .max_idle_age(MAX_IDLE)
                .timeout_resolve(Some(config.connect_timeout))
                .timeout_connect(Some(config.connect_timeout))
                .timeout_send_request(Some(config.timeout))
                .timeout_per_write(Some(config.timeout))
                .timeout_recv_response(Some(config.timeout))
                .timeout_recv_body(Some(config.timeout));
            match &tls {
                Some(tls) => agent.tls_config(tls.clone()).build().into(),
                None => agent.build().into(),
            }
        };
        Ok(Gateway {
            urls: config.urls.clone(),
            authorization: config.login.as_ref().map(authorization).transpose()?,
            fresh: agent(0),
            kept: agent(1),
        })
    }

    /// The URLs that messages may go to, in this order.
    pub fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// Sends header and body.
    pub fn post(&self, url: &Url, request: &Request<'_>, message: impl Read) -> Exchange {
        let progress = Rc::new(Cell::new(0));
        let mut body = Counted { inner: message, progress: progress.clone(), size: request.size };
        let agent = if request.is_key_honoured { &self.kept } else { &self.fresh };
        let mut post = agent
            .post(url.uri())
            .header("Content-Type", "message/rfc822")
            .header("Content-Length", request.size)
            .header("Idempotency-Key", format!("\"{}\"", request.key));
        for (name, value) in envelope_fields(request.envelope) {
            post = post.header(name, value);
        }
        // On a new TLS connection the other side may object to our certificate only after the handshake (RFC 8446 4.4.2.4). Wait for that
        // before any octet of the message is sent; otherwise it would be unknown whether the message was taken.
        if request.size > EXPECT_FROM || url.is_tls() && !request.is_key_honoured {
            post = post.header("Expect", "100-continue");
        }
        if request.dry_run {
            post = post.header("Prefer", "sendmail-dry-run");
        }
        if let Some(authorization) = &self.authorization {
            post = post.header("Authorization", authorization);
        }
        let outcome = post.send(SendBody::from_reader(&mut body));
        let sent = match progress.get() {
            0 => Sent::Nothing,
            octets if octets < request.size => Sent::Part,
            _ => Sent::Whole,
        };
        outcome
            .map_or_else(|error| Exchange::Broken { sent, words: words(url, &error) }, |response| read(response, sent))
    }

    /// OPTIONS: the gateway's description of itself.
    pub fn options(&self, url: &Url) -> Exchange {
        let mut options = self.fresh.options(url.uri());
        if let Some(authorization) = &self.authorization {
            options = options.header("Authorization", authorization);
        }
        let outcome = options.call();
        outcome.map_or_else(
            |error| Exchange::Broken { sent: Sent::Nothing, words: words(url, &error) },
            |response| read(response, Sent::Nothing),
        )
    }
}

/// The envelope as request fields; addresses here are ASCII and hold neither comma nor blank.
fn envelope_fields(envelope: &Envelope) -> Vec<(&'static str, String)> {
    let recipients: Vec<String> = envelope.recipients.iter().map(ToString::to_string).collect();
    let sender = envelope.sender.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string);
    let mut fields = vec![("Envelope-From", sender), ("Envelope-To", recipients.join(", "))];
    let dsn = &envelope.dsn;
    let asked = [("Envelope-Id", &dsn.envid), ("Envelope-Notify", &dsn.notify), ("Envelope-Ret", &dsn.ret)];
    fields.extend(asked.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    fields
}

/// RFC 7617 2, RFC 6750 2.1.
fn authorization(login: &Login) -> Result<HeaderValue, Failure> {
    let text = match login {
        Login::Basic { user, password } => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        Login::Bearer(token) => format!("Bearer {token}"),
    };
    let value = HeaderValue::from_str(&text);
    let mut value = value.map_err(|_| Failure::new(Status::Config, "the token cannot stand in a request"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Status, fields and body of an answer. A truncated answer still counts by its head.
fn read(response: Response<Body>, sent: Sent) -> Exchange {
    let (head, body) = response.into_parts();
    let mut octets = Vec::new();
    let is_whole = body.into_reader().take(MAX_ANSWER).read_to_end(&mut octets).is_ok();
    let fields: HeaderMap = head.headers;
    let text = |name: &str| fields.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Exchange::Answered(Answer {
        status: head.status.as_u16(),
        sent,
        content_type: text("content-type").unwrap_or_default(),
        retry_after: text("retry-after"),
        message_id: text("x-message-id"),
        lifetime: text("idempotency-key-lifetime")
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(Duration::from_secs),
        is_replayed: text("idempotency-replayed").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        allow: text("allow"),
        body: if is_whole { octets } else { Vec::new() },
    })
}

/// An error text for a failed connection.
fn words(url: &Url, error: &ureq::Error) -> String {
    let host = url.uri().authority().map(|authority| authority.as_str()).unwrap_or_default();
    match error {
        ureq::Error::Rustls(error) => format!("{host}: TLS: {error}"),
        ureq::Error::Io(error) => format!("{host}: {error}"),
        error => format!("{host}: {error}"),
    }
}

/// A reader that counts what was read from it, and fails instead of ending early.
struct Counted<R> {
    inner: R,
    progress: Rc<Cell<u64>>,
    size: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.size - self.progress.get();
        let room = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.inner.read(&mut into[..room])?;
        if n == 0 && room > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stored message is shorter than it was"));
        }
        self.progress.set(self.progress.get() + n as u64);
        Ok(n)
    }
}
