//! aliases(5), as text: `name: target, target`. A target is an address or another name. Pipes, files and includes are never followed, only
//! reported. Only names of this machine are looked up.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use mail::address::Address;
use mail::text::excerpt;

/// The most aliases that may follow one another.
const MAX_DEPTH: usize = 10;
/// The most addresses that one name may lead to.
const MAX_TARGETS: usize = 1000;

/// The aliases of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    targets: HashMap<String, Vec<Target>>,
    /// What is wrong in the file, one line each.
    pub complaints: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    address: Address,
    /// `\name`: not looked up again.
    is_final: bool,
}

impl Aliases {
    /// Reads the file; a missing one has no aliases.
    pub fn read(path: &Path) -> Aliases {
        match std::fs::read(path) {
            Ok(octets) => Aliases::parse(&String::from_utf8_lossy(&octets)),
            Err(error) if error.kind() == ErrorKind::NotFound => Aliases::default(),
            Err(error) => Aliases { complaints: vec![format!("{}: {error}", path.display())], ..Aliases::default() },
        }
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Aliases {
        let mut aliases = Aliases::default();
        for (number, line) in logical_lines(text) {
            let Some((name, targets)) = split_name(&line) else {
                aliases
                    .complaints
                    .push(format!("line {number}: '{}' is not an alias: write name: target", excerpt(&line)));
                continue;
            };
            let entry = aliases.targets.entry(name).or_default();
            for word in split_targets(targets) {
                match target(&word) {
                    Ok(target) => entry.push(target),
                    Err(words) => aliases.complaints.push(format!("line {number}: {words}")),
                }
            }
        }
        aliases.targets.retain(|_, targets| !targets.is_empty());
        aliases
    }

    /// The final targets of a name of this machine: addresses, and names without an alias. `None` if the name itself has no alias.
    pub fn lookup(&self, name: &str) -> Result<Option<Vec<Address>>, String> {
        if !self.targets.contains_key(&name.to_ascii_lowercase()) {
            return Ok(None);
        }
        let mut found = Vec::new();
        self.follow(name, &mut Vec::new(), &mut found)?;
        Ok(Some(found))
    }

    fn follow(&self, name: &str, way: &mut Vec<String>, found: &mut Vec<Address>) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        if way.contains(&name) || way.len() >= MAX_DEPTH {
            way.push(name);
            return Err(format!("aliases lead in a circle or too deep: {}", way.join(" -> ")));
        }
        way.push(name);
        let name = &way[way.len() - 1];
        for target in self.targets.get(name).into_iter().flatten() {
            let local = target.address.local();
            let is_alias = self.targets.contains_key(&local.to_ascii_lowercase());
            // `root: root, ops@example.org` keeps root's own mailbox, as Postfix reads it.
            let is_itself = local.eq_ignore_ascii_case(&way[way.len() - 1]);
            if target.address.domain().is_none() && !target.is_final && is_alias && !is_itself {
                self.follow(local, way, found)?;
            } else if !found.contains(&target.address) {
                found.push(target.address.clone());
            }
            if found.len() > MAX_TARGETS {
                return Err(format!("alias {} leads to more than {MAX_TARGETS} addresses", way[0]));
            }
        }
        way.pop();
        Ok(())
    }

    /// The names that lead in a circle.
    pub fn circles(&self) -> Vec<String> {
        let mut circles: Vec<_> = self.targets.keys().filter_map(|name| self.lookup(name).err()).collect();
        circles.sort();
        circles
    }
}

/// Lines joined with their continuations (which begin with a blank), without comments.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push((number, line.trim().to_owned())),
        }
    }
    lines
}

/// `name:` or `"name":`; names ignore case.
fn split_name(line: &str) -> Option<(String, &str)> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => {
            let (name, rest) = quoted.split_once('"')?;
            (name, rest.trim_start().strip_prefix(':')?)
        }
        None => line.split_once(':')?,
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), rest))
}

/// Splits at commas outside quotes.
fn split_targets(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn target(word: &str) -> Result<Target, String> {
    let bare = word.trim_matches('"');
    if let Some(what) = match bare.as_bytes() {
        [b'|', ..] => Some("a program"),
        [b'/', ..] => Some("a file"),
        _ if bare.starts_with(":include:") => Some("another file"),
        _ => None,
    } {
        return Err(format!("'{}' is {what}, which this program does not deliver to", excerpt(bare)));
    }
    let (name, is_final) = bare.strip_prefix('\\').map_or((bare, false), |name| (name, true));
    Address::parse(name).map(|address| Target { address, is_final }).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(file: &str, name: &str) -> Result<Option<Vec<String>>, String> {
        let found = Aliases::parse(file).lookup(name)?;
        Ok(found.map(|found| found.iter().map(|address| address.to_string()).collect()))
    }

    #[test]
    fn names_lead_to_addresses() {
        let file = "# of this machine\nroot: ops@example.org\nmailer-daemon: postmaster\npostmaster: root\n\
                    \"www data\": root\nteam: a@example.org,\n  b@example.org, local\nwebmaster : team, ops@example.org\n";
        let found = |name| lookup(file, name).unwrap().unwrap();
        assert_eq!(found("ROOT"), ["ops@example.org"]);
        assert_eq!(found("mailer-daemon"), ["ops@example.org"]);
        assert_eq!(found("www data"), ["ops@example.org"]);
        assert_eq!(found("webmaster"), ["a@example.org", "b@example.org", "local", "ops@example.org"]);
        assert_eq!(lookup(file, "nobody"), Ok(None));
        assert_eq!(Aliases::parse(file).complaints, Vec::<String>::new());
    }

    #[test]
    fn a_name_that_keeps_its_own_mailbox_is_no_circle() {
        assert_eq!(lookup("peter: peter, p@example.org\n", "peter").unwrap().unwrap(), ["peter", "p@example.org"]);
        assert_eq!(lookup("peter: \\peter\n", "peter").unwrap().unwrap(), ["peter"]);
    }

    #[test]
    fn circles_and_depth_are_found() {
        assert!(lookup("a: b\nb: c\nc: a\n", "a").unwrap_err().contains("a -> b -> c -> a"));
        let deep: String = (0..20).map(|n| format!("n{n}: n{}\n", n + 1)).collect();
        assert!(lookup(&deep, "n0").is_err());
        assert!(lookup(&deep, "n15").is_ok());
        assert_eq!(Aliases::parse("a: b\nb: a\nc: d@example.org\n").circles().len(), 2);
    }

    #[test]
    fn programs_files_and_includes_are_told_and_not_followed() {
        let file =
            "a: |/bin/sh\nb: \"|/usr/bin/vacation b, c\"\nc: /var/mail/c\nd: :include:/etc/list\ne: x@y@z\nf\n: g\n";
        let aliases = Aliases::parse(file);
        assert_eq!(aliases.complaints.len(), 7, "{:?}", aliases.complaints);
        for name in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(aliases.lookup(name), Ok(None), "{name}");
        }
        assert_eq!(lookup("g: |x, g@example.org\n", "g").unwrap().unwrap(), ["g@example.org"]);
    }
}
