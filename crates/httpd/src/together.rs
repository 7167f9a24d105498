//! Transactions that several requests share. SQLite has one writer at a time, and each commit waits for the disk: what is asked for meanwhile
//! becomes one transaction, done by one thread with one connection.

use crate::lender::{Lender, no_connection};
use crate::piece::{Begun, Work, alone, attempt, caught};
use crate::{workers, writer};
use apr::Dbd;
use sql::{Database, DatabaseError, Dialect};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What waits for the database of one server.
struct Queue {
    server: usize,
    waiting: Vec<Box<dyn Work>>,
    /// A thread is at work for those who wait, or will be.
    is_led: bool,
    /// Its database has many writers at a time.
    is_parallel: bool,
}

static QUEUES: Mutex<Vec<Queue>> = Mutex::new(Vec::new());

/// The queue of a server, while no other thread has it.
struct Held {
    queues: MutexGuard<'static, Vec<Queue>>,
    at: usize,
}

impl Held {
    fn of(lender: &Lender) -> Self {
        let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
        let at = queues.iter().position(|queue| queue.server == lender.key()).unwrap_or_else(|| {
            queues.push(Queue { server: lender.key(), waiting: Vec::new(), is_led: false, is_parallel: false });
            queues.len() - 1
        });
        Held { queues, at }
    }

    fn queue(&mut self) -> &mut Queue {
        &mut self.queues[self.at]
    }
}

/// Has the work done, together with what else waits for this database if that has one writer at a time.
pub(crate) fn join(lender: Lender, work: Box<dyn Work>) -> Result<(), DatabaseError> {
    let mut held = Held::of(&lender);
    let queue = held.queue();
    if queue.is_parallel {
        drop(held);
        return workers::run(move || alone(&lender, work));
    }
    queue.waiting.push(work);
    if mem::replace(&mut queue.is_led, true) {
        return Ok(());
    }
    drop(held);
    lead(lender)
}

/// Has a thread do what waits.
fn lead(lender: Lender) -> Result<(), DatabaseError> {
    let led = workers::run(move || {
        // A fault ends no more than this: work that is dropped has failed.
        let _ = caught(|| {
            serve(&lender);
            Ok(())
        });
        let mut held = Held::of(&lender);
        let queue = held.queue();
        queue.is_led = !queue.waiting.is_empty();
        if queue.is_led {
            drop(held);
            // Those who wait are told by `lead` if that cannot be done. Others who want the database have their turn meanwhile.
            let _ = lead(lender);
        }
    });
    if let Err(error) = &led {
        let waiting = {
            let mut held = Held::of(&lender);
            let queue = held.queue();
            queue.is_led = false;
            mem::take(&mut queue.waiting)
        };
        waiting.into_iter().for_each(|mut work| work.fail(error.clone()));
    }
    led
}

/// Does what waits now.
fn serve(lender: &Lender) {
    let is_wanted = || Held::of(lender).queue().waiting.iter().any(|work| work.is_awaited());
    let lent = caught(|| lender.lend(is_wanted));
    let _writer = match &lent {
        Ok(lent) if lent.database.dialect() == Dialect::Sqlite => writer::turn(lender.key()),
        _ => None,
    };
    let waiting = mem::take(&mut Held::of(lender).queue().waiting);
    match lent {
        Err(error) => waiting.into_iter().for_each(|mut work| work.fail(error.clone())),
        Ok(lent) if lent.database.dialect() == Dialect::Postgres => {
            Held::of(lender).queue().is_parallel = true;
            for work in waiting {
                let lender = *lender;
                // Work that finds no thread is dropped, and has failed so.
                let _ = workers::run(move || alone(&lender, work));
            }
        }
        Ok(mut lent) => together(&mut lent.database, waiting),
    }
}

/// Does all in one transaction, or each alone where that cannot be done.
fn together(lent: &mut Dbd<'_>, waiting: Vec<Box<dyn Work>>) {
    let (mut awaited, late): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|work| work.begin(None));
    late.into_iter().for_each(|mut work| work.fail(no_connection()));
    if awaited.len() < 2 {
        return awaited.into_iter().for_each(|work| attempt(lent, work));
    }
    let mut is_at_end = false;
    let outcome = caught(|| {
        sql::transaction(lent, |lent| {
            awaited.iter_mut().try_for_each(|work| work.attempt(lent, Begun::Yes))?;
            is_at_end = true;
            Ok(())
        })
    });
    match outcome {
        Ok(()) => awaited.into_iter().for_each(|mut work| work.finish(lent)),
        // It may be kept after all: the same again would be taken for a repetition.
        Err(error) if is_at_end => awaited.into_iter().for_each(|mut work| work.fail(error.clone())),
        Err(_) => awaited.into_iter().for_each(|work| attempt(lent, work)),
    }
}
