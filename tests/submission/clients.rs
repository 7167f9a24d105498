//! Real mail clients, unchanged, over plain loopback and over TLS.

use super::{open, users};
use crate::support::place::{Place, free_port};
use crate::support::process::{program, required};
use crate::support::{Certificates, Httpd, Mpm, Smtp, skipped};
use std::path::Path;
use std::process::{Command, Stdio};

const MESSAGE: &str = "From: Ann <a@a.test>\nTo: b@b.test\nSubject: gr\u{fc}n\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n.dot\nK\u{f6}ln\n";

/// Runs a client; returns whether it succeeded, and its output.
fn client(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

const SMTPLIB: &str = "
import smtplib, ssl, sys
port, ca, message = int(sys.argv[1]), sys.argv[2], open(sys.argv[3], 'rb').read()
smtp = smtplib.SMTP_SSL('localhost', port, context=ssl.create_default_context(cafile=ca)) if ca else smtplib.SMTP('127.0.0.1', port)
smtp.login('user', 'secret')
refused = smtp.sendmail('a@a.test', ['b@b.test', 'c@b.test'], message)
assert not refused, refused
smtp.quit()
";

/// Each client sends one message, with a password.
fn each_sends(port: u16, ca: Option<&Path>, relay: &Smtp) {
    let folder = Place::new("clients");
    let message = folder.write("message", MESSAGE);
    let crlf = folder.write("crlf", MESSAGE.replace('\n', "\r\n"));
    let (message, crlf) = (message.display().to_string(), crlf.display().to_string());
    let ca_file = ca.map(|ca| ca.display().to_string()).unwrap_or_default();
    let script = folder.write("send.py", SMTPLIB).display().to_string();
    let mut commands = Vec::new();
    let mut python = Command::new(required("python3", "python3"));
    python.args([&script, &port.to_string(), &ca_file, &crlf]);
    commands.push(python);

    let mut curl = Command::new(required("curl", "curl"));
    let scheme = if ca.is_some() { "smtps" } else { "smtp" };
    curl.args(["-sS", &format!("{scheme}://localhost:{port}/me"), "--user", "user:secret", "--mail-from", "a@a.test"]);
    curl.args(["--mail-rcpt", "b@b.test", "--upload-file", &crlf, "--noproxy", "*", "-4"]);
    if ca.is_some() {
        curl.args(["--cacert", &ca_file]);
    }
    commands.push(curl);

    match program("swaks") {
        Some(swaks) => {
            let mut swaks = Command::new(swaks);
            swaks.args([
                "--server",
                &format!("localhost:{port}"),
                "--from",
                "a@a.test",
                "--to",
                "b@b.test",
                "--auth-user",
                "user",
            ]);
            swaks.args(["--auth-password", "secret", "--data", &format!("@{message}")]);
            if ca.is_some() {
                swaks.arg("--tls-on-connect");
            }
            commands.push(swaks);
        }
        None => skipped("swaks is not installed"),
    }
    match program("msmtp") {
        Some(msmtp) => {
            let tls = ca.map_or("tls off".to_owned(), |ca| {
                format!("tls on\ntls_starttls off\ntls_trust_file {}", ca.display())
            });
            let settings = format!(
                "account default\nhost localhost\nport {port}\nfrom a@a.test\nauth plain\nuser user\npassword secret\n{tls}\n"
            );
            let settings = folder.write("msmtprc", settings);
            crate::support::place::mode(&settings, 0o600);
            let mut sh = Command::new("sh");
            sh.args([
                "-c",
                "\"$0\" -C \"$1\" b@b.test < \"$2\"",
                &msmtp.display().to_string(),
                &settings.display().to_string(),
                &message,
            ]);
            commands.push(sh);
        }
        None => skipped("msmtp is not installed"),
    }
    for mut command in commands {
        let (sent, said) = client(&mut command);
        assert!(sent, "{command:?}: {said}");
        let taken = relay.take();
        let [taken] = &taken[..] else { panic!("{command:?}: {} messages\n{said}", taken.len()) };
        assert!(taken.mail.starts_with("MAIL FROM:<a@a.test>") && taken.rcpts[0].contains("b@b.test"), "{taken:?}");
        let text = String::from_utf8_lossy(&taken.octets);
        assert!(
            text.contains("Subject: =?utf-8?B?Z3LDvG4=?=\r\n") && text.contains(".dot\r\nK=C3=B6ln\r\n"),
            "{command:?}: {text}"
        );
        let word = if ca.is_some() { "ESMTPSA" } else { "ESMTPA" };
        assert!(text.contains(&format!(" with {word} id ")), "{command:?}: {text}");
    }
}

/// For a virtual host with TLS from the first octet.
pub fn tls(certificates: &Certificates) -> String {
    let identity = certificates.server();
    format!(
        "SSLEngine on\nSSLCertificateFile \"{}\"\nSSLCertificateKeyFile \"{}\"",
        identity.certificate.display(),
        identity.key.display()
    )
}

#[test]
fn mail_clients_send_over_loopback() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let (relay, port) = (Smtp::start(), free_port());
        relay.offer_no("8BITMIME");
        let _httpd = users(Httpd::builder().mpm(mpm), port, &relay, "SubmissionLoopbackAuth On").start();
        each_sends(port, None, &relay);
    }
}

#[test]
fn mail_clients_send_over_tls() {
    let (relay, port, certificates) = (Smtp::start(), free_port(), Certificates::new());
    relay.offer_no("8BITMIME");
    let builder = Httpd::builder().modules(&["ssl", "http2"]).config("Protocols h2 http/1.1");
    let httpd = users(builder, port, &relay, &tls(&certificates)).start();
    each_sends(port, Some(&certificates.authority()), &relay);
    httpd.allow_log("AH01909");
    httpd.allow_log("AH01873");
    httpd.allow_log("AH01882");
}

#[test]
fn other_modules_do_not_take_it_for_http() {
    let (relay, port) = (Smtp::start(), free_port());
    let builder = Httpd::builder()
        .modules(&["reqtimeout", "rewrite", "dir", "mime", "alias", "headers", "http2", "unique_id", "negotiation", "autoindex", "actions"])
        .config("TypesConfig /dev/null\nRequestReadTimeout header=1 body=1\nProtocols h2c http/1.1\nH2Direct on\nRequestHeader set To evil@evil.test");
    // At the level of the virtual host; inside the location they would obviously apply.
    let text = "Header always set X-A b\nOptions +MultiViews\n</Location>\nRewriteEngine On\nRewriteRule ^ - [F]\nDirectoryIndex index.html\n\
                FallbackResource /x.html\nRedirect 410 /\n<Location \"/x\">";
    let httpd = open(builder, port, &relay, text).start();
    let mut dialogue = super::Dialogue::greeted(port);
    dialogue.say("EHLO me", "250");
    // Longer than RequestReadTimeout.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(dialogue.message().starts_with("250"), "{}", httpd.error_log());
    let taken = relay.take();
    assert!(taken.len() == 1 && taken[0].rcpts.len() == 1 && taken[0].rcpts[0].contains("b@b.test"), "{taken:?}");
}
