//! A gateway's answer -> the outcome for the message. A message counts as taken only if the gateway's own answer says so, and as refused
//! only if its own problem+json (RFC 9457) blames the message or a recipient. Anything between us and the gateway (a proxy, a login page, a
//! moved location, a changed password) must not cost a mail.
#![forbid(unsafe_code)]

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use mail::text::{excerpt, one_line};
use serde_json::Value;

use super::Sent;

/// The longest pause that a gateway can impose.
const MAX_PAUSE: Duration = Duration::from_secs(86_400);
/// How many characters of an answer are shown.
const SHOWN: usize = 200;

/// The parts of an answer that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How much of the message was sent when it came.
    pub sent: Sent,
    /// Its media type.
    pub content_type: String,
    /// Retry-After, unparsed.
    pub retry_after: Option<String>,
    /// X-Message-ID: only the gateway names the message.
    pub message_id: Option<String>,
    /// Idempotency-Key-Lifetime: the key is honoured for this long.
    pub lifetime: Option<Duration>,
    /// Idempotency-Replayed: the answer to an earlier request with this key.
    pub is_replayed: bool,
    /// Allow.
    pub allow: Option<String>,
    /// Its body, or the part that was read.
    pub body: Vec<u8>,
}

/// The outcome for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not sent, but not refused permanently.
    Later {
        /// Wait at least this long.
        pause: Option<Duration>,
        /// Whether a person must act: it is logged as an error, and `mailq` shows it.
        is_loud: bool,
        /// Whether another gateway may be asked instead.
        elsewhere: bool,
        /// The gateway's explanation.
        words: String,
    },
    /// Refused permanently.
    Refused {
        /// Whether a recipient is the reason, not the message.
        is_recipient: bool,
        /// The gateway's explanation.
        words: String,
    },
    /// The gateway has taken it.
    Taken {
        /// The gateway's id for it.
        message_id: String,
    },
    /// It is unknown whether the gateway has it.
    Unknown {
        /// What is known.
        words: String,
        /// Whether the gateway itself said so, in an answer stored for this key: asking again gives the same answer.
        is_final: bool,
    },
}

/// Tags of the gateway that concern recipients; see docs/log-tags.md.
const RECIPIENT_TAGS: &[&str] = &["SM0105", "SM0201"];

impl Answer {
    /// The outcome for the message.
    pub fn verdict(&self) -> Verdict {
        let problem = self.problem();
        let again = problem.as_ref().map(|problem| member(problem, "send_again")).unwrap_or_default();
        let words = self.words(problem.as_ref());
        let later = |is_loud: bool, elsewhere: bool| Verdict::Later {
            pause: self.pause(),
            is_loud,
            elsewhere,
            words: words.clone(),
        };
        match (self.status, again.as_str()) {
            // A login page also answers 303; only the gateway names the message.
            (202 | 303, _) => match &self.message_id {
                Some(id) => Verdict::Taken { message_id: excerpt(id) },
                None => later(true, false),
            },
            (409, "no") => Verdict::Taken { message_id: self.message_id.as_deref().map(excerpt).unwrap_or_default() },
            (409, _) => later(self.retry_after.is_none(), false),
            (400 | 403 | 413 | 415 | 422, "after-correction") => {
                let tag = problem.as_ref().map(|problem| member(problem, "tag")).unwrap_or_default();
                Verdict::Refused { is_recipient: RECIPIENT_TAGS.contains(&tag.as_str()), words }
            }
            // Without a key it would not recognize the message, and with one it will repeat itself.
            (_, "unknown") => Verdict::Unknown { words, is_final: self.is_replayed || self.lifetime.is_none() },
            // A proxy lost the gateway: before or after the message, that is unknown.
            (502 | 504, "") if self.sent == Sent::Whole => Verdict::Unknown { words, is_final: false },
            (408 | 425 | 429, _) | (503, "" | "yes") => later(false, true),
            (503, "yes-may-double") => later(false, false),
            (401 | 403 | 404 | 405 | 407, _) => later(true, true),
            _ => later(true, false),
        }
    }

    /// Whether this is a gateway's description of itself (WADL).
    pub fn is_description(&self) -> bool {
        self.status == 200 && self.content_type.starts_with("application/vnd.sun.wadl+xml")
    }

    /// Whether its body contains these words.
    pub fn says(&self, words: &str) -> bool {
        memchr::memmem::find(&self.body, words.as_bytes()).is_some()
    }

    /// What it says, on one line.
    pub fn said(&self) -> String {
        self.words(self.problem().as_ref())
    }

    /// The problem+json, if it is from a gateway of ours.
    fn problem(&self) -> Option<Value> {
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim();
        let is_problem = media_type.eq_ignore_ascii_case("application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).ok().filter(|_| is_problem)?;
        // Others send problem+json too; only ours says whether to send again.
        problem.get("send_again").is_some().then_some(problem)
    }

    /// One line for people.
    fn words(&self, problem: Option<&Value>) -> String {
        let status = self.status;
        match problem {
            Some(problem) => {
                let parts = ["tag", "detail", "program_said"].map(|name| member(problem, name));
                let said: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
                format!("{status} {}", one_line(said.join(": ").as_bytes(), 2 * SHOWN))
            }
            None => {
                let kind = excerpt(&self.content_type);
                let shown = one_line(&self.body[..self.body.len().min(4 * SHOWN)], SHOWN);
                format!("{status}, and not in the words of a gateway ({kind}): {shown}")
            }
        }
    }

    /// RFC 9110 10.2.3: seconds, or a date.
    pub fn pause(&self) -> Option<Duration> {
        let text = self.retry_after.as_deref()?.trim();
        let pause = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => until(text)?,
        };
        Some(pause.min(MAX_PAUSE))
    }
}

