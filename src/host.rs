//! The name of the virtual host of a request, and whether the request's Host is one of its names.
#![forbid(unsafe_code)]

use httpd::Request;
use mail::address::{Domain, HostName};
use mailgate::answer::Problem;
use web::origin::{self, Names};

/// Refuses to show something to a page that reached this server by a name of its own.
pub fn check_host(request: &Request<'_>) -> Result<(), Box<Problem>> {
    let answers_to = |name: &str| request.answers_to(name);
    let names = Names { server_name: request.server_name(), answers_to: &answers_to };
    origin::check_host(&request.headers_in().entries(), names).map_err(|foreign| Box::new(Problem::from(&foreign)))
}

/// The domain in our Message-IDs. A ServerName that is not a domain (an IPv6 address) is not allowed there.
pub fn own_domain(request: &Request<'_>) -> Domain {
    HostName::domain(request.server_name())
        .unwrap_or_else(|| Domain::parse("localhost.localdomain").expect("a constant"))
}
