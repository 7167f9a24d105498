//! Whether the Host of a request is a name of the virtual host that it came to.
#![forbid(unsafe_code)]

use httpd::Request;
use mailgate::answer::Problem;
use web::origin::{self, Names};

/// Refuses to show something to a page that came here by a name of its own.
pub fn check_host(request: &Request<'_>) -> Result<(), Box<Problem>> {
    let answers_to = |name: &str| request.answers_to(name);
    let names = Names { server_name: request.server_name(), answers_to: &answers_to };
    origin::check_host(&request.headers_in().entries(), names).map_err(|foreign| Box::new(Problem::from(&foreign)))
}
