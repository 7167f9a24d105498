//! The command line, and how a run ends that cannot store.

use crate::agent::{self, command, run, words};
use crate::databases::{Cluster, Sqlite, Store};
use crate::place::{Place, am_root, as_user, corpus};
use crate::report::with_message_id;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn report() -> Vec<u8> {
    with_message_id("m@x").of("a@x.example", "failed", "5.0.0").mail()
}

#[test]
fn json_says_what_the_corpus_says() {
    let mut agreed = 0;
    for (path, mail) in corpus() {
        let text = fs::read_to_string(path.with_extension("json")).expect("each mail has its fields");
        let expected: Value = serde_json::from_str(&text).expect("JSON");
        let told: Value = serde_json::from_str(&run(command().arg("--json"), &mail).exits(0).out).expect("JSON");
        // The others are for the tests of the reader; here it is the names that count.
        if expected["conforming"] != true || expected["oracle"]["field_agreement"] != true {
            continue;
        }
        agreed += 1;
        let same = |name: &str, told: &Value, expected: &Value| {
            let words =
                |value: &Value| value.as_str().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
            match expected {
                Value::Object(parts) => {
                    for part in ["type", "value"] {
                        assert_eq!(words(&told[part]), words(&parts[part]), "{} {name}.{part}", path.display());
                    }
                }
                _ => assert_eq!(words(told), words(expected), "{} {name}", path.display()),
            }
        };
        for name in ["reporting_mta", "arrival_date"] {
            same(name, &told[name], &expected["per_message"][name]);
        }
        same("original_message_id", &told["original_message_id"], &expected["original"]["message_id"]);
        // In xtext (RFC 3461 4), which we decode and the oracle did not.
        let envid = &expected["per_message"]["original_envelope_id"];
        if !envid.as_str().is_some_and(|text| text.contains('+')) {
            same("original_envelope_id", &told["original_envelope_id"], envid);
        }
        let recipients = expected["recipients"].as_array().expect("a list");
        assert_eq!(told["recipients"].as_array().map(Vec::len), Some(recipients.len()), "{}", path.display());
        for (told, expected) in told["recipients"].as_array().expect("a list").iter().zip(recipients) {
            for (name, value) in told.as_object().expect("an object") {
                same(name, value, &expected[name]);
            }
        }
    }
    assert!(agreed >= 20, "{agreed} mails compared");
    let ended = run(command().arg("--json"), b"Subject: x\n\nHello\n").exits(0).complains("not a delivery status");
    assert_eq!(ended.out, "null\n");
}

#[test]
fn a_wrong_word_is_told_with_64() {
    let both = ["--driver", "sqlite3", "--params", "f"];
    words(&["--help"]).exits(0);
    assert!(words(&["--version"]).exits(0).out.starts_with("processdsn "));
    words(&[]).exits(64).complains("--driver");
    words(&both[..2]).exits(64).complains("--params");
    for wrong in [&["--nonsense"][..], &["--init", "--expire", "1d"], &["--expire", "soon"], &["a@b", "c@d"], &["-o"]] {
        words(&[&both[..], wrong].concat()).exits(64).complains("--help");
    }
}

#[test]
fn no_tables_and_no_database_are_told_with_78_and_the_remedy() {
    let place = Place::new("tables");
    let store = Sqlite(place.file("d.sqlite"));
    store.deliver(&report()).exits(78).complains("--init");
    assert!(!place.file("d.sqlite").exists(), "no empty database is left behind");
    fs::write(place.file("d.sqlite"), "").expect("a file");
    store.deliver(&report()).exits(78).complains("--init");
    run(store.agent().args(["--expire", "1d"]), b"").exits(78).complains("--init");
    store.init();
    store.deliver(&report()).exits(0);
}

