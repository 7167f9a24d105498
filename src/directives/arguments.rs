//! SendmailArguments: the arguments of the program, and what they say about recipients.
#![forbid(unsafe_code)]

use super::values::{Text, text};
use httpd::Command;
use mailgate::policy::arguments::{self, Addressing};
use mailgate::policy::redirect;
use mailgate::transport::program::arguments::{ProgramArguments, Role};
use mailgate::transport::program::dsn;
use mailgate::transport::program::mta::Mta;

/// The arguments.
#[derive(Debug)]
pub struct Arguments<'c> {
    /// Each with its expressions.
    pub words: Vec<Text<'c>>,
    /// The role of each word for the program.
    pub roles: Vec<Role>,
    /// Where the recipients come from.
    pub addressing: Addressing,
    /// Why they would bypass SendmailRedirectTo, if they would.
    pub escape: Option<String>,
    /// Whether they already ask for reports.
    pub asks_for_reports: bool,
    /// Whether a word refers to the author's address, so that a message without From cannot be sent.
    pub needs_from: bool,
}

pub fn read<'c>(command: &Command<'c>, words: &[&str]) -> Result<Arguments<'c>, String> {
    Arguments::new(words.iter().map(|word| text(command, word)).collect::<Result<_, _>>()?)
}

impl<'c> Arguments<'c> {
    /// They are read as any of the programs might: the path does not tell which one it is.
    pub fn new(words: Vec<Text<'c>>) -> Result<Self, String> {
        let pieces = words.iter().map(|word| word.pieces.as_slice());
        let read = ProgramArguments::read(Mta::Unknown, arguments::words(pieces));
        if let Some(at) = read.option_of_request() {
            return Err(format!(
                "word {} would let the request choose an option; write the value as a word of its own, behind an option that takes one (-f %{{...}})",
                at + 1
            ));
        }
        if read.reads_smtp() {
            return Err(
                "-bs reads the text of the message as commands, which would name the recipients; take it out".into()
            );
        }
        let (addressing, escape, roles) = (Addressing::of(&read), redirect::escape(&read), read.roles().to_vec());
        let needs_from = words.iter().any(|word| word.written.contains("%{reqenv:SENDMAIL_FROM}"));
        let asks_for_reports = dsn::LETTERS.iter().any(|letter| read.has(*letter));
        Ok(Arguments { addressing, asks_for_reports, escape, needs_from, roles, words })
    }
}
