//! The command line, and how a run ends that cannot store.

use crate::agent::{at_terminal, command, run, words};
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
        // The others are for the parser's tests; here the names matter.
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
        // In xtext (RFC 3461 4), which we decode and the oracle does not.
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

/// A person gets 64 and 78; a mail system would give up the report, and so gets 75 for everything that can be fixed.
#[track_caller]
fn mendable(words: &[&str], code: i32, complaint: &str) {
    at_terminal(words, &report()).exits(code).complains(complaint);
    run(command().args(words), &report()).exits(75).complains(complaint);
}

#[test]
fn a_wrong_word_is_told_to_a_person_and_keeps_the_report_with_a_mail_system() {
    let both = ["--driver", "sqlite3", "--params", "f"];
    words(&["--help"]).exits(0);
    assert!(words(&["--version"]).exits(0).out.starts_with("processdsn "));
    mendable(&[], 64, "--driver");
    mendable(&both[..2], 64, "--params");
    for wrong in [&["--nonsense"][..], &["a@b", "c@d"], &["-o"]] {
        mendable(&[&both[..], wrong].concat(), 64, "--help");
    }
    for command in [&["--init", "--expire", "1d"][..], &["--expire", "soon"], &["--init", "--nonsense"]] {
        words(&[&both[..], command].concat()).exits(64).complains("--help");
    }
}

#[test]
fn a_report_without_tables_or_database_waits_with_the_mail_system_for_the_remedy() {
    let place = Place::new("tables");
    let store = Sqlite(place.file("d.sqlite"));
    let connection = store.connection();
    let connection: Vec<&str> = connection.iter().map(String::as_str).collect();
    let mend = |store: &Sqlite| {
        store.init();
        store.deliver(&report()).exits(0);
        fs::remove_dir_all(place.path()).and_then(|()| fs::create_dir(place.path())).expect("own folder");
    };
    mendable(&connection, 78, "--init");
    assert!(!place.file("d.sqlite").exists(), "no empty database is left behind");
    mend(&store);
    // As after a disk check, or an interrupted restore.
    fs::write(place.file("d.sqlite"), "").expect("a file");
    mendable(&connection, 78, "--init");
    run(store.agent().args(["--expire", "1d"]), b"").exits(78).complains("--init");
    mend(&store);
    fs::write(place.file("d.sqlite"), "this is a text and not a database ".repeat(100)).expect("a file");
    mendable(&connection, 78, "not a database");
    // The volume is not mounted: only the mount point is left.
    fs::remove_dir_all(place.path()).expect("own folder");
    mendable(&connection, 78, "--init");
    fs::create_dir(place.path()).expect("own folder");
    mend(&store);
}

#[test]
fn a_driver_or_parameters_that_make_no_sense_are_told_with_78_and_keep_the_report() {
    mendable(&["--driver", "nosuch", "--params", "x"], 78, "libaprutil1-dbd-nosuch");
    words(&["--driver", "nosuch", "--params", "x", "--init"]).exits(78).complains("libaprutil1-dbd-nosuch");
    if words(&["--driver", "pgsql", "--params", "host=/nonexistent", "--init"]).code == Some(75) {
        mendable(&["--driver", "pgsql", "--params", "nonsense"], 78, "missing \"=\"");
        mendable(&["--driver", "pgsql", "--params", "path=/x"], 78, "invalid connection option");
    }
}

#[test]
fn nothing_that_a_terminal_obeys_reaches_one() {
    let fields = "Final-Recipient: rfc822; a@x.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 \u{9b}31m\u{202e}live\u{7f}\n";
    let mail = crate::report::with_envid("e").group(fields).mail();
    let told = run(command().arg("--json"), &mail).exits(0).out;
    let value: Value = serde_json::from_str(&told).expect("JSON");
    let diagnostic = value["recipients"][0]["diagnostic_code"]["value"].as_str().expect("a string").to_owned();
    assert!(diagnostic.contains("\u{9b}31m\u{202e}live\u{7f}"), "what was said is still there: {diagnostic:?}");
    assert!(told.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{told:?}");
    let complaint = words(&["--driver", "x\u{9b}31m\u{202e}y", "--params", "f", "--init"]).exits(78).err;
    assert!(complaint.contains("x\u{fffd}31m\u{fffd}y"), "{complaint:?}");
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
    large.extend(b"\nthe end of it\n");
    deliver(&large).exits(0).complains("more than 10485760");
    assert!(fs::read(&copy).expect("the copies").ends_with(b"xxx\nthe end of it\n\n"), "a copy is whole");
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
    // In another language too, and in another encoding.
    store.sql("DROP TABLE report, event, recipient, message, processdsn_schema");
    run(command().args(&connection), &mail).exits(75).complains("--init");
    run(command().args(&connection).args(["--expire", "1d"]), b"").exits(78).complains("--init");
    store.sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
    let ascii = crate::databases::Postgres { cluster: &cluster, name: "ascii" };
    run(ascii.agent().arg("--init"), b"").exits(78).complains("UTF8");
}

/// The words of the unit that we ship, behind the program's name, with its variables for these.
fn unit_words(params: &str) -> Vec<String> {
    const UNIT: &str = include_str!("../../../../conf/processdsn/systemd/processdsn-expire.service");
    let line = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/processdsn ")).expect("a command");
    let age = UNIT.split("AGE=").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an age");
    let word = |word: &str| match word {
        "${DRIVER}" => "sqlite3".to_owned(),
        "${PARAMS}" => params.to_owned(),
        "${AGE}" => age.to_owned(),
        word => word.to_owned(),
    };
    line.split(' ').map(word).collect()
}

#[test]
fn the_unit_we_ship_forgets_what_is_older_than_three_months() {
    let place = Place::new("unit");
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    store.submitted("old", "old@x", &["a@x.example"]);
    store.submitted("new", "new@x", &["a@x.example"]);
    let words = unit_words(&place.file("d.sqlite").display().to_string());
    for (days, left) in [(89, vec!["new", "old"]), (91, vec!["new"])] {
        let then = crate::databases::now() - days * 86_400;
        store.sql(&format!("UPDATE message SET submitted = {then} WHERE envid = 'old'"));
        run(command().args(&words), b"").exits(0);
        assert_eq!(store.sql("SELECT envid FROM message ORDER BY envid").concat(), left, "{days} days");
    }
}
