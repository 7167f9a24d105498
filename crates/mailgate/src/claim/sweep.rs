//! Removes expired files of [`super::directory`]. Once an hour a round goes through the 256 folders, a little with each request; the file
//! `sweep` records how far the round is. Its lock lets only one process work at a time.
#![forbid(unsafe_code)]

use super::file::{KeyFile, Lock, lock};
use super::now;
use super::record::Record;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use sys::calls;

/// Seconds between the starts of two rounds.
const ROUND: i64 = 3600;
/// The share of one request.
const MOMENT: Duration = Duration::from_millis(20);
const FOLDERS: u32 = 256;

/// When this process checks again whether there is work: at most once a second.
static NEXT_LOOK: AtomicI64 = AtomicI64::new(0);

/// Continues the round, or begins one if it is due.
pub(super) fn some(top: &Path, lifetime: Duration) -> io::Result<()> {
    let (now, next) = (now(), NEXT_LOOK.load(Ordering::Relaxed));
    let is_time = next != now + 1; // also after the clock was set back
    if is_time && NEXT_LOOK.compare_exchange(next, now + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        part(top, lifetime, now, MOMENT)?;
    }
    Ok(())
}

/// Goes through at least one folder, and stops after `moment`. A file that cannot be read stays, and does not stop the round.
fn part(top: &Path, lifetime: Duration, now: i64, moment: Duration) -> io::Result<()> {
    let begin = Instant::now();
    let Lock::Held(mut progress) = lock(&top.join("sweep"))? else { return Ok(()) };
    let (mut round, mut next) = read_progress(&progress)?;
    if next >= FOLDERS {
        if (round..round.saturating_add(ROUND)).contains(&now) {
            return Ok(());
        }
        (round, next) = (now, 0);
    }
    let mut outcome = Ok(());
    while next < FOLDERS {
        outcome = folder(&top.join(format!("{next:02x}")), lifetime, now).and(outcome);
        next += 1;
        if begin.elapsed() >= moment {
            break;
        }
    }
    progress.empty()?;
    progress.append(&format!("mod_sendmail sweep 1 {round} {next}\n"))?;
    outcome
}

/// When the round began, and its next folder. An unreadable record begins a new round.
fn read_progress(file: &KeyFile) -> io::Result<(i64, u32)> {
    let octets = file.octets(100)?;
    let numbers = std::str::from_utf8(&octets).ok().and_then(|text| {
        let (round, next) = text.strip_prefix("mod_sendmail sweep 1 ")?.strip_suffix('\n')?.split_once(' ')?;
        Some((round.parse().ok()?, next.parse().ok()?))
    });
    Ok(numbers.unwrap_or((0, FOLDERS)))
}

fn folder(folder: &Path, lifetime: Duration, now: i64) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut outcome = Ok(());
    for entry in entries {
        outcome = entry.and_then(|entry| file(&entry.path(), lifetime, now)).and(outcome);
    }
    outcome
}

fn file(path: &Path, lifetime: Duration, now: i64) -> io::Result<()> {
    let found = match calls::status_of(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    // An empty one was left by an owner who died; most are neither old nor empty, and are not opened.
    let patience = if found.st_size == 0 { ROUND } else { i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX) };
    if found.st_mtime.saturating_add(patience) > now {
        return Ok(());
    }
    let Lock::Held(file) = lock(path)? else { return Ok(()) };
    match file.read()? {
        Record::Begun { expires, .. } if expires > now => Ok(()),
        _ => file.remove(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::directory::Directory;
    use crate::claim::{Claims, KeyState, Outcome};
    use crate::digest::Digest;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    fn digest(number: u32) -> Digest {
        Digest::of(&[&number.to_be_bytes()])
    }

    /// A directory with 300 settled keys.
    fn filled(name: &str) -> std::path::PathBuf {
        let top = std::env::temp_dir().join(format!("mailgate-sweep-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&top);
        std::fs::create_dir(&top).unwrap();
        for number in 0..300 {
            let directory = Directory::new(&top, WEEK);
            let KeyState::Yours(mut claim) = directory.claim(&digest(number), &digest(0)).unwrap() else { panic!() };
            claim.hand_over("<a@b>").unwrap();
            claim.settle(&Outcome::Accepted { status_url: None }).unwrap();
        }
        top
    }

    fn count(top: &Path) -> usize {
        let folders = std::fs::read_dir(top).unwrap().map(|entry| entry.unwrap().path());
        folders.filter(|path| path.is_dir()).map(|path| std::fs::read_dir(path).unwrap().count()).sum()
    }

    /// Runs parts until a round is over; returns how many.
    fn round(top: &Path, now: i64, moment: Duration) -> usize {
        for parts in 1..1000 {
            let _ = part(top, WEEK, now, moment); // a foreign file is complained of
            if std::fs::read_to_string(top.join("sweep")).unwrap().ends_with(" 256\n") {
                return parts;
            }
        }
        panic!("the round does not end");
    }

    #[test]
    fn a_round_takes_away_what_is_over_and_nothing_else() {
        let top = filled("round");
        let start = now();
        let week = WEEK.as_secs() as i64;
        assert_eq!((round(&top, start, WEEK), count(&top)), (1, 300), "all are young");
        let left_by_the_dead = top.join("00/left");
        std::fs::create_dir_all(top.join("00")).unwrap();
        std::fs::write(&left_by_the_dead, "").unwrap();
        std::fs::write(top.join("00/foreign"), "hands off").unwrap();
        round(&top, start + ROUND + 1, WEEK);
        assert!(!left_by_the_dead.exists());
        assert_eq!(count(&top), 301);
        let directory = Directory::new(&top, 2 * WEEK);
        let KeyState::Yours(mut longer) = directory.claim(&digest(1000), &digest(0)).unwrap() else { panic!() };
        longer.hand_over("<a@b>").unwrap();
        round(&top, start + week + 60, WEEK);
        assert_eq!(count(&top), 2, "one with a longer life, and what is not ours");
        std::fs::remove_dir_all(&top).unwrap();
    }

    #[test]
    fn a_request_does_a_part_and_the_next_round_waits_an_hour() {
        let top = filled("parts");
        let start = now();
        assert_eq!(round(&top, start, Duration::ZERO), 256, "a folder each");
        let later = start + WEEK.as_secs() as i64 + 60;
        part(&top, WEEK, start + 10, WEEK).unwrap();
        assert_eq!(count(&top), 300, "the round is over");
        let Lock::Held(busy) = lock(&top.join("sweep")).unwrap() else { panic!() };
        part(&top, WEEK, later, WEEK).unwrap();
        assert_eq!(count(&top), 300, "somebody else is at it");
        drop(busy);
        part(&top, WEEK, later, WEEK).unwrap();
        assert_eq!(count(&top), 0);
        std::fs::remove_dir_all(&top).unwrap();
    }
}