/// The time until an HTTP-date (RFC 9110 5.6.7); `None` if it has passed.
fn until(text: &str) -> Option<Duration> {
    let time = rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or_default())
}

fn member(problem: &Value, name: &str) -> String {
    problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, again: &str, more: &str) -> Answer {
        let body = match again {
            "" => b"<h1>It works!</h1>".to_vec(),
            again => format!("{{\"detail\":\"a word\",\"send_again\":\"{again}\"{more}}}").into_bytes(),
        };
        let content_type = if again.is_empty() { "text/html" } else { "application/problem+json; charset=utf-8" };
        Answer { status, sent: Sent::Whole, content_type: content_type.into(), body, ..Answer::default() }
    }

    /// `later`, `later loud`, `later elsewhere` ...
    fn verdict(answer: &Answer) -> String {
        match answer.verdict() {
            Verdict::Later { is_loud, elsewhere, pause, .. } => {
                let words = [(is_loud, " loud"), (elsewhere, " elsewhere"), (pause.is_some(), " pause")];
                words.into_iter().filter(|word| word.0).fold("later".into(), |text, word| text + word.1)
            }
            Verdict::Refused { is_recipient: true, .. } => "recipient".into(),
            Verdict::Refused { .. } => "refused".into(),
            Verdict::Taken { message_id } => format!("taken {message_id}"),
            Verdict::Unknown { is_final: true, .. } => "unknown final".into(),
            Verdict::Unknown { .. } => "unknown".into(),
        }
    }

    #[test]
    fn each_answer_of_the_gateway_has_its_verdict() {
        #[rustfmt::skip]
        let rows: &[(u16, &str, &str, &str)] = &[
            (400, "after-correction", "", "refused"),
            (400, "after-correction", ",\"tag\":\"SM0105\"", "recipient"),
            (403, "after-correction", ",\"tag\":\"SM0201\"", "recipient"),
            (403, "after-administrator", ",\"tag\":\"SM0202\"", "later loud elsewhere"),
            (413, "after-correction", "", "refused"),
            (415, "after-correction", "", "refused"),
            (422, "after-correction", "", "refused"),
            (409, "no", "", "taken "),
            (409, "yes", "", "later loud"),
            (500, "after-administrator", "", "later loud"),
            (502, "unknown", "", "unknown final"),
            (503, "yes", "", "later elsewhere"),
            (503, "yes-may-double", "", "later"),
            (504, "unknown", "", "unknown final"),
        ];
        for (status, again, more, expected) in rows {
            assert_eq!(verdict(&answer(*status, again, more)), *expected, "{status} {again} {more}");
        }
        let taken = Answer { message_id: Some("<a@b>".into()), ..answer(202, "", "") };
        assert_eq!(verdict(&taken), "taken <a@b>");
        assert_eq!(verdict(&Answer { status: 303, ..taken.clone() }), "taken <a@b>");
        let honoured = Answer { lifetime: Some(Duration::from_secs(60)), ..answer(504, "unknown", "") };
        assert_eq!(verdict(&honoured), "unknown");
        let replayed = Answer { is_replayed: true, ..honoured };
        assert_eq!(verdict(&replayed), "unknown final");
        let busy = Answer { retry_after: Some("3".into()), ..answer(409, "yes", "") };
        assert_eq!(verdict(&busy), "later pause");
    }

    #[test]
    fn what_stands_before_the_gateway_costs_no_mail() {
        for status in
            [200, 201, 202, 204, 301, 302, 303, 307, 400, 401, 403, 404, 405, 407, 409, 410, 413, 415, 422, 500, 501]
        {
            for answer in [
                answer(status, "", ""),
                Answer {
                    content_type: "application/problem+json".into(),
                    body: b"{\"detail\":\"x\"}".to_vec(),
                    ..answer(status, "", "")
                },
                Answer { content_type: "text/html".into(), ..answer(status, "after-correction", "") },
                Answer { body: b"{\"send_again\":\"after-c".to_vec(), ..answer(status, "after-correction", "") },
            ] {
                assert!(verdict(&answer).starts_with("later loud"), "{status}: {}", verdict(&answer));
            }
        }
        for status in [408, 425, 429, 503] {
            assert_eq!(verdict(&answer(status, "", "")), "later elsewhere", "{status}");
        }
        for status in [502, 504] {
            assert_eq!(verdict(&answer(status, "", "")), "unknown", "{status}");
            assert_eq!(verdict(&Answer { sent: Sent::Part, ..answer(status, "", "") }), "later loud", "{status}");
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_and_at_most_a_day() {
        let pause = |text: &str| Answer { retry_after: Some(text.into()), ..Answer::default() }.pause();
        assert_eq!(pause("120"), Some(Duration::from_secs(120)));
        assert_eq!(pause("99999999"), Some(MAX_PAUSE));
        assert_eq!(pause("Mon, 01 Jan 2024 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("Fri, 01 Jan 2100 00:00:00 GMT"), Some(MAX_PAUSE));
        assert_eq!((pause("soon"), pause("-1")), (None, None));
    }

    #[test]
    fn words_of_strangers_stay_on_one_line() {
        let stranger = Answer { body: b"a\r\nb\x1b[31m".to_vec(), ..answer(500, "", "") };
        let Verdict::Later { words, .. } = stranger.verdict() else { panic!("{:?}", stranger.verdict()) };
        assert!(words.contains("500") && words.contains("a | b") && !words.contains('\x1b'), "{words}");
    }
}
