//! The real programs, as Debian ships them: OpenDKIM, ClamAV, SpamAssassin, rspamd, postfwd. One that is not installed is skipped with a
//! note.

use super::{only, text};
use crate::programs::{promised, steady};
use crate::relay::{relaying, to};
use crate::support::daemon::{Daemon, installed, listens};
use crate::support::place::{Place, free_port, give, repository};
use crate::support::process::{required, run};
use crate::support::{Mpm, Postfix, Request, Smtp, skipped};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// A signer for example.test, strict in both canonicalizations, and its public key.
fn opendkim(port: u16) -> Option<(Daemon, String)> {
    let program = installed("opendkim", "opendkim")?;
    let keys = Place::new("keys");
    let key = keys.path().join("key.pem");
    run(Command::new(required("openssl", "openssl")).args(["genrsa", "-out"]).arg(&key).arg("2048"));
    let public = run(Command::new("openssl").args(["rsa", "-pubout", "-in"]).arg(&key));
    let public: String = String::from_utf8(public).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let daemon = Daemon::start(
        &program,
        |folder| {
            std::fs::copy(&key, folder.join("key.pem")).unwrap();
            let configuration = format!(
                "Domain example.test\nSelector s\nKeyFile {}\nMode s\nSocket inet:{port}@127.0.0.1\nRequireSafeKeys no\n\
                 Canonicalization simple/simple\nOversignHeaders From\nSyslog no\n",
                folder.join("key.pem").display()
            );
            std::fs::write(folder.join("conf"), configuration).unwrap();
            vec!["-f".into(), "-x".into(), folder.join("conf").display().to_string()]
        },
        |_| listens(port),
    );
    Some((daemon, public))
}

/// The number of signatures, if all are valid; otherwise why one is not.
fn verified(message: &[u8], public: &str) -> Result<String, String> {
    let python = Path::new("/usr/bin/python3"); // Debian's, for which python3-dkim is
    let mut child = Command::new(python)
        .arg(repository().join("tests/verify_dkim.py"))
        .arg(public)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn has_dkimpy() -> bool {
    let found = Command::new("/usr/bin/python3").args(["-c", "import dkim"]).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        skipped("dkimpy is missing: apt-get install python3-dkim");
    }
    found
}

/// Messages that something on the way might rewrite.
fn delicate(path: &str) -> Vec<Request> {
    let request = || Request::mail(path).without("From").header("From", "f@example.test");
    let to = |request: Request| request.without("To").header("To", "alice@test.local");
    let eight_bit = "--b\nContent-Type: text/plain; charset=utf-8\n\nGr\u{fc}\u{df}e\n--b\nContent-Type: text/plain\n\n.x\nFrom y\n--b--\n";
    let subject = format!("Gr\u{fc}\u{df}e {}", "und ein langer Betreff ".repeat(20));
    let mixed = "multipart/mixed; boundary=b";
    [
        request(),
        request().without("Subject").header("Subject", &subject),
        request().without("Subject").header("Subject", "word ".repeat(60)).body(" lead\n\n\ntail \t\n\n\n"),
        request().body(format!("{}\n.\nFrom here\n", "x".repeat(5000))),
        request().body("no line end"),
        request().without("Content-Type").header("Content-Type", mixed).body(eight_bit),
        request().body(""),
        request().body("a line of text\n".repeat(20_000)),
    ]
    .map(to)
    .into()
}

