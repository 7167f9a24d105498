//! httpd's own answers at an SDK's path are in that SDK's format, whatever error pages the site has; and each SDK raises its own error for
//! it.

use super::sdks;
use super::{INPUTS, post, with_login};
use crate::support::process::installed;
use crate::support::{Httpd, Request, Response, Sendmail, skipped};
use serde_json::Value;

const JSON: &str = r#"{"from":"f@example.test","to":"a@example.test","text":"t"}"#;
const KEY: &str = "Bearer YWxpY2U6c2VjcmV0";

/// Whether a body with this status is in the dialect.
type Speaks = fn(&Value, u16) -> bool;

/// The path of each dialect, and the member that it reads.
const PATHS: &[(&str, Speaks)] = &[
    ("/emails", |body, status| body["statusCode"] == status && body["name"].is_string() && body["message"].is_string()),
    ("/emails/batch", |body, status| body["statusCode"] == status),
    ("/email", |body, status| {
        body["ErrorCode"] == if status == 401 { 10 } else { status } && body["Message"].is_string()
    }),
    ("/v3/mail/send", |body, _| body["errors"][0]["message"].is_string()),
];

fn judge(answer: &Response, path: &str, speaks: Speaks) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    assert!(speaks(&body, answer.status), "{path}: {}", answer.text());
    assert_eq!(answer.header("Content-Type"), Some("application/json"), "{path}");
    assert!(!answer.shows(b"of the site"), "{path}");
}

#[test]
fn httpd_refuses_an_sdk_in_its_own_words_and_a_person_with_the_page_of_the_site() {
    let sendmail = Sendmail::new();
    let pages = "ErrorDocument 401 \"page of the site\"\nErrorDocument 403 /error\nErrorDocument 413 /error\nErrorDocument 404 /error\n\
                 ErrorDocument 500 /error\nErrorDocument 503 \"page of the site\"";
    let builder = Httpd::builder().modules(&["alias", "authz_user", "rewrite"]).config(pages);
    let builder =
        builder.location("/mail/v3/mail", "LimitRequestBody 300").location("/mail/email", "LimitRequestBody 300");
    let program = "SetHandler sendmail\nSendmailName /bin/true";
    let closed = format!("{program}\nRequire all denied\n{INPUTS}");
    let builder = builder.location("/closed", &closed).config("Redirect 503 /down");
    let down = format!("{program}\nRequire ip 127.0.0.1\n{INPUTS}");
    let missing = format!("{down}\nRewriteEngine On\nRewriteRule . - [R=404]");
    let builder = builder.location("/down", &down).location("/gone", &missing);
    let httpd = with_login(builder, "/mail", &sendmail, "SendmailBearer On");
    for (path, speaks) in PATHS {
        let send = |location: &str, key: &str, body: &str| {
            let request = post(&format!("{location}{path}"), body);
            let request = if key.is_empty() { request } else { request.header("Authorization", key) };
            request.send(&httpd)
        };
        let refused = send("/mail", "", JSON).expect_status(401);
        judge(&refused, path, *speaks);
        assert!(refused.header("WWW-Authenticate").is_some_and(|field| field.starts_with("Basic")));
        judge(&send("/mail", "Bearer YTpi", JSON).expect_status(401), path, *speaks);
        judge(&send("/closed", "", JSON).expect_status(403), path, *speaks);
        judge(&send("/gone", "", JSON).expect_status(404), path, *speaks);
        judge(&send("/down", "", JSON).expect_status(503), path, *speaks);
        if !path.starts_with("/emails") {
            judge(&send("/mail", KEY, &" ".repeat(301)).expect_status(413), path, *speaks);
        }
        let get = Request::get(&format!("/mail{path}")).header("Authorization", KEY).send(&httpd);
        judge(&get.expect_status(405), path, *speaks);
    }
    post("/mail/emails", JSON).header("Authorization", KEY).send(&httpd).expect_status(200);
    assert_eq!(sendmail.take().len(), 1);
    assert!(Request::mail("/mail").send(&httpd).expect_status(401).shows(b"page of the site"));
    assert!(Request::mail("/down").send(&httpd).expect_status(503).shows(b"page of the site"));
    let shown = Request::mail("/mail/emailsx").send(&httpd).expect_status(401);
    assert!(
        shown.shows(b"page of the site")
            && shown.header("Content-Type").is_some_and(|kind| kind.starts_with("text/html"))
    );
    assert_eq!(sendmail.starts(), 0);
    httpd.allow_log("AH");
    httpd.expect_log("SM0107");
    httpd.expect_log("SM0108");
}

#[test]
fn a_wrong_key_is_each_sdks_own_error() {
    let Some(sdks) = installed("sdks") else { return skipped("the SDKs cannot be installed (tools/sdks)") };
    let sendmail = Sendmail::new();
    let builder = || Httpd::builder().config("ErrorDocument 401 \"page of the site\"");
    let httpd = with_login(builder(), "/mail", &sendmail, "SendmailBearer On");
    let at_root = with_login(builder(), "/", &sendmail, "SendmailBearer On");
    for (program, name, complaint) in [
        ("node", "send_resend.cjs", "missing_api_key"),
        ("python3", "send_resend.py", "missing_api_key"),
        ("node", "send_postmark.cjs", "InvalidAPIKeyError"),
        ("python3", "send_postmarker.py", "10"),
        ("node", "send_sendgrid.cjs", "ResponseError"),
        ("python3", "send_sendgrid.py", "UnauthorizedError"),
    ] {
        let (httpd, location) = if name == "send_postmarker.py" { (&at_root, "/") } else { (&httpd, "/mail") };
        let answers = sdks::script(program, name, httpd, location, "YTpi", &sdks);
        assert_eq!(answers.len(), 8, "{name}");
        for answer in answers {
            assert_eq!(answer["error"]["name"], complaint, "{name}: {answer}");
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(message.to_lowercase().contains("key"), "{name}: {answer}");
        }
    }
    assert_eq!(sendmail.starts(), 0);
    httpd.allow_log("AH");
    at_root.allow_log("AH");
}
