//! Which form a client is given.

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
    assert!(Format::all().count() > 4);
    for format in Format::all() {
        assert!(format.content_type().starts_with(format.media_type()));
        assert_eq!(choose(Some(format.media_type())), Some(format));
    }
}
