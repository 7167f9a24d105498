//! A description of the resource in the Web Application Description Language (the W3C submission of 2009), from the tables that the
//! requests are read and answered by.
#![forbid(unsafe_code)]

use crate::input::fields::{KNOWN, Kind};
use crate::reply::{STATUSES, escape};
use std::fmt::Write;

/// The document for the resource at `url`.
pub fn document(url: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml += "<application xmlns=\"http://wadl.dev.java.net/2009/02\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n";
    xml += "  <doc xml:lang=\"en\" title=\"mod_sendmail\">A POST becomes an e-mail.</doc>\n";
    let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
    let (base, path) = match url.trim_end_matches('/').rsplit_once('/') {
        Some((base, path)) if !base.ends_with('/') && !path.is_empty() => (format!("{base}/"), path.to_owned()),
        _ => (url.clone(), String::new()),
    };
    // Writing into a String cannot fail.
    let _ = writeln!(xml, "  <resources base=\"{}\">\n    <resource path=\"{}\">", escape(&base), escape(&path));
    xml += "      <method name=\"POST\" id=\"send\">\n        <request>\n";
    for known in KNOWN {
        let Some(meaning) = known.meaning else { continue };
        let repeating = if known.kind == Kind::Addresses { " repeating=\"true\"" } else { "" };
        let _ = writeln!(
            xml,
            "          <param name=\"{}\" style=\"header\" type=\"xsd:string\"{repeating}>\n            <doc xml:lang=\"en\">{}</doc>\n          </param>",
            known.name,
            escape(meaning)
        );
    }
    xml += "          <representation mediaType=\"text/plain\"/>\n          <representation mediaType=\"*/*\"/>\n        </request>\n";
    for (status, _, meaning) in STATUSES {
        let _ = writeln!(
            xml,
            "        <response status=\"{status}\">\n          <doc xml:lang=\"en\">{}</doc>",
            escape(meaning)
        );
        xml += match status {
            202 | 303 => SUCCESS,
            _ => PROBLEM,
        };
        xml += "        </response>\n";
    }
    xml += "      </method>\n      <method name=\"OPTIONS\" id=\"describe\">\n        <response status=\"200\">\n";
    xml += "          <representation mediaType=\"application/vnd.sun.wadl+xml\"/>\n        </response>\n      </method>\n";
    xml += "    </resource>\n  </resources>\n</application>\n";
    xml
}

const SUCCESS: &str = "          <param name=\"X-Message-ID\" style=\"header\" type=\"xsd:string\"/>
          <param name=\"Location\" style=\"header\" type=\"xsd:anyURI\"/>
          <representation mediaType=\"text/plain\"/>
          <representation mediaType=\"application/json\"/>
";

const PROBLEM: &str = "          <representation mediaType=\"text/plain\"/>
          <representation mediaType=\"text/html\"/>
          <representation mediaType=\"application/problem+json\"/>
";

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
