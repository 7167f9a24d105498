use super::*;
use crate::tags;
use mail::header::HeaderValue;

const BROWSER: Option<&str> = Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

fn id() -> MessageId {
    MessageId::parse(&HeaderValue::parse("<a@b>").unwrap()).unwrap()
}

#[test]
fn a_browser_gets_a_page_in_its_language_and_a_script_gets_json() {
    for (languages, language, words) in [
        (None, "en", "Thank you"),
        (Some("de-AT,en;q=0.5"), "de", "Vielen Dank"),
        (Some("fr, de;q=0.4, en;q=0.3"), "de", "Vielen Dank"),
        (Some("en, de"), "en", "Thank you"),
        (Some("de;q=0"), "en", "Thank you"),
        (Some("fr"), "en", "Thank you"),
        (Some(";;,q=,de;q=x"), "en", "Thank you"),
    ] {
        let answer = Visitor::of(&Languages::default(), BROWSER, languages).thanks(&id(), None);
        let page = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == 202 && page.contains(words), "{languages:?}: {page}");
        assert!(page.contains(&format!("lang=\"{language}\"")), "{languages:?}: {page}");
    }
    let answer = Visitor::of(&Languages::default(), BROWSER, None).thanks(&id(), Some("/thanks.html"));
    assert_eq!(answer.status, 303);
    assert!(answer.fields.contains(&("Location", "/thanks.html".to_owned())));
    for accept in [None, Some("*/*"), Some("application/json"), Some("text/plain")] {
        let answer = Visitor::of(&Languages::default(), accept, None).thanks(&id(), Some("/thanks.html"));
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, answer.content_type), (202, "application/json"));
        let expected = json!({"success": true, "ok": true, "message": "Your message was sent.", "id": "<a@b>"});
        assert_eq!(json, expected, "{accept:?}");
    }
}

#[test]
fn a_page_keeps_what_was_typed_and_nothing_of_it_is_markup() {
    let field = |name: &str, text: &str| Field { name: name.to_owned(), value: Value::Text(text.to_owned()) };
    let form = Form {
        fields: vec![
            field("name", "<b>\"Eve\"</b>"),
            field("email", "nobody"),
            field("text", "\none\n</textarea><script>"),
            field("_subject", "S"),
            field("hp", ""),
            field("<i>", "x"),
            Field { name: "photo".into(), value: Value::NoFile },
        ],
    };
    let error = FormError::Wrong(vec![("email".into(), Fault::NotAnAddress), ("phone".into(), Fault::Missing)]);
    let trap = Trap::parse(&["hp"]).unwrap();
    let typed = Typed { form: &form, error: Some(&error), trap: &trap };
    let languages = Languages::default();
    let visitor = Visitor::of(&languages, BROWSER, None);
    let problem = Problem::from(&error);
    let page = visitor.page(&problem, Some(&typed)).into_string();
    for part in [
        "name=\"name\" value=\"&lt;b&gt;&quot;Eve&quot;&lt;/b&gt;\"",
        "name=\"email\" aria-invalid=\"true\" aria-describedby=\"field2-wrong\" autofocus value=\"nobody\"",
        "name=\"text\">\n\none\n&lt;/textarea&gt;&lt;script&gt;</textarea>",
        "type=\"hidden\" name=\"_subject\" value=\"S\"",
        "name=\"hp\" tabindex=\"-1\" autocomplete=\"off\"",
        "name=\"&lt;i&gt;\"",
        "<input type=\"file\" id=\"field5\" name=\"photo\"></p>",
        "name=\"phone\" aria-invalid=\"true\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("autofocus").count(), 1);
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");

    let sprung = FormError::Wrong(vec![("hp".into(), Fault::LeaveEmpty)]);
    let page = visitor.page(&problem, Some(&Typed { error: Some(&sprung), ..typed })).into_string();
    assert!(page.contains("name=\"hp\" aria-invalid=\"true\"") && page.contains("Please leave this empty."), "{page}");
    assert!(!page.contains(" hidden"), "{page}");

    let unknown = visitor.page(&Problem::new(&tags::UNKNOWN, ""), Some(&Typed { error: None, ..typed })).into_string();
    assert!(unknown.contains("Nobody can say") && !unknown.contains("<form"), "{unknown}");
    let busy = visitor.page(&Problem::new(&tags::BUSY, ""), Some(&Typed { error: None, ..typed })).into_string();
    assert!(busy.contains("a few minutes") && busy.contains("value=\"nobody\""), "{busy}");
}

#[test]
fn a_page_that_cannot_solve_a_challenge_keeps_the_text_and_sends_nothing() {
    let field = |name: &str, text: &str| Field { name: name.to_owned(), value: Value::Text(text.to_owned()) };
    let form = Form { fields: vec![field("text", "Hello"), field("altcha", "eyJ9")] };
    let trap = Trap::parse(&["hp"]).unwrap();
    let wrong = |name: &str, fault| FormError::Wrong(vec![(name.to_owned(), fault)]);
    for (language, words) in [(None, "go back to the form"), (Some("de"), "zum Formular")] {
        let languages = Languages::default();
        let visitor = Visitor::of(&languages, BROWSER, language);
        let page = |error: &FormError| {
            visitor
                .page(&Problem::from(error), Some(&Typed { form: &form, error: Some(error), trap: &trap }))
                .into_string()
        };
        let email = page(&wrong("email", Fault::Missing));
        assert!(email.contains("<button") && !email.contains(words), "{email}");
        assert!(email.contains("type=\"hidden\" name=\"altcha\" value=\"eyJ9\""), "{email}");
        let unproven = page(&wrong("altcha", Fault::Unproven));
        assert!(unproven.contains(words) && unproven.contains("value=\"Hello\""), "{unproven}");
        assert!(!unproven.contains("<button") && !unproven.contains("altcha"), "{unproven}");
    }
}

#[test]
fn a_script_gets_each_field_with_what_to_do() {
    let error = FormError::Wrong(vec![("email".into(), Fault::NotAnAddress), ("text".into(), Fault::Missing)]);
    let problem = Problem::from(&error);
    let answer = Visitor::of(&Languages::default(), Some("application/json"), None).refused(&problem, None, false);
    assert_eq!((answer.status, answer.content_type), (422, "application/problem+json"));
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let errors = json!([
        {"field": "email", "message": "Please write one e-mail address, like name@example.org."},
        {"field": "text", "message": "Please fill this in."},
    ]);
    assert_eq!(json["message"], "Please correct what is marked and send again.");
    assert_eq!((&json["success"], &json["ok"], &json["errors"]), (&false.into(), &false.into(), &errors));
    assert_eq!((&json["tag"], &json["send_again"]), (&json!("SM0114"), &json!("after-correction")));
    let answer =
        Visitor::of(&Languages::default(), None, None).refused(&Problem::new(&tags::BUSY, "busy"), None, false);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(json.get("errors").is_none() && json["success"] == false, "{json}");
}
