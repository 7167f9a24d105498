//! What must be true of the configuration before a server takes mail by SMTP; else the start is refused.
#![forbid(unsafe_code)]

use crate::Sendmail;
use httpd::{Module, Server};
use mailgate::audit::Directive;

/// Looks the configuration over.
pub fn check(server: &Server<'_>) -> Result<(), String> {
    let tree = httpd::configuration(server);
    let enabled = enabled(&tree, &[]);
    if enabled.is_empty() {
        return Ok(());
    }
    if !Sendmail::record().is_loaded() {
        return Err("SM0810: SubmissionEnable needs mod_sendmail's directives: add LoadModule sendmail_module modules/mod_sendmail.so".into());
    }
    if let Some(filter) = tree.iter().find(|line| is(line, "AcceptFilter") && !accepts_at_once(line)) {
        return Err(format!(
            "SM0810: {}: AcceptFilter smtp would wait for the client to speak first: write AcceptFilter smtp none",
            filter.place
        ));
    }
    enabled.iter().try_for_each(|host| host.check(&tree))
}

fn is(line: &Directive, name: &str) -> bool {
    line.name.eq_ignore_ascii_case(name)
}

fn accepts_at_once(line: &Directive) -> bool {
    let words: Vec<_> = line.arguments.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    words.first().is_none_or(|protocol| protocol != "smtp") || words.get(1).is_some_and(|filter| filter == "none")
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
    if let Some(line) = section.iter().rfind(|line| is(line, "SubmissionEnable")) {
        if line.arguments.trim().eq_ignore_ascii_case("on") {
            found.push(Enabled { place: &line.place, addresses: addresses.to_vec(), section });
        }
    }
    for host in section.iter().filter(|line| is(line, "<VirtualHost")) {
        let addresses: Vec<_> = host.arguments.trim_end_matches('>').split_ascii_whitespace().collect();
        found.extend(enabled(&host.children, &addresses));
    }
    found
}

impl Enabled<'_> {
    fn check(&self, tree: &[Directive]) -> Result<(), String> {
        let complain = |text: String| Err(format!("SM0810: {}: {text}", self.place));
        if self.addresses.is_empty() {
            return complain(
                "SubmissionEnable outside of a <VirtualHost> would take HTTP away from all; put it into one".into(),
            );
        }
        for address in &self.addresses {
            let port = address.rsplit_once(':').map_or("", |(_, port)| port);
            let listens: Vec<_> = tree.iter().filter(|line| is(line, "Listen") && listens_on(line, port)).collect();
            if listens.is_empty()
                || listens.iter().any(|line| !line.arguments.trim_end().to_ascii_lowercase().ends_with(" smtp"))
            {
                return complain(format!(
                    "the client would have to speak first on {address}: write Listen {address} smtp"
                ));
            }
        }
        if !self.section.iter().chain(tree).any(closes) {
            return complain(
                "anybody could send from here: add <Location \"/\"> with Require (local, ip or valid-user)".into(),
            );
        }
        Ok(())
    }
}

fn listens_on(line: &Directive, port: &str) -> bool {
    let address = line.arguments.split_ascii_whitespace().next().unwrap_or_default();
    address.rsplit_once(':').map_or(address, |(_, port)| port) == port
}

/// The section for `/` where it does not let everybody in, or recipients that are not free.
fn closes(line: &Directive) -> bool {
    let path = line.arguments.trim_end_matches('>').trim().trim_matches('"');
    fixes_recipients(line) || is(line, "<Location") && path == "/" && line.children.iter().any(narrows)
}

fn narrows(line: &Directive) -> bool {
    let all = line.arguments.trim().eq_ignore_ascii_case("all granted");
    fixes_recipients(line) || is(line, "Require") && !all || line.children.iter().any(narrows)
}

fn fixes_recipients(line: &Directive) -> bool {
    is(line, "SendmailRecipients") && !line.arguments.split_ascii_whitespace().any(|word| word.trim_matches('"') == "*")
}
