//! Programs that cannot be started, and a process that takes the exit status before us.

use super::{Holdings, notes, place, promised, steady};
use crate::support::c_module::compile;
use crate::support::{Behaviour, Mpm, Request, Sendmail};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_program_that_cannot_be_started_is_the_administrators_affair() {
    let sendmail = Sendmail::new();
    let make = |name: &str, content: &[u8], mode: u32| {
        let path = sendmail.folder().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let mut foreign = fs::read("/bin/true").unwrap();
    foreign[18..20].copy_from_slice(&[0x08, 0]); // e_machine: MIPS
    let closed = sendmail.folder().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(closed.join("sendmail"), "#!/bin/sh\n").unwrap();
    let rows = [
        ("missing", sendmail.folder().join("missing"), "No such file"),
        ("interpreter", make("interpreter", b"#!/nonexistent/sh\n", 0o755), "interpreter"),
        ("not-executable", make("not-executable", b"#!/bin/sh\n", 0o644), "not executable"),
        ("architecture", make("architecture", &foreign, 0o755), "another machine"),
        ("text", make("text", b"cat\n", 0o755), "#!"),
        ("directory", sendmail.folder().to_owned(), "not executable"),
        ("closed", closed.join("sendmail"), "not searchable"),
    ];
    let builder = rows.iter().fold(place(steady(Mpm::Event), "/mail", &sendmail, ""), |builder, (name, path, _)| {
        let name_and_path = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{}\"", path.display());
        builder.location(&format!("/{name}"), &name_and_path)
    });
    let httpd = builder.start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    let before = Holdings::of(&httpd);
    for (name, path, words) in &rows {
        for size in [10, 300_000] {
            let response = Request::mail(&format!("/{name}?{size}")).body(vec![b'\n'; size]).send(&httpd);
            assert_eq!((promised(&response), response.header("Retry-After")), (500, None), "{name}");
            assert!(!response.shows(path.to_str().unwrap().as_bytes()), "the path is for the log");
            assert_eq!(notes(&httpd, &format!("/{name}?{size}"))[1..3], ["SM0402", "-"], "{name}");
        }
        httpd.expect_log(&format!("SM0402: {} was not started", path.display()));
        httpd.expect_log(words);
    }
    assert_eq!(sendmail.starts(), 1);
    before.assert_same(&httpd);
}

/// A module of httpd that ignores SIGCHLD in every child, as some modules do that start processes.
const IGNORES_SIGCHLD: &str = r#"
#include "httpd.h"
#include "http_config.h"
#include <signal.h>
static void begin(apr_pool_t *pool, server_rec *server) { signal(SIGCHLD, SIG_IGN); }
static void hooks(apr_pool_t *pool) { ap_hook_child_init(begin, NULL, NULL, APR_HOOK_MIDDLE); }
module AP_MODULE_DECLARE_DATA ignorant_module = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
"#;

#[test]
fn where_another_module_ignores_sigchld_no_exit_is_believed() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let sendmail = Sendmail::new();
        let module = compile("mod_ignorant", IGNORES_SIGCHLD, sendmail.folder());
        let httpd = place(steady(mpm), "/mail", &sendmail, "").load("ignorant_module", &module).start();
        let before = Holdings::of(&httpd);
        for code in [0, 75] {
            sendmail.behave(&Behaviour::reads_all_and_exits(code));
            let response = Request::mail(&format!("/mail?{code}")).send(&httpd);
            assert_eq!(promised(&response), 502, "exit {code} on {mpm:?}");
            assert_eq!(notes(&httpd, &format!("/mail?{code}"))[1..3], ["SM0407", "-"]);
        }
        httpd.expect_log("SM0407");
        httpd.expect_log("something in this process ignores SIGCHLD");
        assert_eq!(sendmail.messages().len(), 2);
        before.assert_same(&httpd);
    }
}
