//! Every tag of the log: what it means, and for one that ends a request, with which status and whether the client may send again. The
//! answers, the counters and the lines of the log take it from here; `docs/log-tags.md` says what an administrator does about each.
#![forbid(unsafe_code)]

use std::fmt;

/// Whether the same message may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Once the administrator has acted.
    AfterAdministrator,
    /// Once the request is corrected.
    AfterCorrection,
    /// Yes, though one MTA (OpenSMTPD) may then deliver it twice.
    MayDouble,
    /// It was sent before.
    No,
    /// What of it was not sent; all of it with the same Idempotency-Key alone.
    Rest,
    /// Nobody knows whether it was queued.
    Unknown,
    /// With the same Idempotency-Key.
    WithKey,
    /// Yes.
    Yes,
}

impl Retry {
    /// The sentence for a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Retry::AfterAdministrator => {
                "Nothing was sent. Sending again helps only after the administrator has acted; the error log says how."
            }
            Retry::AfterCorrection => "Nothing was sent. It is safe to send again, corrected.",
            Retry::MayDouble => {
                "The mail system asks to try later. Sending again is safe, but some mail systems may then deliver twice."
            }
            Retry::No => "A message with this identifier was submitted before. Do not send it again.",
            Retry::Rest => {
                "Some messages were sent. Send again only the others; all of them only with the same Idempotency-Key as now."
            }
            Retry::Unknown => "The message may or may not have been sent. Sending again may deliver it twice.",
            Retry::WithKey => {
                "An earlier request with this key is still at work. Send again later with the same key: the message is sent once."
            }
            Retry::Yes => "Nothing was sent. It is safe to send again later.",
        }
    }

    /// The word for a program.
    pub fn word(self) -> &'static str {
        match self {
            Retry::AfterAdministrator => "after-administrator",
            Retry::AfterCorrection => "after-correction",
            Retry::MayDouble => "yes-may-double",
            Retry::No => "no",
            Retry::Rest => "rest",
            Retry::Unknown => "unknown",
            Retry::WithKey | Retry::Yes => "yes",
        }
    }
}

/// Why a request did not send, or may not have sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag {
    /// `SM` and four digits, at the beginning of the log line.
    pub number: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether to send again.
    pub retry: Retry,
    /// A word for people who do not know the numbers, for the counters; one number has one word.
    pub word: &'static str,
}

/// A tag of a log line that ends no request.
#[derive(Debug, PartialEq, Eq)]
pub struct Note(pub &'static str);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! tags {
    ($($name:ident $number:literal $status:literal $retry:ident $word:literal,)*) => {
        $(#[doc = concat!("`", $number, "`, ", stringify!($status), ": ", $word, ".")]
        pub const $name: Tag = Tag { number: $number, status: $status, retry: Retry::$retry, word: $word };)*

        /// Every tag that ends a request, in the order of the counters.
        pub const TAGS: &[&Tag] = &[$(&$name,)*];
    };
}

