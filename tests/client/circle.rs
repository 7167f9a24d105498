//! A gateway that hands its mail to sendmail-http, which sends it to the gateway: `httpd -t` and `--check` find the loop. And how the
//! module uses that program if it leads elsewhere.

use super::Machine;
use crate::support::artifacts::client;
use crate::support::{Httpd, Request, Sendmail};

/// `/mail` through sendmail-http with the settings of this machine.
fn by_client(machine: &Machine, more: &str) -> String {
    format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\nSendmailArguments \"--config={}\" -i --\n{more}",
        client().display(),
        machine.file("conf").display()
    )
}

#[test]
fn a_gateway_that_sends_to_itself_is_found_by_its_start_and_by_the_client() {
    let machine = Machine::new("");
    let builder =
        Httpd::builder().location("/mail", &by_client(&machine, "SendmailInputs mime\nSendmailDryRun request"));
    let url = |path: &str| format!("url http://127.0.0.1:{}{path}\n", builder.port());
    machine.configure(&url("/other"));
    let fine = builder.config_test();
    assert!(fine.passed && !fine.output.contains("SM0813"), "{}", fine.output);
    machine.configure(&url("/mail"));
    let circle = builder.config_test();
    assert!(circle.passed && circle.output.contains("SM0813"), "{}", circle.output);
    let httpd = builder.start().allowing("SM0814");
    httpd.expect_log("SM0813");
    let done = machine.run("--check", "");
    assert!(done.status == Some(1) && done.stdout.contains("which is this program"), "{done:?}");
}

#[test]
fn the_module_knows_what_the_exit_of_the_client_means() {
    let sendmail = Sendmail::new();
    let next = Httpd::builder()
        .mail(&sendmail, "SendmailInputs mime\nSendmailArguments -i --\nSendmailMaxSize 10K")
        .start()
        .allowing("SM0814");
    let machine = Machine::new("");
    let first = Httpd::builder().location("/mail", &by_client(&machine, "")).start();
    let to_next = format!("url http://127.0.0.1:{}/mail\nqueue none\n", next.port());
    let set = |settings: &str| {
        let text = format!("domain example.test\nbackground no\n{settings}");
        std::fs::write(machine.file("conf"), text).unwrap();
    };
    set(&to_next);
    let message = Request::mail("/mail");
    message.send(&first).expect_status(202);
    assert_eq!(sendmail.take().len(), 1);
    message.clone().body("x".repeat(20_000)).send(&first).expect_status(413);
    next.expect_log("SM0104");
    set("url http://127.0.0.1:9/mail\nqueue none\n");
    message.send(&first).expect_status(503);
    set("url http://127.0.0.1:9/mail\nqueue /proc/no/such\n");
    message.send(&first).expect_status(503);
    assert_eq!(sendmail.starts(), 0);
    first.allow_log("SM04");
}
