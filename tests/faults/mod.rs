//! A build of the module that fails on demand (feature `faults`, in its own target folder): each system call of a request in turn, and a
//! panic at each of them and in every hook.

mod calls;
mod counters;
mod panics;

use crate::support::artifacts::faulty_module;
use crate::support::httpd_config::Builder;
use crate::support::{Httpd, Mpm, Sendmail};

/// A server with the faulty build and one child, with `/mail` for `sendmail`, and `/maildir`.
fn server(mpm: Mpm, sendmail: &Sendmail) -> Builder {
    let settings = match mpm {
        Mpm::Prefork => "ServerLimit 1\nStartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n",
        Mpm::Event | Mpm::Worker => {
            "ServerLimit 1\nStartServers 1\nThreadsPerChild 8\nThreadLimit 8\nMinSpareThreads 1\nMaxSpareThreads 8\nMaxRequestWorkers 8\n"
        }
    };
    let maildir = "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailMaildir \"${ROOT}/run/Maildir\"";
    Httpd::builder()
        .mpm(mpm)
        .mpm_settings(settings)
        .log_level("info")
        .without_mod_sendmail()
        .load("sendmail_module", faulty_module())
        .mail(sendmail, "")
        .location("/maildir", maildir)
}
