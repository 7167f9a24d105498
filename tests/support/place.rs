//! A folder for one handle of one test, accessible to the users that servers change to; and unused ports.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A new folder, removed with its handle unless the test fails or MOD_SENDMAIL_KEEP is set.
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// `kind` is what a person sees in the listing: `httpd`, `sendmail`.
    pub fn new(kind: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base().join(format!("{kind}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path); // an older process with this id may have left one
        fs::create_dir_all(&path).expect("the folder of the tests is writable");
        mode(&path, 0o755);
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside, created if missing, with these permissions (as for chmod).
    pub fn folder(&self, name: &str, permissions: u32) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).expect("the folder of the tests is writable");
        mode(&path, permissions);
        path
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, content).expect("the folder of the tests is writable");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("MOD_SENDMAIL_KEEP").is_some() {
            eprintln!("kept: {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path); // a server may still be writing its last line
        }
    }
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn mode(path: &Path, permissions: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(permissions)).expect("own files can be chmoded");
}

/// Gives `path` to a system user, if this process may.
pub fn give(path: &Path, user: &str) {
    if am_root() {
        let (uid, gid) = ids(user);
        chown(path, Some(uid), Some(gid)).expect("root can chown");
    }
}

/// uid and gid of a user of /etc/passwd.
pub fn ids(user: &str) -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
    let fields: Vec<&str> = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == user)
        .unwrap_or_else(|| panic!("no user {user} on this system"));
    (fields[2].parse().expect("uid"), fields[3].parse().expect("gid"))
}

pub fn am_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port that was free a moment ago. The kernel hands the same one out again only after thousands of others.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// CARGO_TARGET_TMPDIR, or the system's if other users have no access to that (a clone below /root).
fn base() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let reachable = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0);
    if !am_root() || target.ancestors().filter(|path| path.exists()).all(reachable) {
        target.to_owned()
    } else {
        std::env::temp_dir().join("mod_sendmail-tests")
    }
}
