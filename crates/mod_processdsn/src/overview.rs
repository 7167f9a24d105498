//! GET of the base: a list of messages, for their owner or for an administrator.
#![forbid(unsafe_code)]

use crate::database::{LIMIT, unreadable};
use crate::viewer::Viewer;
use httpd::{Request, Status};
use tracking::status::answer;
use tracking::status::overview::{Overview, Query};
use tracking::store::overview::{self, Counts, Scope};
use tracking::store::{self};
use web::fields::value_of;

/// Answers a GET or HEAD.
pub fn show(request: &Request<'_>, viewer: Viewer, base: &str, accept: Option<&str>) -> Status {
    let now = store::now();
    let scope = match (viewer.is_admin, &viewer.user) {
        (true, user) => Scope::All(user.clone()),
        (false, Some(user)) => Scope::Own(user.clone()),
        // An unknown user has no messages, and is not told whether there are any.
        (false, None) => return request.send(&answer::not_found(accept)),
    };
    let query = match Query::parse(request.query().unwrap_or_default(), now) {
        Ok(query) => query,
        Err(bad) => return request.send(&answer::bad_request(&bad, accept)),
    };
    if viewer.is_admin {
        viewer.log("looks at the messages of everybody", request);
    }
    let (filter, is_first) = (query.filter.clone(), query.is_first());
    let look = move |database: &mut apr::Dbd<'_>| {
        let list = overview::list(database, &scope, &filter, now)?;
        let counts = if is_first { overview::counts(database, &scope, now)? } else { Counts::default() };
        Ok((list, counts))
    };
    match request.with_database(LIMIT, look, |_| ()) {
        Ok((list, counts)) => {
            let page = Overview { query: &query, list: &list, counts: &counts, is_all: viewer.is_admin, base, now };
            let known = value_of(&request.headers_in().entries(), "if-none-match");
            request.send(&answer::show_overview(&page, accept, known.as_deref()))
        }
        Err(error) => unreadable(request, &error, accept),
    }
}
