//! A request as a value, to send over HTTP/1.1 octet by octet ([`super::wire`]) or over HTTP/2 and TLS by curl ([`super::curl`]).

use super::certificates::Identity;
use super::httpd::Httpd;
use super::response::Response;
use super::{curl, wire};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) framing: Framing,
    pub(super) ending: Ending,
    pub(super) raw: Option<Vec<u8>>,
    pub(super) sent: Option<usize>,
    pub(super) timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Transfer-Encoding: chunked` in chunks of this size, with these trailers.
    Chunked(usize, Vec<(String, Vec<u8>)>),
    Length,
    /// Neither length nor transfer coding.
    None,
}

/// What the client does after its last octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Closes its sending half (FIN) and reads on.
    Half,
    /// Keeps the connection and reads the answer.
    Open,
    /// Aborts the connection (RST).
    Reset,
    /// As `Open`, and waits past the server's timeout.
    Stall,
}

/// A connection that ends without an answer is an outcome too.
pub type Outcome = Result<Response, io::Error>;

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            ending: Ending::Open,
            raw: None,
            sent: None,
            timeout: Duration::from_secs(120),
        }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path).without_length()
    }

    pub fn options(path: &str) -> Self {
        Self::new("OPTIONS", path).without_length()
    }

    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// A good one: `From: f@example.test`, `To: a@example.test`, `Subject: a`, `text/plain`, a line of text.
    pub fn mail(path: &str) -> Self {
        let request = Self::post(path).header("From", "f@example.test").header("To", "a@example.test");
        request.header("Subject", "a").header("Content-Type", "text/plain").body("Hello there\n")
    }

    /// One more field; repeats stay repeats.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes every field of this name, so that [`Self::mail`] can be varied.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn chunked(mut self, size: usize) -> Self {
        self.framing = Framing::Chunked(size, Vec::new());
        self
    }

    /// A field after the last chunk; makes the request chunked.
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if !matches!(self.framing, Framing::Chunked(..)) {
            self = self.chunked(4096);
        }
        if let Framing::Chunked(_, trailers) = &mut self.framing {
            trailers.push((name.to_owned(), value.as_ref().to_vec()));
        }
        self
    }

    pub fn without_length(mut self) -> Self {
        self.framing = Framing::None;
        self
    }

    /// Sends the body only after `100 Continue`.
    pub fn expect_continue(self) -> Self {
        self.header("Expect", "100-continue")
    }

    /// These octets instead of everything above; HTTP/1.1 only.
    pub fn raw(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.raw = Some(octets.into());
        self
    }

    /// Only the first octets of head and body together, and then `ending`.
    pub fn broken_off_after(mut self, octets: usize, ending: Ending) -> Self {
        self.sent = Some(octets);
        self.ending = ending;
        self
    }

    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Longest silence of the server; default two minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The method of raw octets: an answer to HEAD has no body to wait for.
    pub fn with_method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Length of the head, for [`Self::broken_off_after`].
    pub fn head_length(&self) -> usize {
        wire::head(self, "127.0.0.1:65535").len()
    }

    /// Over HTTP/1.1; no answer fails the test.
    #[track_caller]
    pub fn send(&self, httpd: &Httpd) -> Response {
        self.try_send(httpd).unwrap_or_else(|error| panic!("no answer to {} {}: {error}", self.method, self.path))
    }

    /// Over HTTP/1.1.
    pub fn try_send(&self, httpd: &Httpd) -> Outcome {
        self.try_send_to(httpd.address())
    }

    /// Over HTTP/1.1, even to a server that is about to stop.
    pub fn try_send_to(&self, server: SocketAddr) -> Outcome {
        wire::send(self, server)
    }

    /// Over HTTP/2 without TLS, by prior knowledge; the server needs `http2` and `Protocols h2c http/1.1`.
    #[track_caller]
    pub fn send_h2(&self, httpd: &Httpd) -> Response {
        assert!(self.fits_h2(), "HTTP/2 cannot say this: {self:?}");
        let url = format!("http://127.0.0.1:{}{}", httpd.port(), self.path);
        curl::send(self, &url, &["--http2-prior-knowledge"])
    }

    /// Over TLS and HTTP/1.1, with a client certificate or none.
    #[track_caller]
    pub fn send_tls(&self, httpd: &Httpd, certificates: &super::Certificates, client: Option<&Identity>) -> Response {
        let url = format!("https://127.0.0.1:{}{}", httpd.tls_port(), self.path);
        let authority = certificates.authority().display().to_string();
        let mut options = vec!["--http1.1".to_owned(), "--cacert".to_owned(), authority];
        if let Some(client) = client {
            let [certificate, key] = [&client.certificate, &client.key].map(|file| file.display().to_string());
            options.extend(["--cert".to_owned(), certificate, "--key".to_owned(), key]);
        }
        curl::send(self, &url, &options.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whether HTTP/2 (as curl speaks it) can express this request: it cannot express raw octets, trailers, Expect and broken endings.
    pub fn fits_h2(&self) -> bool {
        let trailers = matches!(&self.framing, Framing::Chunked(_, trailers) if !trailers.is_empty());
        let plain = self.raw.is_none() && self.sent.is_none() && self.ending == Ending::Open;
        plain && !trailers && !self.has("Expect")
    }

    /// Whether the body comes without a length.
    pub fn is_chunked(&self) -> bool {
        matches!(self.framing, Framing::Chunked(..))
    }

    /// Whether a field of this name is among them.
    pub fn has_field(&self, name: &str) -> bool {
        self.has(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name))
    }
}
