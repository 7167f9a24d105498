//! No processes, no descriptors, no room: the request is refused before anything is started, and the next one is served.

use super::{Holdings, expect_logs, place, promised, steady};
use crate::support::disk::Disk;
use crate::support::place::am_root;
use crate::support::process::{children, required, run};
use crate::support::{Httpd, Mpm, Request, Sendmail, skipped};
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::path::Path;
use std::process::Command;

/// One child for every request, so that a limit set on it applies to the request.
fn one_child(mpm: Mpm, sendmail: &Sendmail) -> Httpd {
    let builder = place(steady(mpm), "/mail", sendmail, "");
    let one = "ServerLimit 1\nStartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n";
    let httpd = if mpm == Mpm::Prefork { builder.mpm_settings(one).start() } else { builder.start() };
    Request::mail("/mail").send(&httpd).expect_status(202);
    httpd
}

/// Sets a soft limit of a child (`None`: the old one), as its own user: root in a container may not have CAP_SYS_RESOURCE.
fn limit(child: u32, resource: Resource, most: Option<u64>) {
    let name = if resource == Resource::Nproc { "nproc" } else { "nofile" };
    let most = most.or(getrlimit(resource).current).map_or("unlimited".to_owned(), |most| most.to_string());
    let mut command = Command::new(required(if am_root() { "setpriv" } else { "env" }, "util-linux"));
    if am_root() {
        command.args(["--reuid=www-data", "--regid=www-data", "--clear-groups"]);
    }
    run(command.arg("prlimit").arg(format!("--pid={child}")).arg(format!("--{name}={most}:")));
}

#[test]
fn where_no_process_can_be_made_the_request_is_refused_and_safe_to_repeat() {
    if !am_root() {
        return skipped("RLIMIT_NPROC of www-data needs root");
    }
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let sendmail = Sendmail::new();
        let httpd = one_child(mpm, &sendmail);
        let before = Holdings::of(&httpd);
        let child = httpd.children()[0];
        limit(child, Resource::Nproc, Some(1));
        for size in [10, 100_000, 300_000] {
            let response = Request::mail("/mail").body(vec![b'\n'; size]).send(&httpd);
            assert_eq!((promised(&response), response.header("Retry-After")), (503, Some("60")), "{mpm:?}");
        }
        limit(child, Resource::Nproc, None);
        assert_eq!(sendmail.starts(), 1);
        Request::mail("/mail").send(&httpd).expect_status(202);
        httpd.expect_log("SM0302");
        before.assert_same(&httpd);
    }
}

/// Numbers of the descriptors that a process has open.
fn numbers(pid: u32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn where_descriptors_run_out_at_any_point_nothing_is_started() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        for size in [10, 100_000, 300_000] {
            let sendmail = Sendmail::new();
            let httpd = one_child(mpm, &sendmail);
            let before = Holdings::of(&httpd);
            let child = httpd.children()[0];
            let mut refused = 0;
            let taken = numbers(child);
            // The first free number is for the connection; without it httpd has nobody to answer.
            let free = (3..).filter(|number| !taken.contains(number)).skip(1).take(40);
            let mut accepted = false;
            for most in free {
                limit(child, Resource::Nofile, Some(most));
                let starts = sendmail.starts();
                let response = Request::mail("/mail").body(vec![b'\n'; size]).send(&httpd);
                if promised(&response) == 202 {
                    accepted = true;
                    break;
                }
                assert_eq!((response.status, response.header("Retry-After")), (503, Some("60")), "limit {most}");
                assert_eq!(sendmail.starts(), starts, "limit {most}");
                refused += 1;
            }
            limit(child, Resource::Nofile, None);
            assert!(accepted && refused >= 4, "refused at {refused} limits on {mpm:?}");
            expect_logs(&httpd, &["SM0302", "Too many open files"]);
            if size > 262_144 {
                httpd.expect_log("SM0301");
            }
            before.assert_same(&httpd);
        }
    }
}

fn names(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn on_a_full_disk_the_request_is_refused_and_the_room_is_given_back() {
    let Some(disk) = Disk::mount("1m") else { return skipped("mount(8) is not allowed") };
    let sendmail = Sendmail::new();
    let folder = disk.folder().display().to_string();
    let httpd = place(steady(Mpm::Event), "/mail", &sendmail, "").environment("TMPDIR", &folder).start();
    let before = Holdings::of(&httpd);
    // Too much; room for one file; for one, but the end of the body needs a second; for both; too much again; no file at all.
    let bodies = [
        (3_000_000, "", 503),
        (700_000, "", 202),
        (700_000, "\u{e9}\n", 503),
        (300_000, "\u{e9}\n", 202),
        (3_000_000, "", 503),
        (100, "", 202),
    ];
    for (size, end, status) in bodies {
        let starts = sendmail.starts();
        let response = Request::mail("/mail").body([&vec![b'\n'; size], end.as_bytes()].concat()).send(&httpd);
        assert_eq!(promised(&response), status, "{size} octets");
        assert_eq!(response.header("Retry-After"), (status == 503).then_some("60"));
        assert_eq!(sendmail.starts() - starts, usize::from(status == 202));
        assert_eq!(names(&disk.folder()), 0);
    }
    // What others fill is not our problem, but a small message still passes through memory.
    fs::write(disk.folder().join("full"), vec![0; 900_000]).unwrap();
    Request::mail("/mail").body(vec![b'\n'; 300_000]).send(&httpd).expect_status(503);
    Request::mail("/mail").send(&httpd).expect_status(202);
    fs::remove_file(disk.folder().join("full")).unwrap();
    Request::mail("/mail").body(vec![b'\n'; 300_000]).send(&httpd).expect_status(202);
    httpd.expect_log("SM0301");
    httpd.expect_log("No space left on device");
    assert_eq!(children(httpd.pid()).len(), 1);
    before.assert_same(&httpd);
}
