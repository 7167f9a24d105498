//! Enhanced status codes in plain words: RFC 3463 and the later additions in the registry of RFC 5248.
#![forbid(unsafe_code)]

/// `5.1.1` -> `Permanent: the mailbox does not exist`; `None` if it is not such a code.
pub(super) fn meaning(code: &str) -> Option<String> {
    let mut parts = code.splitn(3, '.').map(|part| part.parse::<u16>().ok());
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    let class = match class {
        2 => "Success",
        4 => "Temporary",
        5 => "Permanent",
        _ => return None,
    };
    let of =
        |subject: u16, detail: u16| DETAILS.iter().find(|row| (row.0, row.1) == (subject, detail)).map(|row| row.2);
    match of(subject, detail).or_else(|| of(subject, 0)) {
        Some(words) => Some(format!("{class}: {words}")),
        None => Some(class.to_owned()),
    }
}

/// The reason in `5.1.1`: `the mailbox does not exist`; `None` if the detail says no more than the subject.
pub(super) fn reason(code: &str) -> Option<&'static str> {
    let rest = code.strip_prefix("5.").or_else(|| code.strip_prefix("4."))?;
    let (subject, detail) = rest.split_once('.')?;
    let (subject, detail) = (subject.parse::<u16>().ok()?, detail.parse::<u16>().ok()?);
    DETAILS.iter().find(|row| (row.0, row.1) == (subject, detail) && (detail > 0 || subject == 7)).map(|row| row.2)
}

/// Subject, detail, text. Detail 0 also stands for details without a row.
#[rustfmt::skip]
const DETAILS: &[(u16, u16, &str)] = &[
    (0, 0, "no further details"),
    (1, 0, "about the address"),
    (1, 1, "the mailbox does not exist"),
    (1, 2, "the domain does not exist or takes no mail"),
    (1, 3, "the address is not well-formed"),
    (1, 4, "the address fits several mailboxes"),
    (1, 5, "the address is valid"),
    (1, 6, "the mailbox has moved, and nobody knows where to"),
    (1, 7, "the sender's address is not well-formed"),
    (1, 8, "the sender's domain does not exist or takes no mail"),
    (1, 9, "handed to a system that does not report"),
    (1, 10, "the domain says that it takes no mail"),
    (2, 0, "about the mailbox"),
    (2, 1, "the mailbox is disabled"),
    (2, 2, "the mailbox is full"),
    (2, 3, "the message is larger than the mailbox takes"),
    (2, 4, "the mailing list could not be expanded"),
    (3, 0, "about the recipient's mail system"),
    (3, 1, "the mail system has no room left"),
    (3, 2, "the mail system takes no mail now"),
    (3, 3, "the mail system lacks a feature that the message needs"),
    (3, 4, "the message is larger than the mail system takes"),
    (3, 5, "the mail system is not set up correctly"),
    (4, 0, "about the network or the way of the mail"),
    (4, 1, "the mail system does not answer"),
    (4, 2, "the connection broke"),
    (4, 3, "the name service failed"),
    (4, 4, "no way to the mail system was found"),
    (4, 5, "the mail system is congested"),
    (4, 6, "the mail runs in circles"),
    (4, 7, "it took too long, and was given up"),
    (5, 0, "about the dialogue of the mail systems"),
    (5, 1, "a command was not known or not expected"),
    (5, 2, "a command was not well-formed"),
    (5, 3, "too many recipients at once"),
    (5, 4, "the words of a command were not right"),
    (5, 5, "the mail systems speak different versions"),
    (6, 0, "about the content of the message"),
    (6, 1, "the kind of content is not supported"),
    (6, 2, "the content would have to be converted and must not be"),
    (6, 3, "the content would have to be converted and cannot be"),
    (6, 4, "the content lost something when it was converted"),
    (6, 5, "the content could not be converted"),
    (6, 6, "the content could not be fetched"),
    (6, 7, "addresses with letters beyond ASCII are not supported"),
    (7, 0, "refused by a rule of the recipient's side"),
    (7, 1, "refused by a rule of the recipient's side: not authorised"),
    (7, 2, "the sender may not write to this list"),
    (7, 3, "the content would have to be secured otherwise and cannot be"),
    (7, 4, "a security feature is not supported"),
    (7, 5, "encryption or a signature failed"),
    (7, 6, "the way of encryption is not supported"),
    (7, 7, "the content was damaged on its way"),
    (7, 8, "the login was not right"),
    (7, 9, "the way of logging in is too weak"),
    (7, 10, "encryption is needed"),
    (7, 11, "encryption is needed to log in"),
    (7, 13, "the account is disabled"),
    (7, 14, "the mail systems do not trust each other"),
    (7, 17, "the mailbox has changed hands"),
    (7, 18, "the domain has changed hands"),
    (7, 20, "no DKIM signature passed"),
    (7, 21, "no acceptable DKIM signature"),
    (7, 22, "no DKIM signature of the author's domain"),
    (7, 23, "the SPF check failed"),
    (7, 24, "the SPF check could not be made"),
    (7, 25, "the sending system has no valid name in the DNS"),
    (7, 26, "several authentication checks failed"),
    (7, 27, "the sender's domain says that it takes no mail"),
    (7, 28, "too many messages in a short time"),
    (7, 29, "the ARC check failed"),
    (7, 30, "a system on the way does not support the demanded encryption"),
];

#[cfg(test)]
mod tests {
    use super::{meaning, reason};

    #[test]
    fn a_code_gives_a_reason_where_it_is_more_than_a_subject() {
        for (code, expected) in [
            ("5.1.1", Some("the mailbox does not exist")),
            ("4.7.0", Some("refused by a rule of the recipient's side")),
            ("5.0.0", None),
            ("4.4.0", None),
            ("5.4.99", None),
            ("2.1.5", None),
            ("5.7.1<b>", None),
        ] {
            assert_eq!(reason(code), expected, "{code}");
        }
    }

    #[test]
    fn a_code_has_a_meaning_as_far_as_it_is_known() {
        for (code, expected) in [
            ("5.1.1", Some("Permanent: the mailbox does not exist")),
            ("4.2.2", Some("Temporary: the mailbox is full")),
            ("2.1.5", Some("Success: the address is valid")),
            ("4.4.99", Some("Temporary: about the network or the way of the mail")),
            ("5.9.9", Some("Permanent")),
            ("3.0.0", None),
            ("5.1", None),
            ("5.1.1.1", None),
            ("<b>", None),
            ("", None),
        ] {
            assert_eq!(meaning(code).as_deref(), expected, "{code}");
        }
    }
}