macro_rules! notes {
    ($($(#[$meaning:meta])* $name:ident $number:literal,)*) => {
        $($(#[$meaning])* pub const $name: Note = Note($number);)*

        /// Every tag of a line that ends no request.
        pub const NOTES: &[&Note] = &[$(&$name,)*];
    };
}

// Two rows of one number: one reason, told by two statuses. 01 input, 02 policy, 03 resources, 04 transport, 09 faults.
#[rustfmt::skip]
tags! {
    FIELD               "SM0101" 400 AfterCorrection    "field",
    LENGTH_REQUIRED     "SM0102" 411 AfterCorrection    "framing",
    CODING              "SM0102" 415 AfterCorrection    "framing",
    MEDIA_TYPE          "SM0103" 415 AfterCorrection    "media-type",
    TOO_LARGE           "SM0104" 413 AfterCorrection    "too-large",
    RECIPIENT           "SM0105" 400 AfterCorrection    "recipient",
    BODY                "SM0106" 400 AfterCorrection    "body",
    BROKEN_OFF          "SM0107" 400 AfterCorrection    "broken-off",
    METHOD              "SM0108" 405 AfterCorrection    "method",
    REPEATED            "SM0109" 409 No                 "repeated",
    KEY_IN_USE          "SM0110" 409 WithKey            "key-in-use",
    KEY_REUSED          "SM0111" 422 AfterCorrection    "key-reused",
    JSON                "SM0113" 400 AfterCorrection    "json",
    JSON_MEMBER         "SM0113" 422 AfterCorrection    "json",
    FORM_FIELD          "SM0114" 422 AfterCorrection    "form-field",
    LATE                "SM0115" 503 Yes                "late",
    FORBIDDEN_RECIPIENT "SM0201" 403 AfterCorrection    "recipient-forbidden",
    SENDER              "SM0202" 403 AfterAdministrator "sender",
    ARGUMENT            "SM0203" 403 AfterCorrection    "argument",
    EXPRESSION          "SM0204" 500 AfterAdministrator "expression",
    ORIGIN              "SM0205" 403 AfterAdministrator "origin",
    DRY_RUN_OFF         "SM0206" 403 AfterCorrection    "dry-run-off",
    REDIRECT            "SM0207" 500 AfterAdministrator "redirect",
    FOREIGN_SENDER      "SM0208" 403 AfterCorrection    "sender-forbidden",
    HOST                "SM0211" 403 AfterAdministrator "host",
    RATE                "SM0214" 429 Yes                "rate",
    CHECK_REFUSED       "SM0215" 400 AfterCorrection    "check-refused",
    CHECK_LATER         "SM0216" 503 Yes                "check-later",
    CHECK_UNAVAILABLE   "SM0217" 503 Yes                "check-unavailable",
    CHECK_MISSING       "SM0217" 500 AfterAdministrator "check-unavailable",
    CHECK_UNFIT         "SM0218" 503 AfterAdministrator "check-unfit",
    CHECK_MISCONFIGURED "SM0218" 500 AfterAdministrator "check-unfit",
    SUPPRESSED          "SM0223" 403 AfterCorrection    "suppressed",
    STORAGE             "SM0301" 503 Yes                "storage",
    BUSY                "SM0302" 503 Yes                "busy",
    RANDOM              "SM0303" 503 Yes                "random",
    CLAIMS              "SM0305" 503 Yes                "claims",
    PROGRAM_REFUSED     "SM0401" 400 AfterCorrection    "program-refused",
    MISCONFIGURED       "SM0402" 500 AfterAdministrator "misconfigured",
    TRY_LATER           "SM0403" 503 MayDouble          "try-later",
    TIMEOUT             "SM0404" 504 Unknown            "timeout",
    PROGRAM_TOO_LARGE   "SM0405" 413 AfterCorrection    "program-too-large",
    UNAVAILABLE         "SM0406" 503 Yes                "unavailable",
    UNKNOWN             "SM0407" 502 Unknown            "unknown",
    RELAY_REFUSED       "SM0408" 400 AfterCorrection    "relay-refused",
    EIGHT_BIT           "SM0411" 400 AfterCorrection    "eight-bit",
    NO_REPORTS          "SM0412" 400 AfterCorrection    "no-reports",
    PARTLY              "SM0413" 502 Rest               "partly",
    FAULT               "SM0900" 500 Unknown            "fault",
}

notes! {
    /// A message was handed over.
    ACCEPTED "SM0001",
    /// Fields of the request were left out of the mail.
    STRIPPED "SM0002",
    /// A program exited 0 and said something.
    WORDS "SM0003",
    /// A program is about to run.
    RUNNING "SM0004",
    /// A new connection to a relay.
    CONNECTED "SM0005",
    /// A kept connection was of no use any more.
    STALE "SM0006",
    /// A dry run.
    DRY_RUN "SM0007",
    /// The stored answer to an earlier request with this key was given again.
    REPLAYED "SM0008",
    /// The trap of a form was filled in, and nothing was sent.
    TRAPPED "SM0009",
    /// What came of a request could not be stored under its key.
    UNSETTLED "SM0306",
    /// More sessions of SMTP than there may be.
    SESSIONS "SM0304",
    /// A check did not answer, and the message went without it.
    UNCHECKED "SM0219",
    /// A check had the message thrown away.
    DISCARDED "SM0220",
    /// A check had the message kept back.
    HELD "SM0221",
    /// Sent to an address that is suppressed, since that is only warned of.
    SUPPRESSED_SENT "SM0224",
    /// Recipients that are suppressed were left out.
    LEFT_OUT "SM0225",
    /// A check said something, or changed the message.
    CHECK_SAID "SM0222",
    /// The health check failed.
    UNHEALTHY "SM0409",
    /// A relay offers STARTTLS that does not work.
    BROKEN_STARTTLS "SM0410",
    /// The database of delivery statuses could not be asked or written.
    DATABASE "SM0501",
    /// A location is open to anybody.
    OPEN "SM0801",
    /// A location has no way out.
    NO_TRANSPORT "SM0802",
    /// Bounces go to httpd's user.
    BOUNCES "SM0803",
    /// The program takes words otherwise than meant.
    PROGRAM_WORDS "SM0804",
    /// There is no memory for the counters.
    NO_COUNTERS "SM0805",
    /// A redirection that a program would not know of.
    PAST_REDIRECT "SM0806",
    /// A section elsewhere opens a location.
    OPENED_ELSEWHERE "SM0807",
    /// Credentials of a relay that no relay uses.
    UNUSED_CREDENTIALS "SM0808",
    /// `.htaccess` may open a whole server.
    HTACCESS "SM0809",
    /// There is no memory to count sessions of SMTP in.
    NO_SESSIONS "SM0810",
    /// A server of SMTP that cannot work or would be open.
    SUBMISSION "SM0811",
    /// A form that cannot be sent, or whose trap catches people.
    FORM "SM0812",
    /// A program that hands mail to the place it came from.
    CIRCLE "SM0813",
    /// Whole messages are taken, and no keys are kept.
    TWICE "SM0814",
    /// A field that is set beside a body that names its own.
    SECOND_SOURCE "SM0815",
    /// A panic while the configuration was read.
    SETUP_FAULT "SM0901",
    /// A request found no settings.
    NO_SETTINGS "SM0902",
    /// A panic where no request is concerned.
    HOOK_FAULT "SM0903",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn one_number_has_one_word_and_no_word_needs_an_escape() {
        for tag in TAGS {
            let same = |other: &&&Tag| (other.number == tag.number) != (other.word == tag.word);
            assert_eq!(TAGS.iter().find(same), None, "{tag}");
            assert!(tag.word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{tag}");
        }
        let numbers: BTreeSet<&str> = TAGS.iter().map(|tag| tag.number).collect();
        let notes: BTreeSet<&str> = NOTES.iter().map(|note| note.0).collect();
        assert!(notes.len() == NOTES.len() && numbers.is_disjoint(&notes));
    }

    #[test]
    fn the_page_of_log_tags_has_a_row_for_each_with_its_statuses() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/log-tags.md")).unwrap();
        let row = |number: &str| page.lines().find_map(|line| line.strip_prefix(&format!("| {number} |")));
        for tag in TAGS.iter().filter(|tag| ***tag != FAULT) {
            let row = row(tag.number).unwrap_or_else(|| panic!("no row for {tag}"));
            let statuses = row.split('|').next().unwrap_or_default();
            assert!(statuses.contains(&tag.status.to_string()), "{tag} is {}, the page says{statuses}", tag.status);
        }
        let missing: Vec<_> = NOTES.iter().filter(|note| row(note.0).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
