//! What the pages say, in the languages that there are.
#![forbid(unsafe_code)]

use crate::input::form::Fault;
use crate::tags::Retry;

/// The words of one language; none needs an escape in HTML but those of [`Words::file`].
#[derive(Debug)]
pub struct Words {
    /// As `lang` says it (BCP 47).
    pub language: &'static str,
    pub thanks: &'static str,
    pub sent: &'static str,
    pub correct: &'static str,
    /// The page has no script that could solve a challenge.
    pub unproven: &'static str,
    pub empty: &'static str,
    pub again: &'static str,
    pub choose_again: &'static str,
    file: &'static str,
    no_files: &'static str,
    faults: [&'static str; 4],
    /// Title and advice: too large, too many, to be corrected, later, nobody knows, a fault of the server.
    problems: [(&'static str, &'static str); 6],
}

impl Words {
    /// Those of the language that is liked best: the first where several are liked equally, English where none is known (RFC 9110 12.5.4).
    pub fn of(accept_language: Option<&str>) -> &'static Words {
        let mut best: (&Words, f32) = (&ENGLISH, 0.0);
        for range in accept_language.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let primary = tag.split('-').next().unwrap_or_default();
            let known = [&ENGLISH, &GERMAN].into_iter().find(|words| words.language == primary);
            if let Some(words) = known.filter(|_| quality > best.1) {
                best = (words, quality);
            }
        }
        best.0
    }

    /// What is wrong with a field.
    pub fn fault(&self, fault: Fault) -> &'static str {
        let [leave_empty, missing, not_an_address, unproven] = self.faults;
        match fault {
            Fault::LeaveEmpty => leave_empty,
            Fault::Missing => missing,
            Fault::NotAnAddress => not_an_address,
            Fault::Unproven => unproven,
        }
    }

    /// A file that is not taken.
    pub fn file(&self, name: &str, taken: &str) -> String {
        match taken {
            "" => format!("{} {name}", self.no_files),
            taken => format!("{} {name} ({taken})", self.file),
        }
    }

    /// What happened, and what to do.
    pub fn problem(&self, status: u16, retry: Retry) -> (&'static str, &'static str) {
        let [too_large, too_many, correct, later, unknown, fault] = self.problems;
        match retry {
            _ if status == 413 => too_large,
            _ if status == 429 => too_many,
            Retry::AfterCorrection | Retry::No => correct,
            Retry::Yes | Retry::MayDouble | Retry::WithKey => later,
            Retry::Rest | Retry::Unknown => unknown,
            Retry::AfterAdministrator => fault,
        }
    }
}

static ENGLISH: Words = Words {
    language: "en",
    thanks: "Thank you",
    sent: "Your message was sent.",
    correct: "Please correct what is marked and send again.",
    unproven: "The check that you are no robot is missing, used or out of date. Please go back to the form, confirm it there and send again.",
    empty: "The form is empty. Please fill it in.",
    again: "Send again",
    choose_again: "Please choose the file once more.",
    file: "Files of this kind are not taken here:",
    no_files: "Files are not taken here:",
    faults: [
        "Please leave this empty.",
        "Please fill this in.",
        "Please write one e-mail address, like name@example.org.",
        "Please confirm that you are no robot.",
    ],
    problems: [
        ("The message is too large", "Nothing was sent. Please shorten it or leave files away, and send again."),
        ("The message was not sent", "Several messages came from you in a short time. Please try again later."),
        ("The message was not sent", "Something in it cannot be sent. Please change it and send again."),
        ("The message was not sent", "Our mail system is busy. Please try again in a few minutes."),
        (
            "Nobody can say whether the message was sent",
            "It may be under way. Please wait for our answer before you send it again.",
        ),
        ("The message was not sent", "This is a fault of ours. Please reach us in another way."),
    ],
};

static GERMAN: Words = Words {
    language: "de",
    thanks: "Vielen Dank",
    sent: "Ihre Nachricht wurde gesendet.",
    correct: "Bitte berichtigen Sie, was markiert ist, und senden Sie noch einmal.",
    unproven: "Die Best\u{e4}tigung, dass Sie kein Roboter sind, fehlt, ist verbraucht oder abgelaufen. Bitte gehen Sie zur\u{fc}ck zum \
               Formular, best\u{e4}tigen Sie es dort und senden Sie noch einmal.",
    empty: "Das Formular ist leer. Bitte f\u{fc}llen Sie es aus.",
    again: "Noch einmal senden",
    choose_again: "Bitte w\u{e4}hlen Sie die Datei noch einmal aus.",
    file: "Dateien dieser Art werden hier nicht angenommen:",
    no_files: "Dateien werden hier nicht angenommen:",
    faults: [
        "Bitte lassen Sie dieses Feld leer.",
        "Bitte f\u{fc}llen Sie dieses Feld aus.",
        "Bitte geben Sie eine E-Mail-Adresse an, wie name@example.org.",
        "Bitte best\u{e4}tigen Sie, dass Sie kein Roboter sind.",
    ],
    problems: [
        (
            "Die Nachricht ist zu gro\u{df}",
            "Es wurde nichts gesendet. Bitte k\u{fc}rzen Sie sie oder lassen Sie Dateien weg, und senden Sie noch einmal.",
        ),
        (
            "Die Nachricht wurde nicht gesendet",
            "In kurzer Zeit kamen mehrere Nachrichten von Ihnen. Bitte versuchen Sie es sp\u{e4}ter noch einmal.",
        ),
        (
            "Die Nachricht wurde nicht gesendet",
            "Etwas darin l\u{e4}sst sich nicht senden. Bitte \u{e4}ndern Sie es und senden Sie noch einmal.",
        ),
        (
            "Die Nachricht wurde nicht gesendet",
            "Unser Mailsystem ist ausgelastet. Bitte versuchen Sie es in einigen Minuten noch einmal.",
        ),
        (
            "Niemand kann sagen, ob die Nachricht gesendet wurde",
            "Vielleicht ist sie unterwegs. Bitte warten Sie auf unsere Antwort, bevor Sie noch einmal senden.",
        ),
        ("Die Nachricht wurde nicht gesendet", "Das ist ein Fehler bei uns. Bitte erreichen Sie uns auf anderem Weg."),
    ],
};
