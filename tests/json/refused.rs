//! JSON that cannot become a mail: the status, the path in the answer, and nothing sent.

use super::{INPUTS, post};
use crate::support::{Httpd, Request, Sendmail};
use serde_json::Value;

const GOOD: &str = r#"{"from":"Ann <f@example.test>","to":["a@example.test"],"bcc":"hidden@example.test","subject":"s","text":"t",
    "html":"h","headers":{"X-A":"b"},"attachments":[{"filename":"a.txt","content":"YQ=="}],"tags":[{"name":"n","value":"v"}]}"#;

/// Old and new text in [`GOOD`], the status, the answer's text.
const ROWS: &[(&str, &str, u16, &str)] = &[
    // Not JSON, or not JSON that all readers read alike.
    ("{\"from\"", "", 400, "the body: "),
    ("{\"from\"", "[{\"from\"", 400, "the body: the JSON ends too early"),
    ("}]}", "}]", 400, "the JSON ends too early"),
    ("}]}", "}]} x", 400, "the body: more stands behind"),
    ("}]}", "}],}", 400, "the body: a value is expected behind the last comma"),
    ("\"subject\":", "subject:", 400, "the body: the name of a member is expected"),
    ("\"subject\":", "\"subject\"", 400, "subject: a colon is expected"),
    ("\"s\"", "\"s\" \"x\"", 400, "the body: a comma or the end is expected"),
    ("\"s\"", "'s'", 400, "subject: a value is expected"),
    ("\"s\"", "nul", 400, "subject: a value is expected"),
    ("\"s\"", "01", 400, "subject: is no number"),
    ("\"s\"", "\"s\", \"to\": \"b@example.test\"", 400, "to: stands there twice"),
    ("\"s\"", "\"s\", \"replyTo\": \"b@example.test\", \"reply_to\": \"c@example.test\"", 400, "stands there twice"),
    ("\"b\"", "\"b\", \"X-A\": \"c\"", 400, "headers.X-A: stands there twice"),
    ("\"s\"", "\"\\ud800\"", 400, "subject: half a surrogate pair"),
    ("\"s\"", "\"\\ud800\\u0041\"", 400, "subject: half a surrogate pair"),
    ("\"t\",", "\"\\udc00\",", 400, "text: half a surrogate pair"),
    ("\"t\",", "\"\\x\",", 400, "text: an escape that JSON does not have"),
    ("\"t\",", "\"\\u00g0\",", 400, "text: four hexadecimal digits"),
    ("\"t\",", "\"a\nb\",", 400, "text: a control character"),
    ("\"v\"}]}", "\"v", 400, "tags[0].value: the JSON ends inside a string"),
    ("\"YQ==\"", "\"YQ==", 422, "attachments[0].content: is no base64: it holds '}'"),
    ("[{\"name\"", "[[[[[[[[[[[[[[[[[{\"name\"", 400, "nested deeper than 16"),
    // What a sender calls it by.
    ("\"name\":\"n\",", "", 422, "tags[0]: needs a name and a value"),
    ("\"value\":\"v\"", "\"value\":[\"v\"]", 422, "tags[0].value: must be a string"),
    ("\"value\":\"v\"", "\"value\":\"v\",\"more\":1", 422, "tags[0].more: is not known here"),
    ("[{\"name\":\"n\",\"value\":\"v\"}]", "{\"n\":\"v\"}", 422, "tags: must be an array"),
    // JSON that says what cannot be.
    ("\"Ann <f@example.test>\"", "[]", 0, ""),
    ("\"Ann <f@example.test>\"", "7", 422, "from: must be a string"),
    ("\"Ann <f@example.test>\"", "[\"f@example.test\"]", 422, "from: must be a string"),
    ("\"Ann <f@example.test>\"", "\"Ann <f@example.test\"", 422, "from: "),
    ("[\"a@example.test\"]", "{\"email\":\"a@example.test\"}", 422, "to: must be a string"),
    ("[\"a@example.test\"]", "[\"a@example.test\", 1]", 422, "to[1]: must be a string"),
    ("[\"a@example.test\"]", "[\"a@example.test\", \"b c\"]", 422, "to[1]: "),
    ("[\"a@example.test\"]", "[\"a@example.test\\r\\nBcc: x@example.test\"]", 422, "to[0]: control character U+000D"),
    ("\"hidden@example.test\"", "\"hidden@example.test|\"", 422, "bcc: "),
    ("\"s\"", "\"s\\nBcc: x@example.test\"", 422, "subject: control character U+000A"),
    ("\"s\"", "\"s\\u0000\"", 422, "subject: control character U+0000"),
    ("\"s\"", "[\"s\"]", 422, "subject: must be a string"),
    ("\"t\",", "5,", 422, "text: must be a string"),
    ("\"h\",", "{\"a\":1},", 422, "html: must be a string"),
    ("{\"X-A\":\"b\"}", "\"X-A: b\"", 422, "headers: must be an object"),
    ("{\"X-A\":\"b\"}", "{\"X-A\":1}", 422, "headers.X-A: must be a string"),
    ("{\"X-A\":\"b\"}", "{\"X A\":\"b\"}", 422, "headers.X A: octet 0x20"),
    ("{\"X-A\":\"b\"}", "{\"X-A\":\"b\\r\\nX-B: c\"}", 422, "headers.X-A: control character"),
    ("{\"X-A\":\"b\"}", "{\"X-A\":\"b\", \"x-a\":\"c\"}", 422, "headers.x-a: stands among the headers twice"),
    ("{\"X-A\":\"b\"}", "{\"bcc\":\"x@example.test\"}", 422, "headers.bcc: may not stand among the headers"),
    ("{\"X-A\":\"b\"}", "{\"To\":\"x@example.test\"}", 422, "headers.To: may not stand among the headers"),
    ("{\"X-A\":\"b\"}", "{\"Content-Type\":\"text/html\"}", 422, "headers.Content-Type: may not stand"),
    ("{\"X-A\":\"b\"}", "{\"Resent-To\":\"x@example.test\"}", 400, "Resent-To is refused"),
    ("{\"X-A\":\"b\"}", "{\"References\":\"nonsense\"}", 400, "References: "),
    ("\"YQ==\"", "\"YQ\"", 422, "attachments[0].content: is no whole base64"),
    ("\"YQ==\"", "\"YQ==YQ==\"", 422, "attachments[0].content: is no whole base64"),
    ("\"YQ==\"", "\"data:text/plain;base64,YQ==\"", 422, "attachments[0].content: is no base64: it holds ':'"),
    ("\"YQ==\"", "[1,256]", 422, "attachments[0].content: must be base64"),
    ("\"YQ==\"", "[1,\"2\"]", 422, "attachments[0].content: must be base64"),
    ("\"YQ==\"", "null", 422, "attachments[0].content: must be a string"),
    (",\"content\":\"YQ==\"", "", 422, "attachments[0]: has no content"),
    ("\"content\":\"YQ==\"", "\"path\":\"https://example.test/a\"", 422, "attachments[0].path: is not fetched"),
    ("\"YQ==\"", "\"YQ==\",\"content_type\":\"text\"", 422, "attachments[0].content_type: "),
    (
        "\"YQ==\"",
        "\"YQ==\",\"content_type\":\"multipart/mixed; boundary=a\"",
        422,
        "attachments[0].content_type: is the type",
    ),
    ("\"YQ==\"", "\"YQ==\",\"content_id\":\"a>\\r\\nX: b\"", 422, "attachments[0].content_id: must be 1 to 200"),
    (
        "\"YQ==\"",
        "\"YQ==\",\"content_id\":\"a\",\"inlineContentId\":\"b\"",
        422,
        "attachments[0].inlineContentId: stands beside",
    ),
    ("\"YQ==\"", "\"YQ==\",\"width\":5", 422, "attachments[0].width: is not known here"),
    ("[{\"filename\"", "[5,{\"filename\"", 422, "attachments[0]: must be an object"),
    ("\"s\"", "\"s\",\"scheduled_at\":\"in 1 min\"", 422, "scheduled_at: is not done here"),
    ("\"s\"", "\"s\",\"scheduledAt\":\"in 1 min\"", 422, "scheduledAt: is not done here"),
    ("\"s\"", "\"s\",\"template\":{\"id\":\"x\"}", 422, "template: is not done here"),
    ("\"s\"", "\"s\",\"topicId\":\"x\"", 422, "topicId: is not done here"),
    ("\"s\"", "\"s\",\"priority\":1", 422, "priority: is not known here"),
    ("\"text\":\"t\",\n    \"html\":\"h\",", "", 0, ""),
    // Not allowed by the configuration.
    ("[\"a@example.test\"]", "[\"a@elsewhere.test\"]", 403, "a@elsewhere.test is not allowed"),
    ("[\"a@example.test\"]", "[\"a@example.test\",\"b@example.test\",\"c@example.test\"]", 400, "more than the 3"),
];

