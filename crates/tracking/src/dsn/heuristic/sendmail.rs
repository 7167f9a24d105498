//! Sendmail before 8.8 and its imitators: "----- The following addresses had permanent fatal errors -----", and V5, which has only its
//! transcript.
#![forbid(unsafe_code)]

use super::super::report::{Action, Typed};
use super::super::{Error, Recipient};
use super::{Mail, recipient, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let listed = listed(mail);
    Ok(if listed.is_empty() { transcript(mail) } else { listed })
}

fn listed(mail: &Mail<'_>) -> Vec<Recipient> {
    let mut found: Vec<Recipient> = Vec::new();
    let mut section = None;
    for line in mail.words.lines() {
        let low = line.to_lowercase();
        if low.trim_start().starts_with("--") {
            let addresses = low.contains("following address")
                || low.contains("following recipient")
                || low.contains("failed recipient");
            section = addresses.then(|| {
                if low.contains("successful") {
                    Some(Action::Delivered)
                } else if low.contains("transient") || low.contains("non-fatal") || low.contains("delayed") {
                    Some(Action::Delayed)
                } else {
                    None
                }
            });
            continue;
        }
        let Some(action) = section else { continue };
        if let Some(from) = low.find("(expanded from:").and_then(|at| line.get(at..)) {
            if let (Some(last), Some(address)) = (found.last_mut(), text::addresses(from).into_iter().next()) {
                last.original_recipient = Some(Typed { kind: Some("rfc822".into()), value: address });
            }
            continue;
        }
        let address = match low.find("address:").and_then(|at| line.get(at..)) {
            Some(after) => text::addresses(after).into_iter().next(),
            None => text::leading_address(line).map(|(address, _)| address),
        };
        let Some(address) = address else { continue };
        if found.iter().any(|known| known.address().is_some_and(|a| a.eq_ignore_ascii_case(&address))) {
            continue;
        }
        let mut here = recipient(&address);
        here.action = action.map(|action| {
            let action = match action {
                Action::Delivered if low.contains("relayed") => Action::Relayed,
                Action::Delivered if low.contains("expanded") => Action::Expanded,
                action => action,
            };
            action.as_str().to_owned()
        });
        found.push(here);
        if found.len() > super::MAX_RECIPIENTS {
            break;
        }
    }
    found
}

/// `550 <a@b>... User unknown`, as sendmail 5 to 8 report on one address; the `>>>` and `<<<` lines are used only if there is nothing
/// better.
fn transcript(mail: &Mail<'_>) -> Vec<Recipient> {
    if !mail.words.say(&["transcript of session"]) {
        return Vec::new();
    }
    let complaints = |all: bool| {
        mail.words.lines().filter_map(move |line| {
            let line = line.trim_start_matches(['<', ' ']);
            let coded = text::reply_code(line.get(..4).unwrap_or_default()).is_some();
            let rcpt = line.to_lowercase().starts_with(">>> rcpt to:");
            if rcpt && all || coded && (all || line.contains("...")) {
                text::addresses(line).into_iter().next()
            } else {
                None
            }
        })
    };
    let found = recipients(complaints(false));
    if found.is_empty() { recipients(complaints(true)) } else { found }
}
