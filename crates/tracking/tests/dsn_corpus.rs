//! The reader of delivery status notifications against real ones: `../shared/data/dsn` where it is there (or `MOD_SENDMAIL_DATA`), and
//! always the `tests/data/dsn` of the project. Each mail is read as it is, with LF, with CRLF and with CR, and must say the same.
//!
//! `tests/data/no-report` holds the mails that are none, and look like one: nothing may be read out of them.
//!
//! A conforming report must agree in every field with what two independent parsers read out of it. The others must name the recipients
//! that at least two of three known bounce readers name, nobody that none of them names, and the Message-ID that two of them found.
#![forbid(unsafe_code)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tracking::dsn::{self, Error, Report};

struct Case {
    name: String,
    mail: Vec<u8>,
    expected: Value,
}

/// How many cases of a class were right, and what was wrong with the others.
#[derive(Default)]
struct Score {
    right: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, name: &str, faults: Vec<String>) {
        if faults.is_empty() {
            self.right += 1;
        } else {
            self.wrong.push(format!("{name}: {}", faults.join("; ")));
        }
    }

    fn share(&self) -> f64 {
        100.0 * self.right as f64 / (self.right + self.wrong.len()).max(1) as f64
    }

    fn print(&self, class: &str) {
        println!("{class}: {} of {} ({:.2} %)", self.right, self.right + self.wrong.len(), self.share());
        for wrong in &self.wrong {
            println!("  {wrong}");
        }
    }
}

#[test]
fn the_shared_corpus_is_read() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("MOD_SENDMAIL_DATA").map_or_else(|| repository.join("../shared/data"), PathBuf::from);
    let folder = data.join("dsn");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    check(&folder, 99.5, 90.0);
}

#[test]
fn the_own_corpus_is_read() {
    check(&own("dsn"), 100.0, 100.0);
}

/// Absence notices, challenges, newsletters, disposition notifications, mailing lists, bounces that somebody quotes, pastes or forwards.
#[test]
fn ordinary_mail_is_no_report() {
    let bounce = load(&own("dsn")).into_iter().find(|case| case.name == "generated--dma-fail-ret-full-none").unwrap();
    assert!(dsn::parse(&bounce.mail).is_ok_and(|report| report.heuristic), "a bounce without fields is read");
    let mut score = Score::default();
    for case in load(&own("no-report")) {
        let mut faults = Vec::new();
        for (how, mail) in twins(&case.mail).into_iter().chain([("itself", case.mail.clone())]) {
            match dsn::parse(&mail) {
                Err(Error::NotAReport(kind)) if case.expected["kind"] == format!("{kind:?}") => {}
                Err(other) => faults.push(format!("{how}: {other:?}, not {}", case.expected["kind"])),
                Ok(report) => faults.push(format!("{how}: {:?} {:?}", report.family, addresses(&report))),
            }
        }
        score.add(&case.name, faults);
    }
    score.print("ordinary mail, no report");
    assert!(score.right >= 50 && score.wrong.is_empty());
}

/// A folder of the project's own mails.
fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
}

