//! MTAs that name the recipient by a sentence of their own: the address is after it, on the lines below it or before it. [`FORMS`] has one
//! row per sentence. "This address" or "unknown user" alone is not enough: an absence notice says the same, and names somebody to ask.
#![forbid(unsafe_code)]

use super::super::{Error, MAX_RECIPIENTS, Recipient};
use super::{Mail, recipients, text};

/// How many lines without an address may come between a sentence and its first address.
const GAP: usize = 3;

/// How one program names a recipient; all in lower case.
struct Form {
    /// Text that this program's bounces always contain, besides `sentence`.
    sign: &'static str,
    /// The start of the line that names or announces a recipient.
    sentence: &'static str,
    /// The place of the address.
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of the line; the sentence follows it.
    Before,
    /// On the same line, directly after the sentence.
    Behind,
    /// At the start of the following lines.
    Under,
}

const fn form(sign: &'static str, sentence: &'static str, place: Place) -> Form {
    Form { sign, sentence, place }
}

use Place::{Before, Behind, Under};

#[rustfmt::skip]
const FORMS: &[Form] = &[
    // Bigfish
    form("created by mail delivery software", "your message to:", Under),
    // Demon Internet
    form("created automatically by mail delivery software", "the following message, addressed to", Behind),
    // Domino
    form("because:", "was not delivered to:", Under),
    // dma
    form("this is the dragonfly mail agent", "there was an error delivering your mail to", Behind),
    // Exchange 5.5 to 2003
    form("did not reach some or all of the intended recipients", "the following recipient(s) could not be reached:", Under),
    form("your message", "did not reach the following recipient:", Behind),
    // EZweb
    form("rejected by a remote mail server", "recipient:", Behind),
    form("account is disabled", "the user(s) account is disabled.", Under),
    // Gmail until 2011; X3 copies it, with its misprint
    form("automatically generated delivery status notification", "delivery to the following recipient", Under),
    form("automatically generated delivery status notification", "delevery to the following recipient", Under),
    // GroupWise
    form("undeliverable", "the message that you sent was undeliverable to the following:", Under),
    // HotPOP
    form("original message attached", "undeliverable address:", Behind),
    // IMail
    form("original message follows", "delivery failed 20 attempts:", Behind),
    form("original message follows", "invalid final delivery userid:", Behind),
    form("original message follows", "undeliverable to", Behind),
    form("original message follows", "unknown user:", Behind),
    form("original message follows", "user mailbox exceeds allowed size:", Behind),
    // InterScan
    form("message from interscan", "unable to deliver message to", Behind),
    // Apache James at Verizon
    form("error message below:", "rcpt to:", Behind),
    // LSMTP, for LISTSERV
    form("error-end:", "error-for:", Behind),
    // Lotus SMTP MTA
    form("returned message", "------- failure reasons", Under),
    // MailEnable
    form("mailenable:", "recipient: [smtp:", Behind),
    // MailMarshal
    form("could not be delivered because of", "the following recipients were affected:", Under),
    // Mail.Ru
    form("invalid mailbox", "local mailbox", Behind),
    // MDaemon
    form("fatal delivery errors", "the following addresses did not receive a copy of your message:", Under),
    form("there is no user by that name at this server", "- no such user here", Before),
    // m-FILTER
    form("-server message", "以下のメールアドレスへの送信に失敗しました。", Under),
    // Mimecast
    form("the problem appears to be :", "an email that you attempted to send to the following address could not be delivered:", Under),
    form("addressed to email address :", "an email", Under),
    // OpenSMTPD
    form("this is the mailer-daemon, please do not reply", "the following list of recipients:", Under),
    // without a name
    form("a message could not be delivered to:", "a message could not be delivered to:", Under),
    form("your original message follow", "delivery of email to this address", Under),
    form("message log follows:", "|------------------------- failed addresses follow:", Under),
    form("copy of the original message below this line", "sorry, unable to deliver your message to", Behind),
    form("encountered an error while being processed", "intended recipient:", Behind),
    form("unable to deliver mail.", "user's mailbox is full:", Behind),
    form("mail delivery failed.", "the following recipients did not receive this message:", Under),
    form("your delivery to the following address has been failed", "delivery failed:", Behind),
];

impl Form {
    /// Whether a line, squeezed, is that sentence.
    fn matches(&self, line: &str) -> bool {
        match self.place {
            Place::Before => self.address(line).is_some(),
            Place::Behind | Place::Under => starts_with(line, self.sentence),
        }
    }

    /// The address on the line of the sentence.
    fn address(&self, line: &str) -> Option<String> {
        match self.place {
            Place::Before => {
                let (address, rest) = text::leading_address(line)?;
                starts_with(rest.trim_start(), self.sentence).then_some(address)
            }
            Place::Behind => text::leading_address(line.get(self.sentence.len()..)?).map(|(address, _)| address),
            Place::Under => None,
        }
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let used = |form: &&Form| {
        (mail.words.say(&[form.sign]) || mail.announcement.say(&[form.sign])) && mail.words.say(&[form.sentence])
    };
    let forms: Vec<&Form> = FORMS.iter().filter(used).collect();
    if forms.is_empty() {
        return Ok(Vec::new());
    }
    let mut failed: Vec<String> = Vec::new();
    // lines without an address since the sentence, or since the last address under it
    let mut gap = None;
    for line in mail.words.lines().filter(|line| !line.trim().is_empty()) {
        if failed.len() > MAX_RECIPIENTS {
            break;
        }
        let line = text::squeeze(line);
        if let Some(form) = forms.iter().find(|form| form.matches(&line)) {
            failed.extend(form.address(&line));
            gap = (form.place == Place::Under).then_some(0);
        } else if let Some(passed) = gap {
            let listed = text::leading_address(&line).map(|(address, _)| address);
            gap = if listed.is_some() { Some(0) } else { Some(passed + 1).filter(|passed| *passed <= GAP) };
            failed.extend(listed);
        }
    }
    Ok(recipients(failed))
}
