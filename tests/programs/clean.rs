//! The program starts clean: it inherits nothing of httpd except the message, its arguments and three descriptors.

use super::{Holdings, place, steady};
use crate::support::{Httpd, Mpm, Recorded, Request, Sendmail, process};

/// Signals 32 and 33 are the C library's own: its posix_spawn ignores them, its programs set them when they need them.
const OWN: u64 = 0b11 << 31;

fn assert_clean(httpd: &Httpd, run: &Recorded, file: bool) {
    let numbers: Vec<u32> = run.descriptors.iter().map(|descriptor| descriptor.number).collect();
    assert_eq!(numbers, [0, 1, 2], "{:?}", run.descriptors);
    assert_eq!(run.stdin_is_pipe(), !file);
    let (stdin, nonblocking) = (&run.descriptors[0], 0o4000);
    assert_eq!((stdin.flags & 0b11, stdin.position), (0, 0), "stdin is read-only, at its start");
    assert!(run.descriptors.iter().all(|descriptor| descriptor.flags & nonblocking == 0), "{:?}", run.descriptors);
    assert!(run.descriptors[1..].iter().all(|outlet| outlet.target.starts_with("pipe:")));
    assert_eq!(
        (run.signals("SigBlk"), run.signals("SigIgn") & !OWN, run.signals("SigPnd"), run.signals("ShdPnd")),
        (0, 0, 0, 0)
    );
    assert_eq!((run.number("pgid"), run.fact("cwd")), (run.number("pid"), Some("/")));
    assert!(httpd.children().contains(&(run.number("ppid") as u32)));
    let mut environ: Vec<String> = run.environ.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    environ.sort();
    let path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";
    assert_eq!(environ, ["GIVEN=by httpd", "LANG=C", path, "SET=a b", "TZ=UTC"]);
    assert_eq!(run.arguments(), ["-t", "-i"]);
}

#[test]
fn the_program_starts_clean_on_each_mpm() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::new();
        let builder = place(steady(mpm), "/mail", &sendmail, "SendmailEnv \"SET=a b\" GIVEN ABSENT");
        let builder = builder.environment("TZ", "UTC").environment("GIVEN", "by httpd").environment("HIDDEN", "secret");
        // A descriptor that every process of httpd inherits and none closes, as a careless module would leave it.
        let leaking = ["sh", "-c", "exec 9</etc/passwd; exec \"$@\"", "sh"];
        let httpd = builder.launcher(&leaking).start();
        let passwd = |child: &u32| process::descriptors(*child).iter().any(|target| target.ends_with("passwd"));
        assert!(httpd.children().iter().all(passwd));
        let before = Holdings::of(&httpd);
        for octets in [100, 100_000, 300_000] {
            Request::mail("/mail").body("a line of text\n".repeat(octets / 15)).send(&httpd).expect_status(202);
            for run in sendmail.take() {
                assert_clean(&httpd, &run, octets > 262_144);
            }
        }
        assert_eq!(sendmail.commits(), 3);
        before.assert_same(&httpd);
    }
}
