//! The lines as CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins with an apostrophe, which it does not show.
#![forbid(unsafe_code)]

use super::Overview;
use crate::dsn::reason::Reason;
use crate::status::clean::clean;
use crate::status::moment::stamp;

pub(super) fn page(page: &Overview<'_>) -> String {
    let mut text = String::new();
    let mut names =
        vec!["submitted", "state", "since", "reason", "recipient", "sender", "message_id", "verified", "url"];
    names.extend(page.is_all.then_some("owner"));
    row(&mut text, names.into_iter().map(str::to_owned));
    for line in &page.list.lines {
        let mut cells = vec![
            stamp(line.submitted),
            line.state.as_str().to_owned(),
            stamp(line.since),
            line.reason.map_or("", Reason::as_str).to_owned(),
            line.address.clone(),
            line.sender.clone().unwrap_or_default(),
            line.message_id.clone(),
            line.verified.to_string(),
            page.url_of(line).unwrap_or_default(),
        ];
        cells.extend(page.is_all.then(|| line.owner.clone().unwrap_or_default()));
        row(&mut text, cells.into_iter());
    }
    text
}

fn row(text: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.map(|cell| cell_of(&cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// In quotes; what begins a formula in some program (OWASP, CSV injection) does not begin the cell, behind white space neither.
fn cell_of(text: &str) -> String {
    let text = clean(text);
    let is_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell_of;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("ann@x.example", "\"ann@x.example\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t-2", "\"' -2\""),
            ("  +cmd|' /C calc'!A0", "\"'  +cmd|' /C calc'!A0\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\n=b", "\"a  =b\""),
        ] {
            assert_eq!(cell_of(text), cell, "{text:?}");
        }
    }
}
