//! The meaning of URLs; and the URLs that we write are read back.

use super::*;

fn message_target(id: &str) -> Target {
    Target::Message { id: id.into() }
}

fn recipient_target(id: &str, address: &str) -> Target {
    Target::Recipient { id: id.into(), address: address.into() }
}

#[test]
fn a_request_names_a_message_or_a_recipient_or_nothing() {
    let long = "a".repeat(MAX_VALUE);
    let too_long = format!("/{long}a/");
    let too_long_query = format!("message-id={long}a");
    for (path, query, expected) in [
        (&b"/a@b/"[..], None, message_target("a@b")),
        (b"/a@b", None, message_target("a@b")),
        (b"a@b", None, message_target("a@b")),
        (b"/<a@b>/", None, message_target("a@b")),
        (b"/a+b@c/", None, message_target("a+b@c")),
        (b"/a%2Bb@c/", None, message_target("a%2Bb@c")),
        ("/ü@b/".as_bytes(), None, message_target("ü@b")),
        (b"/a@b/X@Y.example/", None, recipient_target("a@b", "x@y.example")),
        (b"/a@b/x@y", None, recipient_target("a@b", "x@y")),
        (b"/a@b/", Some(&b"message-id=other"[..]), message_target("a@b")),
        (b"/", Some(b"message-id=a%40b"), message_target("a@b")),
        (b"", Some(b"message-id=%3Ca/b@c%3E"), message_target("a/b@c")),
        (b"/", Some(b"x=1&message-id=a%2Bb@c&recipient=u%2Bv%40w&y"), recipient_target("a+b@c", "u+v@w")),
        (b"/", Some(b"message-id=a+b@c&recipient=u+V@w"), recipient_target("a+b@c", "u+v@w")),
        (b"/", Some(b"message-id=a@b&recipient="), message_target("a@b")),
        (b"/", Some(b"message-id=a=b"), message_target("a=b")),
        (b"", None, Target::Overview),
        (b"/", None, Target::Overview),
        (b"//", None, Target::Overview),
        (b"/", Some(b""), Target::Overview),
        (b"/", Some(b"message-id"), Target::Overview),
        (b"/", Some(b"message-id="), Target::Overview),
        (b"/suppressions", None, Target::Suppressions),
        (b"/suppressions/", Some(b"after=x"), Target::Suppressions),
        (b"/suppressions/Ann@X.example", None, Target::Suppression { address: "ann@x.example".into() }),
        (b"/suppressions/a@b/c", None, Target::Bad),
        (b"/", Some(b"message-id=<>"), Target::Bad),
        (b"/", Some(b"recipient=a@b"), Target::Overview),
        (b"/", Some(b"message-id=a&message-id=b"), Target::Bad),
        (b"/", Some(b"message-id=a%4"), Target::Bad),
        (b"/", Some(b"message-id=a%zz"), Target::Bad),
        (b"/", Some(b"message-id=%+1"), Target::Bad),
        (b"/", Some(b"message-id=a%00b"), Target::Bad),
        (b"/", Some(b"message-id=a%0Ab"), Target::Bad),
        (b"/", Some(b"message-id=a%C2%9Bb"), Target::Bad),
        (b"/", Some(b"message-id=a%FFb"), Target::Bad),
        (b"/", Some(too_long_query.as_bytes()), Target::Bad),
        (b"/a\xffb/", None, Target::Bad),
        (b"/a\x1bb/", None, Target::Bad),
        (b"/a/b/c", None, Target::Bad),
        (b"/a//c/", None, Target::Bad),
        (b"/a//", None, Target::Bad),
        (too_long.as_bytes(), None, Target::Bad),
        (&too_long.as_bytes()[1..=MAX_VALUE], None, message_target(&long)),
    ] {
        assert_eq!(parse(path, query), expected, "{} {query:?}", String::from_utf8_lossy(path));
    }
}

#[test]
fn a_link_is_read_back_as_what_it_was_written_for() {
    let base = "https://h/dsn";
    for id in ["a@b", "a/b@c", "..", "a+b?c#d&e=f%g@h", "ü@ö", "a\\b", "\"><script>"] {
        assert_eq!(follow(&message(base, id)), message_target(id));
        for address in ["x@y", "a/b@c", ".", "u+v&recipient=w@x", "名@例え"] {
            let url = recipient(base, id, address);
            assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'".contains(&byte)), "{url}");
            assert_eq!(follow(&url), recipient_target(id, address), "{url}");
        }
    }
}

/// Like httpd: splits off the query and decodes the path.
fn follow(url: &str) -> Target {
    let rest = url.strip_prefix("https://h/dsn").unwrap();
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    assert!(!path.to_ascii_lowercase().contains("%2f"), "{url}");
    parse(&percent_decode(path.as_bytes()).unwrap(), query.map(str::as_bytes))
}

#[test]
fn a_base_keeps_its_own_end() {
    for (base, expected) in [
        ("https://h/dsn", "https://h/dsn/a%40b/x%40y/"),
        ("https://h/dsn/", "https://h/dsn/a%40b/x%40y/"),
        ("https://h/dsn?message-id=", "https://h/dsn?message-id=a%40b&recipient=x%40y"),
    ] {
        assert_eq!(recipient(base, "a@b", "x@y"), expected);
        assert!(expected.starts_with(message(base, "a@b").as_str()));
    }
}
