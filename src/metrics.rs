//! The counters of this server: made by the parent at its start, written by every child at the end of a request, shown by the handler
//! `sendmail-metrics` and by mod_status. `mailgate::metrics` defines and formats them. Without shared memory nothing is counted, and mail
//! is still sent.
#![forbid(unsafe_code)]

use crate::directives::DirConfig;
use crate::gauges::gauges;
use crate::host::check_host;
use crate::settings::Settings;
use httpd::{Request, Server, Shared, Status, StatusPage};
use mailgate::metrics::children::{self, Place, Running};
use mailgate::metrics::{self, Counters, Snapshot, prometheus};
use mailgate::tags::{self, Tag};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use web::Response;

/// One set of counters.
static COUNTERS: Shared<Counters> = Shared::new("mod_sendmail-counters");
/// A place for each child.
static CHILDREN: Shared<Place> = Shared::new("mod_sendmail-children");
/// The index of this child's place; out of range if it has none.
static OWN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The layout of [`CHILDREN`] never changes without its size.
const CHILDREN_LAYOUT: u64 = 1;

/// Makes the memory, in the parent.
pub fn start(server: &Server<'_>) {
    // worker reuses the slot of an ending child for its successor, so twice as many may exist for a while.
    let most = httpd::most_children(server).max(1) * 2;
    let made = CHILDREN.make(server, CHILDREN_LAYOUT, most).and_then(|()| COUNTERS.make(server, metrics::LAYOUT, 1));
    if let Err(error) = made {
        tracing::error!(
            "{}: nothing is counted, and sendmail-metrics answers 503: {error}; mail is sent all the same",
            tags::NO_COUNTERS
        );
    }
}

/// Takes a place for the programs of this child.
pub fn child_starts() {
    let places = CHILDREN.items();
    let own = children::claim(places, std::process::id().into());
    let index = own.and_then(|own| places.iter().position(|place| std::ptr::eq(place, own)));
    OWN.store(index.unwrap_or(usize::MAX), Ordering::Relaxed);
}

/// Frees the place of an ended child, in the parent.
pub fn child_ended(pid: u64) {
    children::free(CHILDREN.items(), pid);
}

/// Counts a program of this child until the result is dropped.
pub fn running() -> Option<Running<'static>> {
    CHILDREN.items().get(OWN.load(Ordering::Relaxed)).map(Place::run)
}

/// The time of one request, counted once with its outcome. A request that panics is counted as a panic.
pub struct Watch {
    begin: Instant,
    counted: Cell<bool>,
}

impl Watch {
    pub fn start() -> Self {
        Watch { begin: Instant::now(), counted: Cell::new(false) }
    }

    /// The message was handed over. Returns the time it took.
    pub fn accepted(&self) -> Duration {
        let took = self.begin.elapsed();
        self.count(|counters| counters.accepted(took));
        took
    }

    /// It was a dry run.
    pub fn dry_run(&self) -> Duration {
        let took = self.begin.elapsed();
        self.count(|counters| counters.dry_run(took));
        took
    }

    /// A check discarded it.
    pub fn discarded(&self) -> Duration {
        let took = self.begin.elapsed();
        self.count(|counters| counters.discarded(took));
        took
    }

    /// A check held it.
    pub fn held(&self) -> Duration {
        let took = self.begin.elapsed();
        self.count(|counters| counters.held(took));
        took
    }

    /// Nothing was sent, or that is unknown.
    pub fn refused(&self, tag: &Tag) {
        let took = self.begin.elapsed();
        self.count(|counters| counters.refused(tag, took));
    }

    fn count(&self, count: impl FnOnce(&Counters)) {
        if let (false, Some(counters)) = (self.counted.replace(true), COUNTERS.items().first()) {
            count(counters);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.refused(&tags::FAULT);
        }
    }
}

/// Answers a request for the handler `sendmail-metrics`.
pub fn handle(request: &Request<'_>, config: &DirConfig) -> Status {
    request.allow_methods(&[c"GET", c"HEAD"]);
    if !matches!(request.method(), b"GET" | b"HEAD") {
        return Status::http(405);
    }
    if let Err(problem) = check_host(request) {
        tracing::warn!("{}: {}", problem.tag, problem.log);
        return Status::http(problem.tag.status.into());
    }
    let (status, content_type, text) = match snapshot() {
        Some(snapshot) => {
            (200, prometheus::MEDIA_TYPE, prometheus::text(&snapshot, &gauges(request, &Settings::of(config))))
        }
        None => (
            503,
            "text/plain; charset=utf-8",
            format!("Nothing is counted here; the error log says why ({}).\n", tags::NO_COUNTERS),
        ),
    };
    let fields = vec![("Cache-Control", "no-store".to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
    request.send(&Response { status, fields, content_type, body: text.into_bytes() })
}

/// Our part of mod_status's page.
pub fn status(page: StatusPage) -> Option<String> {
    let snapshot = snapshot()?;
    Some(match page {
        StatusPage::Lines => metrics::status::auto(&snapshot),
        StatusPage::Plain => metrics::status::html(&snapshot, true).into_string(),
        StatusPage::Tables => metrics::status::html(&snapshot, false).into_string(),
    })
}

fn snapshot() -> Option<Snapshot> {
    let counters = COUNTERS.items().first()?;
    Some(counters.read(children::running(CHILDREN.items())))
}
