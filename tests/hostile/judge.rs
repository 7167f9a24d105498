//! What must be true after a row: the answer is an expected one, a message was recorded if and only if it was accepted, it is the one that
//! was sent, and nothing forbidden appears.

use super::setup::Setup;
use crate::support::error_log::complaints;
use crate::support::hostile::{Expected, Row};
use crate::support::request::Outcome;
use crate::support::{Httpd, Mpm, Recorded, Sendmail, oracle, process, within};
use std::time::Duration;

/// A server with its program.
pub struct Bench {
    pub httpd: Httpd,
    pub sendmail: Sendmail,
    children: Vec<u32>,
}

/// If the table allows several outcomes: the one that DESIGN.md decides on, or that httpd itself gives.
const DECIDED: &[(&str, Expected)] = &[
    ("A19", Expected::Refuse(400)), // U+0085 is a control character (section 5)
    ("A22", Expected::Refuse(400)), // an encoded-word that decodes to one (section 5)
    ("A23", Expected::Refuse(400)),
    ("B06", Expected::AcceptClean), // 91 recipients are fewer than 100
    ("C17", Expected::Refuse(415)), // section 4
    ("D10", Expected::Refuse(405)),
    ("D12", Expected::Ok), // the WADL
    ("E11", Expected::Refuse(400)),
    ("E19", Expected::AcceptClean), // a comment before an address is none inside it
    ("E21", Expected::Refuse(400)),
    ("E22", Expected::Refuse(400)),
    ("F08", Expected::AcceptClean),
    ("F11", Expected::AcceptClean),
    ("F12", Expected::AcceptClean),
    ("F13", Expected::Refuse(403)),
    ("F15", Expected::Refuse(403)),
    ("F17", Expected::AcceptClean),
    ("G04", Expected::Refuse(400)), // Connection names Bcc
    ("H01", Expected::Refuse(400)),
    ("H17", Expected::Refuse(400)),
    ("I01", Expected::Refuse(403)),
    ("I02", Expected::Refuse(403)),
    ("I03", Expected::Refuse(403)),
    ("I05", Expected::Refuse(403)),
    ("I06", Expected::Refuse(403)),
    ("I07", Expected::Refuse(403)),
    ("I10", Expected::Refuse(403)),
];

/// Every field that a mail of these rows may have. Other fields of the client are not on this list.
const FIELDS: &[&str] = &[
    "received",
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "reply-to",
];

/// Credentials and private data of the rows: they must appear nowhere, neither in answers nor in the log.
const SECRETS: &[&str] = &["SECRET", "c2VjcmV0", "YWxpY2U6", "intranet.test", "secret words", "/nowhere/secret"];

/// Those that the log may contain: the program's output, its path, and the Referer that httpd itself appends to its lines.
const ADMINISTRATORS: &[&str] = &["intranet.test", "secret words", "/nowhere/secret"];

impl Bench {
    pub fn start(setup: &Setup, mpm: Mpm) -> Self {
        let sendmail = Sendmail::new();
        let httpd = setup.start(mpm, &sendmail);
        let children = httpd.children();
        Self { httpd, sendmail, children }
    }

