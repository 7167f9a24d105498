//! Which of our media types the client prefers (`Accept`, RFC 9110 12.5.1).
#![forbid(unsafe_code)]

/// The offer with the highest quality; of equals, the first. `None` if the client accepts none of them. An absent or empty field accepts
/// everything.
pub fn preferred<'o>(accept: Option<&str>, offers: &[&'o str]) -> Option<&'o str> {
    let accept = accept.map(str::trim).filter(|accept| !accept.is_empty()).unwrap_or("*/*");
    let ranges: Vec<(&str, u16)> = accept.split(',').filter_map(range).collect();
    let mut best: Option<(&str, u16)> = None;
    for offer in offers {
        let quality = quality(&ranges, offer);
        if quality > 0 && best.is_none_or(|(_, other)| quality > other) {
            best = Some((offer, quality));
        }
    }
    best.map(|(offer, _)| offer)
}

/// `text/html;level=1;q=0.5` -> (`text/html`, 500). Other parameters are ignored.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| range.contains('/'))?;
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = quality.map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
    Some((range, (quality * 1000.0).round() as u16))
}

/// The quality of the most specific range that covers `offer`; 0 if none does.
fn quality(ranges: &[(&str, u16)], offer: &str) -> u16 {
    let kind = offer.split_once('/').map_or(offer, |(kind, _)| kind);
    let specific = |range: &str| match range.split_once('/') {
        Some(("*", "*")) => Some(0),
        Some((of, "*")) if of.eq_ignore_ascii_case(kind) => Some(1),
        _ if range.eq_ignore_ascii_case(offer) => Some(2),
        _ => None,
    };
    let covering = ranges.iter().filter_map(|&(range, quality)| Some((specific(range)?, quality)));
    covering.max_by_key(|&(specific, _)| specific).map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::preferred;

    #[test]
    fn the_client_chooses_among_what_there_is() {
        let offers = ["text/plain", "text/html", "application/json"];
        for (accept, expected) in [
            ("", Some("text/plain")),
            ("*/*", Some("text/plain")),
            ("application/json", Some("application/json")),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some("text/html")),
            ("text/*", Some("text/plain")),
            ("text/*;q=0.5, application/json;q=0.6", Some("application/json")),
            ("text/plain;q=0, */*", Some("text/html")),
            ("image/png", None),
            ("nonsense", None),
            ("application/json;q=nan", None),
        ] {
            assert_eq!(preferred(Some(accept), &offers), expected, "{accept}");
        }
        assert_eq!(preferred(None, &offers), Some("text/plain"));
    }
}
