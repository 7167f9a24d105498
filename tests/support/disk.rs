//! A small file system that can be filled.

use super::place::{Place, am_root, give, mode};
use std::path::PathBuf;
use std::process::Command;

/// A tmpfs owned by httpd's user, removed with its handle.
pub struct Disk(Place);

impl Disk {
    /// `None` if mount(8) is not allowed.
    pub fn mount(size: &str) -> Option<Self> {
        let disk = Self(Place::new("disk"));
        let folder = disk.0.folder("tmp", 0o700);
        let options = ["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(&folder).output().ok()?;
        if !mounted.status.success() {
            return None;
        }
        mode(&folder, 0o700);
        if am_root() {
            give(&folder, "www-data");
        }
        Some(disk)
    }

    pub fn folder(&self) -> PathBuf {
        self.0.path().join("tmp")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder()).status(); // httpd may still hold it
    }
}
