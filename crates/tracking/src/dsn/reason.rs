//! Why a delivery failed or is late: one word, from the mail system's text, the status code (RFC 3463) and who said it. The text takes
//! precedence: many systems use 5.0.0 or 5.7.1 for everything, and explain it in the text. Unknown ones are [`Reason::Undefined`].
#![forbid(unsafe_code)]

mod codes;
mod words;

use super::{Action, Recipient, Typed};

macro_rules! reasons {
    ($($(#[$meaning:meta])* $name:ident $word:literal $sentence:literal,)*) => {
        /// Why a delivery failed or is late.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[$meaning])* $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Reason] = &[$(Reason::$name,)*];

            /// The word in the database and in every answer.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }

            /// The reason for a word.
            pub fn parse(word: &str) -> Option<Reason> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }

            /// What it means, for a person.
            pub fn sentence(self) -> &'static str {
                match self { $(Reason::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// SPF, DKIM or DMARC.
    AuthFailure "authfailure" "the sender could not be verified (SPF, DKIM or DMARC)",
    /// By its address, its name or its reputation.
    Blocked "blocked" "the sending system is blocked there",
    /// No answer came, or not in time.
    Expired "expired" "no answer came in time",
    /// It is not said whether the user is unknown or does not want such mail.
    Filtered "filtered" "the recipient's side filters mail to this address",
    /// The domain does not exist or takes no mail.
    HostUnknown "hostunknown" "the domain does not exist or takes no mail",
    /// It is full.
    MailboxFull "mailboxfull" "the mailbox is full",
    /// No connection, no route, a loop.
    NetworkError "networkerror" "the recipient's mail system could not be reached",
    /// The message breaks a rule of RFC 5321 or RFC 5322.
    NotCompliant "notcompliant" "the message or the dialogue breaks a rule of the standards",
    /// A rule of that site, about the sender, the content or the security of the connection.
    Policy "policy" "a rule of the recipient's side forbids it",
    /// By its content.
    SpamDetected "spamdetected" "it looks like spam to the recipient's side",
    /// The mailbox exists, but is disabled.
    Suspended "suspended" "the mailbox is disabled",
    /// Larger than the mailbox or the system accepts.
    TooLarge "toolarge" "the message is larger than the recipient's side takes",
    /// Too many in a short time.
    TooMuch "toomuch" "too many messages in a short time",
    /// No known reason.
    Undefined "undefined" "the mail system does not say why",
    /// There is no such mailbox.
    UserUnknown "userunknown" "the mailbox does not exist",
}

/// The reason of a recipient that failed or is late; `None` for any other.
pub fn of(recipient: &Recipient, reporting_mta: Option<&str>) -> Option<Reason> {
    if !matches!(recipient.state(), Some(Action::Failed | Action::Delayed)) {
        return None;
    }
    let diagnostic = recipient.diagnostic_code.as_ref().map(|code| code.value.as_str());
    let said = [diagnostic, recipient.words.as_deref()].map(|words| plain(words.unwrap_or_default()));
    let mta = recipient.remote_mta.as_ref().map(|mta| mta.value.as_str()).or(reporting_mta).unwrap_or_default();
    let mta = mta.to_ascii_lowercase();
    let status = recipient.status_code.as_deref().unwrap_or_default();
    // The text for no recipient in particular counts only if the diagnostic holds no reply of another system.
    let is_answer = |words: &str| words.split(' ').any(is_reply);
    let text = recipient.text.as_deref().filter(|_| !is_answer(&said[0])).map(plain).unwrap_or_default();
    // A code in the text is the other system's own; the field may hold this system's interpretation.
    let codes = || words_codes(&said[0]).chain([status]);
    let reason = codes::sure(codes())
        .or_else(|| words::find(&said[0], &mta))
        .or_else(|| codes().find_map(codes::likely))
        .or_else(|| words::find(&said[1], &mta))
        .or_else(|| words_codes(&said[1]).find_map(codes::likely))
        .or_else(|| said.iter().find_map(|words| words::weak(words)))
        .or_else(|| words::find(&text, &mta))
        .unwrap_or(Reason::Undefined);
    // A system that accepts a recipient and then does not know it is filtering: some say so of anything they dislike.
    let is_filter =
        reason == Reason::UserUnknown && recipient.after_data && !codes().any(|code| code.starts_with("5.1."));
    Some(if is_filter { Reason::Filtered } else { reason })
}

/// The other system's code, from its text, otherwise from the field.
pub fn code(recipient: &Recipient) -> Option<String> {
    let diagnostic = plain(recipient.diagnostic_code.as_ref().map_or("", |code| code.value.as_str()));
    let said = words_codes(&diagnostic).next().map(str::to_owned);
    said.or_else(|| recipient.status_code.clone())
}

/// The reason of a failure or a delay, if only this text is known.
pub fn of_words(status: Option<&str>, diagnostic: Option<&str>, mta: Option<&str>) -> Reason {
    let recipient = Recipient {
        action: Some(Action::Failed.as_str().to_owned()),
        status_code: status.map(str::to_owned),
        diagnostic_code: diagnostic.map(|value| Typed { kind: None, value: value.to_owned() }),
        ..Recipient::default()
    };
    of(&recipient, mta).unwrap_or(Reason::Undefined)
}

/// In lower case, with single spaces, plain apostrophes, and the codes at the start of each reply line (`550-5.7.1`) only once.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let mut words: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        let parts = match word.split_once('-') {
            Some((reply, rest)) if is_reply(reply) => [reply, rest],
            _ => ["", word],
        };
        let is_new = |part: &&str| !part.is_empty() && !((is_reply(part) || is_code(part)) && words.contains(part));
        let parts: Vec<&str> = parts.into_iter().filter(is_new).collect();
        words.extend(parts);
    }
    words.join(" ")
}

/// `550`
fn is_reply(word: &str) -> bool {
    word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// `5.1.1`
fn is_code(word: &str) -> bool {
    let mut parts = word.split('.');
    let is_class = parts.next().is_some_and(|class| matches!(class, "4" | "5"));
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    is_class && parts.clone().count() == 2 && parts.all(is_number)
}

/// Every enhanced status code in the text, as `5.1.1` in `550-5.1.1 <a@b>... (#5.1.1)`.
fn words_codes(diagnostic: &str) -> impl Iterator<Item = &str> {
    diagnostic
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|word| word.trim_matches('.'))
        .filter(|word| is_code(word))
}

#[cfg(test)]
mod tests;
