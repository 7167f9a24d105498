//! What a sender calls a mail by for his own statistics -> [`Label`]s. They are kept with the delivery status and never stand in the mail. How
//! many there may be, and how long, is what each service documents, so that what was sent there is taken here.
#![forbid(unsafe_code)]

use super::JsonError;
use super::members::RESEND_TAG;
use super::tree::Located;
use crate::submission::Label;

/// <https://resend.com/docs/dashboard/emails/tags>.
const MOST_TAGS: usize = 75;
const MAX_TAG: usize = 256;

/// <https://postmarkapp.com/support/article/1125-custom-metadata-faq>.
const MOST_METADATA: usize = 10;
const MAX_METADATA_NAME: usize = 20;
const MAX_METADATA: usize = 80;

/// <https://postmarkapp.com/developer/api/email-api>.
const MAX_WORD: usize = 1000;

/// <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>.
const MOST_CATEGORIES: usize = 10;
const MAX_CATEGORY: usize = 255;

/// All together: <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations>.
const MAX_ARGUMENTS: usize = 10_000;

/// `[{"name", "value"}]` of Resend.
pub fn tags(found: Located) -> Result<Vec<Label>, JsonError> {
    at_most(MOST_TAGS, &found, found.len())?;
    found.items()?.into_iter().map(tag).collect()
}

fn tag(found: Located) -> Result<Label, JsonError> {
    let missing = found.wrong("needs a name and a value");
    let mut members = found.members()?;
    members.only(RESEND_TAG)?;
    let (name, value) = (members.take("name")?, members.take_even_empty("value")?);
    members.finish()?;
    let (Some(name), Some(value)) = (name, value) else { return Err(missing) };
    Ok(Label { name: word(&name, MAX_TAG)?, value: word(&value, MAX_TAG)? })
}

/// `Metadata` of Postmark.
pub fn metadata(found: Located) -> Result<Vec<Label>, JsonError> {
    at_most(MOST_METADATA, &found, found.len())?;
    named(found, MAX_METADATA_NAME, MAX_METADATA)
}

/// `Tag` and `MessageStream` of Postmark.
pub fn only(name: &str, found: &Located) -> Result<Label, JsonError> {
    Ok(Label { name: name.to_owned(), value: word(found, MAX_WORD)? })
}

/// `categories` of SendGrid.
pub fn categories(found: Located) -> Result<Vec<Label>, JsonError> {
    at_most(MOST_CATEGORIES, &found, found.len())?;
    let category = |found: Located| Ok(Label { name: "category".to_owned(), value: word(&found, MAX_CATEGORY)? });
    found.one_or_more()?.into_iter().map(category).collect()
}

/// `custom_args` of SendGrid.
pub fn arguments(found: Option<Located>) -> Result<Vec<Label>, JsonError> {
    let Some(found) = found else { return Ok(Vec::new()) };
    let too_long = found.wrong(format!("has more than {MAX_ARGUMENTS} octets"));
    let labels = named(found, MAX_ARGUMENTS, MAX_ARGUMENTS)?;
    let octets: usize = labels.iter().map(|label| label.name.len() + label.value.len()).sum();
    if octets > MAX_ARGUMENTS { Err(too_long) } else { Ok(labels) }
}

/// The members of an object; those that say nothing are none.
fn named(found: Located, max_name: usize, max_value: usize) -> Result<Vec<Label>, JsonError> {
    let label = |(name, value): (String, Located)| {
        if name.len() > max_name {
            return Err(value.wrong(format!("has a name of more than {max_name} octets")));
        }
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(value.wrong("has no name that can be shown"));
        }
        Ok(Label { value: word(&value, max_value)?, name })
    };
    found.members()?.all().filter(|(_, value)| !value.is_absent()).map(label).collect()
}

fn word(found: &Located, most: usize) -> Result<String, JsonError> {
    let word = found.written()?;
    if word.len() > most {
        return Err(found.wrong(format!("has more than {most} octets")));
    }
    if word.chars().any(char::is_control) {
        return Err(found.wrong("holds a control character"));
    }
    Ok(word.to_owned())
}

