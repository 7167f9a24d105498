//! SendmailRelayDSN -> the parameters that ask a relay for reports (RFC 3461 4).
#![forbid(unsafe_code)]

/// Which reports are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The value of NOTIFY, `SUCCESS,FAILURE` or `NEVER`.
    conditions: String,
    /// The value of RET.
    returned: Option<&'static str>,
}

impl Notify {
    /// `success`, `failure`, `delay` in one word with commas or in several, or `never`; `RET=hdrs` or `RET=full`; `off` alone is no request.
    pub fn parse(words: &[&str]) -> Result<Option<Notify>, String> {
        let complain = |word: &str| {
            format!(
                "'{word}' does not fit; write success, failure and delay (any of them), or never, or off; and RET=hdrs or RET=full"
            )
        };
        if matches!(words, [off] if off.eq_ignore_ascii_case("off")) {
            return Ok(None);
        }
        let (mut conditions, mut returned): (Vec<String>, _) = (Vec::new(), None);
        for word in words.iter().flat_map(|word| word.split(',')) {
            match word.to_ascii_uppercase().as_str() {
                condition @ ("SUCCESS" | "FAILURE" | "DELAY") if !conditions.iter().any(|known| known == "NEVER") => {
                    if !conditions.iter().any(|known| known == condition) {
                        conditions.push(condition.to_owned());
                    }
                }
                "NEVER" if conditions.is_empty() => conditions.push("NEVER".to_owned()),
                "RET=HDRS" if returned.is_none() => returned = Some("HDRS"),
                "RET=FULL" if returned.is_none() => returned = Some("FULL"),
                _ => return Err(complain(word)),
            }
        }
        if conditions.is_empty() {
            return Err(complain(words.first().unwrap_or(&"")));
        }
        Ok(Some(Notify { conditions: conditions.join(","), returned }))
    }

    /// For MAIL. `envid` holds letters and digits alone, so it is its own xtext.
    pub fn mail(&self, envid: &str) -> String {
        let returned = self.returned.map(|returned| format!(" RET={returned}")).unwrap_or_default();
        format!("{returned} ENVID={envid}")
    }

    /// For each RCPT.
    pub fn rcpt(&self) -> String {
        format!(" NOTIFY={}", self.conditions)
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
            let notify = Notify::parse(words).unwrap().unwrap();
            assert_eq!((notify.mail("x").as_str(), notify.rcpt().as_str()), (mail, rcpt));
        }
        assert_eq!(Notify::parse(&["off"]), Ok(None));
        for words in [
            &["ret=hdrs"][..],
            &["never,success"],
            &["success", "never"],
            &["often"],
            &["off", "success"],
            &["success,ret=all"],
            &[""],
        ] {
            assert!(Notify::parse(words).unwrap_err().contains("never"), "{words:?}");
        }
    }
}
