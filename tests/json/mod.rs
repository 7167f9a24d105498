//! The JSON of mail services: what is wrong is refused by name (`refused`), several messages come in one body (`batches`), the real SDKs
//! send through us (`sdks`), and their keys are those of httpd's own providers (`keys`).

mod batches;
pub(crate) mod emails;
mod first_mails;
mod inactive;
mod keys;
mod of_httpd;
mod openapi;
mod refused;
pub(crate) mod sdks;
mod tags;

use crate::support::httpd_config::Builder;
use crate::support::{Httpd, Request, Sendmail};

/// `/mail` with every dialect.
const INPUTS: &str = "SendmailInputs fields postmark resend sendgrid";

fn post(path: &str, json: &str) -> Request {
    Request::post(path).header("Content-Type", "application/json").body(json.as_bytes().to_vec())
}

/// With a login that `alice:secret` opens.
fn with_login(builder: Builder, location: &str, sendmail: &Sendmail, settings: &str) -> Httpd {
    let builder = builder.modules(&["auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let login = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\n";
    let all = "<RequireAll>\nRequire valid-user\nRequire ip 127.0.0.1\n</RequireAll>\nSetHandler sendmail";
    let name = sendmail.program().display().to_string();
    builder.location(location, &format!("{login}{all}\nSendmailName \"{name}\"\n{INPUTS}\n{settings}")).start()
}
