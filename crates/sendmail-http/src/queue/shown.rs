//! What each user may see of their own messages: one file per user, which a POSIX ACL lets only that user read. The runner is not root and
//! cannot give files away; on a file system without ACLs, `mailq` shows nothing to users.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{AtFlags, Mode, XattrFlags};

use super::{Folder, Queue, list};

/// Rewrites the files.
pub fn publish(queue: &Queue) -> io::Result<()> {
    let mut texts: BTreeMap<u32, String> = BTreeMap::new();
    let readers = |uid: u32| uid != 0 && uid != queue.owner();
    for row in list::all(queue)?.into_iter().filter(|row| readers(row.uid)) {
        let text = texts.entry(row.uid).or_default();
        text.push_str(&row.json().to_string());
        text.push('\n');
    }
    for name in queue.names(Folder::Shown)? {
        if !texts.keys().any(|uid| uid.to_string() == name) {
            let _ = queue.unlink(Folder::Shown, &name);
        }
    }
    let (tmp, shown) = (queue.folder(Folder::Tmp)?, queue.folder(Folder::Shown)?);
    for (uid, text) in texts {
        let (name, unfinished) = (uid.to_string(), format!("shown.{uid}.{}", std::process::id()));
        let _ = rustix::fs::unlinkat(&tmp, &unfinished, AtFlags::empty());
        let mut file: File = queue.create(&tmp, &unfinished, Mode::RUSR | Mode::WUSR)?;
        file.write_all(text.as_bytes())?;
        let _ = rustix::fs::fsetxattr(&file, "system.posix_acl_access", &readable_by(uid), XattrFlags::empty());
        rustix::fs::renameat(&tmp, &unfinished, &shown, &name)?;
    }
    Ok(())
}

/// An ACL as Linux stores it (linux/posix_acl_xattr.h): version 2, then entries of tag, permissions and id, all little-endian.
fn readable_by(uid: u32) -> Vec<u8> {
    const ANY: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 6, ANY), // the owner
        (0x02, 4, uid), // this user
        (0x04, 0, ANY), // the group
        (0x10, 4, ANY), // the mask
        (0x20, 0, ANY), // others
    ];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    acl
}