#[test]
fn what_opendkim_signs_verifies_on_the_delivered_copy_whatever_the_way_out() {
    let port = free_port();
    let (Some((_opendkim, public)), true) = (opendkim(port), has_dkimpy()) else { return };
    let Some(postfix) = Postfix::start() else { return };
    let place = Place::new("signed");
    let maildir = place.folder("box", 0o700);
    give(&maildir, "www-data");
    let milter = format!("SendmailMilter inet:127.0.0.1:{port}");
    let program = format!("SendmailName \"{}\"\nSendmailArguments -i --\n{milter}", postfix.sendmail().display());
    let handler = "SetHandler sendmail\nRequire ip 127.0.0.1";
    let httpd = relaying(steady(Mpm::Event), "/relay", &format!("127.0.0.1:{}", postfix.port()), &milter)
        .location("/program", &format!("{handler}\n{program}"))
        .location("/maildir", &format!("{handler}\nSendmailMaildir \"{}\"\n{milter}", maildir.display()))
        .start();
    for path in ["/relay", "/program", "/maildir"] {
        let requests = delicate(path);
        for request in &requests {
            assert_eq!(promised(&request.send(&httpd)), 202);
        }
        let copies = match path {
            "/maildir" => files(&maildir.join("new")).iter().map(|file| std::fs::read(file).unwrap()).collect(),
            _ => postfix.wait_for_mail("alice", requests.len(), MINUTE),
        };
        assert_eq!(copies.len(), requests.len(), "{path}");
        for copy in &copies {
            assert_eq!(verified(copy, &public).as_deref(), Ok("1"), "{path}: {}", String::from_utf8_lossy(copy));
        }
        let mut texts = copies.iter().map(|copy| String::from_utf8_lossy(copy).into_owned());
        let plain = texts.find(|text| text.contains("\nSubject: a\n")).expect("the first of them");
        let forged = plain.replace("\nSubject: a\n", "\nSubject:  a\n");
        assert_eq!(verified(forged.as_bytes(), &public).unwrap_err(), "signature 0 does not hold", "{path}");
        files(&postfix.root().join("mail/alice/new")).iter().for_each(|file| std::fs::remove_file(file).unwrap());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// In two pieces, so that no scanner reports this source file.
fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EIC", "AR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// clamd with a signature of this test's own.
pub(super) fn clamd() -> Option<Daemon> {
    let program = installed("clamd", "clamav-daemon")?;
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some(Daemon::start(
        &program,
        |folder| {
            std::fs::create_dir(folder.join("db")).unwrap();
            std::fs::write(folder.join("db/test.ndb"), format!("Test.Eicar:0:*:{}\n", hex(&eicar()))).unwrap();
            let folder = folder.display();
            let text = format!(
                "LocalSocket {folder}/socket\nLocalSocketMode 666\nDatabaseDirectory {folder}/db\nForeground yes\nUser root\n"
            );
            std::fs::write(format!("{folder}/conf"), text).unwrap();
            vec!["-c".into(), format!("{folder}/conf")]
        },
        |folder| folder.join("socket").exists(),
    ))
}

/// Its milter on this port, with its action.
pub(super) fn clamav_milter(clamd: &Path, port: u16, on_infected: &str) -> Option<Daemon> {
    let program = installed("clamav-milter", "clamav-milter")?;
    Some(Daemon::start(
        &program,
        |folder| {
            let text = format!(
                "MilterSocket inet:{port}@127.0.0.1\nClamdSocket unix:{}\n{on_infected}\nAddHeader Replace\nForeground yes\nUser root\n\
                 TemporaryDirectory {}\n",
                clamd.display(),
                folder.display()
            );
            std::fs::write(folder.join("conf"), text).unwrap();
            vec!["-c".into(), folder.join("conf").display().to_string()]
        },
        |_| listens(port),
    ))
}

/// The test file unencoded, in base64, in a ZIP archive; and a clean one.
pub(super) fn attachments() -> Vec<(&'static str, String, bool)> {
    let script = "import base64,io,sys,zipfile\nb=io.BytesIO()\nz=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED)\nz.writestr('a.txt',sys.argv[1])\nz.close()\nprint(base64.b64encode(b.getvalue()).decode())";
    let zip = run(Command::new(required("python3", "python3")).args(["-c", script, &eicar()]));
    let zip = String::from_utf8(zip).unwrap();
    let base64 = run(Command::new("python3").args([
        "-c",
        "import base64,sys\nprint(base64.b64encode(sys.argv[1].encode()).decode())",
        &eicar(),
    ]));
    let part = |kind: &str, label: &str, body: &str| {
        format!(
            "--b\nContent-Type: text/plain\n\nhello\n--b\nContent-Type: {kind}; name=a\nContent-Transfer-Encoding: {label}\nContent-Disposition: attachment; filename=a\n\n{body}\n--b--\n"
        )
    };
    vec![
        ("plain", part("application/octet-stream", "7bit", &eicar()), true),
        ("base64", part("application/octet-stream", "base64", String::from_utf8(base64).unwrap().trim()), true),
        ("zip", part("application/zip", "base64", zip.trim()), true),
        ("clean", part("text/plain", "7bit", "nothing"), false),
    ]
}

#[test]
fn what_clamav_finds_is_refused_with_its_words_by_its_milter_and_by_clamd_alone() {
    let Some(clamd) = clamd() else { return };
    let port = free_port();
    let socket = clamd.path().join("socket");
    let Some(milter) = clamav_milter(&socket, port, "OnInfected Reject\nRejectMsg \"virus %v found\"") else { return };
    let smtp = Smtp::start();
    let text_ = format!("SendmailMilter inet:127.0.0.1:{port}\nSendmailErrorDetail on\nSendmailInputs fields mime");
    let builder = relaying(steady(Mpm::Event), "/milter", &to(&smtp), &text_);
    let direct = format!("SendmailClamd unix:{}\nSendmailErrorDetail on", socket.display());
    let httpd = relaying(builder, "/clamd", &to(&smtp), &direct).start();
    httpd.allow_log("SM0814");
    for (name, body, is_infected) in attachments() {
        let header = "From: f@example.test\nTo: a@example.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";
        let request = Request::post("/milter").header("Content-Type", "message/rfc822").body(format!("{header}{body}"));
        let response = request.send(&httpd);
        assert_eq!(promised(&response), if is_infected { 400 } else { 202 }, "mime {name}: {}", response.text());
        assert_eq!(response.text().contains("virus Test.Eicar.UNOFFICIAL found"), is_infected, "{}", response.text());
        assert_eq!(smtp.take().len(), usize::from(!is_infected), "mime {name}");
    }
    for (path, words) in [("/milter", "virus Test.Eicar.UNOFFICIAL found"), ("/clamd", "found Test.Eicar.UNOFFICIAL")] {
        for (name, body, is_infected) in attachments() {
            let request =
                Request::mail(path).without("Content-Type").header("Content-Type", "multipart/mixed; boundary=b");
            let response = request.body(body).send(&httpd);
            assert_eq!(promised(&response), if is_infected { 400 } else { 202 }, "{path} {name}: {}", response.text());
            assert_eq!(response.text().contains(words), is_infected, "{path} {name}: {}", response.text());
            assert_eq!(smtp.take().len(), usize::from(!is_infected), "{path} {name}");
        }
    }
    Request::mail("/milter").send(&httpd).expect_status(202);
    assert!(text(&only(&smtp)).contains("\nX-Virus-Scanned: "), "{}", milter.said());
    httpd.expect_log("SM0215: milter inet:127.0.0.1:");
    httpd.expect_log("SM0215: clamd unix:");
    drop(clamd);
    for path in ["/milter", "/clamd"] {
        let response = Request::mail(path).send(&httpd);
        assert_eq!(promised(&response), 503, "{path}: {}", response.text());
    }
    assert!(smtp.take().is_empty(), "without its daemon nothing is decided");
    httpd.expect_log("SM0216");
    httpd.expect_log("SM0217: clamd");
}

/// GTUBE, in two pieces.
fn gtube() -> String {
    ["XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STAN", "DARD-ANTI-UBE-TEST-EMAIL*C.34X"].concat()
}

#[test]
fn what_spamassassin_takes_for_spam_is_refused_and_the_rest_is_marked() {
    let (Some(spamd), Some(milter)) = (installed("spamd", "spamd"), installed("spamass-milter", "spamass-milter"))
    else {
        return;
    };
    let (port, milter_port) = (free_port(), free_port());
    let _spamd = Daemon::start(
        &spamd,
        |folder| {
            let port = port.to_string();
            let words =
                ["-L", "-x", "-i", "127.0.0.1", "-p", &port, "-m", "1", "--username=nobody", "-s", "stderr", "-r"];
            let mut words: Vec<String> = words.map(str::to_owned).into();
            words.push(folder.join("pid").display().to_string());
            words
        },
        |_| listens(port),
    );
    let _milter = Daemon::start(
        &milter,
        |_| {
            let (port, socket) = (port.to_string(), format!("inet:{milter_port}@127.0.0.1"));
            ["-p", &socket, "-r", "15", "--", "-d", "127.0.0.1", "-p", &port].map(str::to_owned).into()
        },
        |_| listens(milter_port),
    );
    let smtp = Smtp::start();
    let text_ = format!("SendmailMilter inet:127.0.0.1:{milter_port}\nSendmailErrorDetail on");
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), &text_).start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    let arrived = text(&only(&smtp));
    assert!(arrived.contains("\nX-Spam-Status: No"), "{arrived}");
    let response = Request::mail("/mail").body(gtube() + "\n").send(&httpd);
    assert_eq!(promised(&response), 400, "{}", response.text());
    assert!(response.text().contains("SpamAssassin") && smtp.take().is_empty(), "{}", response.text());
    httpd.expect_log("SM0215: milter");
}

