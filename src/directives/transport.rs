//! SendmailName, SendmailRelay and the directive of each [`Store`]: one setting, whichever says it; and SendmailEnv.
#![forbid(unsafe_code)]

use super::values::absolute;
use super::{DirConfig, relay};
use httpd::{Command, Set};
use mailgate::transport;
use mailgate::transport::smtp::Server;
use mailgate::transport::store::Store;
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::Arc;

/// Where messages go.
#[derive(Clone, Debug)]
pub enum Transport {
    /// SendmailName.
    Program(PathBuf),
    /// SendmailRelay.
    Relay(Arc<Server>),
    /// The directive of a store.
    Store(&'static Store, PathBuf),
}

impl Transport {
    fn directive(&self) -> &'static str {
        match self {
            Transport::Program(_) => "SendmailName",
            Transport::Relay(_) => "SendmailRelay",
            Transport::Store(store, _) => store.directive,
        }
    }
}

pub fn name(config: &mut DirConfig<'_>, _: &Command<'_>, path: &str) -> Set {
    set(config, Transport::Program(absolute(path)?))
}

pub fn store(config: &mut DirConfig<'_>, store: &'static Store, path: &str) -> Set {
    set(config, Transport::Store(store, absolute(path)?))
}

pub fn relay(config: &mut DirConfig<'_>, _: &Command<'_>, url: &str) -> Set {
    set(config, Transport::Relay(Arc::new(Server::parse(url)?)))?;
    relay::check_tls(config)
}

/// Two ways out in one section are a mistake; the same one twice is a correction.
fn set(config: &mut DirConfig<'_>, transport: Transport) -> Set {
    let before = config.transport.as_deref().map(Transport::directive);
    if let Some(other) = before.filter(|other| *other != transport.directive()) {
        let this = transport.directive();
        return Err(format!("{other} and {this} exclude each other in one section; keep one"));
    }
    config.transport = Some(Arc::new(transport));
    Ok(())
}

/// SendmailEnv, made while the configuration is read: later another thread may change what httpd's own environment says.
#[derive(Clone, Debug)]
pub struct Environment {
    added: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// All that the program is given.
    pub variables: Vec<CString>,
}

impl Environment {
    /// The fixed variables, and those of SendmailEnv.
    pub fn new(added: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Self {
        Environment { variables: transport::environment(&added), added }
    }
}

/// Each adds to those before it in the same section.
pub fn environment(config: &mut DirConfig<'_>, _: &Command<'_>, words: &[&str]) -> Set {
    let mut added = config.environment.as_ref().map_or_else(Vec::new, |environment| environment.added.clone());
    for word in words {
        let (name, value) =
            word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value.as_bytes().to_vec())));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(plain) {
            return Err(format!("'{word}' is neither NAME nor NAME=value; a name is letters, digits and _"));
        }
        added.push((name.as_bytes().to_vec(), value));
    }
    config.environment = Some(Arc::new(Environment::new(added)));
    Ok(())
}
