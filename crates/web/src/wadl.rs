//! The frame of a description in the Web Application Description Language (W3C submission of 2009). The resource that is described fills
//! it.
#![forbid(unsafe_code)]

use crate::markup;
use crate::markup::Markup;

/// Everything up to the methods of the one resource at `url`, which is split into base and path.
pub fn open(title: &str, meaning: &str, url: &str) -> Markup {
    let mut xml = markup!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push(markup!(
        "<application xmlns=\"http://wadl.dev.java.net/2009/02\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n"
    ));
    xml.push(markup!("  <doc xml:lang=\"en\" title=\"{}\">{}</doc>\n", title, meaning));
    let url = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
    let (base, path) = match url.trim_end_matches('/').rsplit_once('/') {
        Some((base, path)) if !base.ends_with('/') && !path.is_empty() => (format!("{base}/"), path.to_owned()),
        _ => (url.clone(), String::new()),
    };
    xml.push(markup!("  <resources base=\"{}\">\n    <resource path=\"{}\">\n", base, path));
    xml
}

/// A parameter; `style` is header, query or template.
pub fn param(xml: &mut Markup, name: &str, style: &str, repeating: bool, meaning: &str) {
    let repeating = repeating.then(|| markup!(" repeating=\"true\""));
    xml.push(markup!("          <param name=\"{}\" style=\"{}\" type=\"xsd:string\"{}>\n            <doc xml:lang=\"en\">{}</doc>\n          </param>\n", name, style, repeating, meaning));
}

/// One response, with the elements that describe its contents.
pub fn response(xml: &mut Markup, status: u16, meaning: &str, contents: Markup) {
    xml.push(markup!(
        "        <response status=\"{}\">\n          <doc xml:lang=\"en\">{}</doc>\n{}        </response>\n",
        status,
        meaning,
        contents
    ));
}

/// One element for each media type.
pub fn representations(types: &[&str]) -> Markup {
    types.iter().map(|media| markup!("          <representation mediaType=\"{}\"/>\n", media)).sum()
}

/// The method that returns this document.
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
            let xml = open("title", "meaning", url).into_string();
            assert!(xml.contains(&format!("<resources base=\"{base}\">")), "{url}: {xml}");
            assert!(xml.contains(&format!("<resource path=\"{path}\">")), "{url}: {xml}");
        }
    }
}
