//! What the human-readable text adds to a report: the reason for a recipient without a Diagnostic-Code (OpenSMTPD, Exim), and whether the
//! other system refused the recipient or, later, the message (RFC 5321 3.3). No field is changed.
#![forbid(unsafe_code)]

use super::heuristic::text::{Words, split_copy};
use super::parts::Part;
use super::report::{self, Report};

/// How much of the human-readable text is read.
const MAX_READ: usize = 32 << 10;
/// How much of it is kept for a recipient that it does not name.
const MAX_TEXT: usize = 4 << 10;
/// How many recipients are looked for in it; one mail to more fails for one reason.
const MAX_RECIPIENTS: usize = 50;

/// Adds [`super::Recipient::words`], [`super::Recipient::text`] and [`super::Recipient::after_data`].
pub fn explain(top: &Part<'_>, report: &mut Report) {
    let for_people = |media: &'static str| top.walk().find(move |part| part.parts.is_empty() && part.media == media);
    let Some(part) = for_people("text/plain").or_else(|| for_people("text/html")) else { return };
    let text = part.text();
    let words = Words::of(report::cut(split_copy(report::cut(&text, MAX_READ)).0, MAX_READ));
    let is_one = report.recipients.len() == 1;
    let refused_data = is_one && transcript_refuses_data(&words.text);
    for recipient in report.recipients.iter_mut().take(MAX_RECIPIENTS) {
        let about = |address: &str| words.about(address).or_else(|| refusal(&words.text, address));
        let about = recipient.addresses().find_map(about);
        let comment = recipient.status.as_deref().and_then(comment).map(str::to_owned);
        recipient.words = about.as_deref().map(report::bounded).or(comment);
        recipient.text = is_one.then(|| report::cut(&words.text, MAX_TEXT).to_owned());
        let said = [recipient.words.as_deref(), recipient.diagnostic_code.as_ref().map(|code| code.value.as_str())];
        let says_data = |said: &str| said.to_lowercase().contains("end of data");
        recipient.after_data = refused_data || said.into_iter().flatten().any(says_data);
    }
}

/// `550 <a@b>... Host unknown` in the transcript of an old sendmail.
fn refusal(text: &str, address: &str) -> Option<String> {
    let named = format!("<{address}>...");
    let line = text.lines().map(str::trim).find(|line| line.contains(&named))?;
    let said = line.replace(&named, "");
    said.starts_with(['4', '5']).then_some(said)
}

/// `5.0.0 (recipient reached disk quota)`
fn comment(status: &str) -> Option<&str> {
    let (_, comment) = status.split_once('(')?;
    comment.strip_suffix(')').filter(|comment| !comment.is_empty())
}

/// Whether, in a sendmail transcript (`>>>` is sent, `<<<` received), the first refusal is the reply to DATA.
fn transcript_refuses_data(text: &str) -> bool {
    // With PIPELINING (RFC 2920) DATA may precede the reply to RCPT; then there is a second refusal, for lack of recipients.
    if text.contains("<<< 503") || text.contains("no valid recipients") {
        return false;
    }
    let mut sent = "";
    for line in text.lines().map(str::trim_start) {
        if let Some(command) = line.strip_prefix(">>> ") {
            sent = command;
        } else if line.strip_prefix("<<< ").is_some_and(|reply| reply.starts_with(['4', '5'])) {
            return sent.eq_ignore_ascii_case("DATA") || sent == ".";
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_says_what_was_refused() {
        for (text, expected) in [
            (">>> DATA\n<<< 550 Unknown user\n", true),
            (">>> DATA\n<<< 550 Unknown user\n<<< 503 Need RCPT\n", false),
            (">>> RCPT To:<a@b>\n<<< 550 Unknown user\n>>> DATA\n<<< 503 Need RCPT\n", false),
            (">>> RCPT To:<a@b>\n<<< 250 ok\n>>> DATA\n<<< 354 go\n>>> .\n<<< 550 no\n", true),
            ("DATA\n550 no", false),
        ] {
            assert_eq!(transcript_refuses_data(text), expected, "{text}");
        }
        assert_eq!(comment("5.0.0 (recipient reached disk quota)"), Some("recipient reached disk quota"));
        assert_eq!(comment("5.0.0"), None);
    }
}
