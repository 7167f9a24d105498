//! The first mails of docs/sdks.md, unchanged except for the server's address.

use super::{sdks, with_login};
use crate::support::place::repository;
use crate::support::process::{installed, run};
use crate::support::{Httpd, Sendmail, skipped};
use std::process::{Command, Stdio};

/// The blocks of code in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_first_mails_of_the_page_are_sent() {
    let Some(folder) = installed("sdks") else { return skipped("the SDKs cannot be installed (tools/sdks)") };
    let page = std::fs::read_to_string(repository().join("docs/sdks.md")).unwrap();
    let (scripts, programs) = (blocks(&page, "js"), blocks(&page, "python"));
    assert_eq!((scripts.len(), programs.len()), (3, 4), "a first mail for each SDK");
    let sendmail = Sendmail::new();
    let httpd = with_login(Httpd::builder(), "/api/mail", &sendmail, "SendmailBearer On");
    let at_root = with_login(Httpd::builder(), "/", &sendmail, "SendmailBearer On");
    let all = scripts.iter().map(|code| ("node", code)).chain(programs.iter().map(|code| ("python3", code)));
    for (program, code) in all {
        let here = format!("127.0.0.1:{}/api/mail", httpd.port());
        let code = code
            .replace("https://mail.example.org/api/mail", &format!("http://{here}"))
            .replace("\"mail.example.org/api/mail\"", &format!("\"{here}\", useHttps: false"))
            .replace("https://mail.example.org/", &format!("http://127.0.0.1:{}/", at_root.port()));
        assert!(!code.contains("mail.example.org"), "{code}");
        let place = folder.join("node").join(if program == "node" { "first.mjs" } else { "first.py" });
        std::fs::write(&place, &code).unwrap();
        let mut command = Command::new(program);
        command.arg(&place).current_dir(&folder).env("PYTHONPATH", folder.join("python")).env("MAIL_KEY", sdks::GOOD);
        let said = run(command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1").stdin(Stdio::null()));
        let message = sendmail.take().pop().unwrap_or_else(|| panic!("nothing was sent by\n{code}")).text();
        assert!(message.contains("Subject: Hello\n") && message.contains("\n\nHello Wendy"), "{message}");
        let said = String::from_utf8_lossy(&said);
        assert!(said.trim() == "1" || message.contains(said.trim()), "{said}");
    }
}
