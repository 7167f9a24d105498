//! The daemons whose mail is lost first on a machine without a mail system: cron and at, as Debian ships them, each with its own mounts, so
//! that no job of this machine runs.

use super::programs::{Arrived, Machine, machine};

/// Runs this script with empty job folders; returns the mail that arrives.
#[track_caller]
fn job(machine: &Machine, script: &str) -> Arrived {
    let folders = "mount -t tmpfs none /run; mount -t tmpfs none /var/spool/cron; mount -t tmpfs none /etc/cron.d; mount --bind /dev/null /etc/crontab";
    let done = machine.run(&format!("{folders}\n{script}"), "");
    assert_eq!(done.status, 0, "{done:?}");
    machine.gateway.wait_for(1);
    Arrived::of(machine.gateway.only())
}

#[test]
fn cron() {
    let Some(machine) = machine("cron") else { return };
    // A job at cron's start needs no waiting; its mail is written by the same code.
    let script = "mkdir -m 1730 /var/spool/cron/crontabs; echo '@reboot root echo from a job of cron; echo .; echo more' >/etc/cron.d/test
        timeout 3 cron -f || true";
    let arrived = job(&machine, script);
    let subject = arrived.field("subject").to_owned();
    assert!(subject.starts_with("Cron <root@") && subject.contains("echo from a job of cron"), "{subject}");
    arrived.check("ops@example.org", &subject, "from a job of cron\n.\nmore\n");
    assert_eq!((arrived.from.as_str(), arrived.field("to")), ("root@example.org", "root <ops@example.org>"));
    assert_eq!(arrived.field("auto-submitted"), "auto-generated", "{}", arrived.raw);
}

#[test]
fn at() {
    let Some(machine) = machine("atd") else { return };
    let script = "cd /var/spool/cron; mkdir -m 1770 atjobs atspool; echo 0 >atjobs/.SEQ; chmod 600 atjobs/.SEQ; chown -R daemon:daemon .
        echo 'echo from a job of at' | at now; atd -s; for i in $(seq 50); do [ \"$(ls atspool atjobs | wc -w)\" -gt 2 ] || break; sleep 0.1; done";
    let arrived = job(&machine, script);
    let subject = arrived.field("subject").to_owned();
    assert!(subject.starts_with("Output from your job"), "{subject}");
    arrived.check("ops@example.org", &subject, "from a job of at\n");
    assert_eq!((arrived.from.as_str(), arrived.field("to")), ("root@example.org", "root <ops@example.org>"));
}
