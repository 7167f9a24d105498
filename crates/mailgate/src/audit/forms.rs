//! Warnings at the start where forms are accepted.
#![forbid(unsafe_code)]

use super::{Scope, Warning};
use crate::input::form::rules::Trap;
use crate::tags;

impl Scope<'_> {
    /// All of them.
    pub(super) fn forms(&self) -> Vec<Warning> {
        let found = [
            self.form_without_addresses(),
            self.form_to_anybody(),
            self.trap_for_people(),
            self.challenge_without_keys(),
            self.challenge_passed_by(),
        ];
        let texts = found.into_iter().flatten().filter(|_| self.takes("form"));
        texts.map(|text| Warning { tag: &tags::FORM, text: format!("{}: {text}", self.place()) }).collect()
    }

    /// The directives for a form's recipients whose values may depend on the request.
    pub(super) fn expressions_of_forms(&self) -> impl Iterator<Item = &'static str> {
        let depends =
            |name: &&str| self.setting(name).is_some_and(|to| to.words.iter().any(|word| word.contains("%{")));
        let takes_forms = self.takes("form");
        ["SendmailFormTo", "SendmailFormCc"].into_iter().filter(move |name| takes_forms && depends(name))
    }

    fn form_without_addresses(&self) -> Option<String> {
        let missing = ["SendmailFormTo", "SendmailFormFrom"].into_iter().find(|name| self.setting(name).is_none())?;
        Some(format!("SendmailInputs offers form, and {missing} is not set; every form will be refused with 500"))
    }

    fn form_to_anybody(&self) -> Option<String> {
        let name = self.expressions_of_forms().next().filter(|_| self.writes_to_anybody())?;
        Some(format!(
            "{name} is an expression, and nothing restricts who may be written to; every form will be refused with 403. Set SendmailRecipients"
        ))
    }

    /// A trap that browsers fill in by themselves.
    fn trap_for_people(&self) -> Option<String> {
        let words = &self.setting("SendmailFormTrap")?.words;
        let trap = Trap::parse(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok()?;
        let name = trap.catches_people()?;
        Some(format!(
            "SendmailFormTrap {name}: browsers fill a field of this name in, whether people see it or not. Use a name that means nothing"
        ))
    }

    fn has_challenge(&self) -> bool {
        self.setting("SendmailChallenge").is_some_and(|challenge| !challenge.first_is("off"))
    }

    fn challenge_without_keys(&self) -> Option<String> {
        let has_keys = self.setting("SendmailIdempotency").is_some_and(|keys| !keys.first_is("off"));
        (self.has_challenge() && !has_keys).then(|| {
            "SendmailChallenge without SendmailIdempotency, where it is kept which challenges were used; every form will be refused with 500"
                .to_owned()
        })
    }

    /// A robot uses the input format without a challenge.
    fn challenge_passed_by(&self) -> Option<String> {
        let others = self.has_challenge() && !self.takes_forms_alone();
        others.then(|| "SendmailChallenge holds for forms alone, and SendmailInputs offers other ways too".to_owned())
    }
}
