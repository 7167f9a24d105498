//! What a server that takes mail by SMTP requires of the configuration; otherwise the start is refused.
#![forbid(unsafe_code)]

use crate::Sendmail;
use conftree::Directive;
use httpd::{Module, Server};
use mailgate::tags;

/// Checks the configuration.
pub fn check(server: &Server<'_>) -> Result<(), String> {
    let tree = httpd::configuration(server);
    let enabled = enabled(&tree, &[]);
    if enabled.is_empty() {
        return Ok(());
    }
    if !Sendmail::record().is_loaded() {
        let text = "SubmissionEnable needs mod_sendmail: add LoadModule sendmail_module modules/mod_sendmail.so";
        return Err(format!("{}: {text}", tags::SUBMISSION));
    }
    if let Some(filter) = tree.iter().find(|line| line.is("AcceptFilter") && !accepts_at_once(line)) {
        return complain(&filter.place, "this would wait for the client to speak first: write AcceptFilter smtp none");
    }
    enabled.iter().try_for_each(|host| host.check(&tree))
}

fn complain(place: &str, text: &str) -> Result<(), String> {
    Err(format!("{}: {place}: {text}", tags::SUBMISSION))
}

/// Whether this line leaves SMTP servers alone, or lets them speak first.
fn accepts_at_once(line: &Directive) -> bool {
    !line.first_is("smtp") || line.words.get(1).is_some_and(|filter| filter.eq_ignore_ascii_case("none"))
}

/// A place where SubmissionEnable is on.
struct Enabled<'t> {
    place: &'t str,
    /// The addresses of the virtual host; none outside of one.
    addresses: Vec<&'t str>,
    section: &'t [Directive],
}

fn enabled<'t>(section: &'t [Directive], addresses: &[&'t str]) -> Vec<Enabled<'t>> {
    let mut found = Vec::new();
    let last = section.iter().rfind(|line| line.is("SubmissionEnable"));
    if let Some(line) = last.filter(|line| line.first_is("on")) {
        found.push(Enabled { place: &line.place, addresses: addresses.to_vec(), section });
    }
    for host in section.iter().filter(|line| line.is("<VirtualHost")) {
        let addresses: Vec<_> = host.words.iter().map(String::as_str).collect();
        found.extend(enabled(&host.children, &addresses));
    }
    found
}

impl Enabled<'_> {
    fn check(&self, tree: &[Directive]) -> Result<(), String> {
        if self.addresses.is_empty() {
            let text = "SubmissionEnable outside of a <VirtualHost> would take HTTP away from all; put it into one";
            return complain(self.place, text);
        }
        for address in &self.addresses {
            let port = address.rsplit_once(':').map_or("", |(_, port)| port);
            let mut listens = tree.iter().filter(|line| line.is("Listen") && listens_on(line, port)).peekable();
            let waits = |line: &Directive| !line.words.get(1).is_some_and(|name| name.eq_ignore_ascii_case("smtp"));
            if listens.peek().is_none() || listens.any(waits) {
                let text = format!("the client would have to speak first on {address}: write Listen {address} smtp");
                return complain(self.place, &text);
            }
        }
        if !self.section.iter().chain(tree).any(closes) {
            let text = "anybody could send from here: add <Location \"/\"> with Require (local, ip or valid-user)";
            return complain(self.place, text);
        }
        Ok(())
    }
}

fn listens_on(line: &Directive, port: &str) -> bool {
    let address = line.words.first().map_or("", String::as_str);
    address.rsplit_once(':').map_or(address, |(_, port)| port) == port
}

/// The section for `/`, if it restricts access or recipients.
fn closes(line: &Directive) -> bool {
    fixes_recipients(line) || line.is("<Location") && line.first_is("/") && line.children.iter().any(narrows)
}

fn narrows(line: &Directive) -> bool {
    let all = line.first_is("all") && line.words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("granted"));
    fixes_recipients(line) || line.is("Require") && !all || line.children.iter().any(narrows)
}

fn fixes_recipients(line: &Directive) -> bool {
    line.is("SendmailRecipients") && !line.words.iter().any(|word| word == "*")
}