    /// Sends and judges a row; returns the faults.
    pub fn try_row(&self, row: &Row, expected: &[Expected], send: impl FnOnce() -> Outcome) -> Result<(), String> {
        let begin = std::time::Instant::now();
        let outcome = send();
        let took = begin.elapsed();
        let mut faults = Vec::new();
        if !expected.iter().any(|expected| fits(*expected, &outcome)) {
            faults.push(format!("expected {expected:?}"));
        }
        if row.id == "J13" && took > Duration::from_secs(2)
            || row.id.starts_with('E') && took > Duration::from_millis(500)
        {
            faults.push(format!("it took {took:?}"));
        }
        faults.extend(self.state_faults());
        faults.extend(self.mail_faults(row, &outcome));
        if let Ok(response) = &outcome {
            let printable = |octets: &[u8]| octets.iter().all(|&b| b >= 0x20 && b != 0x7f || b"\r\n\t".contains(&b));
            if !printable(&response.body) || response.shows(b"<script") {
                faults.push("control characters or markup in the answer".into());
            }
            faults.extend(
                SECRETS.iter().filter(|secret| response.shows(secret.as_bytes())).map(|s| format!("{s} in the answer")),
            );
            faults.extend(answer_faults(row, response));
        }
        self.sendmail.take();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(format!("{} {}: {}\n  {}", row.id, row.what, faults.join("; "), shown(&outcome)))
        }
    }

    /// httpd is alive, and nothing that it started is.
    fn state_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let idle = || {
            self.httpd
                .children()
                .iter()
                .all(|child| process::children(*child).is_empty() && process::zombies(*child).is_empty())
        };
        if within(Duration::from_secs(3), || idle().then_some(())).is_none() {
            faults.push("a program is still there".into());
        }
        if self.children.iter().any(|child| !process::is_alive(*child)) {
            faults.push("a child of httpd died".into());
        }
        if !self.httpd.stray_files().is_empty() {
            faults.push(format!("left behind: {:?}", self.httpd.stray_files()));
        }
        let log = self.httpd.error_log();
        if log.bytes().any(|byte| byte < 0x20 && byte != b'\n' || byte == 0x7f) {
            faults.push("control characters in the error log".into());
        }
        faults.extend(
            SECRETS
                .iter()
                .filter(|secret| !ADMINISTRATORS.contains(secret) && log.contains(**secret))
                .map(|s| format!("{s} in the error log")),
        );
        faults
    }

    fn mail_faults(&self, row: &Row, outcome: &Outcome) -> Vec<String> {
        let accepted = outcome.as_ref().is_ok_and(|response| matches!(response.status, 202 | 303));
        let recorded = self.sendmail.messages();
        let committed: Vec<&Recorded> = recorded.iter().filter(|message| message.committed).collect();
        if committed.len() != usize::from(accepted) {
            return vec![format!("{} messages taken by the program", committed.len())];
        }
        if !row.id.starts_with('J') && self.sendmail.starts() != usize::from(accepted) {
            return vec![format!("{} programs started", self.sendmail.starts())];
        }
        for pid in self.sendmail.messages().iter().filter_map(|message| message.fact("grandchild")?.parse().ok()) {
            process::signal(pid, rustix::process::Signal::KILL);
        }
        let unclean = |message: &Recorded| {
            let words = message.argv.iter().skip(1).chain(&message.environ);
            words.clone().any(|word| {
                ["evil.test", "SECRET", "c2Vj"].iter().any(|bad| String::from_utf8_lossy(word).contains(bad))
            })
        };
        let mut faults: Vec<String> = recorded
            .iter()
            .filter(|message| unclean(message))
            .map(|m| format!("arguments or environment {:?}", m.arguments()))
            .collect();
        for message in committed {
            faults.extend(faults_of_mail(row, message));
        }
        faults
    }

    /// Allows the log lines that these rows provoke: our own refusals by family, and httpd's about the syntax of requests.
    pub fn expect_refusals(&self) {
        for part in ["SM01", "SM02", "SM04", "SM0803", "SM0804", "AH01630", "AH01617"] {
            if complaints(&self.httpd.error_log()).any(|line| line.contains(part)) {
                self.httpd.expect_log(part);
            }
        }
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(response) => format!("{} {}", response.status, response.text().escape_debug()),
        Err(error) => error.to_string(),
    }
}

/// The acceptable outcomes of a row.
pub fn expected(row: &Row) -> Vec<Expected> {
    let decided = DECIDED.iter().find(|(id, _)| *id == row.id);
    if let Some((_, decided)) = decided {
        assert!(row.expected.contains(decided), "{} does not offer {decided:?}", row.id);
    }
    decided.map_or_else(|| row.expected.clone(), |(_, decided)| vec![*decided])
}

/// HTTP/0.9 has no status; httpd then sends only its page.
fn fits(expected: Expected, outcome: &Outcome) -> bool {
    match (expected, outcome) {
        (Expected::Refuse(status), Ok(response)) if response.status == 0 => {
            status == 405 && response.text().starts_with("Method Not Allowed")
        }
        _ => expected.matches(outcome),
    }
}

