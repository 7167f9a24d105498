//! Who sends a request, and whether that is an administrator.
#![forbid(unsafe_code)]

use crate::directives::DirConfig;
use httpd::{Certificate, Request};
use tracking::store::Owner;

/// Who sends a request.
pub struct Viewer {
    /// The user that a message's owner is compared with.
    pub user: Option<Owner>,
    /// Whether everybody's messages are shown.
    pub is_admin: bool,
}

impl Viewer {
    pub fn of(request: &Request<'_>, config: &DirConfig<'_>) -> Self {
        let is_admin = config.admin().is_some_and(|condition| match request.holds(condition) {
            Ok(holds) => holds,
            Err(error) => {
                tracing::error!("SM0605: ProcessDSNAdmin cannot be evaluated for this request: {error}");
                false
            }
        });
        Viewer { user: owner(request), is_admin }
    }

    /// Logs access to other users' data. The addresses asked for are logged only at debug.
    pub fn log(&self, what: &str, request: &Request<'_>) {
        let user = request.user().map_or("-".into(), String::from_utf8_lossy);
        let user: String = user.escape_debug().take(100).collect();
        tracing::warn!("SM0604: an administrator {what} user={user}");
        let uri = String::from_utf8_lossy(request.uri());
        let query = request.query().map(String::from_utf8_lossy).unwrap_or_default();
        let asked: String = format!("{uri}?{query}").escape_debug().take(500).collect();
        tracing::debug!("SM0604: he asked for {asked}");
    }
}

/// httpd's user, otherwise the address in a verified client certificate, which is what SendmailSenderMail uses there.
fn owner(request: &Request<'_>) -> Option<Owner> {
    let certificate = || {
        let verified = request.certificate() == Certificate::Verified;
        verified.then(|| request.variable(c"SSL_CLIENT_S_DN_Email")).flatten().map(Owner::mail)
    };
    request.user().map(Owner::login).or_else(certificate)
}
