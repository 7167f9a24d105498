//! Removes failed messages after 30 days, and unfinished files in `tmp/`.
#![forbid(unsafe_code)]

use std::io;

use super::{Folder, Queue};
use crate::clock;

/// In seconds.
const DAY: i64 = 86_400;

/// Checks both folders.
pub fn sweep(queue: &Queue) -> io::Result<()> {
    for (folder, days) in [(Folder::Failed, 30), (Folder::Tmp, 1)] {
        for name in queue.names(folder)? {
            let is_old = queue.stat(folder, &name).is_ok_and(|stat| clock::now() - stat.st_mtime > days * DAY);
            if is_old {
                let _ = queue.unlink(folder, &name); // perhaps another runner was faster
            }
        }
    }
    Ok(())
}
