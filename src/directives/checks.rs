//! SendmailMilter and its options, SendmailPolicy, SendmailClamd, SendmailHold, SendmailAlias.
#![forbid(unsafe_code)]

use super::DirConfig;
use super::values::{Text, absolute, text};
use httpd::{Command, Set};
use mailgate::checks::endpoint::Endpoint;
use mailgate::checks::milter;
use mailgate::checks::sequence::PolicyServer;
use std::path::PathBuf;
use std::sync::Arc;

/// One of SendmailMilterMacros.
#[derive(Debug)]
pub struct Macro<'c> {
    /// Its name for milters.
    pub name: String,
    pub value: Text<'c>,
}

/// Whether the only word is `none`, in any case: it cancels the outer section's setting.
fn is_none(words: &[&str]) -> bool {
    matches!(words, [word] if word.eq_ignore_ascii_case("none"))
}

pub fn milters(_: &Command<'_>, words: &[&str]) -> Result<Vec<Endpoint>, String> {
    let words = if is_none(words) { &[] } else { words };
    words.iter().map(|word| Endpoint::parse(word)).collect()
}

pub fn macros<'c>(command: &Command<'c>, words: &[&str]) -> Result<Vec<Macro<'c>>, String> {
    let parse = |word: &&str| {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is not name=expression"))?;
        Ok(Macro { name: milter::macro_name(name)?, value: text(command, value)? })
    };
    words.iter().map(parse).collect()
}

/// Whether milters are told of the request's client instead of this host.
pub fn shows_client(_: &Command<'_>, word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "local" => Ok(false),
        "request" => Ok(true),
        _ => Err(format!("'{word}' is neither local nor request")),
    }
}

pub fn clamd(_: &Command<'_>, word: &str) -> Result<Option<Endpoint>, String> {
    if is_none(&[word]) { Ok(None) } else { Endpoint::parse(word).map(Some) }
}

pub fn policy(_: &Command<'_>, words: &[&str]) -> Result<Option<PolicyServer>, String> {
    if is_none(words) { Ok(None) } else { PolicyServer::parse(words).map(Some) }
}

pub fn hold(_: &Command<'_>, path: &str) -> Result<Option<PathBuf>, String> {
    if is_none(&[path]) { Ok(None) } else { absolute(path).map(Some) }
}

/// Each line adds to the earlier ones of its section.
pub fn alias(config: &mut DirConfig<'_>, _: &Command<'_>, words: &[&str]) -> Set {
    let mut aliases = config.aliases.as_deref().cloned().unwrap_or_default();
    aliases.add(words)?;
    config.aliases = Some(Arc::new(aliases));
    Ok(())
}
