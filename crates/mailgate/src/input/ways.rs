//! `SendmailInputs`: the ways in that a location offers, and which of them a request takes. A way is one file beside this one.
#![forbid(unsafe_code)]

use super::form;
use super::json::Dialect;
use mail::content_type::ContentType;

/// How a message stands in a request.
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

/// Every way with its word.
const WORDS: &[(&str, Way)] = &[
    ("fields", Way::Fields),
    ("form", Way::Form),
    ("mime", Way::Mime),
    ("postmark", Way::Json(Dialect::Postmark)),
    ("resend", Way::Json(Dialect::Resend)),
];

/// Where JSON is sent to, behind the path of the location.
const PATHS: &[(&[u8], Dialect)] = &[(b"/email", Dialect::Postmark), (b"/emails", Dialect::Resend)];

/// Those that are offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs(Vec<Way>);

impl Default for Inputs {
    fn default() -> Self {
        Inputs(vec![Way::Fields])
    }
}

impl Inputs {
    /// `fields`, `form`, `mime`, `postmark`, `resend`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let way = |word: &&str| {
            let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
            let names: Vec<&str> = WORDS.iter().map(|(known, _)| *known).collect();
            known.map(|(_, way)| *way).ok_or_else(|| format!("'{word}' is no way in; there are {}", names.join(", ")))
        };
        words.iter().map(way).collect::<Result<_, _>>().map(Inputs)
    }

    /// Whether this one is offered.
    pub fn offer(&self, way: Way) -> bool {
        self.0.contains(&way)
    }

    /// Whose JSON is sent to this path, which stands behind that of the location; `None`: it chooses no way.
    pub fn dialect(&self, rest: &[u8]) -> Option<Dialect> {
        let (_, dialect) = PATHS.iter().find(|(path, _)| *path == rest)?;
        Some(*dialect).filter(|dialect| self.offer(Way::Json(*dialect)))
    }

    /// The way of any other request whose body is of this type; `None`: none that is offered.
    pub fn way(&self, content_type: Option<&ContentType>) -> Option<Way> {
        match content_type {
            Some(form) if form::is_form(form) && self.offer(Way::Form) => Some(Way::Form),
            Some(message) if message.essence() == "message/rfc822" && self.offer(Way::Mime) => Some(Way::Mime),
            _ => Some(Way::Fields).filter(|way| self.offer(*way)),
        }
    }

    /// The words of those that are offered.
    pub fn words(&self) -> String {
        let word = |way: &Way| WORDS.iter().find(|(_, known)| known == way).map_or("", |(word, _)| word);
        self.0.iter().map(word).collect::<Vec<_>>().join(", ")
    }
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
        assert_eq!(offered.dialect(b"/email"), None);
        assert_eq!(Inputs::parse(&["postmark"]).unwrap().dialect(b"/email"), Some(Dialect::Postmark));
        assert_eq!(offered.dialect(b"/emails"), Some(Dialect::Resend));
        for rest in [&b""[..], b"/", b"/emails/", b"/Emails", b"/emails/batch", b"/x/emails"] {
            assert_eq!(offered.dialect(rest), None, "{}", rest.escape_ascii());
        }
        assert_eq!(Inputs::default().dialect(b"/emails"), None);
    }
}
