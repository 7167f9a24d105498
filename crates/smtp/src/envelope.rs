//! The envelope (RFC 5321 2.3.1) with what RFC 1870, RFC 6152 and RFC 3461 add to MAIL and RCPT.
#![forbid(unsafe_code)]

use crate::reply::Reply;
use crate::settings::Settings;
use crate::xtext;
use mail::address::Address;

/// RFC 3461 4.4: 100 characters, before decoding.
const MAX_ENVID: usize = 100;
/// RFC 3461 4.2: 500 characters for all of ORCPT.
const MAX_ORCPT: usize = 500;

/// Sender and recipients of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The sender, with what was said of the message.
    pub mail: Mail,
    /// Those that were accepted, in order.
    pub recipients: Vec<Recipient>,
}

/// MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where reports go; none for `<>`.
    pub sender: Option<Address>,
    /// What the client thinks is the size (RFC 1870).
    pub size: Option<u64>,
    /// What the client thinks is in the body (RFC 6152).
    pub body: Option<BodyType>,
    /// How much of the message comes back with a report (RFC 3461 4.3).
    pub ret: Option<Ret>,
    /// The identifier that reports carry (RFC 3461 4.4), decoded.
    pub envid: Option<String>,
}

/// BODY (RFC 6152).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the RFC")]
pub enum BodyType {
    SevenBit,
    EightBitMime,
}

/// RET (RFC 3461 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the RFC")]
pub enum Ret {
    Full,
    Hdrs,
}

/// RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Who is to get it; a name without domain if the client wrote so.
    pub address: Address,
    /// When to report (RFC 3461 4.1).
    pub notify: Option<Notify>,
    /// Whom the message was written to at first (RFC 3461 4.2).
    pub orcpt: Option<OriginalRecipient>,
}

/// NOTIFY (RFC 3461 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the RFC")]
pub enum Notify {
    Never,
    On { success: bool, failure: bool, delay: bool },
}

/// ORCPT (RFC 3461 4.2), decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// `rfc822` nearly always.
    pub addr_type: String,
    /// The address in the form of that type: printable ASCII.
    pub address: String,
}

/// One `esmtp-param`.
pub(crate) type Parameter<'a> = (&'a str, Option<&'a str>);

impl Mail {
    pub(crate) fn read(
        sender: Option<Address>,
        parameters: &[Parameter<'_>],
        settings: &Settings,
    ) -> Result<Mail, Reply> {
        let mut mail = Mail { sender, size: None, body: None, ret: None, envid: None };
        let mut auth = None;
        for (keyword, value) in parameters {
            match (keyword.to_ascii_uppercase().as_str(), *value) {
                ("SIZE", Some(value)) => once(&mut mail.size, size(value), keyword)?,
                ("BODY", Some(value)) => once(&mut mail.body, body(value), keyword)?,
                ("SMTPUTF8", None) => return Err(Reply::new(555, "5.6.7", "SMTPUTF8 is not supported here")),
                ("AUTH", Some(value)) => once(&mut auth, submitter(value), keyword)?,
                ("RET", Some(value)) if settings.dsn => once(&mut mail.ret, ret(value), keyword)?,
                ("ENVID", Some(value)) if settings.dsn => once(&mut mail.envid, envid(value), keyword)?,
                _ => return Err(unknown(keyword)),
            }
        }
        Ok(mail)
    }
}

impl Recipient {
    pub(crate) fn read(
        address: Address,
        parameters: &[Parameter<'_>],
        settings: &Settings,
    ) -> Result<Recipient, Reply> {
        let mut recipient = Recipient { address, notify: None, orcpt: None };
        for (keyword, value) in parameters {
            match (keyword.to_ascii_uppercase().as_str(), *value) {
                ("NOTIFY", Some(value)) if settings.dsn => once(&mut recipient.notify, notify(value), keyword)?,
                ("ORCPT", Some(value)) if settings.dsn => once(&mut recipient.orcpt, orcpt(value), keyword)?,
                _ => return Err(unknown(keyword)),
            }
        }
        Ok(recipient)
    }
}

fn unknown(keyword: &str) -> Reply {
    Reply::new(555, "5.5.4", format!("Parameter {keyword} is not known here, or not in this form"))
}

/// Sets what was not set before.
fn once<T>(slot: &mut Option<T>, value: Option<T>, keyword: &str) -> Result<(), Reply> {
    match (slot.is_none(), value) {
        (true, Some(value)) => {
            *slot = Some(value);
            Ok(())
        }
        (false, _) => Err(Reply::new(501, "5.5.4", format!("Parameter {keyword} stands twice"))),
        (_, None) => Err(Reply::new(501, "5.5.4", format!("Parameter {keyword} has a value that does not fit"))),
    }
}

/// `size-value = 1*20DIGIT` (RFC 1870 4).
fn size(value: &str) -> Option<u64> {
    let digits = value.len() <= 20 && value.bytes().all(|octet| octet.is_ascii_digit());
    // Twenty digits may be more than 64 bits hold; that is too large in any case.
    (digits && !value.is_empty()).then(|| value.parse().unwrap_or(u64::MAX))
}

/// `body-value = "7BIT" / "8BITMIME"` (RFC 6152 2).
fn body(value: &str) -> Option<BodyType> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Some(BodyType::SevenBit),
        "8BITMIME" => Some(BodyType::EightBitMime),
        _ => None,
    }
}

/// RFC 4954 5: an address in xtext, or `<>`. A server that does not trust the client treats any as `<>`, and so it is dropped.
fn submitter(value: &str) -> Option<()> {
    xtext::decode(value).map(drop)
}

/// `ret-value = "FULL" / "HDRS"` (RFC 3461 4.3).
fn ret(value: &str) -> Option<Ret> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Some(Ret::Full),
        "HDRS" => Some(Ret::Hdrs),
        _ => None,
    }
}

/// `envid-parameter = "ENVID=" xtext` (RFC 3461 4.4).
fn envid(value: &str) -> Option<String> {
    (value.len() <= MAX_ENVID).then(|| xtext::decode(value)).flatten().filter(|envid| !envid.is_empty())
}

/// `notify-esmtp-value = "NEVER" / 1#notify-list-element`, `notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"` (RFC 3461 4.1).
fn notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for element in value.split(',') {
        match element.to_ascii_uppercase().as_str() {
            "SUCCESS" => success = true,
            "FAILURE" => failure = true,
            "DELAY" => delay = true,
            _ => return None,
        }
    }
    Some(Notify::On { success, failure, delay })
}

/// `original-recipient-address = addr-type ";" xtext` (RFC 3461 4.2).
fn orcpt(value: &str) -> Option<OriginalRecipient> {
    let (addr_type, address) = value.split_once(';').filter(|_| value.len() <= MAX_ORCPT)?;
    let is_atom =
        !addr_type.is_empty() && addr_type.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let address = xtext::decode(address).filter(|address| is_atom && !address.is_empty())?;
    Some(OriginalRecipient { addr_type: addr_type.to_owned(), address })
}
