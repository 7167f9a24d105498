//! The resource at a request's path: below a location are the paths of the SDKs of mail services.
#![forbid(unsafe_code)]

use crate::settings::Settings;
use conftree::sections::below;
use httpd::Request;
use mailgate::input::ways::{CHALLENGE, Resource};
use std::sync::{PoisonError, RwLock};

/// The paths of the `<Location>` sections with our handler, from the last reading of the configuration.
static LOCATIONS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Stores the paths below which the SDKs' paths are.
pub fn remember_locations(paths: Vec<String>) {
    *LOCATIONS.write().unwrap_or_else(PoisonError::into_inner) = paths;
}

/// The requested resource.
pub fn resource<'r>(request: &Request<'r>, settings: &Settings<'_>) -> Resource<'r> {
    match rest(request, settings) {
        Some(rest) if rest == CHALLENGE.as_bytes() && settings.challenge().is_some() => Resource::Challenge,
        Some(rest) => settings.inputs().resource(rest),
        None => Resource::Mail,
    }
}

/// The part of this request's path after that of SendmailLocation, otherwise after that of the longest matching `<Location>`.
pub fn rest<'r>(request: &Request<'r>, settings: &Settings<'_>) -> Option<&'r [u8]> {
    let locations = LOCATIONS.read().unwrap_or_else(PoisonError::into_inner);
    let public = settings.location().and_then(|url| url.splitn(4, '/').nth(3).map(|path| format!("/{path}")));
    let public = below(public.as_deref(), request.uri());
    let (_, rest) = public.or_else(|| below(locations.iter().map(String::as_str), request.uri()))?;
    Some(rest)
}

/// The path of the `<Location>` of this request.
pub fn base(request: &Request<'_>) -> Option<String> {
    let locations = LOCATIONS.read().unwrap_or_else(PoisonError::into_inner);
    below(locations.iter().map(String::as_str), request.uri()).map(|(base, _)| base.to_owned())
}
