//! Files that hold secrets.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The largest size allowed, in octets.
const LONGEST: u64 = 4096;

/// The octets of a file of mode 0600 or stricter. An error names the file and none of its contents.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let complain = |why: &dyn fmt::Display| format!("'{}' {why}", path.display());
    let unreadable = |error: std::io::Error| complain(&format!("cannot be read: {error}"));
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(complain(&"is not a file"));
    }
    if facts.mode() & 0o177 != 0 {
        return Err(complain(&"is accessible to others than its owner; chmod 600 it"));
    }
    let mut content = Vec::new();
    file.by_ref().take(LONGEST + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > LONGEST {
        return Err(complain(&format!("is longer than {LONGEST} octets")));
    }
    Ok(content)
}
