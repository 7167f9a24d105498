//! The files shipped with the program agree with it: the example settings, the manual, the units.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gateway::Gateway;
use super::place::{PROGRAM, Place};

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(repository(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The keys of the settings, from the program.
fn keys() -> Vec<String> {
    let source = read("crates/sendmail-http/src/config/settings.rs");
    let table = source.split("pub const KEYS").nth(1).unwrap().split("];").next().unwrap();
    let keys: Vec<_> = table.split("    (\"").skip(1).map(|row| row.split('"').next().unwrap().to_owned()).collect();
    assert!(keys.len() > 20, "{keys:?}");
    keys
}

#[test]
fn the_manual_explains_every_key_every_letter_and_every_status() {
    let manual = read("docs/sendmail-http.1");
    for key in keys() {
        let named =
            manual.lines().any(|line| line.starts_with(".It Cm ") && line.split([' ', ',']).any(|word| word == key));
        assert!(named || key == "insecure", "{key}");
    }
    let source = read("crates/sendmail-http/src/options.rs");
    let table = source.split("const LETTERS").nth(1).unwrap().split("];").next().unwrap();
    let words: Vec<&str> = manual.split(|c: char| c.is_whitespace() || c == ',').collect();
    for letter in
        table.split("    (b'").skip(1).map(|row| &row[..1]).filter(|letter| !["a", "b", "c", "o"].contains(letter))
    {
        assert!(words.contains(&letter), "-{letter}");
    }
    let statuses = read("crates/sendmail-http/src/exit.rs");
    let statuses: Vec<_> = statuses
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|row| row.1.to_owned())
        .collect();
    assert!(statuses.len() >= 9, "{statuses:?}");
    for status in statuses {
        assert!(manual.contains(&format!("\n.It {status}\n")), "{status}");
    }
}

#[test]
fn the_manual_is_clean() {
    let mut man = Command::new("man");
    man.args(["--warnings", "-E", "UTF-8", "-l"])
        .arg(repository("docs/sendmail-http.1"))
        .env("MANWIDTH", "80")
        .env("LC_ALL", "C.UTF-8");
    match man.output() {
        Ok(done) => {
            assert!(done.stderr.is_empty() && done.status.success(), "{}", String::from_utf8_lossy(&done.stderr))
        }
        Err(_) => eprintln!("SKIPPED: needs man"),
    }
}

#[test]
fn the_example_is_three_lines_from_working() {
    let example = read("conf/sendmail-http/sendmail-http.conf");
    let gateway = Gateway::taking();
    let place = Place::new("example");
    // As shipped, it names no gateway.
    fs::write(place.file("conf"), &example).unwrap();
    assert_eq!(place.send("--check", "").status, 78);
    let filled = example.replace("#url https://gateway.example.org/sendmail", &format!("url {}", gateway.url));
    assert_ne!(filled, example);
    let filled = filled.replace("\n#user", "\nuser").replace("\n#password", "\npassword");
    fs::write(place.file("conf"), format!("{filled}queue none\n")).unwrap();
    assert_eq!(place.send("root", "Subject: x\n\nHi\n").status, 0);
    assert_eq!(gateway.only().field("authorization"), "Basic d2ViMTpzZWNyZXQ=");
    // It is still valid with every comment mark removed.
    let all: String = filled
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)))
        .collect();
    fs::write(place.file("conf"), format!("{all}queue none\n")).unwrap();
    assert_eq!(place.send("root", "Subject: x\n\nHi\n").status, 0);
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let place = Place::new("units");
    let mut units = Vec::new();
    for kind in ["service", "path", "timer"] {
        let name = format!("sendmail-http.{kind}");
        let text = read(&format!("conf/sendmail-http/{name}")).replace("/usr/bin/sendmail-http", PROGRAM);
        fs::write(place.file(&name), text).unwrap();
        units.push(place.file(&name));
    }
    let Ok(done) = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output() else {
        return eprintln!("SKIPPED: needs systemd-analyze");
    };
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    // A service that is exposed to much gets a high score.
    let done = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&units[0])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    fs::write(&units[1], "[Path]\nPathChangd=/x\n").unwrap();
    let done = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&units[1]).output().unwrap();
    assert!(!done.status.success() || !done.stderr.is_empty(), "a fault is found");
}