fn check(folder: &Path, conforming_at_least: f64, others_at_least: f64) {
    let cases = load(folder);
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    let [mut conforming, mut near, mut others, mut actions, mut flag, mut silent] = <[Score; 6]>::default();
    for case in &cases {
        let report = dsn::parse(&case.mail);
        let first = report.as_ref().ok();
        for (how, mail) in twins(&case.mail) {
            let twin = dsn::parse(&mail);
            assert_eq!(
                twin.as_ref().ok().map(dsn::json::value),
                first.map(dsn::json::value),
                "{}: with {how}",
                case.name
            );
            assert_eq!(twin.ok().map(|r| r.digest()), first.map(Report::digest), "{}: digest with {how}", case.name);
        }
        let is_conforming = case.expected["conforming"] == true;
        let says = first.is_some_and(|r| r.conforming);
        flag.add(&case.name, if says == is_conforming { vec![] } else { vec![format!("conforming is {says}")] });
        if !is_conforming && case.expected["oracle"]["field_agreement"] == true && case.expected["n_recipients"] != 0 {
            near.add(&case.name, fields(case, first));
        }
        if let Some(report) = first.filter(|_| !is_conforming) {
            actions.add(&case.name, states(&case.expected, report));
        }
        if is_conforming {
            if case.expected["oracle"]["field_agreement"] == true {
                conforming.add(&case.name, fields(case, first));
            }
        } else if agreed(&case.expected).is_empty() {
            let nobody = readers(&case.expected).iter().all(BTreeSet::is_empty);
            if nobody {
                let said: Vec<_> = first.into_iter().map(|r| format!("{:?} {:?}", r.family, addresses(r))).collect();
                silent.add(&case.name, said);
            }
        } else {
            others.add(&case.name, recognised(&case.expected, first));
        }
    }
    println!("{} mails of {}", cases.len(), folder.display());
    conforming.print("conforming, every field");
    near.print("not conforming, every field");
    actions.print("others, failed or delayed as sisimai says");
    others.print("others, recipients and Message-ID");
    flag.print("flag `conforming`");
    silent.print("silent where every reader is");
    assert!(conforming.right > 0 && others.right > 0);
    assert!(conforming.share() >= conforming_at_least);
    assert!(others.share() >= others_at_least);
}

