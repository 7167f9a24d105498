//! The name of the virtual host that a request came to, and whether its Host is one.
#![forbid(unsafe_code)]

use httpd::Request;
use mail::address::{Domain, HostName};
use mailgate::answer::Problem;
use web::origin::{self, Names};

/// Refuses to show something to a page that came here by a name of its own.
pub fn check_host(request: &Request<'_>) -> Result<(), Box<Problem>> {
    let answers_to = |name: &str| request.answers_to(name);
    let names = Names { server_name: request.server_name(), answers_to: &answers_to };
    origin::check_host(&request.headers_in().entries(), names).map_err(|foreign| Box::new(Problem::from(&foreign)))
}

/// The name behind the @ of our Message-IDs. A ServerName that is no domain (an IPv6 address) cannot stand there.
pub fn own_domain(request: &Request<'_>) -> Domain {
    HostName::domain(request.server_name())
        .unwrap_or_else(|| Domain::parse("localhost.localdomain").expect("a constant"))
}
