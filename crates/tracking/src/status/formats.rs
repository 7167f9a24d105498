//! The formats of a page, and which of them the client prefers.
#![forbid(unsafe_code)]

use web::accept::preferred;

/// A format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// text/html
    Html,
    /// application/json
    Json,
    /// text/plain
    Text,
    /// text/xml
    TextXml,
    /// application/xml
    Xml,
}

/// In our order of preference: the offer, the format, the Content-Type.
const FORMATS: [(&str, Format, &str); 5] = [
    ("text/plain", Format::Text, "text/plain; charset=utf-8"),
    ("text/html", Format::Html, "text/html; charset=utf-8"),
    ("text/xml", Format::TextXml, "text/xml; charset=utf-8"),
    ("application/xml", Format::Xml, "application/xml"),
    ("application/json", Format::Json, "application/json"),
];

impl Format {
    /// Every format, the default first.
    pub const ALL: [Format; 5] = [Format::Text, Format::Html, Format::TextXml, Format::Xml, Format::Json];

    /// The value of Content-Type.
    pub fn content_type(self) -> &'static str {
        FORMATS.iter().find(|row| row.1 == self).map_or("text/plain; charset=utf-8", |row| row.2)
    }

    /// The media type without parameters.
    pub fn media_type(self) -> &'static str {
        FORMATS.iter().find(|row| row.1 == self).map_or("text/plain", |row| row.0)
    }
}

/// The format that `accept` prefers; `None` if it accepts none (406).
pub fn choose(accept: Option<&str>) -> Option<Format> {
    let offers = FORMATS.map(|row| row.0);
    let offer = preferred(accept, &offers)?;
    FORMATS.iter().find(|row| row.0 == offer).map(|row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_and_text_is_the_default() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, expected) in [
            (None, Some(Format::Text)),
            (Some(""), Some(Format::Text)),
            (Some("*/*"), Some(Format::Text)),
            (Some("text/*"), Some(Format::Text)),
            (Some(browser), Some(Format::Html)),
            (Some("application/*"), Some(Format::Xml)),
            (Some("text/xml"), Some(Format::TextXml)),
            (Some("application/xml;q=0.5, application/json"), Some(Format::Json)),
            (Some("APPLICATION/JSON"), Some(Format::Json)),
            (Some("text/plain;q=0, text/*"), Some(Format::Html)),
            (Some("image/png"), None),
            (Some("text/html;q=0"), None),
        ] {
            assert_eq!(choose(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn every_form_has_its_row() {
        for format in Format::ALL {
            assert!(format.content_type().starts_with(format.media_type()));
            assert_eq!(choose(Some(format.media_type())), Some(format));
        }
    }
}
