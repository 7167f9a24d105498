//! Who runs the queue. With systemd a timer runs the machine's queue; without it the command leaves a process behind, which ends when the
//! queue is empty. `-q10m` keeps running, and notices dropped messages at once (inotify).
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use sys::spawn::Start;

use crate::account::Host;
use crate::aliases::Aliases;
use crate::config::{Config, Found, QUEUE, Source};
use crate::delivery::Keys;
use crate::exit::{Failure, Status};
use crate::gateway::Gateway;
use crate::log::Log;
use crate::message::site::Site;
use crate::options::Runs;
use crate::queue::Queue;
use crate::queue::run::{Runner, Summary};

/// Pause between two runs of the process left behind.
const PAUSE: Duration = Duration::from_secs(60);
/// At most one process is left behind.
const LOCK: &str = "runner.lock";

/// Leaves a process behind, unless something else runs the queue.
pub fn start(config: &Config, log: &Log) {
    let Some(path) = &config.queue else { return };
    if path == Path::new(QUEUE) && Path::new("/run/systemd/system").exists() {
        return;
    }
    // The lock is free again when this returns; the new process takes it.
    let is_alone = Queue::open(path).and_then(|queue| queue.lock(LOCK)).is_ok_and(|lock| lock.is_some());
    if is_alone && let Err(error) = leave_behind(&config.source) {
        log.warning(&format!("no process to try again: {error}; run sendmail -q"));
    }
}

/// Starts the process in its own group and without any descriptor of the caller: cron waits until everyone who holds its pipe has ended,
/// and flock(1) holds its lock as long.
fn leave_behind(source: &Source) -> io::Result<()> {
    let word = |octets: Vec<u8>| CString::new(octets).map_err(io::Error::from);
    let path = word(std::env::current_exe()?.into_os_string().into_vec())?;
    let mut words = vec![path.clone()];
    if let Source::File(file) = source {
        words.extend([c"--config".to_owned(), word(file.as_os_str().as_bytes().to_vec())?]);
    }
    words.push(c"--drain".to_owned());
    let variables = std::env::vars_os().map(|(name, value)| word([name.as_bytes(), value.as_bytes()].join(&b'=')));
    let environment = variables.collect::<io::Result<Vec<_>>>()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    let (stdin, stdout, stderr) = (null.as_fd(), null.as_fd(), null.as_fd());
    sys::calls::spawn(&Start { path: &path, words: &words, environment: &environment, stdin, stdout, stderr })?;
    Ok(())
}

/// Runs the queue as often as asked. The settings are read again each time, so a changed password needs no restart.
pub fn run(find: impl Fn() -> Found, log: &mut Log, how: Runs) -> Result<(), Failure> {
    let mut stays = None;
    loop {
        let begun = Instant::now();
        let config = match find() {
            Found::Config(config) => config,
            Found::Missing => return Err(Failure::new(Status::Config, "no settings")),
            Found::Bad(words) => return Err(Failure::new(Status::Config, words)),
            Found::Unreadable(path) => {
                let words = format!(
                    "{}: may not be read by this user; the runner's user or root runs the queue",
                    path.display()
                );
                return Err(Failure::new(Status::NoPermission, words));
            }
        };
        log.set_file(config.logfile.clone());
        let Some(path) = &config.queue else { return Ok(()) };
        let failed = |error| Failure::storage(path.display(), error);
        let queue = Queue::open(path).map_err(failed)?;
        if !queue.is_ours() {
            return Err(Failure::new(Status::NoPermission, format!("{}: the queue of another user", path.display())));
        }
        if how != Runs::Once && stays.is_none() {
            stays = queue.lock(LOCK).map_err(failed)?;
            if stays.is_none() && how == Runs::Drain {
                return Ok(());
            }
        }
        // A message that arrives during the run is noticed after it.
        let watch = if how == Runs::Once { None } else { Watch::new(&path.join("drop")) };
        let outcome = once(&config, &queue, log);
        let pause = match (how, outcome) {
            (Runs::Once, outcome) => return outcome.map(drop),
            (Runs::Drain, Ok(Summary { waiting: 0, .. })) => return Ok(()),
            (Runs::Drain, Err(failure)) => return Err(failure),
            (Runs::Drain, Ok(_)) => PAUSE,
            (Runs::Every(pause), Ok(_)) => pause,
            (Runs::Every(pause), Err(failure)) => {
                log.error(&failure.words);
                pause
            }
        };
        let pause = pause.saturating_sub(begun.elapsed());
        match watch {
            Some(watch) => watch.wait(pause),
            None => std::thread::sleep(pause),
        }
    }
}

fn once(config: &Config, queue: &Queue, log: &Log) -> Result<Summary, Failure> {
    let (host, aliases) = (Host::own(), Aliases::read(&config.aliases));
    let site = Site::new(config, &host, &aliases);
    let gateway = Gateway::new(config)?;
    let mut runner = Runner { queue, config, site: &site, gateway: &gateway, log, keys: Keys::default() };
    runner.run().map_err(|error| Failure::storage(queue.path().display(), error))
}

/// An inotify(7) watch on one folder.
struct Watch(rustix::fd::OwnedFd);

impl Watch {
    fn new(folder: &Path) -> Option<Watch> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        inotify::add_watch(&fd, folder, WatchFlags::MOVED_TO).ok()?;
        Some(Watch(fd))
    }

    /// Waits until something is moved into the folder, at most for `pause`.
    fn wait(&self, pause: Duration) {
        let timeout =
            Timespec { tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: pause.subsec_nanos().into() };
        let _ = rustix::event::poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout));
    }
}
