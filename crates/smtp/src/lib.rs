//! The server side of SMTP submission (RFC 5321, RFC 6409) as pure code: octets of a client in pieces of any size -> questions to a
//! [`Host`], and replies. It does no I/O, knows no clock and no thread; memory does not grow with the message. Three hosts: a
//! connection of httpd, standard input of `sendmail -bs`, and a request body with one transaction (`application/batch-SMTP`, RFC 2442).
//!
//! ```
//! use smtp::{Decision, Envelope, Host, LineEnds, Receipt, Refusal, Reply, Session, Settings};
//!
//! #[derive(Default)]
//! struct Keep { message: Vec<u8>, replies: String }
//! impl Host for Keep {
//!     fn reply(&mut self, reply: &Reply) { self.replies += &reply.to_string(); }
//!     fn begin(&mut self, _: &Envelope) -> Decision { self.message.clear(); Ok(()) }
//!     fn octets(&mut self, octets: &[u8]) -> Decision { self.message.extend(octets); Ok(()) }
//!     fn end(&mut self, _: &Envelope) -> Result<Receipt, Refusal> { Ok(Receipt { id: "1".to_owned() }) }
//! }
//!
//! let (mut host, settings) = (Keep::default(), Settings::new("mx.example.org", LineEnds::Crlf));
//! let mut session = Session::new(settings);
//! session.greet(&mut host);
//! for piece in [&b"EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@exam"[..], b"ple.org>\r\nDATA\r\n", b"Hi\r\n.\r\nQUIT\r\n"] {
//!     session.feed(piece, &mut host);
//! }
//! assert_eq!(host.message, b"Hi\r\n");
//! assert!(host.replies.ends_with("354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Taken as 1\r\n221 2.0.0 Bye\r\n"));
//! ```
#![forbid(unsafe_code)]

mod auth;
mod command;
mod content;
mod data;
mod envelope;
mod host;
mod line;
mod path;
mod refusal;
mod reply;
mod session;
mod settings;

pub use auth::Credentials;
pub use data::{DataReader, Progress};
pub use envelope::{BodyType, Envelope, Mail, Recipient};
pub use host::{Decision, Host, Receipt};
pub use mail::dsn::{Notify, OriginalRecipient, Ret};
pub use refusal::{Cause, Refusal};
pub use reply::Reply;
pub use session::{Phase, Session};
pub use settings::{Auth, LineEnds, Settings};