#[test]
fn what_cannot_become_a_mail_is_refused_by_name_and_sends_nothing() {
    let sendmail = Sendmail::new();
    let settings = format!("{INPUTS}\nSendmailRecipients example.test\nSendmailMaxRecipients 3");
    let httpd = Httpd::builder().mail(&sendmail, &settings).start();
    post("/mail/emails", GOOD).send(&httpd).expect_status(200);
    assert_eq!(sendmail.take().len(), 1);
    let mut wrong = Vec::new();
    for (old, new, status, says) in ROWS {
        assert!(GOOD.contains(old), "{old}");
        let answer = post("/mail/emails", &GOOD.replacen(old, new, 1)).send(&httpd);
        let sent = sendmail.take().len();
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_json = answer.header("Content-Type") == Some("application/json");
        // 0: as if it were absent.
        let is_right = match *status {
            0 => (answer.status, sent) == (200, 1),
            status => {
                (answer.status, sent) == (status, 0)
                    && body["message"].as_str().is_some_and(|message| message.contains(says))
                    && (&body["statusCode"], &body["name"]) == (&status.into(), &"validation_error".into())
            }
        };
        if !is_right || !is_json {
            wrong.push(format!("{old} -> {new}: {status}, {says} expected; {sent} sent, {}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!httpd.error_log().contains("hidden@"), "Bcc is no matter of the log");
    for tag in ["SM0101", "SM0105", "SM0113", "SM0201"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn what_the_request_says_beside_the_json_is_refused_in_the_same_words() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{INPUTS}\nSendmailMaxSize 1000")).start();
    let good = post("/mail/emails", GOOD);
    good.send(&httpd).expect_status(200);
    good.clone().chunked(7).send(&httpd).expect_status(200);
    good.clone().header("To", "").send(&httpd).expect_status(200);
    assert_eq!(sendmail.take().len(), 3);
    let typed = |text: &str| good.clone().without("Content-Type").header("Content-Type", text);
    for (request, status, says) in [
        (good.clone().header("To", "x@example.test"), 400, "To stands in the request"),
        (good.clone().header("Bcc", "x@example.test"), 400, "Bcc stands in the request"),
        (good.clone().header("Reply-To", "x@example.test"), 400, "Reply-To stands in the request"),
        (typed("text/plain"), 415, "JSON is expected here"),
        (good.clone().without("Content-Type"), 415, "JSON is expected here"),
        (good.clone().header("Content-Encoding", "gzip"), 415, "Content-Encoding"),
        (good.clone().header("Origin", "https://evil.test"), 403, "another origin"),
        (good.clone().body(" ".repeat(1001)), 413, "1000 octets"),
        (good.clone().with_method("PUT"), 405, "only POST"),
    ] {
        let answer = request.send(&httpd).expect_status(status);
        let body: Value =
            serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()));
        assert!(body["message"].as_str().unwrap().contains(says), "{body}");
        assert_eq!(sendmail.starts(), 0, "{says}");
    }
    for tag in ["SM0101", "SM0102", "SM0103", "SM0104", "SM0108", "SM0205"] {
        httpd.expect_log(tag);
    }
}

/// Only the exact path: all other paths below the location remain for the fields format.
#[test]
fn another_path_is_no_json_and_neither_is_one_where_it_is_not_offered() {
    let sendmail = Sendmail::new();
    let name = sendmail.program().display().to_string();
    let section = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"");
    let matched = format!(
        "<LocationMatch \"^/api/v[12]\">\n{section}\n{INPUTS}\nSendmailLocation http://a.test/api/v1\n</LocationMatch>"
    );
    let builder = Httpd::builder().mail(&sendmail, INPUTS).location("/plain", &section).config(&matched);
    let httpd = builder.start();
    for path in ["/mail/emails", "/api/v1/emails"] {
        post(path, GOOD).send(&httpd).expect_status(200);
    }
    assert_eq!(sendmail.take().len(), 2);
    for path in
        ["/mail", "/mail/", "/mail/emails/", "/mail/emailsx", "/mail/x/emails", "/plain/emails", "/api/v2/emails"]
    {
        let answer = post(path, GOOD).send(&httpd).expect_status(400);
        assert!(answer.shows(b"no recipient"), "{path}: {}", answer.text());
        Request::mail(path).send(&httpd).expect_status(202);
        assert_eq!(sendmail.take().len(), 1, "{path}");
    }
    httpd.expect_log("SM0105");
}

const POSTMARK: &str = r#"{"From":"f@example.test","To":"a@example.test","Subject":"s","TextBody":"t","HtmlBody":"h",
    "Headers":[{"Name":"X-A","Value":"b"}],"Attachments":[{"Name":"a.txt","Content":"YQ==","ContentID":null}],
    "TrackLinks":"None","TrackOpens":false,"MessageStream":"outbound","Tag":"","Metadata":{"a":"b"}}"#;

/// Old and new text in [`POSTMARK`], and the answer's text.
const POSTMARK_ROWS: &[(&str, &str, &str)] = &[
    ("{\"From\"", "\"From\"", "the body: more stands behind"),
    ("\"a@example.test\"", "[\"a@example.test\"]", "To: must be a string"),
    ("\"a@example.test\"", "\"a@example.test, b c\"", "To: "),
    ("\"a@example.test\"", "\"a@elsewhere.test\"", "a@elsewhere.test is not allowed"),
    ("\"a@example.test\"", "\"\"", "no recipient"),
    ("\"s\"", "\"s\\r\\nBcc: x@example.test\"", "Subject: control character"),
    ("\"t\"", "1", "TextBody: must be a string"),
    (
        "\"TextBody\":\"t\",\"HtmlBody\":\"h\",\n    \"Headers\":[{\"Name\":\"X-A\",\"Value\":\"b\"}],\"Attachments\":[{\"Name\":\"a.txt\",\"Content\":\"YQ==\",\"ContentID\":null}]",
        "\"Headers\":[]",
        "one of TextBody, HtmlBody and Attachments is needed",
    ),
    ("\"Name\":\"X-A\",", "", "Headers[0]: needs Name and Value"),
    ("\"X-A\"", "\"Bcc\"", "Headers[0].Value: may not stand among the headers"),
    ("\"X-A\"", "\"X A\"", "Headers[0].Value: octet 0x20"),
    ("\"YQ==\"", "\"Y\"", "Attachments[0].Content: is no whole base64"),
    ("\"Content\":\"YQ==\",", "", "Attachments[0]: has no Content"),
    ("null", "\"cid:\"", "Attachments[0].ContentID: must be 1 to 200"),
    ("\"None\"", "\"HtmlOnly\"", "TrackLinks: is not done here"),
    ("false", "true", "TrackOpens: is not done here"),
    ("\"Tag\"", "\"TemplateId\":5,\"Tag\"", "TemplateId: is not done here"),
    ("\"Tag\"", "\"InlineCss\":true,\"Tag\"", "InlineCss: is not known here"),
    ("{\"a\":\"b\"}", "\"b\"", "Metadata: must be an object"),
    ("{\"a\":\"b\"}", "{\"a\":{\"b\":1}}", "Metadata.a: must be a string"),
    (
        "\"a\":\"b\"",
        "\"a23456789012345678901\":\"b\"",
        "Metadata.a23456789012345678901: has a name of more than 20 octets",
    ),
    ("\"Tag\":\"\"", "\"Tag\":\"a\\nb\"", "Tag: holds a control character"),
    ("\"b\"}}", "\"b\"}", "the JSON ends too early"),
    ("\"b\"}}", "\"b\"}}}", "more stands behind"),
    ("\"Subject\":\"s\"", "\"Subject\":\"s\",\"subject\":\"t\"", "subject: stands there twice"),
    ("\"Subject\":\"s\"", "\"Subject\":\"s\",\"Subject\":\"t\"", "Subject: stands there twice"),
    ("\"s\"", "\"\\udc00\"", "Subject: half a surrogate pair"),
    ("\"s\"", "{\"a\":1}", "Subject: must be a string"),
    ("\"f@example.test\"", "1", "From: must be a string"),
    ("\"f@example.test\"", "\"f@example.test, g@example.test\"", "From"),
    ("\"f@example.test\"", "\"F <f@example.test\"", "From: "),
    ("\"f@example.test\"", "\"f@example.test\",\"Cc\":[\"c@example.test\"]", "Cc: must be a string"),
    ("\"f@example.test\"", "\"f@example.test\",\"Bcc\":\"b c\"", "Bcc: "),
    ("\"f@example.test\"", "\"f@example.test\",\"ReplyTo\":\"x@x\\u0000\"", "ReplyTo: control character"),
    ("\"f@example.test\"", "\"f@example.test\",\"ReplyTo\":\",\"", "ReplyTo: holds no address"),
    ("\"h\"", "[\"h\"]", "HtmlBody: must be a string"),
    ("[{\"Name\":\"X-A\",\"Value\":\"b\"}]", "{\"X-A\":\"b\"}", "Headers: must be an array"),
    ("\"Value\":\"b\"", "\"Value\":\"b\",\"More\":1", "Headers[0].More: is not known here"),
    ("\"Value\":\"b\"", "\"Value\":\"b\\r\\nBcc: x@example.test\"", "Headers[0].Value: control character"),
    ("\"X-A\"", "\"Content-Type\"", "Headers[0].Value: may not stand among the headers"),
    ("\"X-A\"", "\"Resent-To\"", "Resent-To is refused"),
    ("\"X-A\"", "7", "Headers[0].Name: must be a string"),
    ("\"YQ==\"", "\"YQ==YQ==\"", "Attachments[0].Content: is no whole base64"),
    ("\"YQ==\"", "\"data:;base64,YQ==\"", "Attachments[0].Content: is no base64: it holds ':'"),
    ("\"YQ==\"", "[300]", "Attachments[0].Content: must be base64, or an array of octets"),
    ("\"YQ==\"", "\"YQ==\",\"ContentType\":\"x\"", "Attachments[0].ContentType: "),
    ("\"YQ==\"", "\"YQ==\",\"ContentType\":\"message/rfc822\"", "Attachments[0].ContentType: is the type"),
    ("\"YQ==\"", "\"YQ==\",\"ContentLength\":1", "Attachments[0].ContentLength: is not known here"),
    ("\"Tag\":\"\"", "\"Tag\":5", "Tag: must be a string"),
    ("\"Tag\":\"\"", "\"MessageStreams\":\"x\"", "MessageStreams: is not known here"),
    ("\"Tag\"", "\"TemplateAlias\":\"x\",\"Tag\"", "TemplateAlias: is not done here"),
    ("\"Tag\"", "\"TemplateModel\":{\"a\":1},\"Tag\"", "TemplateModel: is not done here"),
    ("\"outbound\"", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "nested deeper than 16"),
];

#[test]
fn what_cannot_become_a_mail_is_refused_in_the_words_of_postmark() {
    let sendmail = Sendmail::new();
    let settings = format!("{INPUTS}\nSendmailRecipients example.test");
    let httpd = Httpd::builder().mail(&sendmail, &settings).start();
    let good = post("/mail/email", POSTMARK).send(&httpd).expect_status(200);
    let body: Value = serde_json::from_slice(&good.body).unwrap();
    assert_eq!((&body["ErrorCode"], &body["To"]), (&0.into(), &"a@example.test".into()));
    assert_eq!(sendmail.take().len(), 1);
    for (old, new, says) in POSTMARK_ROWS {
        assert!(POSTMARK.contains(old), "{old}");
        let answer = post("/mail/email", &POSTMARK.replacen(old, new, 1)).send(&httpd).expect_status(422);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(body["Message"].as_str().unwrap().contains(says), "{new}: {body}");
        assert_eq!((&body["ErrorCode"], sendmail.starts()), (&300.into(), 0), "{new}");
    }
    for tag in ["SM0101", "SM0105", "SM0113", "SM0201"] {
        httpd.expect_log(tag);
    }
}

const SENDGRID: &str = r#"{"from":{"email":"f@example.test","name":"F"},"reply_to":{"email":"r@example.test"},"subject":"s",
    "personalizations":[{"to":[{"email":"a@example.test","name":"A \"B\", C"}],"bcc":[{"email":"hidden@example.test"}],"headers":{"X-B":"c"}}],
    "content":[{"type":"text/plain","value":"t"},{"type":"text/html","value":"h"}],"headers":{"X-A":"b"},
    "attachments":[{"content":"YQ==","filename":"a.txt","disposition":"inline","content_id":"i"}],"categories":["c"],
    "mail_settings":{"sandbox_mode":{"enable":false}},"tracking_settings":{"click_tracking":{"enable":false}}}"#;

