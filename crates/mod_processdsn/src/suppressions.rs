//! `<base>/suppressions/`: the addresses suppressed for the client. An administrator sees everybody's, and adds and removes for everybody.
#![forbid(unsafe_code)]

use crate::database::{LIMIT, unreadable};
use crate::viewer::Viewer;
use httpd::{Request, Status};
use sql::DatabaseError;
use tracking::status::answer;
use tracking::status::overview::read_after;
use tracking::status::suppressions::{LINES, Page};
use tracking::store::now;
use tracking::store::suppression::{self, Scope, Suppression};

/// Answers a GET or HEAD of the list.
pub fn list(request: &Request<'_>, viewer: &Viewer, base: &str, accept: Option<&str>) -> Status {
    let Some(scope) = scope(viewer) else { return request.send(&answer::not_found(accept)) };
    let after = match read_after(request.query().unwrap_or_default()) {
        Ok(after) => after,
        Err(bad) => return request.send(&answer::bad_request(&bad, accept)),
    };
    let look = move |database: &mut apr::Dbd<'_>| suppression::list(database, scope.as_ref(), &after, LINES);
    show(request, viewer, base, accept, request.with_database(LIMIT, look, |_| ()))
}

/// Answers a request about one address.
pub fn one(request: &Request<'_>, viewer: &Viewer, address: String, base: &str, accept: Option<&str>) -> Status {
    let Some(scope) = scope(viewer) else { return request.send(&answer::not_found(accept)) };
    match request.method() {
        b"PUT" => {
            // An administrator's change applies to everybody.
            let scope = scope.unwrap_or(Scope::Everybody);
            let put = move |database: &mut apr::Dbd<'_>| suppression::put(database, &scope, &address);
            match request.with_database(LIMIT, put, |_| ()) {
                Ok(()) => {
                    log(request, viewer, "suppresses an address for everybody");
                    request.send(&answer::done())
                }
                Err(error) => unreadable(request, &error, accept),
            }
        }
        b"DELETE" => {
            let remove = move |database: &mut apr::Dbd<'_>| suppression::remove(database, scope.as_ref(), &address);
            match request.with_database(LIMIT, remove, |_| ()) {
                Ok(0) => request.send(&answer::not_found(accept)),
                Ok(_) => {
                    log(request, viewer, "has an address written to again by everybody");
                    request.send(&answer::done())
                }
                Err(error) => unreadable(request, &error, accept),
            }
        }
        _ => {
            let look = move |database: &mut apr::Dbd<'_>| suppression::find(database, scope.as_ref(), &address);
            match request.with_database(LIMIT, look, |_| ()) {
                Ok(found) if found.is_empty() => request.send(&answer::not_found(accept)),
                found => show(request, viewer, base, accept, found),
            }
        }
    }
}

fn show(
    request: &Request<'_>,
    viewer: &Viewer,
    base: &str,
    accept: Option<&str>,
    found: Result<Vec<Suppression>, DatabaseError>,
) -> Status {
    match found {
        Ok(entries) => {
            log(request, viewer, "looks at the suppressed addresses of everybody");
            let page = Page { entries: &entries, base, is_all: viewer.is_admin, now: now() };
            request.send(&answer::show_suppressions(&page, accept))
        }
        Err(error) => unreadable(request, &error, accept),
    }
}

fn log(request: &Request<'_>, viewer: &Viewer, what: &str) {
    if viewer.is_admin {
        viewer.log(what, request);
    }
}

/// Whose entries: `Some(None)`: everybody's; `None`: nobody's, since the user is unknown.
fn scope(viewer: &Viewer) -> Option<Option<Scope>> {
    if viewer.is_admin {
        return Some(None);
    }
    viewer.user.clone().map(|user| Some(Scope::Of(Some(user))))
}
