//! `../shared/data/hostile-requests.tsv` -> rows that can be sent and judged. Its README allows no copy of it in the project: where the
//! folder is missing (and MOD_SENDMAIL_DATA names no other), [`rows`] answers none and the test says that it was skipped.
//!
//! Escapes `\r \n \t \" \\ \xNN`; `{rep:UNIT*N}`, `{rep:UNIT*N\n*M}` (M lines), `{hdrs:LINE with %d*N}`, `{list:ITEM with %d*N}`,
//! `{gzipbomb}`; before a body `{half}`, `{rst}`, `{stall}`.

use super::httpd::Httpd;
use super::place::repository;
use super::process::{required, run};
use super::request::{Ending, Outcome, Request};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

pub struct Row {
    /// `A01`: letter of the family, number.
    pub id: String,
    /// What it is; begins with `config:`, `fake sendmail:` or `mod_processdsn:` if it needs that set-up.
    pub what: String,
    /// The head as written in the file, for rows in words (`h2: ...`).
    pub written: String,
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    pub ending: Ending,
    /// Any of these is acceptable.
    pub expected: Vec<Expected>,
    /// For people: what must not appear in mail, answer or log.
    pub never: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    AcceptClean,
    /// The connection ends without an answer.
    Drop,
    Fail(u16),
    Ok,
    Refuse(u16),
}

/// Every row of the table; `None` if the table is missing.
pub fn rows() -> Option<Vec<Row>> {
    let text = std::fs::read_to_string(data()?.join("hostile-requests.tsv")).ok()?;
    Some(text.lines().skip(1).filter(|line| !line.is_empty()).map(Row::read).collect())
}

/// MOD_SENDMAIL_DATA, otherwise `../shared/data` beside the repository.
pub fn data() -> Option<PathBuf> {
    let named = std::env::var_os("MOD_SENDMAIL_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| repository().join("../shared/data"));
    folder.is_dir().then_some(folder)
}

impl Row {
    fn read(line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, what, head, body, expected, never] = columns[..] else {
            panic!("six columns, not {}: {line}", columns.len());
        };
        let (ending, body) = [("{half}", Ending::Half), ("{rst}", Ending::Reset), ("{stall}", Ending::Stall)]
            .into_iter()
            .find_map(|(prefix, ending)| Some((ending, body.strip_prefix(prefix)?)))
            .unwrap_or((Ending::Open, body));
        Self {
            id: id.to_owned(),
            what: what.to_owned(),
            written: head.to_owned(),
            head: octets(head),
            body: octets(body),
            ending,
            expected: expected.split('|').map(Expected::read).collect(),
            never: never.to_owned(),
        }
    }

    /// Rows that describe an HTTP/2 request in words.
    pub fn is_h2(&self) -> bool {
        self.written.starts_with("h2:")
    }

    /// The set-up that the row names: `config` -> `-t -i -f %{HTTP:X-Sender}`, `fake sendmail` -> `reads all, exits 65`.
    pub fn needs(&self) -> Option<(&str, &str)> {
        let (kind, detail) = self.what.split_once(": ")?;
        matches!(kind, "config" | "fake sendmail" | "mod_processdsn").then_some((kind, detail))
    }

    pub fn request(&self) -> Request {
        Request::post("/mail").raw([&self.head[..], &self.body].concat()).ending(self.ending)
    }

    pub fn send(&self, httpd: &Httpd) -> Outcome {
        let method = self.written.split(' ').next().unwrap_or_default();
        let mut request = self.request();
        request.method = method.to_owned(); // HEAD has no body to wait for
        request.try_send(httpd)
    }

    /// Fails the test if the outcome is not an expected one.
    #[track_caller]
    pub fn judge(&self, outcome: &Outcome) {
        let fits = self.expected.iter().any(|expected| expected.matches(outcome));
        assert!(fits, "{} {}: expected {:?}, got {outcome:?}", self.id, self.what, self.expected);
    }
}

impl Expected {
    fn read(word: &str) -> Self {
        let status = || word.rsplit('-').next().and_then(|digits| digits.parse().ok());
        match (word.split('-').next(), status()) {
            (Some("accept"), None) => Self::AcceptClean,
            (Some("drop"), None) => Self::Drop,
            (Some("fail"), Some(status)) => Self::Fail(status),
            (Some("ok"), Some(200)) => Self::Ok,
            (Some("refuse"), Some(status)) => Self::Refuse(status),
            _ => panic!("no such expectation: {word}"),
        }
    }

    /// Accepted is 202 or 303; a preflight and a WADL may also be 204.
    pub fn matches(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::AcceptClean, Ok(response)) => matches!(response.status, 202 | 303),
            (Self::Drop, outcome) => outcome.is_err(),
            (Self::Fail(status) | Self::Refuse(status), Ok(response)) => response.status == status,
            (Self::Ok, Ok(response)) => matches!(response.status, 200 | 204),
            (_, Err(_)) => false,
        }
    }
}

/// The octets of a cell. Braces that begin no macro are literal (`${run{/bin/id}}`).
pub fn octets(cell: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = cell;
    while let Some(first) = rest.chars().next() {
        let taken = if let Some((made, taken)) = macro_at(rest) {
            octets.extend(made);
            taken
        } else if first == '\\' {
            let (byte, taken) = escape_at(rest);
            octets.push(byte);
            taken
        } else {
            octets.extend(rest[..first.len_utf8()].bytes());
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    octets
}

fn escape_at(text: &str) -> (u8, usize) {
    match text.as_bytes()[1] {
        b'r' => (b'\r', 2),
        b'n' => (b'\n', 2),
        b't' => (b'\t', 2),
        b'x' => (u8::from_str_radix(&text[2..4], 16).expect("two hex digits after \\x"), 4),
        other => (other, 2),
    }
}

fn macro_at(text: &str) -> Option<(Vec<u8>, usize)> {
    let end = text.find('}')?;
    let inner = text[..end].strip_prefix('{')?;
    if inner == "gzipbomb" {
        return Some((gzip_bomb().to_vec(), end + 1));
    }
    let (name, argument) = inner.split_once(':')?;
    let (unit, count) = argument.rsplit_once('*')?;
    let count: usize = count.parse().ok()?;
    let numbered = |separator: &str, after: &str| {
        let items: Vec<String> = (1..=count).map(|number| unit.replace("%d", &number.to_string()) + after).collect();
        octets(&items.join(separator))
    };
    let made = match (name, unit.strip_suffix("\\n").and_then(|line| line.rsplit_once('*'))) {
        ("rep", Some((unit, width))) => {
            [octets(unit).repeat(width.parse().ok()?), b"\n".to_vec()].concat().repeat(count)
        }
        ("rep", None) => octets(unit).repeat(count),
        ("hdrs", _) => numbered("", "\\r\\n"),
        ("list", _) => numbered(", ", ""),
        _ => return None,
    };
    Some((made, end + 1))
}

/// 64 MiB of one letter, compressed some thousand to one.
fn gzip_bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        let script = "import gzip, sys; sys.stdout.buffer.write(gzip.compress(b'x' * (64 << 20)))";
        run(Command::new(required("python3", "python3")).args(["-c", script]))
    })
}