/// Over HTTP/2 the fields of an answer are not read.
fn answer_faults(row: &Row, response: &crate::support::Response) -> Vec<String> {
    if response.headers.is_empty() {
        return Vec::new();
    }
    let field = |name| response.header(name).unwrap_or_default();
    let (allow, location) = (field("Allow"), field("Location"));
    let mut allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
    allowed.sort_unstable();
    let mut faults = Vec::new();
    // TRACE never reaches a handler: httpd answers it.
    if response.status == 405 && row.id != "D10" && allowed != ["OPTIONS", "POST"] {
        faults.push(format!("Allow is {allow}"));
    }
    if response.headers.iter().any(|(name, _)| name.to_lowercase().starts_with("access-control-")) {
        faults.push("CORS fields for a foreign page".into());
    }
    // An identifier with a slash goes into the query (section 4), which is the only `?` of ours.
    let own = location.replacen("/dsn/?message-id=", "/dsn/", 1);
    if !location.is_empty() && (!own.starts_with("/dsn/") || own.contains("../") || own.contains(['#', '?', '"', '<']))
    {
        faults.push(format!("Location is {location}"));
    }
    faults
}

fn faults_of_mail(row: &Row, message: &Recorded) -> Vec<String> {
    let parsed = oracle::read_file(&message.file);
    let mut faults = parsed.wire_faults();
    // Real identifiers have dots out of place; Python's package calls that a defect.
    faults.retain(|fault| row.id != "F08" || !fault.starts_with("a defect"));
    let hides = matches!(row.id.as_str(), "E04" | "E20");
    let strange = parsed
        .names()
        .into_iter()
        .map(str::to_lowercase)
        .filter(|name| !FIELDS.contains(&name.as_str()) && (name != "bcc" || !hides));
    faults.extend(strange.map(|name| format!("a field {name}")));
    let mut read: Vec<String> =
        ["To", "Cc", "Bcc"].iter().flat_map(|field| parsed.mailboxes(field)).map(|m| m.address).collect();
    let mut wanted = recipients(row);
    read.sort();
    wanted.sort();
    if read != wanted {
        faults.push(format!("recipients {read:?}"));
    }
    let from = if matches!(row.id.as_str(), "F11" | "F12" | "F16") { "alice@example.test" } else { "f@example.test" };
    if parsed.mailboxes("From").iter().map(|from| from.address.as_str()).collect::<Vec<_>>() != [from] {
        faults.push(format!("From {:?}", parsed.mailboxes("From")));
    }
    let text = message.text();
    let head = text.split("\n\n").next().unwrap_or_default();
    if head.contains("evil.test") && !matches!(row.id.as_str(), "A21" | "F16" | "H12") {
        faults.push("evil.test in the header".into());
    }
    faults.extend(SECRETS.iter().filter(|secret| text.contains(**secret)).map(|s| format!("{s} in the mail")));
    if message.arguments() != ["-t", "-i"] {
        faults.push(format!("arguments {:?}", message.arguments()));
    }
    let foreign =
        |variable: &Vec<u8>| !["PATH=", "LANG=C", "TZ="].iter().any(|fixed| variable.starts_with(fixed.as_bytes()));
    if message.environ.iter().any(foreign) {
        faults.push("a variable that is not fixed".into());
    }
    let same = |read: &[u8]| lf(read).trim_ascii_end() == lf(body(row)).trim_ascii_end();
    if parsed.parts().len() == 1 && !parsed.content_type().starts_with("message/") && !same(&parsed.body()) {
        faults.push(format!("the body reads {:?}", String::from_utf8_lossy(&parsed.body())));
    }
    faults
}

fn recipients(row: &Row) -> Vec<String> {
    let list = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    match row.id.as_str() {
        "B06" => (1..=90).map(|i| format!("u{i}@example.test")).chain(["a@example.test".to_owned()]).collect(),
        "E04" => list(&["z@example.test"]),
        "E05" => list(&["a@example.test", "c@example.test"]),
        "E20" => list(&["a@example.test", "z@example.test"]),
        _ => list(&["a@example.test"]),
    }
}

/// The body that the row means.
fn body(row: &Row) -> &[u8] {
    match row.id.as_str() {
        "C10" | "C11" | "L10" => b"hi",
        "C19" => b"",
        _ => &row.body,
    }
}

fn lf(text: &[u8]) -> Vec<u8> {
    let followed = |at: usize| text[at] == b'\r' && text.get(at + 1) == Some(&b'\n');
    (0..text.len()).filter(|at| !followed(*at)).map(|at| text[at]).collect()
}
