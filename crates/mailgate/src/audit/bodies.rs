//! What a start warns of where a body is a whole message, or JSON that says who writes to whom.
#![forbid(unsafe_code)]

use super::{Scope, Warning};
use crate::input::SECOND_SOURCES;
use crate::tags;
use conftree::Directive;
use conftree::sections::flat;

/// The ways whose body names authors and recipients.
const WHOLE: &[&str] = &["mime", "postmark", "resend", "sendgrid"];

/// What `RequestHeader` does that leaves a field in a request.
const PUTS: &[&str] = &["set", "setifempty", "append", "add", "merge"];

impl Scope<'_> {
    /// A field that `RequestHeader` puts into every request, beside a body that says itself who writes to whom.
    pub(super) fn second_source(&self) -> Option<Warning> {
        let way = self.setting("SendmailInputs")?.words.iter().find(|word| is_among(WHOLE, word))?;
        let sets = |directive: &&Directive| {
            directive.is("RequestHeader")
                && matches!(directive.words.as_slice(), [action, name, ..]
                    if is_among(PUTS, action) && is_among(SECOND_SOURCES, name.trim_end_matches(':')))
        };
        let set = self.lists.iter().find_map(|list| flat(list).find(sets))?;
        Some(Warning {
            tag: &tags::SECOND_SOURCE,
            text: format!(
                "{}: RequestHeader {} ({}) beside SendmailInputs {way}, whose body names authors and recipients itself; a request that has the field \
                 is refused with 400. Take RequestHeader away, or offer {way} in another location",
                self.place(),
                set.words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" "),
                set.place
            ),
        })
    }

    /// Clients that send whole messages try again after a connection that broke; without keys each try is a message.
    pub(super) fn sent_twice(&self) -> Option<Warning> {
        let offers = |directive: &&Directive| directive.words.iter().any(|word| word.eq_ignore_ascii_case("mime"));
        self.setting("SendmailInputs").filter(offers)?;
        let is_kept = self.setting("SendmailIdempotency").is_some_and(|keys| !keys.first_is("off"));
        (!is_kept && !self.is_trial()).then(|| Warning {
            tag: &tags::TWICE,
            text: format!(
                "{}: SendmailInputs mime without SendmailIdempotency: a client that hears no answer cannot try again without sending twice. Set \
                 SendmailIdempotency /var/lib/mod_sendmail/claims (install -d -m 700 -o www-data /var/lib/mod_sendmail/claims)",
                self.place()
            ),
        })
    }
}

fn is_among(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}
