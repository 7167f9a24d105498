//! The words of a sendmail(1) command line -> [`Options`]. One table says for each letter what it takes and means, following the programs
//! that callers were written for: Sendmail, Postfix, Exim, msmtp, nullmailer, dma. An unknown option is only a warning: a cron job must not
//! lose its mail because of a letter. It is an error only if another message than intended would be sent.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::duration;

#[cfg(test)]
mod tests;

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// `--check`: show the configuration and ask the gateway.
    Check,
    /// Send the message on stdin.
    #[default]
    Deliver,
    /// `--help`
    Help,
    /// `mailq`, `-bp`.
    List,
    /// `newaliases`, `-bi`, `-I`: checks the file and reports its mistakes; it is read directly, so nothing is compiled.
    NewAliases,
    /// `--remove ID`: forget a queued message.
    Remove(String),
    /// `--retry ID`: send a message of `failed/` again; a queued one at once.
    Retry(String),
    /// `-q`: one run of the queue; `-q10m` one every ten minutes; `--drain` until it is empty.
    Run(Runs),
    /// `-bs`: SMTP on stdin and stdout. `-bS`: the same without replies (batch).
    Smtp {
        /// Whether replies are left out.
        batch: bool,
    },
    /// `-bv`: show where the recipients lead.
    Verify,
    /// `--version`, `-bV`
    Version,
}

/// How often the queue is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Until nothing is left.
    Drain,
    /// Until the program is ended.
    Every(Duration),
    /// Once.
    Once,
}

/// A command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What to do.
    pub task: Task,
    /// `-t`: also take recipients from the header.
    pub extract: bool,
    /// `-i`, `-oi`: a single dot is an ordinary line.
    pub keep_dot: bool,
    /// `-f`, `-r`.
    pub sender: Option<String>,
    /// `-F`.
    pub full_name: Option<String>,
    /// `-N`, `-R`, `-V`: RFC 3461.
    pub dsn: Dsn,
    /// `-odq`: queue, do not send now.
    pub queue_only: bool,
    /// `-n`: no aliases.
    pub no_aliases: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-L`: the name in syslog.
    pub tag: Option<String>,
    /// The recipients on the command line.
    pub recipients: Vec<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--json`.
    pub json: bool,
    /// Warnings about words that were not understood.
    pub warnings: Vec<String>,
}

/// The delivery reports asked for (RFC 3461 4), in the form of request fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dsn {
    /// `never`, or some of `success`, `failure`, `delay`.
    pub notify: Option<String>,
    /// `full` or `hdrs`.
    pub ret: Option<String>,
    /// The envelope id.
    pub envid: Option<String>,
}

/// The value of an option letter.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// What is glued to it, if anything.
    Glued,
    /// What is glued to it, otherwise the next word if that is a number or one letter: `-d 5`.
    GluedOrShort,
    Nothing,
    /// What is glued to it, otherwise the next word in any case.
    Value,
}

#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Extract,
    FullName,
    /// Known, without effect here.
    Ignored,
    KeepDot,
    Mode,
    NewAliases,
    NoAliases,
    Notify,
    /// `-o` and what follows it.
    Option,
    Return,
    Run,
    Sender,
    Tag,
    EnvelopeId,
    Verbose,
}

#[rustfmt::skip]
const LETTERS: &[(u8, Takes, Meaning)] = &[
    (b'A', Takes::Value, Meaning::Ignored),         // Sendmail: which configuration; msmtp, dma
    (b'a', Takes::Value, Meaning::Ignored),         // msmtp: account
    (b'B', Takes::Value, Meaning::Ignored),         // body type
    (b'b', Takes::Value, Meaning::Mode),
    (b'C', Takes::Value, Meaning::Ignored),         // another configuration: not from a caller
    (b'c', Takes::Nothing, Meaning::Ignored),
    (b'D', Takes::Glued, Meaning::Ignored),         // Exim: macro; dma: foreground
    (b'd', Takes::GluedOrShort, Meaning::Ignored),  // debugging
    (b'E', Takes::Glued, Meaning::Ignored),         // Exim
    (b'e', Takes::Value, Meaning::Ignored),         // error mode: always stderr and exit status
    (b'F', Takes::Value, Meaning::FullName),
    (b'f', Takes::Value, Meaning::Sender),
    (b'G', Takes::Nothing, Meaning::Ignored),       // gateway submission
    (b'h', Takes::Value, Meaning::Ignored),         // hop count: Received fields are counted
    (b'I', Takes::Nothing, Meaning::NewAliases),
    (b'i', Takes::Nothing, Meaning::KeepDot),
    (b'L', Takes::Value, Meaning::Tag),
    (b'M', Takes::Glued, Meaning::Ignored),         // Sendmail, Exim: queue ids
    (b'm', Takes::Nothing, Meaning::Ignored),       // me too
    (b'N', Takes::Value, Meaning::Notify),
    (b'n', Takes::Nothing, Meaning::NoAliases),
    (b'O', Takes::Value, Meaning::Ignored),         // option=value
    (b'o', Takes::Value, Meaning::Option),
    (b'p', Takes::Value, Meaning::Ignored),         // the protocol it arrived by
    (b'q', Takes::Glued, Meaning::Run),
    (b'R', Takes::Value, Meaning::Return),
    (b'r', Takes::Value, Meaning::Sender),
    (b't', Takes::Nothing, Meaning::Extract),
    (b'U', Takes::Nothing, Meaning::Ignored),       // initial submission
    (b'V', Takes::Value, Meaning::EnvelopeId),
    (b'v', Takes::Nothing, Meaning::Verbose),
    (b'X', Takes::Value, Meaning::Ignored),         // log of the SMTP dialogue
    (b'x', Takes::Nothing, Meaning::Ignored),
];

