//! The reports that a client asks for -> options for a sendmail program: `-N`, `-R` and `-V`, which Postfix and Sendmail both accept. One
//! NOTIFY applies to all recipients there, and there is no ORCPT.
#![forbid(unsafe_code)]

use super::mta::{self, Mta};
use mail::dsn::Reports;
use std::path::Path;

/// Whether the program at `path` understands these [`options`]. To others they mean something else, or nothing.
pub fn takes_options(path: &Path) -> bool {
    matches!(mta::identify(path), Mta::Postfix | Mta::Sendmail)
}

/// The letters of [`options`].
pub const LETTERS: [char; 3] = ['N', 'R', 'V'];

/// The options for these reports.
pub fn options(reports: &Reports) -> Vec<Vec<u8>> {
    let notify = reports.notifies().find_map(|notify| notify);
    let values = [
        ("-N", notify.map(|notify| notify.to_string().to_ascii_lowercase())),
        ("-R", reports.ret.map(|ret| ret.to_string().to_ascii_lowercase())),
        ("-V", reports.envid.clone()),
    ];
    let words = values.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?]));
    words.flatten().map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::dsn::{Notify, Ret};

    #[test]
    fn what_is_asked_for_becomes_words_and_nothing_else_does() {
        let mut reports = Reports::default();
        assert!(options(&reports).is_empty());
        reports.notify = Notify::parse("SUCCESS,DELAY");
        reports.ret = Some(Ret::Hdrs);
        reports.envid = Some("-t a b".to_owned());
        assert_eq!(options(&reports), [&b"-N"[..], b"success,delay", b"-R", b"hdrs", b"-V", b"-t a b"]);
    }
}
