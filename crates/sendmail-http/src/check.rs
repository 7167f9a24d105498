//! `--check`: shows the configuration and whether it works: files and their modes, the queue, the gateways (OPTIONS, then a dry run). Each
//! complaint names the remedy. Exit 0: no complaint; 1: a person should act.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use mail::address::Address;
use serde_json::Value;

use crate::account::Host;
use crate::aliases::Aliases;
use crate::clock;
use crate::config::{Config, Found, Login, Url};
use crate::exit::{Failure, Status};
use crate::gateway::answer::Answer;
use crate::gateway::{Exchange, Gateway, Request};
use crate::message::prepare::Envelope;
use crate::message::site::Site;
use crate::options::Dsn;
use crate::print;
use crate::queue::{Folder, Queue, list};

/// What was found, and the number of complaints.
#[derive(Default)]
struct Findings {
    text: String,
    complaints: u32,
}

impl Findings {
    fn fact(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{name:<16} {value}");
    }

    fn wrong(&mut self, name: &str, words: impl std::fmt::Display) {
        self.complaints += 1;
        let _ = writeln!(self.text, "{name:<16} WRONG: {words}");
    }
}

/// Checks everything.
pub fn check(found: Found, host: &Host) -> Result<Status, Failure> {
    let config = match found {
        Found::Config(config) => config,
        Found::Bad(words) => return Err(Failure::new(Status::Config, words)),
        Found::Missing => {
            let words = format!("no settings: write {}, or set SENDMAIL_HTTP_URL", crate::config::FILE);
            return Err(Failure::new(Status::Config, words));
        }
        Found::Unreadable(path) => {
            let words =
                format!("{}: may not be read by this user; its mail goes through the drop folder", path.display());
            return Err(Failure::new(Status::NoPermission, words));
        }
    };
    let mut findings = Findings::default();
    settings(&config, host, &mut findings);
    queue(&config, &mut findings);
    match Gateway::new(&config) {
        Ok(gateway) => gateway.urls().iter().for_each(|url| ask(&gateway, url, &config, host, &mut findings)),
        Err(failure) => findings.wrong("certificates", failure),
    }
    print(&findings.text)?;
    Ok(if findings.complaints == 0 { Status::Ok } else { Status::Attention })
}

fn settings(config: &Config, host: &Host, findings: &mut Findings) {
    findings.fact("settings", &config.source);
    for path in &config.secrets {
        if path.metadata().is_ok_and(|file| file.permissions().mode() & 0o004 != 0) {
            findings.wrong("settings", format!("anybody may read the secret: chmod 0640 {}", path.display()));
        }
    }
    match &config.login {
        Some(Login::Basic { user, .. }) => findings.fact("user", format!("{user}, with a password")),
        Some(Login::Bearer(_)) => findings.fact("bearer", "a token"),
        None if config.certificate.is_some() => findings.fact("certificate", "in place of a password"),
        None => findings.fact("user", "none: the gateway must know us by our address"),
    }
    let aliases = Aliases::read(&config.aliases);
    for words in aliases.complaints.iter().chain(&aliases.circles()) {
        findings.wrong("aliases", format!("{}: {words}", config.aliases.display()));
    }
    let site = Site::new(config, host, &aliases);
    match (&site.domain, &config.domain) {
        (Some(domain), Some(_)) => findings.fact("domain", domain),
        (Some(domain), None) => findings.fact("domain", format!("{domain}, the name of this machine")),
        (None, _) => findings.wrong("domain", "none: set domain, or write it into /etc/mailname"),
    }
    let root = Address::parse("root").ok().filter(|root| site.alias(root).is_none());
    match (root, &config.postmaster) {
        (None, _) => {}
        (Some(_), Some(postmaster)) => findings.fact("root", format!("{postmaster}, the postmaster")),
        (Some(_), None) => {
            findings.wrong("root", "nobody reads its mail: add root: you@example.org to the aliases, or set postmaster")
        }
    }
    for (name, value) in [("from", &config.from), ("postmaster", &config.postmaster)] {
        if let Some(value) = value {
            findings.fact(name, value);
        }
    }
    findings.fact("timeout", format!("{:?}, for a connection {:?}", config.timeout, config.connect_timeout));
}

