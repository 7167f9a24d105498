//! A message of a user who may not read the settings -> a file in `drop/`, on disk before the caller is told that it is taken. It holds the
//! caller's options and message; the runner applies the settings ([`super::intake`]).
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::fs::{AtFlags, Mode, OFlags};
use serde_json::{Value, json};

use super::journal::Record;
use super::{Folder, Queue};
use crate::account::Account;
use crate::id::Id;
use crate::message::site::Submission;
use crate::options::Dsn;

const VERSION: u64 = 1;
/// The longest head that is read.
pub const MAX_HEAD: u64 = 4 << 20;
/// Prefix of complete files, and of files being written.
pub const WHOLE: &str = "m.";
/// See [`WHOLE`].
pub const UNFINISHED: &str = "t.";

/// Puts a message into the drop folder.
pub fn write(queue: &Queue, submission: &Submission, tried: &[Record], message: &mut impl Read) -> io::Result<()> {
    let folder = queue.folder(Folder::Drop)?;
    let (unfinished, whole) = (format!("{UNFINISHED}{}", submission.id), format!("{WHOLE}{}", submission.id));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file: File = rustix::fs::openat(&folder, &unfinished, flags, Mode::RUSR | Mode::WUSR)?.into();
    let written = (|| {
        file.write_all(head(submission, tried).as_bytes())?;
        io::copy(message, &mut file)?;
        // The folder gives the file the runner's group.
        rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR | Mode::RGRP)?;
        file.sync_all()?;
        rustix::fs::renameat(&folder, &unfinished, &folder, &whole)?;
        // A user who may not read the folder cannot sync its names (EBADF). Syncing the file again brings its new name to disk on file
        // systems with a journal (ext4, XFS, btrfs): the name is part of the file's last change.
        match rustix::fs::fsync(&folder) {
            Ok(()) => Ok(()),
            Err(_) => file.sync_all(),
        }
    })();
    if written.is_err() {
        let _ = rustix::fs::unlinkat(&folder, &unfinished, AtFlags::empty());
        let _ = rustix::fs::unlinkat(&folder, &whole, AtFlags::empty());
    }
    written
}

fn head(submission: &Submission, tried: &[Record]) -> String {
    let Submission { id, time, account: _, sender, full_name, words, extract, no_aliases, dsn } = submission;
    let tried: Vec<Value> = tried.iter().filter_map(|record| serde_json::from_str(&record.write()).ok()).collect();
    let head = json!({
        "sendmail-http-drop": VERSION, "id": id.to_string(), "time": time, "sender": sender, "full-name": full_name, "words": words,
        "extract": extract, "no-aliases": no_aliases, "notify": dsn.notify, "ret": dsn.ret, "envid": dsn.envid, "tried": tried,
    });
    format!("{head}\n")
}

/// Why a head is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// Written by a later version of this program.
    Newer,
    /// Not written by this program.
    Strange,
}

/// Reads a head. Owner and id come from the file's name and status, not from its content.
pub fn parse(line: &[u8], id: Id, account: Account) -> Result<(Submission, Vec<Record>), HeadError> {
    let head: Value = serde_json::from_slice(line).map_err(|_| HeadError::Strange)?;
    match head.get("sendmail-http-drop").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(HeadError::Newer),
        _ => return Err(HeadError::Strange),
    }
    let text = |name: &str| {
        head.get(name).and_then(Value::as_str).filter(|text| !text.contains(['\n', '\r'])).map(str::to_owned)
    };
    let flag = |name: &str| head.get(name).and_then(Value::as_bool).unwrap_or(false);
    let words = head.get("words").and_then(Value::as_array).into_iter().flatten();
    let tried = head.get("tried").and_then(Value::as_array).into_iter().flatten();
    let submission = Submission {
        time: head.get("time").and_then(Value::as_i64).ok_or(HeadError::Strange)?,
        sender: text("sender"),
        full_name: text("full-name"),
        words: words.filter_map(|word| word.as_str().map(str::to_owned)).collect(),
        extract: flag("extract"),
        no_aliases: flag("no-aliases"),
        dsn: Dsn { notify: text("notify"), ret: text("ret"), envid: text("envid") }.checked(),
        id,
        account,
    };
    Ok((submission, tried.filter_map(|record| Record::parse(record.to_string().as_bytes())).collect()))
}
