use super::*;

#[test]
fn what_any_reader_would_decode_to_a_control_character_is_found() {
    for text in [
        "=?utf-8?q?a=0ABcc:_z@evil.test?=",
        "=?utf-8?Q?a=0a?=",
        "=?utf-8?b?YQANAEJjYzogeg==?=",
        "=?utf-8?B?YQo?=",
        "=?utf-8?b?YQ==Cg==?=",
        "=?utf-8?b?Y Q\to?=",
        "=?utf-8*en?q?=7F?=",
        "=?utf-8?q?=C2=85?=",
        "=?iso-8859-1?q?=00?=",
        "=?iso-2022-kr?q?=0A?=",
        "=?iso-2022-jp?q?=0A?=",
        "middle=?utf-8?q?=0A?=ofaword",
        "=?utf-8?q?blank inside=0A?=",
        "=?utf-8?q?a?question=0A?=",
        "=?utf-8?q?the_end?=is_later=0A?=",
        "=?utf-8?b?broken =?utf-8?q?=0A?=",
        "=?iso-2022-kr?q?=1B$)C=0E0!=0A?=",
        "=?=?utf-8?q?=0A?=",
        "fine =?utf-8?q?fine?= =?utf-8?q?=0A?=",
    ] {
        let found = check(text);
        assert!(matches!(found, Err(Fault::Control(_))), "{text}: {found:?}");
    }
}

#[test]
fn charsets_that_hide_ascii_or_are_unknown_are_refused() {
    for charset in [
        "utf-7",
        "UTF7",
        "x-utf-7-imap",
        "unicode-1-1-utf-7",
        "utf-16",
        "UTF-16BE",
        "utf-32",
        "ucs-2",
        "iso-10646-ucs-2",
        "cp500",
        "x-unknown",
        " cp500 ",
    ] {
        let text = format!("=?{charset}?q?+AAo-?=");
        assert_eq!(check(&text), Err(Fault::Charset(charset)));
    }
}

#[test]
fn legitimate_words_pass() {
    for (word, text) in [
        ("=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?koi8-r?b?8NLJ18XU?=", "Привет"),
        ("=?utf-8?q?a=09b?=", "a\tb"),
        ("=?utf-8?q?=zz=?=", "=zz="),
    ] {
        assert_eq!(check(word), Ok(()), "{word}");
        assert!(is_encoded_word(word), "{word}");
        assert_eq!(decode(word).as_deref(), Some(text));
    }
}

#[test]
fn words_that_only_a_reader_can_decode_pass_as_they_are() {
    let word = "=?ISO-2022-KR?B?GyQpQw4wISMsMyoPIQ==?=";
    assert_eq!((check(word), is_encoded_word(word), is_phrase_word(word), decode(word)), (Ok(()), true, true, None));
}

#[test]
fn malformed_words_are_plain_text() {
    for word in [
        "=?",
        "=??=",
        "=?utf-8?",
        "=?utf-8?q",
        "=?utf-8?q?",
        "=?utf-8?q?a",
        "=?utf-8?q?a?",
        "=?utf-8?q??=",
        "=?utf-8?x?a?=",
        "=??q?a?=",
        "=?utf-8?qq?a?=",
        "=?utf-8?q?a b?=",
        "=?utf-8?q?é?=",
        "a=?utf-8?q?a?=",
        "=?utf-8?q?a?=.",
    ] {
        assert_eq!(check(word), Ok(()), "{word}");
        assert!(!is_encoded_word(word), "{word}");
    }
}

#[test]
fn only_harmless_words_may_stand_in_a_phrase() {
    assert!(is_phrase_word("=?utf-8?Q?M=C3=BCller_!*+-/?="));
    assert!(is_phrase_word("=?utf-8?B?TcO8bGxlcg==?="));
    for word in ["=?utf-8?q?a\"b?=", "=?utf-8?q?a,b?=", "=?utf-8?q?<z@evil.test>?=", "=?utf-8?q?(?=", "=?utf-8?q?a.b?="]
    {
        assert!(is_encoded_word(word) && !is_phrase_word(word), "{word}");
    }
    assert!(!is_phrase_word(&format!("=?utf-8?q?{}?=", "a".repeat(64))));
}

#[test]
fn the_check_is_linear() {
    let open = "=?utf-8?q?x".repeat(100_000);
    assert_eq!(check(&open), Ok(()));
    assert_eq!(check(&(open + "?=")), Err(Fault::Overlap));
    assert_eq!(check(&"=?utf-8?q?x?=".repeat(100_000)), Ok(()));
    assert_eq!(check(&"=?".repeat(100_000)), Ok(()));
    assert_eq!(check(&"?=".repeat(100_000)), Ok(()));
}

#[test]
fn words_are_short_whole_and_shortest() {
    for text in [
        "é",
        "Grüße aus Köln",
        "日本語の件名です。長い長い件名です。とても長いので折り返されます。",
        "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
        "a\tb",
    ] {
        for room in 0..80 {
            let words = encode(text, room);
            let decoded: String = words.iter().map(|word| decode(word).unwrap()).collect();
            assert_eq!(decoded, text);
            assert!(words.iter().all(|word| word.len() <= MAX_WORD && is_phrase_word(word)), "{words:?}");
            assert!(room < 28 || words[0].len() <= room, "{room}: {words:?}");
        }
    }
    assert_eq!(encode("Bücher", 75), ["=?utf-8?Q?B=C3=BCcher?="]);
    assert_eq!(encode("日本", 75), ["=?utf-8?B?5pel5pys?="]);
    assert_eq!(encode("", 75), Vec::<String>::new());
}
