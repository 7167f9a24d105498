//! A private Postfix on loopback: own configuration, queue and Maildirs, nothing in /etc touched. Needs root, as master(8) does.
//!
//! `alice@`, `bob@`, `user@`, `postmaster@test.local` have Maildirs; `list@` is alice and bob; other names at test.local fail with
//! 5.1.1, every other domain with 5.4.4. Mail of root and www-data comes back to postmaster and user.

use super::deadline::within;
use super::place::{Place, am_root, free_port, give, ids, mode};
use super::process::{is_alive, required, run, signal};
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Owns the Maildirs; virtual(8) delivers as it.
const OWNER: &str = "nobody";
const MAILBOXES: [&str; 4] = ["alice", "bob", "user", "postmaster"];
const QUEUES: [&str; 11] =
    ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"];

pub struct Postfix {
    place: Place,
    port: u16,
}

impl Postfix {
    /// `None`, with a note on stderr, if this process is not root.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// With further lines for main.cf; the last value of a name counts.
    #[track_caller]
    pub fn start_with(main: &str) -> Option<Self> {
        Self::launch(main, "")
    }

    /// Mail to bounces@test.local goes to this command through pipe(8), run as [`OWNER`]; anything at delay.test is deferred, reported as
    /// delayed after two seconds and given up after five; so is what smtpd(8) takes for closed.test.
    #[track_caller]
    pub fn start_reporting(command: &str) -> Option<Self> {
        let main = "transport_maps = inline:{ bounces@test.local=processdsn: {delay.test = retry:4.4.1 deferred by the tests} {closed.test = smtp:[127.0.0.1]:1} }\n\
                    virtual_mailbox_maps = inline:{ alice@test.local=alice/ bob@test.local=bob/ bounces@test.local=bounces/ }\n\
                    maximal_queue_lifetime = 5s\nbounce_queue_lifetime = 60s\n";
        let master = format!(
            "processdsn unix - n n - 4 pipe flags=Rq user={OWNER} null_sender= argv={command} ${{recipient}}\n"
        );
        Self::launch(main, &master)
    }

    #[track_caller]
    fn launch(main: &str, master: &str) -> Option<Self> {
        if !am_root() {
            super::skipped("a private Postfix needs root");
            return None;
        }
        let postfix = Self { place: Place::new("postfix"), port: free_port() };
        postfix.lay_out(main, master);
        let daemons = PathBuf::from(setting("daemon_directory"));
        let words = postfix.root().join("log/start");
        let said = File::create(&words).expect("the folder of the tests is writable");
        // -w: returns when initialised, with the master in its own session.
        let started = Command::new(daemons.join("master"))
            .arg("-c")
            .arg(postfix.root().join("etc"))
            .arg("-w")
            .stderr(said)
            .status();
        let up = started.is_ok_and(|status| status.success())
            && within(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", postfix.port)).ok()).is_some();
        assert!(up, "Postfix did not start:\n{}{}", fs::read_to_string(words).unwrap_or_default(), postfix.log());
        Some(postfix)
    }

    /// For SendmailName; any user may run it.
    pub fn sendmail(&self) -> PathBuf {
        self.root().join("bin/sendmail")
    }

    /// SMTP, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn root(&self) -> &Path {
        self.place.path()
    }

