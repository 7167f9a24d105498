//! `SendmailInputs`: the input formats that a location offers, and which of them a request uses. Each is one file beside this one.
#![forbid(unsafe_code)]

use super::json::{Call, Dialect};
use mail::content_type::ContentType;
use std::ffi::CStr;

/// The form of a message in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The fields of the request are the header, its body is the body.
    Fields,
    /// An HTML form: its fields are the text, its files are attached.
    Form,
    /// The JSON of a mail service, at a path of its own.
    Json(Dialect),
    /// `message/rfc822`: the body is the message.
    Mime,
}

/// A way, its word, and the media types of the bodies that come by it; what comes by a path of its own has none here.
struct Row {
    word: &'static str,
    way: Way,
    types: &'static [&'static str],
}

/// Every way. The descriptions and the choice come from here.
const WAYS: &[Row] = &[
    Row { word: "fields", way: Way::Fields, types: &["text/plain", "*/*"] },
    Row { word: "form", way: Way::Form, types: &["multipart/form-data", "application/x-www-form-urlencoded"] },
    Row { word: "mime", way: Way::Mime, types: &[MESSAGE, BATCH_SMTP] },
    Row { word: "postmark", way: Way::Json(Dialect::Postmark), types: &[] },
    Row { word: "resend", way: Way::Json(Dialect::Resend), types: &[] },
    Row { word: "sendgrid", way: Way::Json(Dialect::Sendgrid), types: &[] },
];

/// The paths for JSON, below that of the location.
pub const PATHS: &[(&str, Call)] = &[
    ("/email", Call { dialect: Dialect::Postmark, is_batch: false }),
    ("/email/batch", Call { dialect: Dialect::Postmark, is_batch: true }),
    ("/emails", Call { dialect: Dialect::Resend, is_batch: false }),
    ("/emails/batch", Call { dialect: Dialect::Resend, is_batch: true }),
    ("/v3/mail/send", Call { dialect: Dialect::Sendgrid, is_batch: false }),
];

/// The resource at a path below that of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'u> {
    /// What a form proves its visitor's patience with.
    Challenge,
    /// What is offered here, for programs.
    Description,
    /// The outcome of a message, by the id that Resend's SDKs know.
    Email(&'u str),
    /// An SDK's path for sending.
    Json(Call),
    /// Any other path.
    Mail,
}

impl Resource<'_> {
    /// The dialect that requests are answered in.
    pub fn dialect(self) -> Option<Dialect> {
        match self {
            Resource::Email(_) => Some(Dialect::Resend),
            Resource::Json(call) => Some(call.dialect),
            Resource::Challenge | Resource::Description | Resource::Mail => None,
        }
    }

    /// The same as the field Allow writes them.
    pub fn allow(self) -> String {
        self.methods().iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join(", ")
    }

    /// The methods that mean something.
    pub fn methods(self) -> &'static [&'static CStr] {
        match self {
            Resource::Description => &[c"GET", c"HEAD", c"POST", c"OPTIONS"],
            Resource::Challenge | Resource::Email(_) => &[c"GET", c"HEAD", c"OPTIONS"],
            Resource::Json(_) | Resource::Mail => &[c"POST", c"OPTIONS"],
        }
    }
}

/// The offered input formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs(Vec<Way>);

impl Default for Inputs {
    fn default() -> Self {
        Inputs(vec![Way::Fields])
    }
}