#[test]
fn what_rspamd_takes_for_spam_is_refused() {
    let Some(rspamd) = installed("rspamd", "rspamd") else { return };
    let port = free_port();
    let _rspamd = Daemon::start(
        &rspamd,
        |folder| {
            let folder = folder.display();
            let text = format!(
                "options {{ pidfile = \"{folder}/pid\"; filters = \"\"; control_socket = \"{folder}/control mode=0600\"; one_shot = true;\n\
                 dns {{ nameserver = [\"127.0.0.1:1\"]; timeout = 0.1s; retransmits = 1; }}\n\
                 url_tld = \"/usr/share/rspamd/effective_tld_names.dat\"; hs_cache_dir = \"{folder}/\"; tempdir = \"{folder}/\"; }}\n\
                 logging {{ type = \"file\"; filename = \"{folder}/log\"; level = \"info\"; }}\n\
                 actions {{ reject = 15; add_header = 6; }}\n\
                 worker \"rspamd_proxy\" {{ bind_socket = \"127.0.0.1:{port}\"; milter = yes; timeout = 20s; count = 1; type = \"rspamd_proxy\";\n\
                 upstream \"local\" {{ default = yes; self_scan = yes; }} }}\n"
            );
            std::fs::write(format!("{folder}/conf"), text).unwrap();
            let conf = format!("{folder}/conf");
            ["-f", "-i", "-u", "_rspamd", "-g", "_rspamd", "-c", &conf].map(str::to_owned).into()
        },
        |_| listens(port),
    );
    let smtp = Smtp::start();
    let text_ = format!("SendmailMilter inet:127.0.0.1:{port}\nSendmailErrorDetail on");
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), &text_).start();
    Request::mail("/mail").send(&httpd).expect_status(202);
    only(&smtp);
    let response = Request::mail("/mail").body(gtube() + "\n").send(&httpd);
    assert_eq!(promised(&response), 400, "{}", response.text());
    assert!(response.text().to_lowercase().contains("gtube") && smtp.take().is_empty(), "{}", response.text());
    httpd.expect_log("SM0215: milter");
}