    pub fn log(&self) -> String {
        let log = fs::read(self.root().join("log/mail.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The delivered copies in the Maildir of a user, oldest first.
    pub fn mail(&self, user: &str) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.root().join("mail").join(user).join("new")).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort_by_key(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok());
        files.iter().map(|file| fs::read(file).expect("root reads every Maildir")).collect()
    }

    /// Waits until there are at least `count` copies.
    #[track_caller]
    pub fn wait_for_mail(&self, user: &str, count: usize, limit: Duration) -> Vec<Vec<u8>> {
        let found = within(limit, || Some(self.mail(user)).filter(|mail| mail.len() >= count));
        found.unwrap_or_else(|| {
            panic!("{} of {count} for {user} within {limit:?}:\n{}", self.mail(user).len(), self.log())
        })
    }

    /// Waits until the queue is empty: what has not been delivered by then never will be.
    #[track_caller]
    pub fn wait_until_idle(&self, limit: Duration) {
        let queues = ["maildrop", "incoming", "active", "deferred"].map(|queue| self.root().join("spool").join(queue));
        let idle = within(limit, || queues.iter().all(|queue| files_below(queue) == 0).then_some(()));
        assert!(idle.is_some(), "mail is still queued after {limit:?}:\n{}", self.log());
    }

    fn lay_out(&self, main: &str, master: &str) {
        let commands = PathBuf::from(setting("command_directory"));
        for folder in ["etc", "bin", "log", "spool"] {
            self.place.folder(folder, 0o755);
        }
        give(&self.place.folder("lib", 0o700), "postfix");
        give(&self.place.folder("mail", 0o755), OWNER);
        self.make_queues();
        // Copies without the set-gid bit skip postdrop's check of foreign configuration folders, so www-data can inject.
        for (name, copy) in [("sendmail", "sendmail.real"), ("postdrop", "postdrop"), ("postqueue", "postqueue")] {
            let copy = self.root().join("bin").join(copy);
            run(Command::new("cp").arg(commands.join(name)).arg(&copy));
            mode(&copy, 0o755);
        }
        let etc = self.root().join("etc");
        let wrapper = format!(
            "#!/bin/sh\nMAIL_CONFIG={}; export MAIL_CONFIG\nexec {}.real \"$@\"\n",
            etc.display(),
            self.sendmail().display()
        );
        // By a separate process: a script still open for writing while another thread spawns is "text file busy".
        run(Command::new("sh").args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &wrapper]).arg(self.sendmail()));
        mode(&self.sendmail(), 0o755);
        let (uid, gid) = ids(OWNER);
        let replace = |text: &str| {
            let text =
                text.replace("@ROOT@", &self.root().display().to_string()).replace("@PORT@", &self.port.to_string());
            let text = text.replace("@DAEMONS@", &setting("daemon_directory"));
            text.replace("@UID@", &uid.to_string()).replace("@GID@", &gid.to_string())
        };
        let maps: String = MAILBOXES.iter().map(|user| format!(" {user}@test.local={user}/")).collect();
        let files = [
            ("main.cf", overridden(&replace(MAIN).replace("@MAPS@", &maps), main)),
            ("master.cf", replace(MASTER) + master),
        ];
        for (name, text) in files {
            let path = self.place.write(&format!("etc/{name}"), text);
            // Postfix waits if a configuration file is younger than two seconds.
            let past = SystemTime::now() - Duration::from_secs(60);
            File::options()
                .append(true)
                .open(path)
                .and_then(|file| file.set_modified(past))
                .expect("own files can be dated back");
        }
    }

    /// What `postfix check` would make, in a thousandth of the time.
    fn make_queues(&self) {
        for queue in QUEUES {
            give(&self.place.folder(&format!("spool/{queue}"), 0o700), "postfix");
        }
        self.place.folder("spool/pid", 0o755);
        for (queue, permissions) in [("maildrop", 0o1733), ("public", 0o2755)] {
            let path = self.place.folder(&format!("spool/{queue}"), permissions);
            run(Command::new("chown").arg("postfix:postdrop").arg(&path));
            mode(&path, permissions); // chown removed the set-gid bit
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let file = fs::read_to_string(self.root().join("spool/pid/master.pid")).unwrap_or_default();
        let Ok(pid) = file.trim().parse::<u32>() else { return };
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if command.trim() == "master" {
            signal(pid, Signal::TERM); // it ends its children
            within(Duration::from_secs(5), || (!is_alive(pid)).then_some(()));
        }
        if std::thread::panicking() {
            eprintln!("--- log of Postfix\n{}---", self.log());
        }
    }
}

/// The lines of `defaults` whose names are not in `main`, and then `main`: Postfix warns of a repeated name.
fn overridden(defaults: &str, main: &str) -> String {
    let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let names: Vec<String> = main.lines().map(name).collect();
    let kept = defaults.lines().filter(|line| !names.contains(&name(line)));
    kept.chain(main.lines()).flat_map(|line| [line, "\n"]).collect()
}

/// A default of the installed Postfix.
fn setting(name: &str) -> String {
    let value = run(Command::new(required("postconf", "postfix")).args(["-dh", name]));
    String::from_utf8(value).expect("postconf answers paths").trim().to_owned()
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

const MAIN: &str = "\
compatibility_level = 3.6
meta_directory = @ROOT@/etc
queue_directory = @ROOT@/spool
data_directory = @ROOT@/lib
daemon_directory = @DAEMONS@
command_directory = @ROOT@/bin
mail_owner = postfix
setgid_group = postdrop
maillog_file = @ROOT@/log/mail.log
maillog_file_prefixes = @ROOT@
myhostname = mx.test.local
mydomain = test.local
myorigin = test.local
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
local_recipient_maps =
smtp_tls_security_level = none
disable_dns_lookups = yes
default_transport = error:5.4.4 no way out of the tests
recipient_delimiter = +
virtual_mailbox_domains = test.local
virtual_mailbox_base = @ROOT@/mail
virtual_mailbox_limit = 0
virtual_mailbox_maps = inline:{@MAPS@ }
virtual_alias_maps = inline:{ {list@test.local = alice@test.local, bob@test.local} www-data@test.local=user@test.local root@test.local=postmaster@test.local }
virtual_uid_maps = static:@UID@
virtual_gid_maps = static:@GID@
virtual_minimum_uid = 1
message_size_limit = 104857600
mailbox_size_limit = 0
in_flow_delay = 0s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
delay_warning_time = 2s
maximal_queue_lifetime = 12s
bounce_queue_lifetime = 12s
smtputf8_enable = yes
notify_classes =
";

const MASTER: &str = "\
127.0.0.1:@PORT@ inet n - n - - smtpd
pickup    unix n - n 60    1 pickup
cleanup   unix n - n -     0 cleanup
qmgr      unix n - n 300   1 qmgr
rewrite   unix - - n -     - trivial-rewrite
bounce    unix - - n -     0 bounce
defer     unix - - n -     0 bounce
trace     unix - - n -     0 bounce
verify    unix - - n -     1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n -     - proxymap
proxywrite unix - - n -    1 proxymap
smtp      unix - - n -     - smtp
relay     unix - - n -     - smtp
showq     unix n - n -     - showq
error     unix - - n -     - error
retry     unix - - n -     - error
discard   unix - - n -     - discard
local     unix - n n -     - local
virtual   unix - n n -     - virtual
anvil     unix - - n -     1 anvil
scache    unix - - n -     1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
";
