//! What the host offers and allows.
#![forbid(unsafe_code)]

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// CRLF or LF: for a program on the same machine, whose message no other server has read before us.
    Any,
    /// Only CRLF: for the network.
    Crlf,
}

/// Whether AUTH is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Only once the connection is encrypted (RFC 4954 4).
    NeedsTls,
    /// PLAIN and LOGIN.
    Offered,
    /// No: there are no users.
    Off,
}

/// What the host offers, and its limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name in the greeting.
    pub name: String,
    /// What ends a line.
    pub line_ends: LineEnds,
    /// Whether AUTH is offered.
    pub auth: Auth,
    /// Whether a sender must have authenticated.
    pub auth_required: bool,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Whether the parameters of RFC 3461 are accepted.
    pub dsn: bool,
    /// Whether BDAT is accepted (RFC 3030).
    pub chunking: bool,
    /// The largest size of a message, in octets.
    pub max_size: Option<u64>,
    /// The most recipients of a message.
    pub max_recipients: usize,
}

impl Settings {
    /// Settings without users and TLS, with everything else offered, 100 recipients (RFC 5321 4.5.3.1.8) and no size limit.
    pub fn new(name: impl Into<String>, line_ends: LineEnds) -> Settings {
        Settings {
            name: name.into(),
            line_ends,
            auth: Auth::Off,
            auth_required: false,
            starttls: false,
            dsn: true,
            chunking: true,
            max_size: None,
            max_recipients: 100,
        }
    }
}
