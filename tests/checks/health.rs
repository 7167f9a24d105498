//! The health check also asks the checks, without a message.

use super::checked;
use crate::programs::steady;
use crate::relay::{relaying, to};
use crate::support::milter::ALL;
use crate::support::place::free_port;
use crate::support::{Milter, Mpm, Request, Sendmail, Smtp};

#[test]
fn a_check_that_does_not_answer_is_a_fault_unless_nothing_depends_on_it() {
    let (smtp, milter, sendmail) = (Smtp::start(), Milter::start(), Sendmail::new());
    let nobody = free_port();
    let mut builder = checked(steady(Mpm::Event), "/well", &smtp, &milter, "");
    for (path, text) in [
        ("/milter", format!("SendmailMilter inet:127.0.0.1:{nobody}")),
        ("/accept", format!("SendmailMilter inet:127.0.0.1:{nobody}\nSendmailMilterDefault accept")),
        ("/policy", format!("SendmailPolicy inet:127.0.0.1:{nobody}")),
        ("/clamd", "SendmailClamd unix:/nonexistent/clamd".to_owned()),
    ] {
        builder = relaying(builder, path, &to(&smtp), &text);
    }
    let name = sendmail.program().display().to_string();
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"\nSendmailArguments -i --\nSendmailMilter {}",
        milter.endpoint()
    );
    builder = builder.location("/program", &text);
    for path in ["/well", "/milter", "/accept", "/policy", "/clamd", "/program"] {
        builder = builder.location(&format!("{path}/health"), "SetHandler sendmail-health");
    }
    let httpd = builder.start();
    let health = |path: &str| Request::get(&format!("{path}/health")).send(&httpd);
    for (path, status) in
        [("/well", 200), ("/milter", 503), ("/accept", 200), ("/policy", 503), ("/clamd", 503), ("/program", 200)]
    {
        let response = health(path);
        assert_eq!(response.status, status, "{path}: {}", response.text());
        assert_eq!(response.text().contains("a check does not answer"), status == 503, "{path}");
    }
    assert!(httpd.error_log().contains("may ask for what would be refused: it changes the sender"));
    milter.negotiates(0x80, 0);
    assert_eq!(health("/well").status, 503);
    milter.negotiates(ALL, 0);
    assert_eq!(health("/well").status, 200);
    assert!(milter.take().iter().all(|(code, _)| "OQ".contains(*code)) && smtp.take().is_empty());
    httpd.expect_log("SM0409");
}
