//! docs/sendmail-http.md as it stands: the gateway's side in httpd, the settings of one machine and of a fleet, and the commands behind them.

use super::{Done, Machine, ended};
use crate::keys::Keys;
use crate::support::Httpd;
use crate::support::daemon;
use crate::support::place::repository;
use crate::support::smtp::Smtp;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The part of the page below this heading.
fn part(heading: &str) -> String {
    let page = std::fs::read_to_string(repository().join("docs/sendmail-http.md")).unwrap();
    let (_, part) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    part.split("\n## ").next().unwrap_or_default().to_owned()
}

/// Its blocks of code, unindented.
fn blocks(part: &str) -> Vec<String> {
    let (mut blocks, mut is_in) = (Vec::new(), false);
    for line in part.lines() {
        match line.strip_prefix("    ") {
            Some(line) if is_in => {
                blocks.last_mut().into_iter().for_each(|block: &mut String| *block += &format!("{line}\n"))
            }
            Some(line) => blocks.push(format!("{line}\n")),
            None => {}
        }
        is_in = line.starts_with("    ");
    }
    blocks
}

/// The gateway, which gives its mail on to this server.
fn gateway(smtp: &Smtp, keys: &Keys) -> Httpd {
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), "web1:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let side = part("The gateway's side");
    let location = side.split("```apache\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a location");
    let mut text = location.to_owned();
    for (from, to) in [
        ("/var/lib/mod_sendmail/claims", format!("\"{}\"", keys.path().display())),
        ("smtp://mail.example.org", format!("smtp://127.0.0.1:{}", smtp.port())),
        ("/etc/apache2/mail.passwd", "\"${ROOT}/users\"".to_owned()),
    ] {
        assert!(text.contains(from), "{text}");
        text = text.replace(from, &to);
    }
    builder.config(&text).start()
}

impl Machine {
    /// Runs a line of the page in a shell in which this machine's sendmail is the sendmail.
    fn line(&self, mail: &Path, line: &str) -> Done {
        let words = |name: &str, text: &str| {
            let file = self.file(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
            file
        };
        let command = self.command("");
        // As the package installs it.
        std::fs::set_permissions(self.file("conf"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let (program, conf) = (command.get_program().to_string_lossy(), self.file("conf"));
        let ours =
            words("sendmail-http", &format!("#!/bin/sh\nexec '{program}' --config '{}' \"$@\"\n", conf.display()));
        words("mail", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", mail.display()));
        let settings = words("mailrc", &format!("set sendmail={}\n", ours.display()));
        let path = format!("{}:/usr/bin:/bin", self.file("").display());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).env_clear().env("PATH", path).env("MAILRC", settings).env("HOME", self.file(""));
        ended(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

#[test]
fn three_lines_and_a_fleet_send_as_the_page_says() {
    let Some(mail) = daemon::installed("bsd-mailx", "bsd-mailx") else { return };
    let (smtp, keys) = (Smtp::start(), Keys::new());
    let httpd = gateway(&smtp, &keys);
    httpd.expect_log("SM0206"); // --check asks for a dry run, which is not offered here
    let url = format!("http://127.0.0.1:{}/sendmail", httpd.port());
    let install = blocks(&part("Install"));
    let [_, settings, commands] = install.as_slice() else { panic!("{install:?}") };
    let machine = Machine::new(&settings.replace("https://gateway.example.org/sendmail", &url));
    for line in commands.lines() {
        let done = machine.line(&mail, line);
        assert_eq!(done.status, Some(0), "{line}: {done:?}");
    }
    let taken = smtp.take();
    assert_eq!(taken.len(), 1);
    let text = String::from_utf8_lossy(&taken[0].octets).into_owned();
    assert!(text.contains("ops@example.test") && text.contains("\r\nhi\r\n"), "{text}");

    // Two files beside each other: the left one is read first. The first gateway is down.
    let fleet = blocks(&part("A fleet"));
    let columns = fleet[0].lines().skip(1).map(|line| (line.get(..52).unwrap_or(line), line.get(52..).unwrap_or("")));
    let (left, right): (Vec<_>, Vec<_>) = columns.unzip();
    let settings: String = left.iter().chain(&right).map(|line| format!("{}\n", line.trim())).collect();
    let down = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = settings.replace("https://mail1.example.org/sendmail", &format!("http://{down}/sendmail"));
    let settings = settings.replace("https://mail2.example.org/sendmail", &url);
    assert!(settings.contains(&url) && settings.contains("password secret"), "{settings}");
    machine.configure(&settings);
    let done = machine.line(&mail, "echo hi | mail root");
    assert_eq!(done.status, Some(0), "{done:?}");
    let taken = smtp.take();
    let text = String::from_utf8_lossy(&taken[0].octets).into_owned();
    assert!(taken.len() == 1 && text.contains("alerts@example.org"), "{text}");
}
