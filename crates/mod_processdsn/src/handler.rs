//! Handling a request: what is asked for, who asks, what the database has, the answer.
#![forbid(unsafe_code)]

use crate::database::{LIMIT, unreadable};
use crate::directives::DirConfig;
use crate::viewer::Viewer;
use crate::{overview, suppressions};
use conftree::sections::below;
use httpd::{Request, Status};
use sql::DatabaseError;
use std::sync::{PoisonError, RwLock};
use tracking::status::answer;
use tracking::status::url::{self, Target};
use tracking::store;
use web::fields::value_of;
use web::origin::{self, CorsDecision, Foreign, Names, Origins};

/// The paths of the `<Location>` sections with our handler, from the last reading of the configuration.
static LOCATIONS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Stores the paths below which ids are.
pub fn remember_locations(paths: Vec<String>) {
    *LOCATIONS.write().unwrap_or_else(PoisonError::into_inner) = paths;
}

/// Answers a request for the handler `processdsn`.
pub fn handle(request: &Request<'_>, config: &DirConfig<'_>) -> Status {
    let fields = request.headers_in().entries();
    let accept = value_of(&fields, "accept");
    let accept = accept.as_deref();
    let Some((path, rest)) = split(request.uri(), config) else {
        tracing::error!("SM0601: where ids begin in the path is not known; set ProcessDSNLocation in this section");
        return Status::http(500);
    };
    let target = url::parse(rest, request.query());
    let changes = matches!(target, Target::Suppression { .. });
    request.allow_methods(&[c"GET", c"HEAD", c"OPTIONS"]);
    let base = config.location().unwrap_or(&path);
    match request.method() {
        b"GET" | b"HEAD" => {}
        b"OPTIONS" => return request.send(&answer::description(&absolute(request, base))),
        b"PUT" | b"DELETE" if changes => {}
        _ => {
            let allow = if changes { answer::ALLOW_SUPPRESSION } else { answer::ALLOW };
            return request.send(&answer::method_not_allowed(allow, accept));
        }
    }
    let answers_to = |name: &str| request.answers_to(name);
    let names = Names { server_name: request.server_name(), answers_to: &answers_to };
    if let Err(Foreign::Host { host } | Foreign::Origin { host, .. }) = origin::check_host(&fields, names) {
        let host: String = host.escape_debug().take(100).collect();
        tracing::warn!(
            "SM0211: Host '{host}' is not a name of this virtual host; if it should be one: ServerName, or ServerAlias in a <VirtualHost>"
        );
        return request.send(&answer::forbidden(accept));
    }
    if matches!(request.method(), b"PUT" | b"DELETE")
        && let CorsDecision::Foreign(_) = origin::check(&fields, &Origins::default(), names)
    {
        tracing::warn!("SM0606: a page of another origin asks for a change of a suppressed address");
        return request.send(&answer::forbidden(accept));
    }
    if !config.enable() {
        tracing::error!("SM0602: ProcessDSNEnable is off on this server; turn it on and set up mod_dbd");
        return Status::http(500);
    }
    let viewer = Viewer::of(request, config);
    match target {
        Target::Overview => overview::show(request, viewer, base, accept),
        Target::Suppressions => suppressions::list(request, &viewer, base, accept),
        Target::Suppression { address } => suppressions::one(request, &viewer, address, base, accept),
        Target::Bad | Target::Message { .. } | Target::Recipient { .. } => {
            let is_own = config.owner() && !viewer.is_admin;
            match find(request, &target, &viewer, is_own) {
                Ok(found) => {
                    if viewer.is_admin && found.is_some() {
                        viewer.log("looks at one message", request);
                    }
                    request.send(&answer::show(found.as_ref(), &target, base, accept, store::now()))
                }
                Err(error) => unreadable(request, &error, accept),
            }
        }
    }
}

/// The requested message, if this client may see it. A path that is not an id needs no query.
fn find(
    request: &Request<'_>,
    target: &Target,
    viewer: &Viewer,
    owner_only: bool,
) -> Result<Option<store::Message>, DatabaseError> {
    let Some(id) = target.id().map(str::to_owned) else { return Ok(None) };
    let user = viewer.user.clone();
    let look = move |database: &mut apr::Dbd<'_>| {
        store::find(database, &id, store::Viewer { user: user.as_ref(), owner_only }, store::now())
    };
    request.with_database(LIMIT, look, |_| ())
}

/// The service's path and the rest: below ProcessDSNLocation's path, otherwise below the longest matching `<Location>`.
fn split<'r>(uri: &'r [u8], config: &DirConfig<'_>) -> Option<(String, &'r [u8])> {
    let locations = LOCATIONS.read().unwrap_or_else(PoisonError::into_inner);
    let public = config.location().and_then(|url| url.splitn(4, '/').nth(3).map(|path| format!("/{path}")));
    let found = below(public.as_deref(), uri).or_else(|| below(locations.iter().map(String::as_str), uri));
    found.map(|(base, rest)| (base.to_owned(), rest))
}

/// An absolute URL, for the WADL.
fn absolute(request: &Request<'_>, base: &str) -> String {
    if base.starts_with('/') || base.is_empty() { format!("{}{base}", request.origin()) } else { base.to_owned() }
}
