//! Tests of the test support itself, without the module: a test that relies on it must be able to fail for the right reason.

use crate::support::hostile::{self, Expected};
use crate::support::httpd_config::SERVER_NAME;
use crate::support::request::Ending;
use crate::support::{
    Behaviour, Certificates, Httpd, Mpm, Postfix, Recorded, Request, Sendmail, Slapd, eventually, oracle, process,
    skipped, slapd, within,
};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn support_starts_and_stops_httpd_on_each_mpm() {
    for mpm in Mpm::ALL {
        let builder = Httpd::builder().without_mod_sendmail().mpm(mpm);
        let mut httpd = {
            let page = builder.root().join("htdocs");
            fs::create_dir_all(&page).unwrap();
            fs::write(page.join("page.txt"), "a page\n").unwrap();
            builder.start()
        };
        assert_eq!(Request::get("/page.txt").send(&httpd).expect_status(200).text(), "a page\n", "{mpm:?}");
        assert!(!httpd.children().is_empty(), "{mpm:?}");
        assert!(httpd.stray_files().is_empty());
        httpd.graceful();
        httpd.restart();
        assert_eq!(Request::get("/page.txt").send(&httpd).status, 200, "{mpm:?} after two restarts");
        assert!(httpd.config_test().passed);
        let pid = httpd.pid();
        assert!(httpd.stop().success(), "{mpm:?}");
        assert!(process::session(pid).is_empty(), "{mpm:?}: nobody is left");
    }
}

#[test]
fn support_stops_httpd_gracefully() {
    let mut httpd = Httpd::builder().without_mod_sendmail().start();
    assert!(httpd.graceful_stop().success());
}

#[test]
fn support_reports_a_configuration_that_httpd_refuses() {
    let good = Httpd::builder().without_mod_sendmail();
    assert!(good.config_test().passed);
    let bad = Httpd::builder().without_mod_sendmail().config("NoSuchDirective on");
    let test = bad.config_test();
    assert!(!test.passed && test.output.contains("NoSuchDirective"), "{test:?}");
    let Err(words) = bad.try_start() else { panic!("a server with a bad configuration started") };
    assert!(words.contains("NoSuchDirective"), "{words}");
}

#[test]
fn support_fails_a_test_over_an_unlisted_error_or_a_listed_one_that_never_came() {
    let server = || Httpd::builder().without_mod_sendmail().location("/closed", "Require all denied").start();
    let judged = |listed: Option<&str>, path: &str| {
        let httpd = server();
        listed.iter().for_each(|part| httpd.expect_log(part));
        Request::get(path).send(&httpd);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(httpd))).is_ok()
    };
    assert!(judged(Some("AH01630"), "/closed"), "client denied by server configuration, as listed");
    assert!(!judged(None, "/closed"), "the same, unlisted");
    assert!(!judged(Some("AH01630"), "/"), "listed, but nothing was denied");
}