impl Inputs {
    /// The words of `WAYS`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let way = |word: &&str| {
            let known = WAYS.iter().find(|row| row.word.eq_ignore_ascii_case(word));
            let names: Vec<&str> = WAYS.iter().map(|row| row.word).collect();
            known.map(|row| row.way).ok_or_else(|| format!("'{word}' is no way in; there are {}", names.join(", ")))
        };
        words.iter().map(way).collect::<Result<_, _>>().map(Inputs)
    }

    /// Whether this one is offered.
    pub fn offer(&self, way: Way) -> bool {
        self.0.contains(&way)
    }

    /// Whether any JSON is.
    pub fn offer_json(&self) -> bool {
        self.0.iter().any(|way| matches!(way, Way::Json(_)))
    }

    /// The resource at this path below that of the location.
    pub fn resource<'u>(&self, rest: &'u [u8]) -> Resource<'u> {
        if rest == DESCRIPTION.as_bytes() {
            return Resource::Description;
        }
        let offered = |call: &Call| self.offer(Way::Json(call.dialect));
        let call = PATHS.iter().find(|(path, _)| path.as_bytes() == rest).map(|(_, call)| *call);
        match (call.filter(offered), email(rest)) {
            (Some(call), _) => Resource::Json(call),
            (None, Some(id)) if self.offer(Way::Json(Dialect::Resend)) => Resource::Email(id),
            (None, _) => Resource::Mail,
        }
    }

    /// The way of any other request, `None`: none that is offered. The type of its body is asked for where it decides.
    pub fn way(&self, content_type: impl FnOnce() -> Option<ContentType>) -> Option<Way> {
        let depends = self.types().any(|(way, _)| way != Way::Fields);
        let given = depends.then(content_type).flatten();
        let by_type = given.and_then(|given| self.types().find(|(_, media)| *media == given.essence()));
        by_type.map(|(way, _)| way).or_else(|| Some(Way::Fields).filter(|way| self.offer(*way)))
    }

    /// The media types of those that are offered.
    pub fn types(&self) -> impl Iterator<Item = (Way, &'static str)> {
        let offered = WAYS.iter().filter(|row| self.offer(row.way));
        offered.flat_map(|row| row.types.iter().map(|media| (row.way, *media)))
    }

    /// The words of the offered ones.
    pub fn words(&self) -> String {
        let word = |way: &Way| WAYS.iter().find(|row| row.way == *way).map_or("", |row| row.word);
        self.0.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

/// The media type of a whole message.
pub const MESSAGE: &str = "message/rfc822";

/// That of one with its envelope before it (RFC 2442).
pub const BATCH_SMTP: &str = "application/batch-smtp";

/// Where challenges are asked for, if the location has some.
pub const CHALLENGE: &str = "/challenge";

/// Where the description stands.
pub const DESCRIPTION: &str = "/openapi.json";

/// The id in `/emails/<id>`.
fn email(rest: &[u8]) -> Option<&str> {
    let id = std::str::from_utf8(rest.strip_prefix(b"/emails/")?).ok()?;
    Some(id).filter(|id| !id.is_empty() && !id.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::header::HeaderValue;

    #[test]
    fn the_type_of_the_body_chooses_among_what_is_offered() {
        let of = |words: &[&str], text: &str| {
            let content_type = || ContentType::parse(&HeaderValue::parse(text).unwrap()).ok();
            Inputs::parse(words).unwrap().way(content_type)
        };
        assert_eq!(of(&["fields"], "text/plain"), Some(Way::Fields));
        assert_eq!(of(&["fields"], "message/rfc822"), Some(Way::Fields), "an attached message, as ever");
        assert_eq!(of(&["fields", "mime"], "Message/RFC822"), Some(Way::Mime));
        assert_eq!(of(&["fields", "mime"], "application/batch-SMTP"), Some(Way::Mime));
        assert_eq!(of(&["fields"], "application/batch-SMTP"), Some(Way::Fields), "a file, as ever");
        assert_eq!(of(&["mime"], "text/plain"), None);
        for form in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            assert_eq!(of(&["fields", "form"], form), Some(Way::Form));
            assert_eq!(of(&["fields"], form), Some(Way::Fields), "refused with the remedy, as ever");
            assert_eq!(of(&["mime"], form), None);
        }
        assert_eq!(Inputs::default().way(|| panic!("it decides nothing")), Some(Way::Fields));
        assert_eq!(Inputs::parse(&["fields", "form", "mime"]).unwrap().way(|| None), Some(Way::Fields));
        assert!(Inputs::parse(&["pigeon"]).unwrap_err().contains("fields, form, mime"));
    }

    #[test]
    fn an_exact_path_chooses_a_dialect_where_it_is_offered() {
        let offered = Inputs::parse(&["resend"]).unwrap();
        let postmark = Inputs::parse(&["postmark"]).unwrap();
        let json = |dialect, is_batch| Resource::Json(Call { dialect, is_batch });
        assert_eq!(offered.resource(b"/email"), Resource::Mail);
        assert_eq!(postmark.resource(b"/email"), json(Dialect::Postmark, false));
        assert_eq!(postmark.resource(b"/email/batch"), json(Dialect::Postmark, true));
        assert_eq!(offered.resource(b"/emails"), json(Dialect::Resend, false));
        assert_eq!(offered.resource(b"/emails/batch"), json(Dialect::Resend, true));
        assert_eq!(offered.resource(b"/emails/a@b"), Resource::Email("a@b"));
        assert_eq!(offered.resource(b"/openapi.json"), Resource::Description);
        for rest in [
            &b""[..],
            b"/",
            b"/emails/",
            b"/Emails",
            b"/emails/batch/",
            b"/x/emails",
            b"/v3/mail/send",
            b"/emails/\xff",
        ] {
            assert_eq!(offered.resource(rest), Resource::Mail, "{}", rest.escape_ascii());
        }
        assert_eq!(postmark.resource(b"/emails/a@b"), Resource::Mail);
        assert_eq!(Inputs::default().resource(b"/emails"), Resource::Mail);
    }
}
