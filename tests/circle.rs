//! The whole circle: a POST goes through a real Postfix, its reports through pipe(8) and processdsn into the database, and the status page
//! that the client was sent to shows the outcome.

use crate::support::artifacts::artifacts;
use crate::support::exim::Exim;
use crate::support::place::{Place, mode};
use crate::support::{Httpd, Postfix, Request, Sendmail, httpd_config, process, skipped, within};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A database writable for httpd's user and for the user that Postfix runs processdsn as.
pub struct Database {
    place: Place,
    file: PathBuf,
}

impl Database {
    pub fn new() -> Self {
        let place = Place::new("dsn");
        place.folder("data", 0o777);
        let file = place.path().join("data/dsn.sqlite");
        let database = Self { place, file };
        process::run(database.processdsn().arg("--init"));
        mode(&database.file, 0o666);
        database
    }

    pub fn processdsn(&self) -> Command {
        let mut command = Command::new(&artifacts().processdsn);
        command.args(["--driver", "sqlite3", "--params"]).arg(&self.file);
        command
    }

    /// The SQLite file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Runs SQL on the file, as an accident would.
    pub fn run_sql(&self, sql: &str) {
        let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
        process::run(
            Command::new(process::required("python3", "python3")).args(["-c", script]).arg(&self.file).arg(sql),
        );
    }

    /// The command that an MTA runs for a report; a copy, so that any user may run it.
    pub fn command(&self) -> String {
        let copy = self.place.path().join("processdsn");
        std::fs::copy(&artifacts().processdsn, &copy).unwrap();
        mode(&copy, 0o755);
        format!("{} --driver sqlite3 --params {}", copy.display(), self.file.display())
    }

    /// httpd with the status service at /dsn.
    pub fn httpd(&self) -> httpd_config::Builder {
        let server = format!("DBDriver sqlite3\nDBDParams \"{}\"\nProcessDSNEnable on", self.file.display());
        Httpd::builder()
            .modules(&["dbd"])
            .load("processdsn_module", &artifacts().status_module)
            .config(&server)
            .location("/dsn", "SetHandler processdsn\nRequire ip 127.0.0.1")
    }
}

/// `/mail` through this Postfix, as conf/examples/delivery-status.conf has it.
fn mail(postfix: &Postfix, builder: httpd_config::Builder) -> httpd_config::Builder {
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\n\
         SendmailArguments -t -i -f bounces+%{{reqenv:SENDMAIL_TOKEN}}@test.local -N delay,failure,success -V %{{reqenv:SENDMAIL_ENVID}}\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn",
        postfix.sendmail().display()
    );
    builder.location("/mail", &text)
}

/// Posts a message; returns the path of its status.
fn post(httpd: &Httpd, to: &str) -> String {
    let answer = Request::mail("/mail").without("To").header("To", to).send(httpd).expect_status(303);
    let location = answer.header("Location").unwrap().to_owned();
    location.strip_prefix(&format!("http://127.0.0.1:{}", httpd.port())).unwrap().to_owned()
}