fn load(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "eml") {
            let expected = std::fs::read(path.with_extension("json")).unwrap();
            cases.push(Case {
                name: path.file_stem().unwrap().to_string_lossy().into_owned(),
                mail: std::fs::read(&path).unwrap(),
                expected: serde_json::from_slice(&expected).unwrap(),
            });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// The same mail with other line ends.
fn twins(mail: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let lf = if mail.contains(&b'\n') {
        let mut lf = Vec::new();
        for (at, octet) in mail.iter().enumerate() {
            if *octet != b'\r' || mail[at..].iter().find(|b| **b != b'\r') != Some(&b'\n') {
                lf.push(*octet);
            }
        }
        lf
    } else {
        mail.iter().map(|b| if *b == b'\r' { b'\n' } else { *b }).collect()
    };
    let with =
        |end: &[u8]| lf.iter().flat_map(|b| if *b == b'\n' { end.to_vec() } else { vec![*b] }).collect::<Vec<u8>>();
    let mut all = vec![("LF", lf.clone()), ("CRLF", with(b"\r\n"))];
    if !lf.contains(&b'\r') {
        all.push(("CR", with(b"\r")));
    }
    all
}

/// What differs from the fields that two parsers agree on.
fn fields(case: &Case, report: Option<&Report>) -> Vec<String> {
    let expected = &case.expected;
    let Some(report) = report else { return vec!["not read".into()] };
    let json = dsn::json::value(report);
    let mut faults = Vec::new();
    let mut compare = |what: String, expected: &Value, got: &Value| {
        if expected != got {
            faults.push(format!("{what} is {got}, not {expected}"));
        }
    };
    let message = &expected["per_message"];
    let envelope_id = match message["original_envelope_id"].as_str() {
        // Exim passes ENVID on in xtext, and the parsers left it so
        Some(id) if id.contains("+2B") => Value::from(id.replace("+2B", "+").replace("+3D", "=")),
        _ => message["original_envelope_id"].clone(),
    };
    compare("original_envelope_id".into(), &envelope_id, &json["original_envelope_id"]);
    // The parsers look for a returned part alone; what the report answers is in its own header.
    let answers = report.original_message_id.as_ref().is_some_and(|id| is_answered(&case.mail, id));
    if !(expected["original"]["message_id"].is_null() && answers) {
        compare("original_message_id".into(), &expected["original"]["message_id"], &json["original_message_id"]);
    }
    for name in ["reporting_mta", "arrival_date"] {
        compare(name.into(), &message[name], &json[name]);
    }
    let (theirs, ours) = (expected["recipients"].as_array().unwrap(), json["recipients"].as_array().unwrap());
    compare("recipients".into(), &theirs.len().into(), &ours.len().into());
    for (at, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
        for name in ours.as_object().unwrap().keys() {
            compare(format!("recipient {at} {name}"), &theirs[name], &ours[name]);
        }
    }
    faults
}

/// Whether the header of the mail holds this id in a field that names the message it is about.
fn is_answered(mail: &[u8], id: &str) -> bool {
    let mail = String::from_utf8_lossy(mail).replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let fields = ["in-reply-to:", "references:"];
    let is_field = |line: &str| fields.iter().any(|name| line.to_lowercase().starts_with(name));
    mail.lines().take_while(|line| !line.is_empty()).any(|line| is_field(line) && line.contains(id))
}

/// What differs from what the known readers agree on.
fn recognised(expected: &Value, report: Option<&Report>) -> Vec<String> {
    let Some(report) = report else { return vec![format!("not read, {:?}", agreed(expected))] };
    let mut faults = Vec::new();
    let ours = addresses(report);
    let mut known: BTreeSet<String> = readers(expected).into_iter().flatten().collect();
    for recipient in expected["recipients"].as_array().unwrap() {
        known.extend(
            ["final_recipient", "original_recipient"].iter().filter_map(|n| recipient[n]["value"].as_str().map(plain)),
        );
    }
    for missing in agreed(expected).difference(&ours) {
        faults.push(format!("{missing} is missing"));
    }
    for other in report.recipients.iter().filter(|r| !r.addresses().map(plain).any(|a| known.contains(&a))) {
        faults.push(format!("{:?} is nobody's", other.address()));
    }
    let two = message_id(expected);
    if two.is_some() && two.as_deref() != report.original_message_id.as_deref().map(|id| id.trim_matches(['<', '>'])) {
        faults.push(format!("Message-ID is {:?}, not {two:?}", report.original_message_id));
    }
    if !faults.is_empty() {
        faults.push(format!("({:?}: {ours:?}; {:?})", report.family, readers(expected)));
    }
    faults
}

/// Where sisimai sees another outcome.
fn states(expected: &Value, report: &Report) -> Vec<String> {
    let theirs = expected["oracle"]["sisimai"]["recipients"].as_array().into_iter().flatten();
    let mut faults = Vec::new();
    for (address, action) in theirs.filter_map(|r| Some((plain(r["recipient"].as_str()?), r["action"].as_str()?))) {
        let ours =
            report.recipients.iter().find(|r| r.addresses().map(plain).any(|a| a == address)).and_then(|r| r.state());
        if let Some(ours) = ours.filter(|ours| ours.as_str() != action) {
            faults.push(format!("{address} is {}, not {action}", ours.as_str()));
        }
    }
    faults
}

fn plain(address: &str) -> String {
    address.trim().trim_matches(['<', '>']).to_lowercase()
}

fn addresses(report: &Report) -> BTreeSet<String> {
    report.recipients.iter().flat_map(|r| r.addresses()).map(plain).collect()
}

/// The recipients that sisimai, Mail::DeliveryStatus::BounceParser and flufl.bounce name.
fn readers(expected: &Value) -> [BTreeSet<String>; 3] {
    let oracle = &expected["oracle"];
    let strings = |list: &Value| -> BTreeSet<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(|a| a["recipient"].as_str().or(a.as_str()))
            .map(plain)
            .collect()
    };
    let flufl = &oracle["flufl"];
    [
        strings(&oracle["sisimai"]["recipients"]),
        strings(&oracle["mdb"]["addresses"]),
        &strings(&flufl["permanent"]) | &strings(&flufl["temporary"]),
    ]
}

fn agreed(expected: &Value) -> BTreeSet<String> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for address in readers(expected).into_iter().flatten() {
        *count.entry(address).or_default() += 1;
    }
    count.into_iter().filter(|(_, n)| *n > 1).map(|(address, _)| address).collect()
}

/// The Message-ID of the returned message that two readers found.
fn message_id(expected: &Value) -> Option<String> {
    let oracle = &expected["oracle"];
    let found = [
        expected["original"]["message_id"].as_str().filter(|_| oracle["field_agreement"] == true),
        oracle["mdb"]["orig_message_id"].as_str(),
        oracle["sisimai"]["recipients"][0]["message_id"].as_str(),
    ];
    let found: Vec<_> =
        found.into_iter().flatten().map(|id| id.trim().trim_matches(['<', '>'])).filter(|id| !id.is_empty()).collect();
    found.iter().find(|id| found.iter().filter(|other| other == id).count() > 1).map(|id| id.to_string())
}
