//! A `sendmail` that records how it was started and what it was given, then behaves as told. It lives as `<dir>/sendmail`;
//! `<dir>/behaviour` holds its steps (see [`behaviour`]), `<dir>/messages/<id>/` takes one record a run (see [`record`]),
//! `<dir>/COMMITS` one line for each run that read its input to the end and exited 0.
//!
//! `no_main`: the start-up code of std would ignore SIGPIPE and open descriptors 0 to 2, and so hide what the caller did.
#![no_main]

mod behaviour;
mod record;

use behaviour::{Signal, Step};
use record::Record;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

static EXIT_ON_TERM: AtomicI32 = AtomicI32::new(0);

#[unsafe(no_mangle)]
extern "C" fn main() -> libc::c_int {
    let directory = home();
    let steps = behaviour::read(&directory);
    match Record::begin(&directory) {
        Ok(record) => run(record, &steps),
        Err(error) => {
            eprintln!("fake-sendmail: cannot record in {}: {error}", directory.display());
            leave(99)
        }
    }
}

/// The folder of the path it was started as; /proc/self/exe if the caller's `argv[0]` has no path.
fn home() -> PathBuf {
    let named =
        std::env::args_os().next().map(PathBuf::from).filter(|path| path.as_os_str().as_bytes().contains(&b'/'));
    let program = named.or_else(|| std::env::current_exe().ok()).unwrap_or_default();
    program.parent().map(PathBuf::from).unwrap_or_default()
}

fn run(mut record: Record, steps: &[Step]) -> ! {
    for step in steps {
        match step {
            Step::Read(limit) => read(&mut record, *limit),
            Step::ReadSlowly => read_slowly(&mut record),
            Step::Say(stream, words) => say(*stream, words),
            Step::Flood(stream, octets) => flood(*stream, *octets),
            Step::Sleep(time) => std::thread::sleep(*time),
            Step::Grandchild(time) => record.note_grandchild(leave_grandchild(*time)),
            Step::Ignore(signal) => dispose(*signal, libc::SIG_IGN),
            Step::LeaveGroup => leave_group(),
            Step::OnTerm(code) => {
                EXIT_ON_TERM.store(*code, Ordering::SeqCst);
                dispose(Signal(libc::SIGTERM), exit_on_term as *const () as libc::sighandler_t);
            }
            Step::Hang => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            Step::Die(signal) => {
                record.finish(&format!("signal {}", signal.0), false);
                die(*signal)
            }
            Step::Exit(code) => finish(record, *code),
        }
    }
    finish(record, 0)
}

fn finish(record: Record, code: i32) -> ! {
    let committed = code == 0 && record.saw_end();
    record.finish(&format!("exit {code}"), committed);
    leave(code)
}

/// Reads up to `limit` octets (none: to the end) into the record.
fn read(record: &mut Record, limit: Option<u64>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = limit.unwrap_or(u64::MAX);
    while left > 0 {
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match read_now(&mut buffer[..want]) {
            Ok(0) => return record.end_of_input(),
            Ok(count) => {
                record.take(&buffer[..count]);
                left -= count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return record.input_failed(&error),
        }
    }
}

fn read_slowly(record: &mut Record) {
    while !record.saw_end() {
        read(record, Some(1));
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// `read(2)` itself: std's stdin reads ahead, and the tests ask how much a program has not read.
fn read_now(buffer: &mut [u8]) -> std::io::Result<usize> {
    // SAFETY: the pointer and the length are those of one live, writable slice.
    let count = unsafe { libc::read(0, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(count).map_err(|_| std::io::Error::last_os_error())
}

fn say(stream: behaviour::Stream, words: &[u8]) {
    // A caller that closed its end is not this program's problem; SIGPIPE then ends it like any other program.
    let _ = match stream {
        behaviour::Stream::Out => std::io::stdout().write_all(words).and_then(|()| std::io::stdout().flush()),
        behaviour::Stream::Err => std::io::stderr().write_all(words),
    };
}

/// Lines with every octet from 0 to 255, which reveal a log that does not escape.
fn flood(stream: behaviour::Stream, octets: u64) {
    let line: Vec<u8> = (0..=255).cycle().take(64 * 1024).collect();
    let mut left = octets;
    while left > 0 {
        let count = usize::try_from(left).map_or(line.len(), |left| left.min(line.len()));
        say(stream, &line[..count]);
        left -= count as u64;
    }
}

/// Leaves a process behind that holds only stderr, in the process group of its parent.
fn leave_grandchild(time: Duration) -> i32 {
    // SAFETY: this program has one thread, so the child may go on with any function.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: 0 and 1 are open descriptors that nothing in this process uses any more.
            unsafe { libc::close(0) };
            // SAFETY: as above.
            unsafe { libc::close(1) };
            std::thread::sleep(time);
            leave(0)
        }
        pid => pid,
    }
}

fn leave_group() {
    // SAFETY: no memory is touched.
    let group = unsafe { libc::getpgid(libc::getppid()) };
    // SAFETY: no memory is touched; where it fails the program stays in its group, and the test sees it killed.
    if unsafe { libc::setpgid(0, group) } != 0 {
        leave(97);
    }
}

extern "C" fn exit_on_term(_signal: libc::c_int) {
    leave(EXIT_ON_TERM.load(Ordering::SeqCst))
}

fn dispose(signal: Signal, disposition: libc::sighandler_t) {
    // SAFETY: the handler calls nothing but _exit(2) and an atomic load, both async-signal-safe.
    unsafe { libc::signal(signal.0, disposition) };
}

fn die(signal: Signal) -> ! {
    dispose(signal, libc::SIG_DFL);
    // SAFETY: no memory is touched; the worst is that the signal does not end the process.
    unsafe { libc::raise(signal.0) };
    leave(98)
}

fn leave(code: i32) -> ! {
    // SAFETY: ends the process; whatever had to reach the disk was written without buffers.
    unsafe { libc::_exit(code) }
}