fn json(httpd: &Httpd, path: &str) -> serde_json::Value {
    let answer = Request::get(path).header("Accept", "application/json").send(httpd).expect_status(200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Waits until the recipient is in this state; returns the recipient's JSON.
#[track_caller]
fn wait_for(httpd: &Httpd, path: &str, address: &str, state: &str) -> serde_json::Value {
    let found = within(Duration::from_secs(60), || {
        let page = json(httpd, path);
        let recipient =
            page["recipients"].as_array()?.iter().find(|recipient| recipient["address"] == address)?.clone();
        (recipient["state"] == state).then_some(recipient)
    });
    found.unwrap_or_else(|| panic!("{address} is not {state} after a minute: {}", json(httpd, path)))
}

#[test]
fn every_kind_of_report_comes_back_to_the_page() {
    let database = Database::new();
    let Some(postfix) = Postfix::start_reporting(&database.command()) else { return skipped("Postfix needs root") };
    let httpd = mail(&postfix, database.httpd()).start();
    let delivered = post(&httpd, "alice@test.local");
    let failed = post(&httpd, "nobody-here@test.local");
    let delayed = post(&httpd, "slow@delay.test");
    let expanded = post(&httpd, "list@test.local");
    let mixed = post(&httpd, "bob@test.local, not-there@test.local");

    let page = Request::get(&delayed).send(&httpd).expect_status(200);
    assert!(page.text().contains("slow@delay.test"), "queued from the first moment: {}", page.text());

    let alice = wait_for(&httpd, &delivered, "alice@test.local", "delivered");
    assert_eq!(alice["verified"], true, "{alice}");
    let nobody = wait_for(&httpd, &failed, "nobody-here@test.local", "failed");
    assert_eq!(nobody["events"][0]["status"], "5.1.1", "{nobody}");
    wait_for(&httpd, &delayed, "slow@delay.test", "delayed");
    wait_for(&httpd, &expanded, "list@test.local", "expanded");
    wait_for(&httpd, &mixed, "bob@test.local", "delivered");
    wait_for(&httpd, &mixed, "not-there@test.local", "failed");
    wait_for(&httpd, &delayed, "slow@delay.test", "failed");
    let one = json(&httpd, &format!("{mixed}bob%40test.local/"));
    assert_eq!(one["recipients"].as_array().unwrap().len(), 1);
}

/// A fault that an administrator can fix costs no report: Postfix keeps it, and delivers it again.
#[test]
fn a_report_waits_in_the_queue_while_the_database_or_the_command_line_is_wrong() {
    let database = Database::new();
    let words = database.place.path().join("words");
    let right = database.command();
    std::fs::write(&words, "--nonsense").unwrap();
    // As if master.cf had been corrected.
    let command = format!("sh {}", database.place.path().join("pipe").display());
    std::fs::write(database.place.path().join("pipe"), format!("exec {} $(cat {}) \"$@\"\n", right, words.display()))
        .unwrap();
    let Some(postfix) = Postfix::start_reporting(&command) else { return skipped("Postfix needs root") };
    let httpd = mail(&postfix, database.httpd()).start();
    let failed = post(&httpd, "nobody-here@test.local");
    let tried = |count: usize, words: &str| {
        let told = within(Duration::from_secs(20), || (postfix.log().matches(words).count() >= count).then_some(()));
        assert!(told.is_some(), "Postfix does not tell of {words}:\n{}", postfix.log());
    };
    tried(1, "nonsense");
    std::fs::write(&words, "").unwrap();
    wait_for(&httpd, &failed, "nobody-here@test.local", "failed");

    // The volume is not mounted, and an empty file is in the place of the database.
    let away = database.place.path().join("away");
    let data = database.file.parent().unwrap();
    std::fs::write(&words, "--senseless").unwrap();
    let second = post(&httpd, "not-there@test.local");
    tried(1, "senseless");
    std::fs::rename(data, &away).unwrap();
    std::fs::write(&words, "").unwrap();
    tried(1, "no such database");
    database.place.folder("data", 0o777);
    std::fs::write(&database.file, "").unwrap();
    mode(&database.file, 0o666);
    tried(1, "no such table");
    std::fs::remove_dir_all(data).unwrap();
    std::fs::rename(&away, data).unwrap();
    let log = postfix.log();
    assert!(!log.contains("status=bounced (Command died") && !log.contains("dsn=5.3"), "{log}");
    wait_for(&httpd, &second, "not-there@test.local", "failed");
}

/// If SQLite writers of one process waited for each other, they would block each other for half a second at a time.
#[test]
fn messages_that_come_at_once_do_not_wait_for_one_another_in_the_database() {
    let (database, sendmail, began) = (Database::new(), Sendmail::new(), Instant::now());
    let httpd = database.httpd().mail(&sendmail, "SendmailDSNLocation http://127.0.0.1:${PORT}/dsn").start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..15).for_each(|_| drop(post(&httpd, "alice@test.local")))); // 303: it was written
        }
    });
    assert_eq!(sendmail.commits(), 120);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

/// MAIL and RCPT ask a relay for what options ask of sendmail.
#[test]
fn reports_of_a_relay_come_back_to_the_page_too() {
    let database = Database::new();
    let Some(postfix) = Postfix::start_reporting(&database.command()) else { return skipped("Postfix needs root") };
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailRelay 127.0.0.1:{}\n\
         SendmailRelayFrom bounces+%{{reqenv:SENDMAIL_TOKEN}}@test.local\n\
         SendmailRelayDSN success failure delay RET=hdrs\nSendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn",
        postfix.port()
    );
    let httpd = database.httpd().location("/mail", &text).start();
    let mixed = post(&httpd, "alice@test.local, list@test.local");
    let delayed = post(&httpd, "slow@closed.test");
    let alice = wait_for(&httpd, &mixed, "alice@test.local", "delivered");
    assert_eq!(alice["verified"], true, "by the envelope id: {alice}");
    wait_for(&httpd, &mixed, "list@test.local", "expanded");
    wait_for(&httpd, &delayed, "slow@closed.test", "delayed");
    let slow = wait_for(&httpd, &delayed, "slow@closed.test", "failed");
    assert_eq!(slow["verified"], true, "{slow}");
}

/// Exim returns neither envelope id nor success; its report is matched by the token in the address and by the Message-ID.
#[test]
fn what_exim_reports_comes_back_too_and_is_marked_as_not_verifiable() {
    let database = Database::new();
    let Some(exim) = Exim::start_reporting(&database.command()) else { return skipped("Exim needs root") };
    let text = format!(
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"\n\
         SendmailArguments -t -i -f bounces+%{{reqenv:SENDMAIL_TOKEN}}@test.local\n\
         SendmailDSNLocation http://127.0.0.1:${{PORT}}/dsn",
        exim.sendmail().display()
    );
    let httpd = database.httpd().location("/mail", &text).start();
    let (failed, delayed, silent) =
        (post(&httpd, "nobody-here@test.local"), post(&httpd, "slow@delay.test"), post(&httpd, "alice@test.local"));
    let nobody = wait_for(&httpd, &failed, "nobody-here@test.local", "failed");
    assert_eq!((&nobody["verified"], &nobody["events"][0]["status"]), (&false.into(), &"5.0.0".into()), "{nobody}");
    wait_for(&httpd, &delayed, "slow@delay.test", "delayed");
    wait_for(&httpd, &silent, "alice@test.local", "queued");
}
