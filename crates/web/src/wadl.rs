//! The frame of a description in the Web Application Description Language (the W3C submission of 2009); what stands in it is the business of
//! the resource that is described.
#![forbid(unsafe_code)]

use crate::escape::escape;
use std::fmt::Write;

/// Everything up to the methods of the one resource at `url`, which is split into base and path.
pub fn open(title: &str, meaning: &str, url: &str) -> String {
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
pub fn param(xml: &mut String, name: &str, style: &str, repeating: bool, meaning: &str) {
    let repeating = if repeating { " repeating=\"true\"" } else { "" };
    let _ = writeln!(
        xml,
        "          <param name=\"{name}\" style=\"{style}\" type=\"xsd:string\"{repeating}>\n            <doc xml:lang=\"en\">{}</doc>\n          </param>",
        escape(meaning)
    );
}

/// One answer, with the elements that say what it holds.
pub fn response(xml: &mut String, status: u16, meaning: &str, contents: &str) {
    let _ = writeln!(
        xml,
        "        <response status=\"{status}\">\n          <doc xml:lang=\"en\">{}</doc>\n{contents}        </response>",
        escape(meaning)
    );
}

/// One element for each media type.
pub fn representations(types: &[&str]) -> String {
    types.iter().map(|media| format!("          <representation mediaType=\"{media}\"/>\n")).collect()
}

/// The method that this document answers.
pub const DESCRIBE: &str = "      <method name=\"OPTIONS\" id=\"describe\">
        <response status=\"200\">
          <representation mediaType=\"application/vnd.sun.wadl+xml\"/>
        </response>
      </method>
";

/// The end of the document.
pub const CLOSE: &str = "    </resource>\n  </resources>\n</application>\n";

#[cfg(test)]
mod tests {
    use super::open;

    #[test]
    fn the_url_is_split_into_base_and_path_and_escaped() {
        for (url, base, path) in [
            ("https://h/mail", "https://h/", "mail"),
            ("https://h/a/mail/", "https://h/a/", "mail"),
            ("https://h/", "https://h/", ""),
            ("https://h/a&\"b", "https://h/", "a&amp;&quot;b"),
        ] {
            let xml = open("title", "meaning", url);
            assert!(xml.contains(&format!("<resources base=\"{base}\">")), "{url}: {xml}");
            assert!(xml.contains(&format!("<resource path=\"{path}\">")), "{url}: {xml}");
        }
    }
}
