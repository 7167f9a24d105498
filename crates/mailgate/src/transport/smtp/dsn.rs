//! SendmailRelayDSN -> the reports to request from a relay, whatever a client asks for (RFC 3461 4).
#![forbid(unsafe_code)]

use mail::dsn::{self, Reports, Ret};

/// The reports to request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    conditions: dsn::Notify,
    returned: Option<Ret>,
}

impl Notify {
    /// `success`, `failure`, `delay` in one word with commas or in several, or `never`; `RET=hdrs` or `RET=full`; a single `off` requests
    /// none.
    pub fn parse(words: &[&str]) -> Result<Option<Notify>, String> {
        let complain = |word: &str| {
            format!(
                "'{word}' does not fit; write success, failure and delay (any of them), or never, or off; and RET=hdrs or RET=full"
            )
        };
        if matches!(words, [off] if off.eq_ignore_ascii_case("off")) {
            return Ok(None);
        }
        let (mut conditions, mut returned): (Vec<&str>, _) = (Vec::new(), None);
        for word in words.iter().flat_map(|word| word.split(',')) {
            match word.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("RET") && returned.is_none() => {
                    returned = Some(Ret::parse(value).ok_or_else(|| complain(word))?);
                }
                _ => conditions.push(word),
            }
        }
        let asked = conditions.join(",");
        let conditions = dsn::Notify::parse(&asked).ok_or_else(|| complain(&asked))?;
        Ok(Some(Notify { conditions, returned }))
    }

    /// The request for the message with this identifier.
    pub fn reports(&self, envid: &str) -> Reports {
        Reports {
            ret: self.returned,
            envid: Some(envid.to_owned()),
            notify: Some(self.conditions),
            ..Reports::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_parameters() {
        for (words, mail, rcpt) in [
            (&["success,failure,delay"][..], " ENVID=x", " NOTIFY=SUCCESS,FAILURE,DELAY"),
            (&["Success", "FAILURE", "ret=hdrs"], " RET=HDRS ENVID=x", " NOTIFY=SUCCESS,FAILURE"),
            (&["RET=full", "never"], " RET=FULL ENVID=x", " NOTIFY=NEVER"),
            (&["delay", "delay"], " ENVID=x", " NOTIFY=DELAY"),
        ] {
            let reports = Notify::parse(words).unwrap().unwrap().reports("x");
            assert_eq!((reports.mail_parameters().as_str(), reports.rcpt_parameters("a@b").as_str()), (mail, rcpt));
        }
        assert_eq!(Notify::parse(&["off"]), Ok(None));
        for words in [
            &["ret=hdrs"][..],
            &["never,success"],
            &["success", "never"],
            &["often"],
            &["off", "success"],
            &["success,ret=all"],
            &["success", "ret=hdrs", "ret=full"],
            &[""],
        ] {
            assert!(Notify::parse(words).unwrap_err().contains("never"), "{words:?}");
        }
    }
}
