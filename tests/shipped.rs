//! Parts of the shipped configuration that need more than a program to test: the log of the notes, and the relay with its password.

use crate::support::artifacts::artifacts;
use crate::support::place::{Place, free_port, give, mode, repository};
use crate::support::{Certificates, Httpd, Request, Sendmail, Smtp, eventually, within};
use std::time::Duration;

fn read(file: &str) -> String {
    std::fs::read_to_string(repository().join("conf").join(file)).unwrap()
}

/// `text` with each of these replaced; each must occur in it.
fn with(text: String, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "no {from}");
        text.replace(from, to)
    })
}

#[test]
fn the_log_line_we_ship_tells_what_became_of_each_request() {
    let sendmail = Sendmail::new();
    let own = [
        ("/usr/sbin/sendmail", sendmail.program().display().to_string()),
        ("# CustomLog /var/log/apache2/sendmail.log", "CustomLog \"${ROOT}/logs/sendmail\"".to_owned()),
    ];
    let manual = std::fs::read_to_string(repository().join("docs/mod_sendmail.md")).unwrap();
    let shipped = read("sendmail.conf");
    let format = shipped.lines().map(str::trim).find(|line| line.starts_with("LogFormat"));
    assert!(manual.contains(format.unwrap()), "the manual shows another line than {format:?}");
    let text = with(shipped, &own.each_ref().map(|(from, to)| (*from, to.as_str())));
    let builder = Httpd::builder().config("ErrorDocument 400 /refused.html").config(&text);
    let builder = builder.location("/sendmail/trial", "SendmailDryRun on");
    let pages = builder.root().join("htdocs");
    std::fs::create_dir_all(&pages).unwrap();
    std::fs::write(pages.join("refused.html"), "no").unwrap();
    let httpd = builder.start();
    let request = |path: &str| Request::mail(path).header("Message-ID", "<id@b.test>");
    let file = httpd.root().join("logs/sendmail");
    // A line is written after its answer was sent, and threads do not wait for each other.
    let logged = |count: usize| {
        let read = || std::fs::read_to_string(&file).ok().filter(|text| text.lines().count() >= count);
        within(Duration::from_secs(5), read).expect("a line for each request")
    };
    request("/sendmail").send(&httpd).expect_status(202);
    logged(1);
    request("/sendmail/trial").send(&httpd).expect_status(200);
    logged(2);
    assert_eq!(request("/sendmail").without("To").send(&httpd).expect_status(400).text(), "no");
    logged(3);
    Request::get("/refused.html").send(&httpd).expect_status(200);
    request("/sendmail").header("Cc", "b@example.test").send(&httpd).expect_status(202);
    let lines = logged(4);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4, "what is not of this module is not there: {lines:?}");
    for (line, expected) in lines.iter().zip([
        "\"POST /sendmail HTTP/1.1\" 202 status=accepted id=<id@b.test> rcpts=1 bytes=",
        "\"POST /sendmail/trial HTTP/1.1\" 200 status=dry-run id=<id@b.test> rcpts=1 bytes=",
        "\"POST /sendmail HTTP/1.1\" 400 status=SM0105 id=- rcpts=- bytes=- exit=- usec=-",
        "\"POST /sendmail HTTP/1.1\" 202 status=accepted id=<id@b.test> rcpts=2 bytes=",
    ]) {
        assert!(line.starts_with("127.0.0.1 - - [") && line.contains(expected), "{line}");
    }
    let number = |line: &str, name: &str| {
        let value = line.split(&format!(" {name}=")).nth(1).and_then(|rest| rest.split(' ').next());
        value.and_then(|value| value.parse::<u64>().ok())
    };
    assert_eq!((number(lines[0], "exit"), number(lines[1], "exit")), (Some(0), None));
    assert_eq!(number(lines[0], "bytes"), Some(sendmail.messages()[0].stdin.len() as u64));
    assert!(number(lines[0], "usec").is_some_and(|usec| usec > 0));
    httpd.expect_log("SM0105");
}

#[test]
fn the_relay_example_sends_with_the_password_over_tls_alone() {
    let (certificates, folder) = (Certificates::new(), Place::new("shipped"));
    let smtp = Smtp::with_starttls(&certificates);
    let secret = folder.write("secret", "me:geheim\n");
    mode(&secret, 0o600);
    let (url, secret) = (format!("smtp://localhost:{}", smtp.port()), secret.display().to_string());
    let text = with(
        read("examples/relay.conf"),
        &[("smtp://mail.example.org:587", &url), ("/etc/apache2/relay.secret", &secret)],
    );
    let authority = format!("SendmailRelayCAFile \"{}\"", certificates.authority().display());
    let builder = Httpd::builder().config(&authority).config(&text);
    let test = builder.config_test();
    assert!(test.passed && !test.output.contains("SM08"), "{}", test.output);
    let httpd = builder.start();
    Request::get("/sendmail/health").send(&httpd).expect_status(200);
    Request::mail("/sendmail").header("Bcc", "b@example.test").send(&httpd).expect_status(202);
    let taken = smtp.take().remove(0);
    assert!(taken.accepted && taken.mail.starts_with("MAIL FROM:<bounces@example.org>"), "{taken:?}");
    assert_eq!(taken.rcpts.len(), 2);
    let log = httpd.error_log();
    assert!(log.contains("verify=ok auth=PLAIN") && !log.contains("geheim"), "{log}");
    smtp.offer_no("STARTTLS");
    eventually("the relay is asked anew", Duration::from_secs(20), || {
        (Request::get("/sendmail/health").send(&httpd).status == 503).then_some(())
    });
    httpd.expect_log("SM0409");
}

