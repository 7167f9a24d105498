//! What a sender calls a message by, as the column `message.tags` holds it: JSON, `[{"name":"category","value":"welcome"}]`.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

/// A tag, a category, or a pair of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Which kind.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// The column; `None` for none.
pub(super) fn write(tags: &[Tag]) -> Option<String> {
    let tag = |tag: &Tag| json!({"name": tag.name, "value": tag.value});
    (!tags.is_empty()).then(|| Value::from_iter(tags.iter().map(tag)).to_string())
}

/// What stands in the column.
pub(super) fn read(column: Option<String>) -> Vec<Tag> {
    let tag = |tag: &Value| {
        let text = |name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Tag { name: text("name")?, value: text("value")? })
    };
    let found: Option<Value> = column.and_then(|text| serde_json::from_str(&text).ok());
    found.as_ref().and_then(Value::as_array).map_or_else(Vec::new, |tags| tags.iter().filter_map(tag).collect())
}

/// What stands in the column of each message that is called so, and of no other: `value`, or `name:value`. Inside a string of JSON no
/// quote stands without a backslash, so that neither is found there.
pub(super) fn marks(word: &str) -> [String; 2] {
    let value = |value: &str| format!("\"value\":{}}}", Value::from(value));
    let pair = word.split_once(':').map(|(name, text)| format!("\"name\":{},{}", Value::from(name), value(text)));
    [value(word), pair.unwrap_or_else(|| value(word))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, value: &str) -> Tag {
        Tag { name: name.into(), value: value.into() }
    }

    #[test]
    fn what_is_written_is_read() {
        let tags = [tag("category", "a \"quoted\" \\ one"), tag("plan", ""), tag("\u{fc}", "\u{1f600}")];
        assert_eq!(read(write(&tags)), tags);
        assert_eq!(write(&[]), None);
        for column in [None, Some("no JSON"), Some("{}"), Some("[1, {\"name\": 1}]")] {
            assert_eq!(read(column.map(str::to_owned)), [], "{column:?}");
        }
    }

    #[test]
    fn a_message_is_found_by_what_it_is_called_and_by_nothing_else() {
        let column = write(&[tag("category", "welcome"), tag("plan", "a:b"), tag("n\"", "\"value\":\"x\"}")]).unwrap();
        for (word, expected) in [
            ("welcome", true),
            ("category:welcome", true),
            ("a:b", true),
            ("plan:a:b", true),
            ("n\":\"value\":\"x\"}", true),
            ("welcom", false),
            ("elcome", false),
            ("category", false),
            ("plan:welcome", false),
            ("b", false),
            ("x", false),
            ("", false),
        ] {
            assert_eq!(marks(word).iter().any(|mark| column.contains(mark)), expected, "{word}");
        }
    }
}
