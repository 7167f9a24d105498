//! The Maildir of held messages -> its messages. A message that is being released, or may have been, carries the flag P ("passed" on the
//! Maildir page), and so is in `cur/`.
#![forbid(unsafe_code)]

use mailgate::checks::hold::Ticket;
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

/// A message that is held.
#[derive(Debug)]
pub struct Held {
    pub path: PathBuf,
    pub ticket: Ticket,
    /// Whether a release has been started.
    pub is_passed: bool,
}

impl Held {
    /// The message after our own fields: its first line, and everything that follows.
    pub fn open(&self) -> io::Result<(Vec<u8>, BufReader<File>)> {
        let mut file = BufReader::new(File::open(&self.path)?);
        let (_, first) = Ticket::read(&mut file)?.ok_or_else(|| io::Error::other("it is not from mod_sendmail"))?;
        Ok((first, file))
    }

    /// Deletes it.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Keeps others from releasing it until the file is closed.
    pub fn lock(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// Marks it as being released, if it is still where it was found.
    pub fn claim(&mut self, folder: &Path) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (base, flags) = name.split_once(":2,").unwrap_or((&name, ""));
        let mut flags: Vec<char> = flags.chars().filter(|flag| *flag != PASSED).chain([PASSED]).collect();
        flags.sort_unstable();
        let to = folder.join("cur").join(format!("{base}:2,{}", flags.iter().collect::<String>()));
        self.move_to(to).map(|()| self.is_passed = true)
    }

    /// Removes the mark: it was not sent.
    pub fn unclaim(&mut self, folder: &Path) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let base = name.split_once(":2,").map_or(name.as_str(), |(base, _)| base);
        self.move_to(folder.join("new").join(base)).map(|()| self.is_passed = false)
    }

    fn move_to(&mut self, to: PathBuf) -> io::Result<()> {
        fs::rename(&self.path, &to)?;
        self.path = to;
        Ok(())
    }
}

const PASSED: char = 'P';

/// All of them, the oldest first.
pub fn list(folder: &Path) -> io::Result<Vec<Held>> {
    let mut held = Vec::new();
    for part in ["new", "cur"] {
        let entries = match fs::read_dir(folder.join(part)) {
            // The folder is made with the first message.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => continue,
            entries => entries.map_err(|error| about(&folder.join(part), &error))?,
        };
        for entry in entries {
            let path = entry?.path();
            match read(&path) {
                Ok(found) => held.extend(found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // just released
                Err(error) => return Err(about(&path, &error)),
            }
        }
    }
    held.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
    Ok(held)
}

/// The message with this identifier.
pub fn find(folder: &Path, id: &str) -> io::Result<Option<Held>> {
    Ok(list(folder)?.into_iter().find(|held| held.ticket.id == id))
}

fn read(path: &Path) -> io::Result<Option<Held>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') || !fs::symlink_metadata(path)?.is_file() {
        return Ok(None);
    }
    let is_passed = name.split_once(":2,").is_some_and(|(_, flags)| flags.contains(PASSED));
    let ticket = Ticket::read(&mut BufReader::new(File::open(path)?))?;
    Ok(ticket.map(|(ticket, _)| Held { path: path.to_owned(), ticket, is_passed }))
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