fn queue(config: &Config, findings: &mut Findings) {
    let Some(path) = &config.queue else {
        return findings.fact("queue", "none: what cannot be sent at once is refused");
    };
    let queue = match Queue::open(path) {
        Ok(queue) => queue,
        Err(error) => return findings.wrong("queue", format!("{}: {error}", path.display())),
    };
    findings.fact("queue", path.display());
    match queue.stat(Folder::Drop, ".") {
        Ok(stat) if stat.st_mode & 0o7777 != 0o3733 => {
            let mode = stat.st_mode & 0o7777;
            findings.wrong("queue", format!("drop/ has mode {mode:o}: chmod 3733 {}/drop", path.display()));
        }
        Ok(stat) if stat.st_uid != queue.owner() => {
            findings.wrong("queue", "drop/ belongs to another user than the queue")
        }
        Ok(_) => {}
        Err(error) => {
            let (owner, path) = (queue.owner(), path.display());
            let words = format!(
                "drop/: {error}: chown it to the user who runs it (now uid {owner}), and chmod 3733 {path}/drop"
            );
            findings.wrong("queue", words);
        }
    }
    if !queue.is_ours() {
        return;
    }
    match list::all(&queue) {
        Ok(rows) => {
            let waiting: Vec<_> = rows.iter().filter(|row| row.folder == "new").collect();
            findings.fact("waiting", waiting.len());
            findings.fact("given up", rows.len() - waiting.len());
            if let Some(oldest) = waiting.iter().map(|row| row.time).min() {
                findings.fact("oldest", format!("{} s", clock::now() - oldest));
            }
            if let Some(row) = waiting.iter().find(|row| row.is_loud) {
                findings.wrong("waiting", format!("{}: {}", row.id, row.words));
            }
        }
        Err(error) => findings.wrong("queue", error),
    }
}

fn ask(gateway: &Gateway, url: &Url, config: &Config, host: &Host, findings: &mut Findings) {
    findings.fact("url", url);
    let answer = match gateway.options(url) {
        Exchange::Answered(answer) => answer,
        Exchange::Broken { words, .. } => return findings.wrong("  reached", words),
    };
    match (answer.status, answer.is_description()) {
        (200, true) => findings.fact("  reached", "yes, it is a gateway"),
        (401, _) => {
            return findings.wrong("  reached", "401: it does not accept this user and password, or requires them");
        }
        (301..=308, _) => {
            return findings.wrong("  reached", format!("{}: it has moved; set the new url", answer.status));
        }
        (404, _) => return findings.wrong("  reached", "404: there is no gateway at this path"),
        (status, _) => return findings.wrong("  reached", format!("{status}: no answer of a gateway")),
    }
    keys(&answer, config, findings);
    let aliases = Aliases::read(&config.aliases);
    dry_run(gateway, url, &Site::new(config, host, &aliases), findings);
}

fn keys(answer: &Answer, config: &Config, findings: &mut Findings) {
    match answer.lifetime {
        Some(lifetime) => {
            findings.fact("  keys", format!("known again for {lifetime:?}"));
            if lifetime < config.expire {
                findings.fact("  keys", "shorter than expire: what may have been taken is given up earlier");
            }
        }
        None => findings.wrong(
            "  keys",
            "not honoured: a message whose connection breaks is given up as unknown; SendmailIdempotency on the gateway helps",
        ),
    }
}

/// Sends a dry run, if the gateway offers one.
fn dry_run(gateway: &Gateway, url: &Url, site: &Site<'_>, findings: &mut Findings) {
    let Some(sender) = site.from.cloned().or_else(|| Address::parse("root").ok().map(|root| site.complete(&root)))
    else {
        return;
    };
    let recipient = site.postmaster.cloned().unwrap_or_else(|| sender.clone());
    let message = format!("From: {sender}\nTo: {recipient}\nSubject: sendmail-http --check\n\nNobody gets this.\n");
    let envelope = Envelope { sender: Some(sender), recipients: vec![recipient], dsn: Dsn::default() };
    let key = format!("check-{}", clock::now());
    let size = message.len() as u64;
    let request = Request { key: &key, envelope: &envelope, size, is_key_honoured: false, dry_run: true };
    match gateway.post(url, &request, message.as_bytes()) {
        Exchange::Answered(answer) if answer.status == 200 => {
            findings.fact("  dry run", "a message would be taken");
            circle(&answer, url, findings);
        }
        Exchange::Answered(answer) if answer.status == 403 && answer.says("SendmailDryRun") => {
            findings.fact("  dry run", "not offered (SendmailDryRun)");
        }
        Exchange::Answered(answer) => {
            findings.wrong("  dry run", format!("a message would be answered with {}", answer.said()))
        }
        Exchange::Broken { words, .. } => findings.wrong("  dry run", words),
    }
}

/// Reports a loop: a gateway on this machine that hands its mail to this program, which sends it to the gateway.
fn circle(answer: &Answer, url: &Url, findings: &mut Findings) {
    let report: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(program) = report.get("program").and_then(Value::as_str) else { return };
    let file = |path: &Path| path.metadata().map(|file| (file.dev(), file.ino())).ok();
    let is_us = std::env::current_exe().is_ok_and(|own| file(&own).is_some() && file(&own) == file(Path::new(program)));
    if url.is_loopback() && is_us {
        findings.wrong(
            "  circle",
            format!("the gateway hands its mail to {program}, which is this program: give it SendmailRelay"),
        );
    }
}
