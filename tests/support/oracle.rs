//! Messages as Python's email package reads them (`tests/oracle.py`): the independent opinion that the tests compare with.

use super::place::{Place, repository};
use super::process::required;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// The oracle's result. Accessors return what a test compares; `json` has everything (see `read` and `wire` in oracle.py).
#[derive(Clone, Debug)]
pub struct Parsed {
    pub json: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: String,
    pub address: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub content_type: String,
    pub charset: Option<String>,
    pub filename: Option<String>,
    pub subject: Option<String>,
    pub body: Vec<u8>,
}

/// Reads one message.
#[track_caller]
pub fn read(octets: &[u8]) -> Parsed {
    let place = Place::new("oracle");
    read_file(&place.write("message", octets))
}

/// Like [`read`], from an existing file.
#[track_caller]
pub fn read_file(file: &Path) -> Parsed {
    static ORACLE: OnceLock<Mutex<Oracle>> = OnceLock::new();
    let oracle = ORACLE.get_or_init(|| Mutex::new(Oracle::start()));
    let answer = oracle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).ask(file);
    let json: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("oracle.py said {answer}: {error}"));
    assert!(json.get("error").is_none(), "oracle.py could not read {}: {}", file.display(), json["error"]);
    Parsed { json }
}

impl Parsed {
    /// Decoded; `None` if the field is missing.
    pub fn subject(&self) -> Option<&str> {
        self.json["subject"].as_str()
    }

    /// Without `<>`.
    pub fn message_id(&self) -> Option<&str> {
        Some(self.json["message_id"].as_str()?.trim_start_matches('<').trim_end_matches('>'))
    }

    /// ISO 8601 with offset.
    pub fn date(&self) -> Option<&str> {
        self.json["date"].as_str()
    }

    pub fn content_type(&self) -> &str {
        self.json["content_type"].as_str().unwrap_or_default()
    }

    pub fn charset(&self) -> Option<&str> {
        self.json["charset"].as_str()
    }

    pub fn encoding(&self) -> Option<&str> {
        self.json["encoding"].as_str()
    }

    /// The first field of this name, decoded; case does not matter.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).into_iter().next()
    }

    pub fn fields(&self, name: &str) -> Vec<&str> {
        let pairs = self.json["fields"].as_array().into_iter().flatten();
        let named = pairs.filter(|pair| pair[0].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name)));
        named.filter_map(|pair| pair[1].as_str()).collect()
    }

    /// The first field of this name as written, unfolded: [`Self::field`] shows Python's reading.
    pub fn written(&self, name: &str) -> Option<String> {
        let mut pairs = self.json["raw"].as_array().into_iter().flatten();
        let pair = pairs.find(|pair| pair[0].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name)))?;
        Some(pair[1].as_str()?.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Names of the fields, in order.
    pub fn names(&self) -> Vec<&str> {
        self.json["fields"].as_array().into_iter().flatten().filter_map(|pair| pair[0].as_str()).collect()
    }

    /// Mailboxes of an address field, members of its groups included.
    pub fn mailboxes(&self, field: &str) -> Vec<Mailbox> {
        mailboxes(&self.json["addresses"][field.to_lowercase()]["mailboxes"])
    }

    /// Groups of an address field with their members.
    pub fn groups(&self, field: &str) -> Vec<(String, Vec<Mailbox>)> {
        let groups = self.json["addresses"][field.to_lowercase()]["groups"].as_array().into_iter().flatten();
        groups.map(|group| (word(&group["name"]), mailboxes(&group["members"]))).collect()
    }

    pub fn parts(&self) -> Vec<Part> {
        self.json["parts"].as_array().into_iter().flatten().map(part).collect()
    }

    /// The octets of a message of one part.
    #[track_caller]
    pub fn body(&self) -> Vec<u8> {
        let mut parts = self.parts();
        assert_eq!(parts.len(), 1, "a message of one part");
        parts.remove(0).body
    }

    pub fn defects(&self) -> Vec<&str> {
        self.json["defects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The rules for every message: LF only, no line over 990, a well-formed ASCII header, each singleton once; 8-bit in a body only if the
    /// header declares it.
    pub fn wire_faults(&self) -> Vec<String> {
        let wire = &self.json["wire"];
        let is = |name: &str| wire[name].as_bool() == Some(true);
        let declared = matches!(self.encoding(), Some("8bit"));
        let rules = [
            (!is("has_cr"), "a CR"),
            (!is("has_nul"), "a NUL"),
            (wire["longest_line"].as_u64().is_some_and(|length| length <= 990), "a line over 990 octets"),
            (is("header_is_printable_ascii"), "an octet in the header that is no printable ASCII"),
            (is("header_is_well_formed"), "a header line that is neither field nor continuation"),
            (wire["duplicates"].as_array().is_some_and(Vec::is_empty), "a field twice that may stand once"),
            (!is("body_is_8bit") || declared, "8-bit octets undeclared"),
            (is("ends_with_newline"), "no line end at the end"),
            (self.defects().is_empty(), "a defect"),
        ];
        let broken = rules.iter().filter(|(kept, _)| !kept);
        broken.map(|(_, fault)| format!("{fault} ({wire}, {:?})", self.defects())).collect()
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn mailboxes(list: &Value) -> Vec<Mailbox> {
    let boxes = list.as_array().into_iter().flatten();
    boxes.map(|mailbox| Mailbox { name: word(&mailbox["name"]), address: word(&mailbox["address"]) }).collect()
}

fn part(value: &Value) -> Part {
    let optional = |name: &str| value[name].as_str().map(str::to_owned);
    Part {
        content_type: word(&value["content_type"]),
        charset: optional("charset"),
        filename: optional("filename"),
        subject: optional("subject"),
        body: STANDARD.decode(word(&value["body"])).expect("oracle.py writes base64"),
    }
}

/// The one Python process; it ends with stdin when the test process does.
struct Oracle {
    _process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    fn start() -> Self {
        let mut command = Command::new(required("python3", "python3"));
        command.arg(repository().join("tests/oracle.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 can be run");
        let questions = process.stdin.take().expect("piped above");
        let answers = BufReader::new(process.stdout.take().expect("piped above"));
        Self { _process: process, questions, answers }
    }

    fn ask(&mut self, file: &Path) -> String {
        writeln!(self.questions, "{}", file.display()).expect("oracle.py listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("oracle.py answers");
        answer
    }
}
