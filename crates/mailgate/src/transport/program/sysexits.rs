//! Exit status of a sendmail program -> [`FailureKind`]. The codes are those of sysexits(3), and those that a shell or a loader adds; ten
//! MTAs were tested for what they mean by them. An error text can overrule a code: there is no code for "too big".
#![forbid(unsafe_code)]

use super::FailureKind;
use super::FailureKind::{BadMessage, Misconfigured, Tempfail, Unavailable, Unknown};
use super::mta::Mta;

struct Row {
    code: i32,
    kind: FailureKind,
}

/// A code that is not listed says nothing about the message: Exim and nullmailer exit 1 for everything, Exim with a bounce under way.
const TABLE: &[Row] = &[
    Row { code: 64, kind: Misconfigured }, // EX_USAGE: msmtp, dma and esmtp for an option they do not know
    Row { code: 65, kind: BadMessage },    // EX_DATAERR: dma for a line of 998 octets
    Row { code: 66, kind: BadMessage },    // EX_NOINPUT
    Row { code: 67, kind: Unknown },       // EX_NOUSER: some recipients may have got it
    Row { code: 68, kind: Unknown },       // EX_NOHOST
    Row { code: 69, kind: Unknown },       // EX_UNAVAILABLE: Sendmail for one recipient of several; see NOTHING_TAKEN
    Row { code: 70, kind: Misconfigured }, // EX_SOFTWARE: OpenSMTPD for every refusal
    Row { code: 71, kind: Misconfigured }, // EX_OSERR: Sendmail with a read-only queue
    Row { code: 72, kind: Misconfigured }, // EX_OSFILE: esmtp without an MDA
    Row { code: 73, kind: Unavailable },   // EX_CANTCREAT
    Row { code: 74, kind: Unavailable },   // EX_IOERR
    Row { code: 75, kind: Tempfail }, // EX_TEMPFAIL: Postfix for every fatal error; OpenSMTPD after it has stored the mail
    Row { code: 76, kind: Unknown },  // EX_PROTOCOL
    Row { code: 77, kind: Misconfigured }, // EX_NOPERM
    Row { code: 78, kind: Misconfigured }, // EX_CONFIG
    Row { code: 126, kind: Misconfigured }, // a shell: found, not executable
    Row { code: 127, kind: Misconfigured }, // a shell: not found; the loader: a library is missing
    Row { code: 255, kind: Misconfigured }, // exit(-1); ssh as a sendmail
];

/// Where sendmail-http differs: it takes a message as a whole or not at all, and its text is the gateway's.
const SENDMAIL_HTTP: &[Row] = &[
    Row { code: 67, kind: BadMessage },  // a recipient is refused, and nobody gets it
    Row { code: 69, kind: Unavailable }, // no gateway, and no queue
    Row { code: 75, kind: Unavailable }, // the queue cannot be written; nothing was sent
];

/// What sendmail-http prints with exit 78 if the message waits for an administrator and will be sent then.
const KEPT: &str = "the message is kept";

/// What MTAs print when a message is over their limit, in lower case. `5.3.4`: RFC 3463 3.4, "Message too big for system".
const TOO_BIG: &[&str] = &[
    "message file too big",         // Postfix 3, postdrop and cleanup
    "message too big",              // OpenSMTPD 7
    "(max_size)",                   // sendmail-http, before it asks
    "refused: 413 ",                // sendmail-http, as the gateway says it
    "message is too large",         // Sendmail 8, over SMTP
    "message size exceeds",         // Postfix and Exim, over SMTP, as msmtp repeats it
    "exceeds administrative limit", // Courier 1
    " 5.3.4 ",
];

/// What programs print with exit 69 when they have sent nothing to anybody, in lower case.
const NOTHING_TAKEN: &[&str] = &[
    "could not send mail (account ", // msmtp 1.8
    "smtp server problem ",          // esmtp 1.2: no connection
];

/// Sendmail's text after the recipient it complains about. It goes on with the others: `-f not@@one` is exit 64, and sent.
const ABOUT_ONE: &str = "... ";

/// Codes that occur with these texts. 67 (Courier) and 70 (OpenSMTPD) then refuse the whole transaction; 65 is sendmail-http's.
const TOO_BIG_CODES: &[i32] = &[65, 67, 69, 70, 75];