#[test]
fn support_client_speaks_every_kind_of_http() {
    let certificates = Certificates::new();
    let closed = "RewriteEngine on\nRewriteRule ^/where$ - [F]";
    let client = certificates.client("alice", "/CN=Alice Exämple/emailAddress=alice@example.test");
    let builder = Httpd::builder();
    // Reads everything before it answers: mod_cgid writes the whole body first, and an early echo would block.
    let script =
        "#!/bin/sh\nbody=$(base64); printf 'Content-Type: text/plain\\n\\n'; printf %s \"$body\" | exec base64 -d\n";
    process::run(
        Command::new("sh")
            .args(["-c", "printf %s \"$1\" > \"$2\"; chmod 755 \"$2\"", "sh", script])
            .arg(builder.root().join("echo")),
    );
    let httpd = builder
        .without_mod_sendmail()
        .modules(&["http2", "headers", "cgid", "alias", "rewrite"])
        .config("Protocols h2c http/1.1\nScriptSock \"${ROOT}/run/cgid\"\nScriptAlias /echo \"${ROOT}/echo\"")
        .config("Header always set X-Seen expr=%{HTTP:X-Words}\n<Location />\nRequire all granted\n</Location>")
        .virtual_host("other.test", closed)
        .tls(&certificates, "SSLVerifyClient optional\nHeader always set X-Mail \"%{SSL_CLIENT_S_DN_Email}s\"")
        .start();
    let request = Request::get("/none").header("X-Words", "b\u{e4}r").header("X-Empty", "");
    for response in [request.send(&httpd), request.send_h2(&httpd)] {
        assert_eq!((response.status, response.header("X-Seen")), (404, Some("b\u{e4}r")));
    }
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let post = Request::post("/echo").body(body.clone()).header("Content-Type", "text/plain");
    let chunked = post.clone().chunked(1000);
    let continued = post.clone().expect_continue().send(&httpd);
    assert_eq!(continued.interim, [100]);
    for response in [post.send(&httpd), post.send_h2(&httpd), chunked.send(&httpd), chunked.send_h2(&httpd), continued]
    {
        assert!(response.status == 200 && response.body == body, "{} {:?}", response.status, response.headers);
    }
    assert_eq!(Request::post("/none").body(body).send(&httpd).status, 404, "answered before the body is read");
    let refused = Request::mail("/where").header("Host", "other.test").chunked(3).trailer("X-Late", "1").send(&httpd);
    assert_eq!(refused.status, 403);
    let secure = Request::get("/none").send_tls(&httpd, &certificates, Some(&client));
    assert_eq!(secure.header("X-Mail"), Some("alice@example.test"), "{secure:?}");
    let anonymous = Request::get("/none").send_tls(&httpd, &certificates, None);
    assert_ne!(anonymous.header("X-Mail"), Some("alice@example.test"));
    assert_eq!(SERVER_NAME, "gateway.test");
}

#[test]
fn support_client_can_break_off() {
    let httpd = Httpd::builder().without_mod_sendmail().start();
    let page = Request::mail("/none");
    let whole = page.head_length() + page_body_length();
    let half = page.clone().broken_off_after(whole - 5, Ending::Half).try_send(&httpd);
    assert!(half.is_err() || half.is_ok_and(|response| response.status >= 400));
    assert!(page.clone().broken_off_after(whole - 5, Ending::Reset).try_send(&httpd).is_err());
    assert_eq!(page.send(&httpd).status, 404);
}

fn page_body_length() -> usize {
    "Hello there\n".len()
}

