//! One word for each failure, held against the verdicts that Sisimai gave on the same mails (the `.json` files of the corpus have them): in
//! `tests/data/dsn`, and in `../shared/data/dsn` where it is there. Sisimai has more words than we; [`SAME`] says which of ours each is.
//!
//! It says `filtered` of a user that is unknown where it cannot tell which command was refused. So do we, where the report tells that it was
//! DATA; else a user that is unknown is unknown. These are counted apart.
#![forbid(unsafe_code)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tracking::dsn::{self, reason};

/// Sisimai's word, ours.
#[rustfmt::skip]
const SAME: &[(&str, &str)] = &[
    ("authfailure", "authfailure"), ("badreputation", "blocked"), ("blocked", "blocked"), ("contenterror", "policy"),
    ("exceedlimit", "toolarge"), ("expired", "expired"), ("filtered", "filtered"), ("hasmoved", "userunknown"),
    ("hostunknown", "hostunknown"), ("mailboxfull", "mailboxfull"), ("mailererror", "undefined"), ("mesgtoobig", "toolarge"),
    ("networkerror", "networkerror"), ("norelaying", "policy"), ("notaccept", "hostunknown"), ("notcompliantrfc", "notcompliant"),
    ("onhold", "undefined"), ("policyviolation", "policy"), ("rejected", "policy"), ("requireptr", "blocked"),
    ("securityerror", "policy"), ("spamdetected", "spamdetected"), ("speeding", "toomuch"), ("suspend", "suspended"),
    ("syntaxerror", "notcompliant"), ("systemerror", "undefined"), ("systemfull", "undefined"), ("toomanyconn", "toomuch"),
    ("undefined", "undefined"), ("userunknown", "userunknown"), ("virusdetected", "policy"),
];

#[test]
fn the_shared_corpus_has_the_verdicts_of_others() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("MOD_SENDMAIL_DATA").map_or_else(|| repository.join("../shared/data"), PathBuf::from);
    let folder = data.join("dsn");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let found = compare(&folder);
    assert!(found.all > 800 && found.same * 100 >= found.all * 91, "{found:?}");
    assert!((found.same + found.unknown_stage) * 100 >= found.all * 95, "{found:?}");
}

#[test]
fn the_own_corpus_has_the_verdicts_of_others() {
    let found = compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/dsn"));
    assert!(found.all >= 80 && found.same * 100 >= found.all * 95, "{found:?}");
}

#[derive(Debug, Default)]
struct Found {
    same: usize,
    /// Filtered there, an unknown user here.
    unknown_stage: usize,
    all: usize,
}

/// How many verdicts are the same, of how many; the others are printed.
fn compare(folder: &Path) -> Found {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Found::default();
    let mut confused: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "eml")) {
        let Ok(report) = dsn::parse(&std::fs::read(file).unwrap()) else { continue };
        let verdicts: Value = serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
        for verdict in verdicts["oracle"]["sisimai"]["recipients"].as_array().into_iter().flatten() {
            let address = verdict["recipient"].as_str().unwrap_or_default();
            let is_it = |r: &&dsn::Recipient| r.addresses().any(|known| known.eq_ignore_ascii_case(address));
            let Some(recipient) = report.recipients.iter().find(is_it) else { continue };
            let Some((_, theirs)) = SAME.iter().find(|row| verdict["reason"] == row.0) else { continue };
            let Some(ours) = reason::of(recipient, report.reporting_mta.as_deref()).map(reason::Reason::as_str) else {
                continue;
            };
            found.all += 1;
            if ours == *theirs {
                found.same += 1;
                continue;
            }
            found.unknown_stage += usize::from((*theirs, ours) == ("filtered", "userunknown"));
            *confused.entry((format!("{theirs} ({})", verdict["reason"]), ours)).or_default() += 1;
            let words = recipient.diagnostic_code.as_ref().map_or("", |code| code.value.as_str());
            let (name, status) = (file.file_stem().unwrap().to_string_lossy(), recipient.status_code.as_deref());
            println!(
                "{} -> {theirs}, here {ours}: {name} {status:?} [{}] {words}",
                verdict["reason"],
                recipient.remote_mta.as_ref().map_or("", |m| m.value.as_str())
            );
        }
    }
    println!("{found:?}, the same; the others: {confused:?}");
    found
}
