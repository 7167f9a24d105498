//! The envelope (RFC 5321 2.3.1) with what RFC 1870, RFC 6152 and RFC 3461 add to MAIL and RCPT.
#![forbid(unsafe_code)]

use crate::reply::Reply;
use crate::settings::Settings;
use mail::address::Address;
use mail::dsn::{self, Notify, OriginalRecipient, Ret};
use mail::xtext;

/// Sender and recipients of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The sender and the parameters of MAIL.
    pub mail: Mail,
    /// The accepted recipients, in order.
    pub recipients: Vec<Recipient>,
}

/// MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where reports go; `None` for `<>`.
    pub sender: Option<Address>,
    /// The size that the client declares (RFC 1870).
    pub size: Option<u64>,
    /// The kind of body that the client declares (RFC 6152).
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

/// RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The recipient's address; a bare name if the client wrote one.
    pub address: Address,
    /// When to report (RFC 3461 4.1).
    pub notify: Option<Notify>,
    /// The original recipient of the message (RFC 3461 4.2).
    pub orcpt: Option<OriginalRecipient>,
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
                ("RET", Some(value)) if settings.dsn => once(&mut mail.ret, Ret::parse(value), keyword)?,
                ("ENVID", Some(value)) if settings.dsn => once(&mut mail.envid, dsn::envid(value), keyword)?,
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
                ("NOTIFY", Some(value)) if settings.dsn => once(&mut recipient.notify, Notify::parse(value), keyword)?,
                ("ORCPT", Some(value)) if settings.dsn => {
                    once(&mut recipient.orcpt, OriginalRecipient::parse(value), keyword)?
                }
                _ => return Err(unknown(keyword)),
            }
        }
        Ok(recipient)
    }
}

fn unknown(keyword: &str) -> Reply {
    Reply::new(555, "5.5.4", format!("Parameter {keyword} is not known here, or not in this form"))
}

/// Sets the slot, or fails if it is already set.
fn once<T>(slot: &mut Option<T>, value: Option<T>, keyword: &str) -> Result<(), Reply> {
    match (slot.is_none(), value) {
        (true, Some(value)) => {
            *slot = Some(value);
            Ok(())
        }
        (false, _) => Err(Reply::new(501, "5.5.4", format!("Parameter {keyword} is given twice"))),
        (_, None) => Err(Reply::new(501, "5.5.4", format!("Parameter {keyword} has a value that does not fit"))),
    }
}

/// `size-value = 1*20DIGIT` (RFC 1870 4).
fn size(value: &str) -> Option<u64> {
    let digits = value.len() <= 20 && value.bytes().all(|octet| octet.is_ascii_digit());
    // Twenty digits may overflow 64 bits; such a size is too large in any case.
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

/// RFC 5321 4.1.1.2 with RFC 4954 5: an address in xtext, or `<>`. A server that does not trust the client treats any value as `<>`, so it
/// is dropped.
fn submitter(value: &str) -> Option<()> {
    xtext::decode(value).map(drop)
}