#[test]
fn what_is_no_database_is_told_with_78() {
    let place = Place::new("nonsense");
    fs::write(place.file("text"), "this is a text and not a database ".repeat(100)).expect("a file");
    Sqlite(place.file("text")).deliver(&report()).exits(78).complains("not a database");
    let nothing = words(&["--driver", "nosuch", "--params", "x", "--init"]).exits(78);
    nothing.complains("libaprutil1-dbd-nosuch");
    let pgsql = |params: &str| run(command().args(["--driver", "pgsql", "--params", params]), &report());
    if pgsql("host=/nonexistent").code != Some(78) {
        pgsql("nonsense").exits(78).complains("missing \"=\"");
        pgsql("path=/x").exits(78).complains("invalid connection option");
    }
}

#[test]
fn a_database_that_may_not_be_written_keeps_the_report_with_the_mta() {
    if !am_root() {
        eprintln!("SKIPPED: root alone can become somebody else");
        return;
    }
    let place = Place::new("readonly");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    let program = place.file("processdsn");
    fs::copy(env!("CARGO_BIN_EXE_processdsn"), &program).expect("a copy that anybody may run");
    let mut open = place.path().to_owned();
    while let Some(folder) = open.parent().filter(|folder| folder.parent().is_some()) {
        let mode = fs::metadata(folder).expect("a folder").permissions().mode();
        if mode & 1 == 0 {
            eprintln!("SKIPPED: {} is closed to others", folder.display());
            return;
        }
        open = folder.to_owned();
    }
    let nobody = || run(as_user("nobody", &program).args(store.connection()), &report());
    nobody().exits(75).complains("must be able to write the file and its folder");
    for path in [place.path().to_owned(), place.file("d.sqlite")] {
        std::os::unix::fs::chown(path, Some(65534), None).expect("root may give things away");
    }
    nobody().exits(0);
}

#[test]
fn what_is_not_a_report_is_done_with_and_its_copy_kept() {
    let place = Place::new("other-mail");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    let copy = place.file("copies");
    let deliver = |mail: &[u8]| run(store.agent().arg("-o").arg(&copy), mail);
    deliver(b"Subject: hello\n\nHello\n").exits(0).complains("not a delivery status");
    deliver(b"").exits(0);
    deliver(&[0xff; 5000]).exits(0);
    let mut large = report();
    large.resize((10 << 20) + 500_000, b'x');
    deliver(&large).exits(0).complains("more than 10485760");
    let mut deep = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
    deep.extend(b"--b\nContent-Type: multipart/mixed; boundary=b\n\n".repeat(200));
    deliver(&deep).exits(0);
    assert_eq!(store.number("SELECT COUNT(*) FROM report"), 0);
    let kept = fs::read(&copy).expect("the copies");
    assert!(kept.windows(14).any(|part| part == b"Subject: hello"));
    deliver(&report()).exits(0);
    assert_eq!(store.number("SELECT COUNT(*) FROM report"), 1);
    assert!(fs::metadata(&copy).expect("the copies").len() > kept.len() as u64);
}

#[test]
fn a_database_that_is_down_gets_the_report_at_the_next_try() {
    let Some(mut cluster) = Cluster::start("down") else { return };
    let mail = report();
    let connection = {
        let store = cluster.database("dsn");
        store.init();
        store.connection()
    };
    cluster.down();
    run(command().args(&connection), &mail).exits(75);
    cluster.up();
    run(command().args(&connection), &mail).exits(0);
    let store = crate::databases::Postgres { cluster: &cluster, name: "dsn" };
    assert_eq!(store.number("SELECT COUNT(*) FROM event"), 1);
    // In the words of another language, too, and in another encoding.
    store.sql("DROP TABLE report, event, recipient, message, processdsn_schema");
    agent::run(command().args(&connection), &mail).exits(78).complains("--init");
    store.sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
    let ascii = crate::databases::Postgres { cluster: &cluster, name: "ascii" };
    run(ascii.agent().arg("--init"), b"").exits(78).complains("UTF8");
}