/// Reads a command line without its first word; `name` is the name the program was called by.
pub fn parse(name: &str, words: impl IntoIterator<Item = OsString>) -> Result<Options, String> {
    let mut options = Options::default();
    match name {
        "mailq" => options.task = Task::List,
        "newaliases" => options.task = Task::NewAliases,
        _ => {}
    }
    let mut words = words.into_iter().map(|word| text(&word)).peekable();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => {
                for word in words.by_ref() {
                    options.add_recipients(word)?;
                }
            }
            [b'-', b'-', ..] => options.long(&word[2..], &mut words)?,
            [b'-', _, ..] => options.letters(&word[1..], &mut words)?,
            // Some scripts write a single hyphen for stdin.
            b"-" => options.warnings.push("'-' ignored: the message is read from stdin anyway".into()),
            _ => options.add_recipients(word)?,
        }
    }
    Ok(options)
}

impl Options {
    /// One word of letters: `-oem`, `-ti`, `-fme@example.org`.
    fn letters(
        &mut self,
        mut rest: &str,
        words: &mut std::iter::Peekable<impl Iterator<Item = String>>,
    ) -> Result<(), String> {
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let Some(&(_, takes, meaning)) = LETTERS.iter().find(|row| char::from(row.0) == letter) else {
                self.warnings.push(format!("option -{} is not known; ignored", letter.escape_default()));
                continue;
            };
            let value = match takes {
                Takes::Nothing => String::new(),
                Takes::Glued => std::mem::take(&mut rest).to_owned(),
                Takes::GluedOrShort | Takes::Value if !rest.is_empty() => std::mem::take(&mut rest).to_owned(),
                Takes::GluedOrShort => words.next_if(|word| is_short(word)).unwrap_or_default(),
                // A value is never read as an option, whatever it looks like.
                Takes::Value => words.next().ok_or_else(|| format!("option -{letter} needs a value"))?,
            };
            self.set(letter, meaning, value, words)?;
        }
        Ok(())
    }

    fn set(
        &mut self,
        letter: char,
        meaning: Meaning,
        value: String,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        if meaning != Meaning::Ignored && value.contains(['\n', '\r']) {
            return Err(format!("the value of -{letter} has a line break: take it out"));
        }
        match meaning {
            Meaning::EnvelopeId => match envid(&value) {
                Some(envid) => self.dsn.envid = Some(envid),
                None => {
                    self.warnings.push(format!("-V {}: no envelope id (RFC 3461 4.4); ignored", value.escape_debug()))
                }
            },
            Meaning::Extract => self.extract = true,
            Meaning::FullName => self.full_name = Some(value),
            Meaning::Ignored => {}
            Meaning::KeepDot => self.keep_dot = true,
            Meaning::Mode => return self.mode(&value),
            Meaning::NewAliases => self.task = Task::NewAliases,
            Meaning::NoAliases => self.no_aliases = true,
            Meaning::Notify => self.dsn.notify = Some(notify(&value)?),
            Meaning::Option => match value.as_bytes() {
                [b'i', ..] => self.keep_dot = true,
                b"dq" => self.queue_only = true,
                // Exim: the origin of a message. The value is the next word.
                [b'M', ..] => drop(words.next()),
                _ => {}
            },
            Meaning::Return => self.dsn.ret = Some(ret(&value)?),
            Meaning::Run => self.task = Task::Run(runs(&value)),
            Meaning::Sender => self.sender = Some(value),
            Meaning::Tag => self.tag = Some(value),
            Meaning::Verbose => self.verbose = true,
        }
        Ok(())
    }

    /// `-b` with its letter.
    fn mode(&mut self, mode: &str) -> Result<(), String> {
        self.task = match mode {
            "a" | "m" => return Ok(()),
            "i" => Task::NewAliases,
            "p" => Task::List,
            "S" => Task::Smtp { batch: true },
            "s" => Task::Smtp { batch: false },
            "V" => Task::Version,
            "v" => Task::Verify,
            "d" | "D" => return Err("this program is not a daemon and listens nowhere; -q10m runs its queue".into()),
            other => return Err(format!("mode -b{other} is not known; there are -bm, -bs, -bp, -bi, -bv")),
        };
        Ok(())
    }

    /// `--name`, `--name value` or `--name=value`.
    fn long(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, glued) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        let mut value =
            || glued.clone().or_else(|| words.next()).ok_or_else(|| format!("option --{name} needs a value"));
        match name {
            "check" => self.task = Task::Check,
            "config" => self.config = Some(PathBuf::from(value()?)),
            "drain" => self.task = Task::Run(Runs::Drain),
            "from" => {
                let value = value()?;
                self.set('f', Meaning::Sender, value, &mut std::iter::empty())?;
            }
            "help" => self.task = Task::Help,
            "json" => self.json = true,
            "read-recipients" => self.extract = true, // msmtp
            "remove" => self.task = Task::Remove(value()?),
            "retry" => self.task = Task::Retry(value()?),
            "version" => self.task = Task::Version,
            _ => self.warnings.push(format!("option --{} is not known; ignored", name.escape_default())),
        }
        Ok(())
    }

    /// Debian's cron passes `MAILTO=a@x, b@x` as the words `a@x,` and `b@x`: a word may hold several recipients, and an extra comma.
    fn add_recipients(&mut self, word: String) -> Result<(), String> {
        if word.contains(['\n', '\r']) {
            return Err("a recipient has a line break: take it out".into());
        }
        self.recipients.push(word);
        Ok(())
    }
}