/// Sends a message with Python's smtplib, which uses TLS and a password if `ca` is the authority; returns what it printed.
fn send_by_smtp(port: u16, ca: &str) -> String {
    let script = "import smtplib, ssl, sys\n\
        port, ca = int(sys.argv[1]), sys.argv[2]\n\
        smtp = smtplib.SMTP_SSL('localhost', port, context=ssl.create_default_context(cafile=ca)) if ca else smtplib.SMTP('127.0.0.1', port)\n\
        if ca: smtp.login('printer', 'secret')\n\
        message = b'From: peter@example.org\\r\\nTo: x@example.org\\r\\nMessage-ID: <1@example.org>\\r\\n\\r\\nHi\\r\\n'\n\
        smtp.sendmail('peter@example.org', ['wendy@example.org'], message)\n\
        smtp.quit()\n";
    let mut python = std::process::Command::new(crate::support::process::required("python3", "python3"));
    let output = python.args(["-c", script, &port.to_string(), ca]).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn the_server_of_smtp_we_ship_sends_for_this_machine_once() {
    let (sendmail, folder, port) = (Sendmail::new(), Place::new("shipped"), free_port());
    let claims = folder.folder("claims", 0o777).display().to_string();
    let text = with(
        read("submission.conf"),
        &[
            ("/usr/sbin/sendmail", &sendmail.program().display().to_string()),
            ("127.0.0.1:2525", &format!("127.0.0.1:{port}")),
            ("/var/lib/mod_sendmail/claims", &claims),
        ],
    );
    assert!(read("submission.load").contains("# Depends: sendmail\nLoadModule submission_module"));
    let builder = Httpd::builder().load("submission_module", &artifacts().module).config(&text);
    let test = builder.config_test();
    assert!(test.passed && !test.output.contains("SM08"), "{}", test.output);
    let _httpd = builder.start();
    for _ in 0..2 {
        assert_eq!(send_by_smtp(port, ""), "");
    }
    let messages = sendmail.take();
    assert_eq!(messages.len(), 1, "the second is the first, come again");
    assert_eq!(messages[0].arguments(), ["-i", "-f", "peter@example.org", "--", "wendy@example.org"]);
}

#[test]
fn the_server_of_smtp_for_other_machines_wants_tls_and_a_password() {
    let (smtp, certificates, folder, port) = (Smtp::start(), Certificates::new(), Place::new("shipped"), free_port());
    let claims = folder.folder("claims", 0o700);
    give(&claims, "www-data");
    mode(folder.path(), 0o755);
    let users = folder.write("users", "printer:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"); // "secret"
    let server = certificates.server();
    let text = with(
        read("examples/submission.conf"),
        &[
            ("Listen 465 smtp", &format!("Listen 127.0.0.1:{port} smtp")),
            ("*:465", &format!("127.0.0.1:{port}")),
            ("/etc/ssl/certs/mail.example.org.pem", &server.certificate.display().to_string()),
            ("/etc/ssl/private/mail.example.org.key", &server.key.display().to_string()),
            ("/etc/apache2/mail.users", &users.display().to_string()),
            ("smtp://mx.example.org:587", &format!("smtp://127.0.0.1:{}", smtp.port())),
            ("/var/lib/mod_sendmail/claims", &claims.display().to_string()),
        ],
    );
    let builder = Httpd::builder().modules(&["ssl", "auth_basic", "authn_file", "authz_user"]);
    let builder = builder.load("submission_module", &artifacts().module).config(&text);
    let test = builder.config_test();
    assert!(test.passed && !test.output.contains("SM08"), "{}", test.output);
    let httpd = builder.start();
    for _ in 0..2 {
        assert_eq!(send_by_smtp(port, &certificates.authority().display().to_string()), "");
    }
    let taken = smtp.take();
    assert_eq!((taken.len(), taken[0].rcpts[0].as_str()), (1, "RCPT TO:<wendy@example.org>"));
    assert!(send_by_smtp(port, "").contains("SMTP") && smtp.take().is_empty(), "without TLS there is no greeting");
    ["AH01909", "AH01873", "AH01882"].iter().for_each(|tag| httpd.allow_log(tag));
}
