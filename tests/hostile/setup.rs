//! The configuration and the program's behaviour that a row needs.

use crate::support::hostile::Row;
use crate::support::{Behaviour, Httpd, Mpm, Sendmail};
use std::time::Duration;

/// A server for rows; those with equal set-ups share one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    modules: Vec<&'static str>,
    server: String,
    mail: String,
    behaviour: String,
    program_is_missing: bool,
}

/// What every row gets: small limits, a base for the redirect, HTTP/2, and a contact form.
const SERVER: &str = "Timeout 2\nProtocols h2c http/1.1\nTraceEnable off";
const MAIL: &str = "SendmailMaxSize 1M\nSendmailDSNLocation /dsn";
/// `alice:secret`.
const LOGIN: &str = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user\n\
                     SendmailSenderMail REMOTE_USER\nSendmailDomain example.test";

impl Setup {
    pub fn of(row: &Row) -> Self {
        let mut setup = Setup::default();
        if let Some(("config", words)) = row.needs() {
            let words = words.trim_end_matches(" (Exim)").trim_end_matches(" without authentication");
            setup.mail = format!("SendmailArguments {words}");
        }
        match row.id.as_str() {
            "C11" => setup.server = "MergeTrailers On".into(),
            "F11" | "F12" => {
                setup.modules = vec!["auth_basic", "authn_file"];
                setup.mail = LOGIN.into();
            }
            "F13" => setup.mail = "SendmailSenderMail AUTHENTICATE_MAIL".into(),
            "F15" => {
                setup.mail =
                    "SendmailSenderMail AUTHENTICATE_MAIL\nSetEnv AUTHENTICATE_MAIL \"a@x.test, b@y.test\"".into();
            }
            "F16" => {
                setup.mail = "SendmailSenderMail alice@example.test\nSendmailSenderName AUTHENTICATE_CN\n\
                              SetEnv AUTHENTICATE_CN \"\\\"A\\\" <z@evil.test>, B\""
                    .into();
            }
            "J02" => setup.behave(Behaviour::new().exits(75)),
            "J04" => setup.behave(Behaviour::new().complains("secret words of the program\n").reads_all().exits(65)),
            "J05" => setup.behave(Behaviour::reads_all_and_exits(75)),
            "J11" => setup.hangs(Behaviour::new().reads_all().hangs()),
            "J13" => setup.behave(
                Behaviour::new().leaves_a_grandchild_holding_stderr(Duration::from_secs(60)).reads_all().exits(0),
            ),
            "J15" => setup.hangs(Behaviour::new().exits_on_term(0).reads_all().hangs()),
            "J17" => setup.program_is_missing = true,
            "K04" => setup.server = "ErrorDocument 400 /mail".into(),
            _ => {}
        }
        setup
    }

    fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour.to_string();
    }

    fn hangs(&mut self, behaviour: Behaviour) {
        self.behave(behaviour);
        self.mail = "SendmailTimeout 1s".into();
    }

    pub fn start(&self, mpm: Mpm, sendmail: &Sendmail) -> Httpd {
        if !self.behaviour.is_empty() {
            std::fs::write(sendmail.folder().join("behaviour"), &self.behaviour).expect("own folder");
        }
        // mod_http2 warns about prefork, where HTTP/2 is not asked for.
        let h2 = if mpm == Mpm::Prefork { "headers" } else { "http2" };
        let mut builder = Httpd::builder().mpm(mpm).modules(&["headers", h2]).modules(&self.modules);
        let users = builder.root().join("users");
        std::fs::write(users, "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").expect("own folder");
        builder = builder.config(&SERVER.replace(if mpm == Mpm::Prefork { "h2c " } else { "\0" }, ""));
        let program = if self.program_is_missing { "/nowhere/secret/sendmail".into() } else { sendmail.program() };
        let mail = format!("SetHandler sendmail\nSendmailName \"{}\"\n{MAIL}\nRequire ip 127.0.0.1", program.display());
        let contact = format!("{mail}\nRequestHeader set To contact@example.test");
        let closed = if self.mail.contains("Require ") { mail.replace("\nRequire ip 127.0.0.1", "") } else { mail };
        builder
            .config(&self.server)
            .location("/mail", &format!("{closed}\n{}", self.mail))
            .location("/contact", &contact)
            .start()
    }
}

/// The head as it goes out: rows about a user log in as one.
pub fn head(row: &Row) -> Vec<u8> {
    if !matches!(row.id.as_str(), "F11" | "F12") {
        return row.head.clone();
    }
    let text = String::from_utf8(row.head.clone()).expect("rows of words");
    text.replacen("Content-Length", "Authorization: Basic YWxpY2U6c2VjcmV0\r\nContent-Length", 1).into_bytes()
}