/// Old and new text in [`SENDGRID`], the status, the field that the answer names, its text.
const SENDGRID_ROWS: &[(&str, &str, u16, &str, &str)] = &[
    ("{\"from\"", "\"from\"", 400, "the body", "more stands behind"),
    ("{\"from\"", "[{\"from\"", 400, "the body", "ends too early"),
    ("\"s\",", "\"s\",\"Subject\":\"t\",", 400, "Subject", "stands there twice"),
    ("\"s\",", "\"\\ud800\",", 400, "subject", "half a surrogate pair"),
    ("\"s\",", "\"s\\r\\nBcc: x@example.test\",", 400, "subject", "control character"),
    ("[\"c\"]", "[[\"c\"]]", 400, "categories[0]", "must be a string"),
    ("\"s\",", "\"s\",\"custom_args\":\"a\",", 400, "custom_args", "must be an object"),
    ("\"s\",", "7,", 400, "subject", "must be a string"),
    ("\"s\",", "\"s\",\"send_at\":4102444800,", 400, "send_at", "is not done here"),
    ("\"s\",", "\"s\",\"template_id\":\"d-1\",", 400, "template_id", "is not done here"),
    ("\"s\",", "\"s\",\"asm\":{\"group_id\":1},", 400, "asm", "is not done here"),
    ("\"s\",", "\"s\",\"sections\":{\"a\":\"b\"},", 400, "sections", "is not done here"),
    ("\"s\",", "\"s\",\"priority\":1,", 400, "priority", "is not known here"),
    ("{\"email\":\"f@example.test\",\"name\":\"F\"}", "7", 400, "from", "must be an object"),
    ("{\"email\":\"f@example.test\",\"name\":\"F\"}", "{\"name\":\"F\"}", 400, "from", "has no email"),
    ("\"f@example.test\"", "\"f example.test\"", 400, "from.email", "address"),
    ("\"f@example.test\"", "[\"f@example.test\"]", 400, "from.email", "must be a string"),
    ("\"name\":\"F\"", "\"name\":\"F\\n\"", 400, "from.name", "control character"),
    ("\"name\":\"F\"", "\"nick\":\"F\"", 400, "from.nick", "is not known here"),
    ("\"r@example.test\"", "\"r\\u0000@example.test\"", 400, "reply_to.email", "control character"),
    (
        "\"subject\"",
        "\"reply_to_list\":[{\"email\":\"q@example.test\"}],\"subject\"",
        400,
        "reply_to_list",
        "stands beside",
    ),
    ("\"a@example.test\"", "\"a@example.test, b@example.test\"", 400, "personalizations[0].to[0].email", "address"),
    ("\"a@example.test\"", "\"A <a@example.test>\"", 400, "personalizations[0].to[0].email", "address"),
    ("\"a@example.test\"", "null", 400, "personalizations[0].to[0]", "has no email"),
    ("\"a@example.test\"", "\"a@elsewhere.test\"", 403, "", "a@elsewhere.test is not allowed"),
    ("\"bcc\":[{", "\"cc\":[{\"email\":\"b c\"}],\"bcc\":[{", 400, "personalizations[0].cc[0].email", "address"),
    (
        "\"headers\":{\"X-B\"",
        "\"send_at\":1,\"headers\":{\"X-B\"",
        400,
        "personalizations[0].send_at",
        "is not done here",
    ),
    (
        "\"headers\":{\"X-B\"",
        "\"substitutions\":{\"a\":\"b\"},\"headers\":{\"X-B\"",
        400,
        "personalizations[0].substitutions",
        "is not done here",
    ),
    (
        "\"headers\":{\"X-B\"",
        "\"dynamic_template_data\":{\"a\":\"b\"},\"headers\":{\"X-B\"",
        400,
        "personalizations[0].dynamic_template_data",
        "is not done here",
    ),
    ("\"headers\":{\"X-B\"", "\"more\":1,\"headers\":{\"X-B\"", 400, "personalizations[0].more", "is not known here"),
    ("\"X-B\"", "\"Bcc\"", 400, "personalizations[0].headers.Bcc", "may not stand among the headers"),
    ("\"X-B\"", "\"X B\"", 400, "personalizations[0].headers.X B", "octet 0x20"),
    ("\"X-A\"", "\"Content-Type\"", 400, "headers.Content-Type", "may not stand among the headers"),
    ("\"X-A\":\"b\"", "\"X-A\":\"b\\r\\nX-C: d\"", 400, "headers.X-A", "control character"),
    ("\"X-A\"", "\"Resent-To\"", 400, "", "Resent-To is refused"),
    ("{\"type\":\"text/plain\",\"value\":\"t\"}", "{\"value\":\"t\"}", 400, "content[0]", "has no type"),
    ("\"text/plain\"", "\"text/calendar\"", 400, "content[0].type", "must be text/plain or text/html"),
    ("\"text/plain\"", "\"text/html\"", 400, "content[1].type", "stands there twice"),
    ("\"value\":\"t\"", "\"value\":5", 400, "content[0].value", "must be a string"),
    ("\"value\":\"t\"", "\"value\":\"t\",\"charset\":\"x\"", 400, "content[0].charset", "is not known here"),
    ("\"YQ==\"", "\"YQ\"", 400, "attachments[0].content", "is no whole base64"),
    ("\"YQ==\"", "\"data:;base64,YQ==\"", 400, "attachments[0].content", "is no base64"),
    ("\"content\":\"YQ==\",", "", 400, "attachments[0]", "has no content"),
    ("\"YQ==\"", "\"YQ==\",\"type\":\"multipart/mixed; boundary=b\"", 400, "attachments[0].type", "is the type"),
    ("\"inline\"", "\"elsewhere\"", 400, "attachments[0].disposition", "must be inline or attachment"),
    ("\"i\"", "\"<\"", 400, "attachments[0].content_id", "must be 1 to 200"),
    ("\"sandbox_mode\":{\"enable\":false}", "\"sandbox_mode\":{\"enable\":true}", 403, "", "asks for a dry run"),
    (
        "\"sandbox_mode\":{\"enable\":false}",
        "\"sandbox_mode\":{\"enable\":1}",
        400,
        "mail_settings.sandbox_mode.enable",
        "must be true or false",
    ),
    (
        "\"sandbox_mode\":{\"enable\":false}",
        "\"sandbox_mode\":\"on\"",
        400,
        "mail_settings.sandbox_mode",
        "must be an object",
    ),
    (
        "\"sandbox_mode\":{\"enable\":false}",
        "\"footer\":{\"enable\":true,\"text\":\"x\"}",
        400,
        "mail_settings.footer",
        "is not done here",
    ),
    (
        "\"click_tracking\":{\"enable\":false}",
        "\"click_tracking\":{\"enable\":true}",
        400,
        "tracking_settings.click_tracking",
        "is not done here",
    ),
    (
        "\"click_tracking\":{\"enable\":false}",
        "\"openTracking\":{\"enable\":true}",
        400,
        "tracking_settings.openTracking",
        "is not done here",
    ),
];