fn at_most(most: usize, found: &Located, number: usize) -> Result<(), JsonError> {
    if number > most {
        Err(found.wrong(format!("holds {number}, more than the {most} that are taken")))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Call, Dialect, JsonError, read};
    use serde_json::{Value, json};
    use sys::spool::Spool;

    /// `name=value` of each mail in the body, a mail a line.
    fn labels(dialect: Dialect, body: &Value) -> Result<Vec<String>, JsonError> {
        let _alone = crate::transport::tests::alone();
        let spool = || Spool::new(&std::env::temp_dir(), 1 << 20);
        let (mut source, mut contents) = (spool(), spool());
        source.write(body.to_string().as_bytes())?;
        let mails = read(Call { dialect, is_batch: false }, &source, &mut contents)?;
        let line = |mail: Result<super::super::JsonMail, JsonError>| {
            let words: Vec<_> = mail?.labels().iter().map(|label| format!("{}={}", label.name, label.value)).collect();
            Ok(words.join(" "))
        };
        mails.items.into_iter().map(line).collect()
    }

    fn postmark(member: &str, value: &Value) -> Result<Vec<String>, JsonError> {
        labels(Dialect::Postmark, &json!({"To": "a@x.test", "TextBody": "t", member: value}))
    }

    fn sendgrid(member: &str, value: &Value) -> Result<Vec<String>, JsonError> {
        let content = json!([{"type": "text/plain", "value": "t"}]);
        let own = json!([{"to": ["a@x.test"]}, {"to": ["b@x.test"], "custom_args": {"plan": "own", "n": 7}}]);
        labels(Dialect::Sendgrid, &json!({"content": content, "personalizations": own, member: value}))
    }

    fn resend(tags: &Value) -> Result<Vec<String>, JsonError> {
        labels(Dialect::Resend, &json!({"to": "a@x.test", "text": "t", "tags": tags}))
    }

    #[test]
    fn what_each_service_calls_a_mail_by_is_kept() {
        let tags = json!([{"name": "category", "value": "welcome"}, {"name": "plan", "value": ""}]);
        assert_eq!(resend(&tags).unwrap(), ["category=welcome plan="]);
        assert_eq!(postmark("Tag", &json!("welcome")).unwrap(), ["Tag=welcome"]);
        assert_eq!(postmark("MessageStream", &json!("outbound")).unwrap(), ["MessageStream=outbound"]);
        let metadata = json!({"client-id": 12345, "is_new": true, "nothing": null, "color": "blue"});
        assert_eq!(postmark("Metadata", &metadata).unwrap(), ["client-id=12345 color=blue is_new=true"]);
        assert_eq!(sendgrid("categories", &json!(["a", "b"])).unwrap()[0], "category=a category=b");
        assert_eq!(sendgrid("categories", &json!("a")).unwrap()[0], "category=a");
        let arguments = json!({"plan": "all", "shop": "1"});
        assert_eq!(sendgrid("custom_args", &arguments).unwrap(), ["plan=all shop=1", "n=7 plan=own shop=1"]);
        for nothing in [json!(null), json!([]), json!({}), json!("")] {
            assert_eq!(resend(&nothing).unwrap(), [""], "{nothing}");
            assert_eq!(postmark("Metadata", &nothing).unwrap(), [""], "{nothing}");
        }
    }

    #[test]
    fn as_many_and_as_long_as_the_service_takes_and_no_more() {
        let text = |length| "x".repeat(length);
        let tags = |number: usize, length| {
            let tag = |_| json!({"name": text(length), "value": text(length)});
            Value::from_iter((0..number).map(tag))
        };
        let metadata = |number: usize, name, value| {
            Value::from_iter((0..number).map(|at| (format!("{at:0name$}"), json!(text(value)))))
        };
        let words = |number: usize, length| Value::from_iter((0..number).map(|_| text(length)));
        type Try = fn(&Value) -> Result<Vec<String>, JsonError>;
        for (send, good, bad, path) in [
            (resend as Try, tags(75, 256), tags(76, 256), "tags"),
            (resend, tags(1, 256), tags(1, 257), "tags[0].name"),
            (|tag| postmark("Tag", tag), json!(text(1000)), json!(text(1001)), "Tag"),
            (|stream| postmark("MessageStream", stream), json!(text(1000)), json!(text(1001)), "MessageStream"),
            (|all| postmark("Metadata", all), metadata(10, 20, 80), metadata(11, 20, 80), "Metadata"),
            (
                |all| postmark("Metadata", all),
                metadata(1, 20, 80),
                metadata(1, 21, 80),
                "Metadata.000000000000000000000",
            ),
            (|all| postmark("Metadata", all), metadata(1, 1, 80), metadata(1, 1, 81), "Metadata.0"),
            (|all| sendgrid("categories", all), words(10, 255), words(11, 255), "categories"),
            (|all| sendgrid("categories", all), words(1, 255), words(1, 256), "categories[0]"),
            (|all| sendgrid("custom_args", all), metadata(10, 20, 980), metadata(10, 20, 981), "custom_args"),
            (|tag| postmark("Tag", tag), json!("\u{fc}"), json!("a\nb"), "Tag"),
            (|all| postmark("Metadata", all), json!({"a": "b"}), json!({"a\u{7f}": "b"}), "Metadata.a\\u{7f}"),
            (|all| postmark("Metadata", all), json!({"a": "b"}), json!({"a": ["b"]}), "Metadata.a"),
            (|all| sendgrid("categories", all), json!(["a"]), json!([{"a": "b"}]), "categories[0]"),
            (|all| sendgrid("custom_args", all), json!({"a": "b"}), json!(["a"]), "custom_args"),
            (resend, json!([{"name": "n", "value": "v"}]), json!([{"value": "v"}]), "tags[0]"),
            (resend, json!([{"name": "n", "value": "v"}]), json!([{"name": "n"}]), "tags[0]"),
            (resend, json!([{"name": "n", "value": "v"}]), json!(["n"]), "tags[0]"),
        ] {
            assert!(send(&good).is_ok(), "{path}: {:?}", send(&good));
            let error = send(&bad).unwrap_err();
            assert_eq!(error.path(), path, "{error}");
        }
    }
}
