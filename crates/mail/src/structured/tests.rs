use super::*;

fn write(form: Form, text: &str) -> Result<String, StructuredError> {
    super::write(form, &HeaderName::parse(b"X").unwrap(), &HeaderValue::parse(text).unwrap())
}

#[test]
fn fields_are_read_generously_and_written_strictly() {
    for (form, read, written) in [
        (Form::AutoSubmitted, "auto-generated", "auto-generated"),
        (Form::AutoSubmitted, "(a) Auto-Replied (b); owner-email=\"a@b\"", "auto-replied; owner-email=\"a@b\""),
        (Form::Disposition, "Attachment;filename=a.pdf", "attachment; filename=a.pdf"),
        (Form::Disposition, "inline", "inline"),
        (Form::Disposition, "attachment; filename=\"a, b.pdf\"; size=7", "attachment; filename=\"a, b.pdf\"; size=7"),
        (Form::Keyword, "High (really)", "High"),
        (Form::Keyword, "first-class", "first-class"),
        (Form::Languages, "de,en-GB (British) , ,x-klingon", "de, en-GB, x-klingon"),
        (Form::ListId, "<a.b>", "<a.b>"),
        (Form::ListId, "a-list.example.org", "<a-list.example.org>"),
        (Form::ListId, "\"The \\\"List\\\", all of it\" <a.b>", "\"The \\\"List\\\", all of it\" <a.b>"),
        (Form::ListId, "K\u{fc}che <a.b>", "=?utf-8?B?S8O8Y2hl?= <a.b>"),
        (Form::Md5, "Q2hlY2sgSW50ZWdyaXR5IQ==", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
        (Form::MessageId, "a@b", "<a@b>"),
        (Form::MessageIds, "<a@b>", "<a@b>"),
        (Form::MessageIds, "<a@b>, <c@d>\t<e@f>,,<g@h> (that one)", "<a@b> <c@d> <e@f> <g@h>"),
        (Form::MessageIds, "<a:b/c=d%e!f@[10.0.0.1]><..@x@y_z>", "<a:b/c=d%e!f@[10.0.0.1]> <..@x@y_z>"),
        (Form::Phrases, "one, two  three,, \"a, b\" (c, d)", "one, \"two  three\", \"a, b\""),
        (Form::Phrases, "=?utf-8?q?a,b?=, K\u{fc}che", "=?utf-8?B?YSxi?=, =?utf-8?B?S8O8Y2hl?="),
        (Form::Uri, "https://example.org/a(b)?c=%20#d", "https://example.org/a(b)?c=%20#d"),
        (Form::Uris, "<https://a/(b),c>(x),<mailto:d@e>", "<https://a/(b),c>, <mailto:d@e>"),
        (Form::Uris, "https://example.org/list", "<https://example.org/list>"),
        (Form::Uris, "no (posting is not allowed)", "NO"),
        (Form::Verbatim, "<https://a/>,  <mailto:b@c>", "<https://a/>,  <mailto:b@c>"),
    ] {
        assert_eq!(write(form, read), Ok(format!("X: {written}\n")), "{read}");
        assert_eq!(write(form, written), Ok(format!("X: {written}\n")), "written twice is written once");
        assert_eq!(write(form, ""), Ok(String::new()));
    }
    for (form, nothing) in [
        (Form::MessageIds, "(none)"),
        (Form::Keyword, "(high)"),
        (Form::Languages, ","),
        (Form::Phrases, ", (x)"),
        (Form::Uris, ","),
    ] {
        assert_eq!(write(form, nothing), Ok(String::new()), "{nothing}");
    }
}

#[test]
fn what_a_field_does_not_hold_is_refused() {
    for (form, texts) in [
        (Form::AutoSubmitted, &["auto generated", ";a=b", "\u{e9}", "no, no"][..]),
        (
            Form::Disposition,
            &["attachment filename=a.pdf", "attachment; filename=\"a", "attachment; filename=a, inline", "\"inline\""],
        ),
        (Form::Keyword, &["high, low", "very high", "high (", "\"high\"", "\u{e9}"]),
        (Form::Languages, &["de; en", "de en", "languages", "d_e", "de-"]),
        (Form::ListId, &["<a b>", "<a.b", "a.b>", "<>", "<a..b>", "A list", "<a@b> c", "<\u{e9}>"]),
        (Form::Md5, &["YQ==", "no digest", "Q2hlY2sgSW50ZWdyaXR5IQ"]),
        (Form::MessageId, &["<a@b> <c@d>", "<a b@c>", "a", "a@b c@d"]),
        (
            Form::MessageIds,
            &[
                "my letter",
                "<a>",
                "<@b>",
                "<a@>",
                "<>",
                "<a@b",
                "a@b>",
                "<a@b> c",
                "a@b, c@d",
                "<<a@b>>",
                "<\u{e9}@b>",
                "<\"a\"@b>",
            ],
        ),
        (Form::Phrases, &["\"a", "(a"]),
        (Form::Uri, &["a b", "<a>", "\u{e9}", "a\"b"]),
        (
            Form::Uris,
            &["<https://a b>", "<a>", "x", "<https://a> <https://b>", "<https://a", "NO NO", "<https://\u{e9}>"],
        ),
    ] {
        for text in texts {
            assert!(
                matches!(write(form, text), Err(StructuredError::Syntax { .. })),
                "{form:?} {text}: {:?}",
                write(form, text)
            );
        }
    }
    let hidden = write(Form::Disposition, "attachment; filename*=utf-8\'\'a%0Ab").unwrap_err().to_string();
    assert_eq!(hidden, "parameter filename hides a control character: take it out");
    let error = write(Form::MessageIds, "my letter").unwrap_err().to_string();
    assert_eq!(error, "\"my letter\" cannot be read: that is not a message id; write each like <left@right>");
    assert!(matches!(write(Form::MessageIds, &format!("<{}@b>", "a".repeat(900))), Err(StructuredError::Encode(_))));
    assert!(matches!(write(Form::Verbatim, "\u{e9}"), Err(StructuredError::Encode(_))));
}

#[test]
fn long_lists_fold_and_hostile_ones_take_no_time() {
    let many = vec!["<0123456789@example.test>"; 200].join(",");
    let field = write(Form::MessageIds, &many).unwrap();
    assert!(
        field.lines().all(|line| line.len() <= 78)
            && field.replace('\n', "") == format!("X: {}", many.replace(',', " "))
    );
    let start = crate::stopwatch::Stopwatch::start();
    for piece in ["<", "(", "()", "<a@b>", "\"", "\"\",", "a,", ";a=b", "=?", "<a:>,", "a-"] {
        for form in [Form::Disposition, Form::Languages, Form::ListId, Form::MessageIds, Form::Phrases, Form::Uris] {
            let _ = write(form, &piece.repeat(30_000 / piece.len()));
        }
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
}