#[test]
fn what_cannot_become_a_mail_is_refused_in_the_words_of_sendgrid() {
    let sendmail = Sendmail::new();
    let settings = format!("{INPUTS}\nSendmailRecipients example.test");
    let httpd = Httpd::builder().mail(&sendmail, &settings).start();
    let send = |json: &str| post("/mail/v3/mail/send", json).send(&httpd);
    assert_eq!(send(SENDGRID).expect_status(202).body, b"");
    let sent = sendmail.take().pop().unwrap().text();
    for part in [
        "To: \"A \\\"B\\\", C\" <a@example.test>\n",
        "Reply-To: r@example.test\n",
        "X-A: b\n",
        "X-B: c\n",
        "Content-ID: <i>\n",
    ] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    // A mail's own values override the common ones.
    let own = r#""subject":"own","headers":{"x-a":"own","X-B":"c"}"#;
    send(&SENDGRID.replacen(r#""headers":{"X-B":"c"}"#, own, 1)).expect_status(202);
    let sent = sendmail.take().pop().unwrap().text();
    assert!(sent.contains("Subject: own\n") && sent.contains("X-A: own\n") && !sent.contains("X-A: b\n"), "{sent}");
    let mut wrong = Vec::new();
    for (old, new, status, field, says) in SENDGRID_ROWS {
        assert!(SENDGRID.contains(old), "{old}");
        let answer = send(&SENDGRID.replacen(old, new, 1));
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let first = &body["errors"][0];
        let is_right = (answer.status, sendmail.take().len()) == (*status, 0)
            && first["message"].as_str().is_some_and(|message| message.contains(says))
            && first["field"].as_str().unwrap_or_default() == *field
            && answer.header("Content-Type") == Some("application/json");
        if !is_right {
            wrong.push(format!("{old} -> {new}: {status}, {field}: {says} expected; {}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!httpd.error_log().contains("hidden@"), "Bcc is no matter of the log");
    for tag in ["SM0101", "SM0113", "SM0201", "SM0206"] {
        httpd.expect_log(tag);
    }
}