/// The meaning of an exit status other than 0 of `mta`; `words` is its output.
pub(super) fn kind(mta: Mta, code: i32, words: &[&[u8]]) -> FailureKind {
    let text = words.iter().map(|words| String::from_utf8_lossy(words).to_lowercase()).collect::<Vec<_>>().join("\n");
    let says = |list: &[&str]| list.iter().any(|words| text.contains(words));
    // When it delivers at once, Sendmail exits with the code of some recipient that failed, and may mail its error text to the sender.
    if code != 75 && (says(&[ABOUT_ONE]) || mta == Mta::Sendmail && text.trim().is_empty()) {
        return Unknown;
    }
    if TOO_BIG_CODES.contains(&code) && says(TOO_BIG) {
        return FailureKind::TooLarge;
    }
    if code == 69 && says(NOTHING_TAKEN) {
        return Unavailable;
    }
    if mta == Mta::SendmailHttp {
        if code == 78 && text.contains(KEPT) {
            return Unknown;
        }
        if let Some(row) = SENDMAIL_HTTP.iter().find(|row| row.code == code) {
            return row.kind;
        }
    }
    TABLE.iter().find(|row| row.code == code).map_or(Unknown, |row| row.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_without_words() {
        for code in 1..=255 {
            let expected = match code {
                65 | 66 => BadMessage,
                73 | 74 => Unavailable,
                75 => Tempfail,
                64 | 70 | 71 | 72 | 77 | 78 | 126 | 127 | 255 => Misconfigured,
                _ => Unknown,
            };
            assert_eq!(kind(Mta::Unknown, code, &[b"", b"no such user"]), expected, "exit {code}");
            assert_eq!(kind(Mta::Sendmail, code, &[b"cannot open V: Permission denied"]), expected, "exit {code}");
            let silent = if code == 75 { Tempfail } else { Unknown };
            assert_eq!(kind(Mta::Sendmail, code, &[b"", b"\n"]), silent, "exit {code}: of any of the recipients");
        }
    }

    #[test]
    fn a_complaint_about_one_recipient_says_nothing_of_the_others() {
        for code in [64, 65, 69, 70, 73, 77, 78] {
            let words: [&[u8]; 2] = [b"not an@@addr... Invalid route address", b""];
            assert_eq!(kind(Mta::Unknown, code, &words), Unknown, "exit {code}");
        }
        let size = b"alice@example.test... 552 5.3.4 Message is too large";
        assert_eq!(kind(Mta::Unknown, 69, &[size]), Unknown);
        for words in
            ["sendmail: could not send mail (account default from /etc/msmtprc)", "SMTP server problem Refused"]
        {
            assert_eq!(kind(Mta::Unknown, 69, &[words.as_bytes()]), Unavailable, "{words}");
            assert_eq!(kind(Mta::Unknown, 68, &[words.as_bytes()]), Unknown, "{words}");
        }
    }

    /// Its own texts, as crates/sendmail-http writes them.
    #[test]
    fn sendmail_http_takes_a_message_as_a_whole_or_not_at_all() {
        for (code, words, expected) in [
            (64, "no recipient", Misconfigured),
            (65, "refused: 400 SM0101: a bad field", BadMessage),
            (65, "refused: 413 SM0104: too large", FailureKind::TooLarge),
            (65, "the message is larger than 10 octets (max_size)", FailureKind::TooLarge),
            (67, "refused: 403 SM0201: not to this one", BadMessage),
            (69, "127.0.0.1:80: Connection refused", Unavailable),
            (75, "/var/spool/sendmail-http/drop: No space left on device", Unavailable),
            (76, "the message may or may not have been sent: timeout", Unknown),
            (77, "401", Misconfigured),
            (78, "key 'x' is not known; the message is kept", Unknown), // it is sent once the settings are right
            (78, "key 'x' is not known; the message cannot be kept: No space left", Misconfigured),
        ] {
            let words = format!("sendmail-http: {words}\n");
            assert_eq!(kind(Mta::SendmailHttp, code, &[words.as_bytes()]), expected, "exit {code}: {words}");
        }
        for code in [67, 69] {
            assert_eq!(kind(Mta::Unknown, code, &[b"refused"]), Unknown, "exit {code} of another program");
        }
    }

    #[test]
    fn the_words_of_each_mta_for_too_big() {
        let postfix = b"postdrop: warning: uid=33: File too large\nsendmail: fatal: www-data(33): message file too big";
        let opensmtpd = b"sendmail: command failed: 554 5.3.4 Message too big for system: Transaction failed";
        let courier = b"523 Message length (1000066 bytes) exceeds administrative limit(1000000).";
        let msmtp = b"sendmail: server message: 552 5.3.4 Message size exceeds fixed limit";
        for (code, words) in [(75, &postfix[..]), (70, opensmtpd), (67, courier), (69, msmtp)] {
            assert_eq!(kind(Mta::Unknown, code, &[b"", words]), FailureKind::TooLarge);
            assert_eq!(kind(Mta::Unknown, 1, &[b"", words]), Unknown, "only beside a code that refuses");
        }
    }
}