#[test]
fn the_rules_of_postfwd_hold() {
    let Some(postfwd) = installed("postfwd1", "postfwd") else { return };
    let port = free_port();
    let _postfwd = Daemon::start_forking(
        &postfwd,
        |folder| {
            let rules = "id=REDIR; recipient==redirect@example.test; action=REDIRECT boss@example.test\n\
                         id=RATE; recipient==rate@example.test; action=rate(recipient/2/60/450 4.7.1 too many)\n\
                         id=SIZE; protocol_state==END-OF-MESSAGE; size>=5000; action=REJECT too long\n";
            std::fs::write(folder.join("rules"), rules).unwrap();
            let (rules, pid) = (folder.join("rules").display().to_string(), folder.join("pid").display().to_string());
            let port = port.to_string();
            [
                "-d",
                "-f",
                &rules,
                "-i",
                "127.0.0.1",
                "-p",
                &port,
                "-u",
                "nobody",
                "-g",
                "nogroup",
                "-n",
                "--pidfile",
                &pid,
            ]
            .map(str::to_owned)
            .into()
        },
        |folder| listens(port) && folder.join("pid").exists(),
        "pid",
    );
    let smtp = Smtp::start();
    let text_ = format!("SendmailPolicy inet:127.0.0.1:{port} state=end\nSendmailErrorDetail on");
    let httpd = relaying(steady(Mpm::Event), "/mail", &to(&smtp), &text_).start();
    let request = |to: &str| Request::mail("/mail").without("To").header("To", to);
    request("redirect@example.test").send(&httpd).expect_status(202);
    assert_eq!(only(&smtp).rcpts, ["RCPT TO:<boss@example.test>"]);
    let statuses: Vec<u16> = (0..4).map(|_| request("rate@example.test").send(&httpd).status).collect();
    assert_eq!((statuses[0], statuses[3]), (202, 503), "{statuses:?}");
    smtp.take();
    let response = request("a@example.test").body("x".repeat(70) + "\n").send(&httpd).expect_status(202);
    assert!(response.text().starts_with("Accepted"));
    let response = request("a@example.test").body((("x".repeat(70)) + "\n").repeat(100)).send(&httpd);
    assert_eq!(promised(&response), 400, "{}", response.text());
    assert!(response.text().contains("too long"), "{}", response.text());
    assert_eq!(smtp.take().len(), 1);
    httpd.expect_log("SM0215: policy server");
    httpd.expect_log("SM0216: policy server");
}
