//! The warnings of the start, from the configuration as httpd parsed it into the error log.
#![forbid(unsafe_code)]

use httpd::Server;
use mailgate::audit;

/// Logs what is risky in the configuration.
pub fn warn(server: &Server<'_>) {
    for warning in audit::warnings(&httpd::configuration(server)) {
        tracing::warn!("{}: {}", warning.tag, warning.text);
    }
}
