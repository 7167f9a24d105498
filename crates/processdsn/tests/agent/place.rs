//! A folder for each test, and what this machine supports.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Removed when a test that passed drops it.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("agent-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the folder of the tests is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("own folder");
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

pub fn am_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command that runs as `user` where this process is root.
pub fn as_user(user: &str, program: &Path) -> Command {
    if !am_root() {
        return Command::new(program);
    }
    let group = Command::new("id").args(["-g", user]).output().expect("coreutils");
    let group = String::from_utf8(group.stdout).expect("a number");
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={}", group.trim())).arg("--clear-groups").arg(program);
    command
}

/// The corpus: every mail with its name.
pub fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/dsn");
    let mut mails: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is part of the project")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| (path.clone(), fs::read(&path).expect("a readable file")))
        .collect();
    mails.sort();
    assert!(mails.len() >= 30, "{} mails in the corpus", mails.len());
    mails
}

/// A random number below `limit`.
pub fn random(limit: u64) -> u64 {
    let mut octets = [0; 8];
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut octets)).expect("random numbers");
    u64::from_ne_bytes(octets) % limit
}
