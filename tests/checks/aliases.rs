//! SendmailAlias: names that clients may send to.

use super::{only, text};
use crate::programs::{SECONDS, place, steady};
use crate::relay::{relaying, to};
use crate::support::{Mpm, Request, Sendmail, Smtp};

const ALIASES: &str = "SendmailAlias sales sales@example.org,boss@example.org\nSendmailAlias boss old@example.org";

#[test]
fn an_alias_is_written_as_it_was_and_resolved_for_the_envelope() {
    let smtp = Smtp::start();
    let builder = relaying(steady(Mpm::Event), "/mail", &to(&smtp), ALIASES);
    let builder = relaying(builder, "/domain", &to(&smtp), &format!("{ALIASES}\nSendmailDomain gw.test"));
    let httpd =
        relaying(builder, "/few", &to(&smtp), &format!("{ALIASES}\nSendmailRecipients sales@example.org")).start();
    let request = |path: &str, to: &str| Request::mail(path).without("To").header("To", to);
    request("/mail", "Sales, x@example.test").header("Bcc", "boss").send(&httpd).expect_status(202);
    let arrived = only(&smtp);
    let rcpts = ["sales@example.org", "boss@example.org", "x@example.test", "old@example.org"]
        .map(|to| format!("RCPT TO:<{to}>"));
    assert_eq!(arrived.rcpts, rcpts, "and what an alias stands for is no alias");
    let message = text(&arrived);
    assert!(message.contains("\nTo: Sales, x@example.test\n") && !message.contains("example.org"), "{message}");
    request("/domain", "sales, root").send(&httpd).expect_status(202);
    let arrived = only(&smtp);
    assert_eq!(arrived.rcpts.last().map(String::as_str), Some("RCPT TO:<root@gw.test>"));
    assert!(text(&arrived).contains("\nTo: sales@gw.test, root@gw.test\n"), "completed as every name is");
    assert_eq!(arrived.rcpts.len(), 3);
    let response = request("/few", "sales").send(&httpd).expect_status(403);
    assert!(response.text().contains("boss@example.org"), "policy sees what it stands for: {}", response.text());
    assert!(smtp.take().is_empty());
    httpd.expect_log("SM0201");
}

#[test]
fn with_t_the_header_is_the_envelope_and_so_resolved() {
    let sendmail = Sendmail::new();
    let builder = place(steady(Mpm::Event), "/header", &sendmail, ALIASES);
    let httpd = place(builder, "/appended", &sendmail, &format!("SendmailArguments -i --\n{ALIASES}")).start();
    let request = |path: &str| Request::mail(path).without("To").header("To", "sales");
    request("/header").send(&httpd).expect_status(202);
    request("/appended").send(&httpd).expect_status(202);
    let runs = sendmail.wait_for(2, SECONDS);
    let message = |at: usize| runs[at].text();
    assert!(message(0).contains("\nTo: sales@example.org, boss@example.org\n"), "{}", message(0));
    assert!(message(1).contains("\nTo: sales\n"), "{}", message(1));
    assert_eq!(runs[1].arguments(), ["-i", "--", "sales@example.org", "boss@example.org"]);
}
