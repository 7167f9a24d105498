//! A description of the resource in the Web Application Description Language (the W3C submission of 2009), from the tables that the
//! requests are read and answered by.
#![forbid(unsafe_code)]

use crate::escape::escape;
use crate::input::fields::{KNOWN, Kind};
use crate::reply::STATUSES;
use std::fmt::Write;

/// The document for the resource at `url`.
pub fn document(url: &str) -> String {
    let mut xml = open("mod_sendmail", "A POST becomes an e-mail.", url);
    xml += "      <method name=\"POST\" id=\"send\">\n        <request>\n";
    for known in KNOWN {
        let Some(meaning) = known.meaning else { continue };
        param(&mut xml, known.name, "header", known.kind == Kind::Addresses, meaning);
    }
    param(&mut xml, "Prefer", "header", false, PREFER);
    xml += &representations(&["text/plain", "*/*"]);
    xml += "        </request>\n";
    for (status, _, meaning) in STATUSES {
        let contents = match status {
            200 => ID.to_owned() + &representations(&["text/plain", "application/json"]),
            202 | 303 => ID.to_owned() + LOCATION + &representations(&["text/plain", "application/json"]),
            _ => representations(&["text/plain", "text/html", "application/problem+json"]),
        };
        response(&mut xml, *status, meaning, &contents);
    }
    xml += "      </method>\n";
    xml += DESCRIBE;
    xml + CLOSE
}

const PREFER: &str = "sendmail-dry-run: the request is checked and answered with what would be sent, and nothing is sent; 403 where the server \
                      does not offer that (RFC 7240).";

const ID: &str = "          <param name=\"X-Message-ID\" style=\"header\" type=\"xsd:string\"/>\n";

const LOCATION: &str = "          <param name=\"Location\" style=\"header\" type=\"xsd:anyURI\"/>
";

/// Everything up to the methods of the one resource at `url`, which is split into base and path.
pub(crate) fn open(title: &str, meaning: &str, url: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml += "<application xmlns=\"http://wadl.dev.java.net/2009/02\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n";
    // Writing into a String cannot fail.
    let _ = writeln!(xml, "  <doc xml:lang=\"en\" title=\"{title}\">{}</doc>", escape(meaning));
    let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
    let (base, path) = match url.trim_end_matches('/').rsplit_once('/') {
        Some((base, path)) if !base.ends_with('/') && !path.is_empty() => (format!("{base}/"), path.to_owned()),
        _ => (url.clone(), String::new()),
    };
    let _ = writeln!(xml, "  <resources base=\"{}\">\n    <resource path=\"{}\">", escape(&base), escape(&path));
    xml
}

/// A parameter; `style` is header, query or template.
pub(crate) fn param(xml: &mut String, name: &str, style: &str, repeating: bool, meaning: &str) {
    let repeating = if repeating { " repeating=\"true\"" } else { "" };
    let _ = writeln!(
        xml,
        "          <param name=\"{name}\" style=\"{style}\" type=\"xsd:string\"{repeating}>\n            <doc xml:lang=\"en\">{}</doc>\n          </param>",
        escape(meaning)
    );
}

/// One answer, with the elements that say what it holds.
pub(crate) fn response(xml: &mut String, status: u16, meaning: &str, contents: &str) {
    let _ = writeln!(
        xml,
        "        <response status=\"{status}\">\n          <doc xml:lang=\"en\">{}</doc>\n{contents}        </response>",
        escape(meaning)
    );
}

/// One element for each media type.
pub(crate) fn representations(types: &[&str]) -> String {
    types.iter().map(|media| format!("          <representation mediaType=\"{media}\"/>\n")).collect()
}

/// The method that this document answers.
pub(crate) const DESCRIBE: &str = "      <method name=\"OPTIONS\" id=\"describe\">
        <response status=\"200\">
          <representation mediaType=\"application/vnd.sun.wadl+xml\"/>
        </response>
      </method>
";

/// The end of the document.
pub(crate) const CLOSE: &str = "    </resource>\n  </resources>\n</application>\n";

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn the_url_is_split_into_base_and_path_and_escaped() {
        for (url, base, path) in [
            ("https://h/mail", "https://h/", "mail"),
            ("https://h/a/mail/", "https://h/a/", "mail"),
            ("https://h/", "https://h/", ""),
            ("https://h/a&\"b", "https://h/", "a&amp;&quot;b"),
        ] {
            let xml = document(url);
            assert!(xml.contains(&format!("<resources base=\"{base}\">")), "{url}: {xml}");
            assert!(xml.contains(&format!("<resource path=\"{path}\">")), "{url}: {xml}");
        }
    }
}
