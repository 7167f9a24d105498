//! Whose turn it is to write into a file of SQLite, of all children: those who wait for one another inside SQLite sleep, for longer and longer,
//! and others overtake them. Who asks for no turn, as processdsn, waits there as ever.

use crate::tree::is_set;
use crate::{Server, Shared, configuration};
use std::sync::atomic::{AtomicI32, Ordering};

/// The descriptor of a file without contents, for its locks (fcntl(2)): each child has its own, and the kernel takes them from one that
/// dies. 0: there is none. The parent opens it once for all restarts.
static FILE: Shared<AtomicI32> = Shared::new("mod_sendmail-writer");

/// Opens the file, if this directive with this first word stands somewhere. For [`Module::start`](crate::Module::start).
pub fn prepare_writers(server: &Server<'_>, (directive, word): (&str, &str)) -> Result<(), String> {
    if !is_set(&configuration(server), directive, word) {
        return Ok(());
    }
    FILE.make(server, 1, 1)?;
    if let Some(file) = FILE.items().first().filter(|file| file.load(Ordering::Relaxed) == 0) {
        // SAFETY: makes a descriptor; the name is a C string.
        let made = unsafe { libc::memfd_create(c"database writer".as_ptr(), libc::MFD_CLOEXEC) };
        if made < 0 {
            return Err(format!("memfd_create: {}", std::io::Error::last_os_error()));
        }
        file.store(made, Ordering::Relaxed);
    }
    Ok(())
}

/// The turn of this child; given back when it is dropped.
pub(crate) struct Turn {
    file: i32,
    place: libc::off_t,
}

/// Waits for the turn with one database. Within a child one thread at a time does. `None`: there is no file, and SQLite alone decides.
pub(crate) fn turn(database: usize) -> Option<Turn> {
    let file = FILE.items().first().map(|file| file.load(Ordering::Relaxed)).filter(|file| *file > 0)?;
    let turn = Turn { file, place: libc::off_t::try_from(database).ok()? };
    turn.set(libc::F_WRLCK).then_some(turn)
}

impl Turn {
    fn set(&self, kind: libc::c_int) -> bool {
        let lock = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: self.place,
            l_len: 1,
            l_pid: 0,
        };
        // SAFETY: a descriptor that nobody closes, and a lock that the kernel reads.
        unsafe { libc::fcntl(self.file, libc::F_SETLKW, &lock) == 0 }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.set(libc::F_UNLCK);
    }
}