/// UTF-8, or else one character per octet.
fn text(word: &OsString) -> String {
    match word.to_str() {
        Some(text) => text.to_owned(),
        None => word.as_bytes().iter().map(|&b| char::from(b)).collect(),
    }
}

/// A number with the punctuation of Sendmail's `-d0-99.1`, or one letter.
fn is_short(word: &str) -> bool {
    let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b"-.,".contains(&b));
    !word.starts_with('-') && (is_number || word.len() == 1)
}

impl Dsn {
    /// Drops invalid values, since the input may come from anybody.
    pub fn checked(self) -> Dsn {
        Dsn {
            notify: self.notify.and_then(|value| notify(&value).ok()),
            ret: self.ret.and_then(|value| ret(&value).ok()),
            envid: self.envid.and_then(|value| envid(&value)),
        }
    }
}

/// RFC 3461 4.4: printable, and at most 100 octets.
fn envid(value: &str) -> Option<String> {
    let is_envid = (1..=100).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    is_envid.then(|| value.to_owned())
}

/// RFC 3461 4.1: `NEVER`, or a list of `SUCCESS`, `FAILURE`, `DELAY`.
fn notify(value: &str) -> Result<String, String> {
    let lower = value.to_ascii_lowercase();
    let is_list = lower.split(',').all(|word| ["success", "failure", "delay"].contains(&word));
    match is_list || lower == "never" {
        true => Ok(lower),
        false => Err(format!("-N {value}: use never, or some of success,failure,delay")),
    }
}

/// RFC 3461 4.3.
fn ret(value: &str) -> Result<String, String> {
    match value.to_ascii_lowercase().as_str() {
        "full" => Ok("full".into()),
        "hdrs" => Ok("hdrs".into()),
        _ => Err(format!("-R {value}: use full or hdrs")),
    }
}

/// `-q`, `-q15m`; `-qf`, `-qI...` and similar forms are one run.
fn runs(value: &str) -> Runs {
    match duration(value) {
        Ok(interval) if value.starts_with(|c: char| c.is_ascii_digit()) && !interval.is_zero() => Runs::Every(interval),
        _ => Runs::Once,
    }
}

/// What `--help` prints.
pub const HELP: &str = "\
usage: sendmail-http [-t] [-i] [-f SENDER] [-F NAME] [--] [RECIPIENT ...] < MESSAGE    send, as sendmail(1) does
       sendmail-http -bs                   SMTP on stdin and stdout
       sendmail-http -q | -q10m            run the queue once, or every ten minutes
       sendmail-http -bp [--json]          list the queue (mailq)
       sendmail-http --retry ID | --remove ID
       sendmail-http --check               show the configuration, and ask the gateway

  --config FILE     instead of /etc/sendmail-http.conf

exit status: 0 sent or queued; 64 usage; 65 message refused; 67 recipient refused; 69 no gateway and no queue;
75 cannot be kept now; 76 unknown; 77 not allowed; 78 configuration. See sendmail-http(1).
";
