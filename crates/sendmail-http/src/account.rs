//! The user who calls, and the names of this machine: the password file, the node name, /etc/mailname.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use mail::address::Domain;
use nix::unistd::{Uid, User};

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The real user id.
    pub uid: u32,
    /// The login; `uid1000` if the password file does not know it.
    pub name: String,
    /// The person's full name in the password file, if any.
    pub full_name: Option<String>,
    /// The home folder.
    pub home: Option<PathBuf>,
}

impl Account {
    /// The user who runs this program.
    pub fn own() -> Account {
        Account::of(rustix::process::getuid().as_raw())
    }

    /// The user of this id, as the system's databases know it (NSS).
    pub fn of(uid: u32) -> Account {
        match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => Account {
                uid,
                full_name: full_name(&user.gecos.to_string_lossy(), &user.name),
                home: Some(user.dir).filter(|home| home.is_absolute()),
                name: user.name,
            },
            _ => Account { uid, name: format!("uid{uid}"), full_name: None, home: None },
        }
    }
}

/// The first part of the comment, in which `&` stands for the login (passwd(5)).
fn full_name(gecos: &str, login: &str) -> Option<String> {
    let name = gecos.split(',').next().unwrap_or_default().trim();
    let mut letters = login.chars();
    let capital = letters.next().map(|c| c.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default();
    Some(name.replace('&', &capital)).filter(|name| !name.is_empty())
}

/// The names of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The name without a domain, as shown to people.
    pub short: String,
    /// The full name, if it has a domain.
    pub full: Option<Domain>,
    /// The first line of /etc/mailname.
    pub mail_name: Option<Domain>,
}

impl Host {
    /// Asks the kernel, /etc/hosts and /etc/mailname.
    pub fn own() -> Host {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let mail_name = std::fs::read_to_string("/etc/mailname").unwrap_or_default();
        Host {
            short: node.split('.').next().unwrap_or_default().to_owned(),
            full: full_host(&node, &hosts),
            mail_name: mail_name.lines().next().and_then(|line| Domain::parse(line.trim()).ok()),
        }
    }

    /// The domain for names without one, unless a setting says otherwise. Without a domain of its own the machine is in `localdomain`;
    /// `--check` reports that.
    pub fn domain(&self) -> Option<&Domain> {
        self.mail_name.as_ref().or(self.full.as_ref())
    }

    /// The name of this machine in Received and Message-ID.
    pub fn name(&self) -> String {
        match &self.full {
            Some(full) => full.to_string(),
            None => self.short.clone(),
        }
    }
}

/// The node's name, or its full name from hosts(5).
fn full_host(node: &str, hosts: &str) -> Option<Domain> {
    let with_domain = |name: &str| Domain::parse(name).ok().filter(|name| name.as_str().contains('.'));
    if let Some(full) = with_domain(node) {
        return Some(full);
    }
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let names = lines.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>());
    let own = names.filter(|names| names.iter().any(|name| name.eq_ignore_ascii_case(node)));
    own.flatten()
        .find(|name| name.to_ascii_lowercase().starts_with(&format!("{}.", node.to_ascii_lowercase())))
        .and_then(with_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_of_the_password_file_is_a_name() {
        assert_eq!(full_name("Peter Example,Room 1,,", "peter"), Some("Peter Example".into()));
        assert_eq!(full_name("& Example", "peter"), Some("Peter Example".into()));
        assert_eq!(full_name(",,,", "peter"), None);
        let nobody = Account::of(u32::MAX - 7);
        assert_eq!((nobody.name.as_str(), nobody.home), ("uid4294967288", None));
    }

    #[test]
    fn the_full_name_of_a_machine_stands_in_its_name_or_in_hosts() {
        let full = |node, hosts| full_host(node, hosts).map(|name| name.to_string());
        assert_eq!(full("web1.example.org", ""), Some("web1.example.org".into()));
        let hosts = "127.0.0.1 localhost\n127.0.1.1 web1.example.org web1 # us\n::1 localhost\n";
        assert_eq!(full("web1", hosts), Some("web1.example.org".into()));
        assert_eq!(full("WEB1", hosts), Some("web1.example.org".into()));
        assert_eq!(full("web2", hosts), None);
        assert_eq!(full("web1", "127.0.1.1 web1\n"), None);
    }
}
