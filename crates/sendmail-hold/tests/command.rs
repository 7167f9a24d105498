//! The command on a folder of held messages, with programs that accept, refuse, or leave the outcome open.

use mail::address::Address;
use mailgate::checks::hold::{self, Ticket};
use mailgate::checks::letter::Envelope;
use mailgate::message::Message;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sendmail-hold-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn folder(&self) -> PathBuf {
        self.0.join("hold")
    }

    fn hold(&self, id: &str, text: &str) {
        let address = |text: &str| Address::parse(text).unwrap();
        let recipients = ["a@example.test", "secret@example.test"].map(address).to_vec();
        let envelope = Envelope { sender: Some(address("f@example.test")), recipients };
        let ticket = Ticket::new(id, "milter x: looks odd", "alice", "https://gw.test/mail", envelope);
        let message = Message::compose(&self.0, text.as_bytes(), |_| Ok(())).unwrap();
        hold::store(&self.folder(), &ticket, &message, &mut || Ok(())).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendmail-hold"));
        command.arg("-d").arg(self.folder()).args(words).output().unwrap()
    }

    #[track_caller]
    fn says(&self, words: &[&str], code: i32) -> String {
        let output = self.run(words);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        text
    }

    /// A program that keeps each message and its words, and exits as `last` says.
    fn program(&self, last: &str) -> String {
        let path = self.0.join(format!("program-{}", last.replace([' ', '$'], "-")));
        let got = self.0.join("got").display().to_string();
        let script = format!(
            "#!/bin/sh\nmkdir -p '{got}'\nfile=$(mktemp '{got}/XXXXXX')\n{{ echo \"$*\"; cat; }} > \"$file\"\n{last}\n"
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// Returns what the programs got, and clears it.
    fn got(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.0.join("got")) else { return Vec::new() };
        let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        let read = |file: PathBuf| {
            let text = fs::read_to_string(&file).unwrap();
            fs::remove_file(file).unwrap();
            text
        };
        files.into_iter().map(read).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const TEXT: &str = "From: f@example.test\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_all?=\nX-Hold-Forged: y\n z\nTo: a@example.test\n\nbody\nX-Hold-ID: stays\n";

#[test]
fn what_is_held_is_listed_and_shown_as_it_is() {
    let place = Place::new();
    assert_eq!(place.says(&["list"], 0), "0 held\n");
    place.hold("id1", TEXT);
    place.hold("id2", "Subject: \u{1b}[2J\n\nx\u{7}\n");
    let list = place.says(&["list"], 0);
    for part in [
        "id1  ",
        "from f@example.test by alice",
        "to a@example.test secret@example.test",
        "subject Gr\u{fc}\u{df}e all",
        "held by milter x: looks odd",
        "2 held\n",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(!list.contains('\u{1b}'));
    let json: serde_json::Value = serde_json::from_str(&place.says(&["list", "--json"], 0)).unwrap();
    assert_eq!((&json[0]["id"], &json[0]["state"], &json[1]["id"]), (&"id1".into(), &"held".into(), &"id2".into()));
    assert_eq!(json[0]["recipients"].as_array().unwrap().len(), 2);
    let shown = place.says(&["show", "id2"], 0);
    assert!(shown.contains("X-Hold-Sender: <f@example.test>") && !shown.contains(['\u{1b}', '\u{7}']), "{shown}");
    assert!(place.says(&["show", "id3"], 1).contains("no such message"));
    assert!(place.says(&["look"], 64).contains("--help"));
}

#[test]
fn a_released_message_goes_out_once_without_our_fields() {
    let place = Place::new();
    place.hold("id1", TEXT);
    let program = place.program("exit 0");
    assert_eq!(place.says(&["release", "id1", "--", &program, "-C", "x"], 0), "id1: sent\n");
    let got = place.got();
    let words = "-C x -i -f f@example.test -- a@example.test secret@example.test\n";
    assert_eq!(got, [words.to_owned() + &TEXT.replace("X-Hold-Forged: y\n z\n", "")]);
    assert!(place.says(&["release", "id1", "--", &program], 1).contains("no such message"));
    assert!(place.got().is_empty());
    assert_eq!(place.says(&["list"], 0), "0 held\n");
}

#[test]
fn two_who_release_at_the_same_time_send_once() {
    let place = Place::new();
    let program = place.program("sleep 0.05");
    for round in 0..20 {
        let id = format!("id{round}");
        place.hold(&id, TEXT);
        let release = || place.run(&["release", &id, "--", &program]).status.success();
        let done = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(release)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).filter(|done| *done).count()
        });
        assert_eq!((done, place.got().len()), (1, 1), "round {round}");
    }
}

#[test]
fn what_was_not_sent_stays_and_what_may_have_been_is_marked() {
    let place = Place::new();
    place.hold("id1", TEXT);
    for refused in ["exit 65", "exit 74", "exit 77"] {
        let said = place.says(&["release", "id1", "--", &place.program(refused)], 1);
        assert!(said.contains("id1: not sent: ") && place.says(&["list"], 0).contains("1 held\n"), "{said}");
    }
    assert!(place.says(&["release", "id1", "--", "/nonexistent"], 1).contains("not sent"));
    place.got();
    for open in ["exit 1", "kill -9 $$"] {
        let said = place.says(&["release", "--again", "id1", "--", &place.program(open)], 1);
        assert!(said.contains("may have been sent"), "{said}");
        assert!(place.says(&["list"], 0).contains("MAY HAVE BEEN SENT"));
        place.got();
        let said = place.says(&["release", "id1", "--", &place.program("exit 0")], 1);
        assert!(said.contains("release --again") && place.got().is_empty(), "{said}");
    }
    place.says(&["release", "--again", "id1", "--", &place.program("exit 0")], 0);
    assert_eq!(place.got().len(), 1);
}

#[test]
fn what_is_dropped_is_gone_and_what_is_expired_with_it() {
    let place = Place::new();
    ["id1", "id2", "id3"].iter().for_each(|id| place.hold(id, TEXT));
    place.says(&["drop", "id1"], 0);
    assert!(place.says(&["drop", "id1"], 1).contains("no such message"));
    place.says(&["drop", "--expired"], 0);
    assert!(place.says(&["list"], 0).contains("2 held"), "they have a month");
    for file in fs::read_dir(place.folder().join("new")).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let (before, after) = text.split_once("X-Hold-Expires: ").unwrap();
        if text.contains("X-Hold-ID: id2\n") {
            fs::write(&file, format!("{before}X-Hold-Expires: 1{}", &after[after.find('\n').unwrap()..])).unwrap();
        }
    }
    let words = unit_words(&place.folder().display().to_string());
    place.says(&words.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    let list = place.says(&["list"], 0);
    assert!(list.contains("id3") && !list.contains("id2"), "{list}");
}

/// The words of ExecStart in the unit that we ship, behind the program's name, with `folder` for its variable.
fn unit_words(folder: &str) -> Vec<String> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/sendmail-hold/sendmail-hold-expire.service");
    let text = fs::read_to_string(unit).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/sendmail-hold ")).unwrap();
    line.split(' ').map(|word| word.replace("${FOLDER}", folder)).collect()
}