#[test]
fn support_sendmail_records_what_it_was_given() {
    let sendmail = Sendmail::new();
    let output = hand(&sendmail, &["-t", "-i", "two words"], b"Subject: a\n\nbody\0\xff\n");
    assert!(output.status.success());
    let [message]: [Recorded; 1] = sendmail.take().try_into().ok().unwrap();
    assert_eq!(message.arguments(), ["-t", "-i", "two words"]);
    assert_eq!(message.stdin, b"Subject: a\n\nbody\0\xff\n");
    assert!(message.committed && message.stdin_is_pipe());
    assert_eq!(message.variable("PROBE"), Some(&b"1"[..]));
    // Descriptors above 2 are cargo's (its jobserver), and are passed on.
    assert_eq!(message.descriptors.iter().take(3).map(|each| each.number).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(message.descriptors.iter().all(|each| !each.target.ends_with("/fd")), "its own look is not among them");
    assert_eq!(message.signals("SigCgt"), 0, "its own start-up catches nothing");
    assert_eq!(message.signals("SigIgn") & (1 << 12), 0, "nor does it ignore SIGPIPE");
    assert_eq!(message.number("octets"), 19);
    assert_eq!((sendmail.commits(), sendmail.starts()), (1, 0), "taken");
}

#[test]
fn support_sendmail_behaves_as_told() {
    let new = Behaviour::new;
    let big = vec![b'x'; 300_000];
    let cases = [
        (Behaviour::reads_all_and_exits(75), Some(75), false),
        (new().exits(0), Some(0), false),
        (new().reads(10).exits(0), Some(0), false),
        (new().reads_all().says("out \\ ä\n").complains("err\u{1b}[2J\n"), Some(0), true),
        (new().floods_stderr(3_000_000).floods_stdout(1_000_000).reads_all(), Some(0), true),
        (new().sleeps(Duration::from_millis(50)).reads_all(), Some(0), true),
        (new().reads_all().dies_by(9), None, false),
        (new().reads_all().dies_by(13), None, false),
    ];
    for (behaviour, code, committed) in cases {
        let sendmail = Sendmail::behaving(&behaviour);
        let output = hand(&sendmail, &[], &big);
        assert_eq!(output.status.code(), code, "{behaviour}");
        let [message]: [Recorded; 1] = sendmail.messages().try_into().ok().unwrap();
        assert_eq!((message.committed, sendmail.commits() == 1), (committed, committed), "{behaviour}");
        if behaviour.to_string().contains("out ") && !behaviour.to_string().contains("flood") {
            assert_eq!((&output.stdout[..], &output.stderr[..]), ("out \\ ä\n".as_bytes(), &b"err\x1b[2J\n"[..]));
        }
    }
}

#[test]
fn support_sendmail_hangs_ignores_term_and_leaves_grandchildren() {
    let deaf = Sendmail::behaving(&Behaviour::new().ignores(15).reads_all().hangs());
    let polite = Sendmail::behaving(&Behaviour::new().exits_on_term(0).reads_all().hangs());
    for (sendmail, dies_by_term) in [(&deaf, false), (&polite, true)] {
        let mut child = Command::new(sendmail.program()).stdin(Stdio::null()).spawn().unwrap();
        eventually("it hangs", SECONDS, || {
            (process::is_alive(child.id()) && !process::descriptors(child.id()).is_empty()).then_some(())
        });
        eventually("it started", SECONDS, || (sendmail.unfinished() == 1).then_some(()));
        std::thread::sleep(Duration::from_millis(100)); // past the steps before `hang`, which leave no trace
        process::signal(child.id(), Signal::TERM);
        let ended = within(Duration::from_millis(300), || child.try_wait().unwrap());
        assert_eq!(ended.is_some_and(|status| status.success()), dies_by_term);
        process::signal(child.id(), Signal::KILL);
        child.wait().unwrap();
        assert_eq!((sendmail.commits(), sendmail.messages().len()), (0, 0));
    }
    let forking =
        Sendmail::behaving(&Behaviour::new().leaves_a_grandchild_holding_stderr(Duration::from_secs(30)).reads_all());
    let mut child = Command::new(forking.program()).stdin(Stdio::null()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let grandchild = u32::try_from(forking.messages()[0].number("grandchild")).unwrap();
    assert!(process::is_alive(grandchild));
    process::signal(grandchild, Signal::KILL);
}

fn hand(sendmail: &Sendmail, arguments: &[&str], message: &[u8]) -> Output {
    let mut command = Command::new(sendmail.program());
    command.args(arguments).env("PROBE", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let message = message.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&message).is_ok()); // broken pipe if it reads less
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[test]
fn support_oracle_reads_names_groups_encodings_and_wire_faults() {
    let message = b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.test>\nTo: \"Doe, John\" <john@example.test>, Team: a@example.test, b@example.test;\n\
        Subject: =?utf-8?q?a?=\n =?utf-8?q?b?=\nMessage-ID: <1@gateway.test>\nDate: Tue, 01 Jul 2003 10:52:37 +0200\nMIME-Version: 1.0\n\
        Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe\n";
    let parsed = oracle::read(message);
    assert_eq!(parsed.mailboxes("From"), [oracle::Mailbox { name: "Jürgen".into(), address: "j@example.test".into() }]);
    assert_eq!(parsed.mailboxes("to").len(), 3);
    assert_eq!(parsed.groups("To")[0].0, "Team");
    assert_eq!((parsed.subject(), parsed.message_id()), (Some("ab"), Some("1@gateway.test")));
    assert_eq!(parsed.date(), Some("2003-07-01T10:52:37+02:00"));
    assert_eq!((parsed.body(), parsed.charset()), ("Grüße\n".as_bytes().to_vec(), Some("utf-8")));
    assert_eq!(parsed.wire_faults(), Vec::<String>::new());
    let broken: [(&[u8], &[u8]); 5] = [
        (b"\n\nGr", b"\r\n\r\nGr"),
        (b"Subject: ", b"Subject: twice\nSubject: "),
        (b"?a?", b"?\xe4?"),
        (b"Subject:", b"Subject :"),
        (b"Gr=C3", b"Gr\xc3"),
    ];
    for (old, new) in broken {
        let at = message.windows(old.len()).position(|window| window == old).unwrap();
        let bad = [&message[..at], new, &message[at + old.len()..]].concat();
        assert_ne!(oracle::read(&bad).wire_faults(), Vec::<String>::new(), "{}", String::from_utf8_lossy(new));
    }
}

#[test]
fn support_postfix_delivers_to_maildirs_for_any_user() {
    let Some(postfix) = Postfix::start() else { return };
    let message = "From: f@example.test\nTo: alice@test.local\nBcc: bob@test.local\nSubject: a\n\nHello\n";
    let mut injected = Command::new("setpriv");
    injected
        .args(["--reuid=www-data", "--regid=www-data", "--clear-groups"])
        .arg(postfix.sendmail())
        .args(["-t", "-i"]);
    let mut child = injected.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{}", postfix.log());
    for user in ["alice", "bob"] {
        let copy = oracle::read(&postfix.wait_for_mail(user, 1, SECONDS)[0]);
        assert_eq!((copy.subject(), copy.field("Bcc")), (Some("a"), None));
    }
    postfix.wait_until_idle(SECONDS);
}

#[test]
fn support_slapd_authenticates_for_httpd() {
    let directory = Slapd::start();
    let url = directory.url_fetching(&["mail", "cn"]);
    let protection = format!(
        "AuthType Basic\nAuthName test\nAuthBasicProvider ldap\nAuthLDAPURL \"{url}\"\nRequire valid-user\n\
         Header always set X-Mail \"%{{AUTHENTICATE_MAIL}}e\"\nHeader always set X-Name \"%{{AUTHENTICATE_CN}}e\""
    );
    let modules = ["authnz_ldap", "authz_user", "headers"];
    let httpd = Httpd::builder().without_mod_sendmail().modules(&modules).location("/closed", &protection).start();
    for (user, name, addresses) in slapd::USERS {
        let login =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{user}:{}", slapd::PASSWORD));
        let response = Request::get("/closed").header("Authorization", format!("Basic {login}")).send(&httpd);
        assert_eq!(response.status, 404, "let in: {response:?}");
        let mail = addresses.join("; "); // none: the variable exists and is empty
        assert_eq!((response.header("X-Mail"), response.header("X-Name")), (Some(&mail[..]), Some(*name)));
    }
    assert_eq!(Request::get("/closed").send(&httpd).status, 401);
}

#[test]
fn support_reads_the_language_of_the_hostile_requests() {
    assert_eq!(hostile::octets(r#"a\r\n\x00\xff\\\""#), b"a\r\n\x00\xff\\\"");
    assert_eq!(hostile::octets("{rep:ab*3}${run{/bin/id}}"), b"ababab${run{/bin/id}}");
    assert_eq!(hostile::octets(r"{rep:x*2\n*3}"), b"xx\nxx\nxx\n");
    assert_eq!(hostile::octets("{hdrs:X-%d: a*2}"), b"X-1: a\r\nX-2: a\r\n");
    assert_eq!(hostile::octets("{list:u%d@example.test*2}"), b"u1@example.test, u2@example.test");
    assert!(hostile::octets("{gzipbomb}").len() < 100_000);
}

#[test]
fn support_reads_every_hostile_request() {
    let Some(rows) = hostile::rows() else { return skipped("no ../shared/data/hostile-requests.tsv") };
    assert!(rows.len() > 100, "{} rows", rows.len());
    let row = |id: &str| rows.iter().find(|row| row.id == id).unwrap();
    assert_eq!(row("J02").body.len(), 213_000);
    assert_eq!(row("C05").ending, Ending::Reset);
    assert_eq!(row("I05").needs(), Some(("config", "-t -i -f %{REMOTE_USER} without authentication")));
    assert_eq!(row("A19").expected, [Expected::AcceptClean, Expected::Refuse(400)]);
    assert!(row("L06").is_h2() && rows.iter().all(|row| row.is_h2() || row.head.ends_with(b"\n")));
}
