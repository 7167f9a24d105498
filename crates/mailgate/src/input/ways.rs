//! `SendmailInputs`: the input formats that a location offers, and which of them a request uses. Each is one file beside this one.
#![forbid(unsafe_code)]

use super::form;
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

/// Every input format with its word.
const WORDS: &[(&str, Way)] = &[
    ("fields", Way::Fields),
    ("form", Way::Form),
    ("mime", Way::Mime),
    ("postmark", Way::Json(Dialect::Postmark)),
    ("resend", Way::Json(Dialect::Resend)),
    ("sendgrid", Way::Json(Dialect::Sendgrid)),
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
    /// The description of the service, for programs.
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
            Resource::Description | Resource::Mail => None,
        }
    }

    /// The methods that are allowed.
    pub fn methods(self) -> &'static [&'static CStr] {
        match self {
            Resource::Description => &[c"GET", c"HEAD", c"POST", c"OPTIONS"],
            Resource::Email(_) => &[c"GET", c"HEAD", c"OPTIONS"],
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
    /// `fields`, `form`, `mime`, `postmark`, `resend`, `sendgrid`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let way = |word: &&str| {
            let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
            let names: Vec<&str> = WORDS.iter().map(|(known, _)| *known).collect();
            known
                .map(|(_, way)| *way)
                .ok_or_else(|| format!("'{word}' is not an input format; there are {}", names.join(", ")))
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

    /// The input format of any other request with a body of this type; `None`: it is not offered.
    pub fn way(&self, content_type: Option<&ContentType>) -> Option<Way> {
        match content_type {
            Some(form) if form::is_form(form) && self.offer(Way::Form) => Some(Way::Form),
            Some(message) if message.essence() == "message/rfc822" && self.offer(Way::Mime) => Some(Way::Mime),
            _ => Some(Way::Fields).filter(|way| self.offer(*way)),
        }
    }

    /// The words of the offered ones.
    pub fn words(&self) -> String {
        let word = |way: &Way| WORDS.iter().find(|(_, known)| known == way).map_or("", |(word, _)| word);
        self.0.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

/// The path of the description.
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
            let content_type = ContentType::parse(&HeaderValue::parse(text).unwrap()).unwrap();
            Inputs::parse(words).unwrap().way(Some(&content_type))
        };
        assert_eq!(of(&["fields"], "text/plain"), Some(Way::Fields));
        assert_eq!(of(&["fields"], "message/rfc822"), Some(Way::Fields), "an attached message, as ever");
        assert_eq!(of(&["fields", "mime"], "Message/RFC822"), Some(Way::Mime));
        assert_eq!(of(&["mime"], "text/plain"), None);
        for form in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            assert_eq!(of(&["fields", "form"], form), Some(Way::Form));
            assert_eq!(of(&["fields"], form), Some(Way::Fields), "refused with the remedy, as ever");
            assert_eq!(of(&["mime"], form), None);
        }
        assert_eq!(Inputs::default().way(None), Some(Way::Fields));
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
