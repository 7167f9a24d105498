//! The examples of the C modules' documentation, with the changes that httpd 2.4 requires, and the shipped configuration: each is loaded
//! unchanged into a real httpd and used as its reader would.

use crate::support::place::Place;
use crate::support::{
    Certificates, Httpd, Postfix, Request, Sendmail, Slapd, httpd_config, oracle, process, skipped, slapd,
};
use std::process::Command;
use std::time::Duration;

/// Basic authentication from a file with alice and her password.
const BASIC: &str = "AuthType Basic\nAuthName Mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

fn users(builder: &httpd_config::Builder, names: &[&str]) {
    let lines: String = names.iter().map(|name| format!("{name}:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")).collect();
    std::fs::write(builder.root().join("users"), lines).unwrap(); // the password is "secret"
}

#[test]
fn the_simple_example_of_the_c_module_sends() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let text =
        format!("SetHandler sendmail\nSendmailName {program}\nOrder Deny,Allow\nDeny from all\nAllow from 127.0.0.1");
    let httpd = Httpd::builder().modules(&["access_compat"]).location("/sendmail", &text).start();
    let url = format!("http://127.0.0.1:{}/sendmail", httpd.port());
    let mut curl = Command::new(process::required("curl", "curl"));
    curl.args([
        "-s",
        "-w",
        "%{http_code}",
        "-o",
        "/dev/null",
        "-X",
        "POST",
        "-d",
        "Hello there",
        "-H",
        "Content-Type: text/plain",
    ]);
    curl.args([
        "-H",
        "To: Wendy <wendy@example.com>",
        "-H",
        "From: Peter <peter@example.com>",
        "-H",
        "Subject: test",
        &url,
    ]);
    assert_eq!(curl.output().unwrap().stdout, b"202");
    let messages = sendmail.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].arguments(), ["-t", "-i"]);
    let mail = oracle::read(&messages[0].stdin);
    assert_eq!((mail.subject(), mail.body().as_slice()), (Some("test"), b"Hello there\n".as_slice()));
    assert_eq!(mail.mailboxes("To")[0].address, "wendy@example.com");
}

#[test]
fn remote_user_is_the_sender_and_nobody_else() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let text = format!(
        "SetHandler sendmail\nSendmailName {program}\n{BASIC}\nSendmailSenderMail REMOTE_USER\nSendmailDomain example.org\nSendmailArguments -t -i -f %{{reqenv:SENDMAIL_FROM}}"
    );
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file", "authz_user"]).location("/mail", &text);
    users(&builder, &["alice", "no;address"]);
    let httpd = builder.start();
    let request = Request::mail("/mail")
        .without("From")
        .header("From", "Boss <ceo@example.test>")
        .header("Sender", "ceo@example.test");
    let alice = request.clone().header("Authorization", basic("alice", "secret"));
    alice.send(&httpd).expect_status(202);
    let messages = sendmail.take();
    let mail = oracle::read(&messages[0].stdin);
    assert_eq!(mail.mailboxes("From")[0].address, "alice@example.org");
    assert_eq!(mail.mailboxes("Reply-To")[0].address, "ceo@example.test");
    assert_eq!(mail.field("Sender"), None);
    assert_eq!(messages[0].arguments(), ["-t", "-i", "-f", "alice@example.org"]);
    assert!(!messages[0].text().contains("Authorization"));

    httpd.expect_log("AH01618"); // no such user
    request.clone().header("Authorization", basic("mallory", "secret")).send(&httpd).expect_status(401);
    httpd.expect_log("SM0202: SendmailSenderMail REMOTE_USER is not one plain address");
    let refused = request.header("Authorization", basic("no;address", "secret")).send(&httpd).expect_status(403);
    assert!(!refused.shows(b"no;address"));
    assert_eq!(sendmail.messages().len() + sendmail.starts(), 0);
}

#[test]
fn the_directory_says_who_sends() {
    let slapd = Slapd::start();
    let sendmail = Sendmail::new();
    let example = shipped("examples/ldap.conf", &sendmail);
    let url = "ldap://ldap.example.org/ou=people,dc=example,dc=org?uid,mail,cn?one";
    assert!(example.contains(url));
    let example = example.replace(url, &format!("ldap://127.0.0.1:{}/{}?uid,mail,cn?one", slapd.port(), slapd::PEOPLE));
    let httpd = Httpd::builder().modules(&["auth_basic", "authnz_ldap", "authz_user"]).config(&example).start();
    for (user, name, address) in [
        ("alice", "Alice Example", "alice@example.org"),
        ("jmueller", "Jürgen Müller", "juergen@example.org"),
        ("two", "Two Addresses", "first@example.org"),
        ("comma", "Doe, John \"Jack\"", "john@example.org"),
    ] {
        let request = Request::mail("/sendmail").header("Authorization", basic(user, slapd::PASSWORD));
        request.send(&httpd).expect_status(202);
        let messages = sendmail.take();
        let from = &oracle::read(&messages[0].stdin).mailboxes("From")[0];
        assert_eq!((from.name.as_str(), from.address.as_str()), (name, address));
        assert_eq!(messages[0].arguments(), ["-t", "-i", "-f", address]);
    }
    let second = Request::mail("/sendmail").without("From").header("From", "second@example.org");
    second.header("Authorization", basic("two", slapd::PASSWORD)).send(&httpd).expect_status(202);
    assert_eq!(oracle::read(&sendmail.take()[0].stdin).mailboxes("From")[0].address, "second@example.org");

    httpd.expect_log("SM0202: SendmailSenderMail AUTHENTICATE_MAIL is empty");
    Request::mail("/sendmail")
        .header("Authorization", basic("nomail", slapd::PASSWORD))
        .send(&httpd)
        .expect_status(403);
    assert_eq!(sendmail.starts() + sendmail.messages().len(), 0);
}

#[test]
fn a_client_certificate_says_who_sends_also_a_megabyte() {
    let certificates = Certificates::new();
    let alice = certificates.client("alice", "/CN=Alice Exämple/emailAddress=alice@example.test");
    let sendmail = Sendmail::new();
    let example = shipped("examples/client-certificate.conf", &sendmail);
    // The support makes the virtual host with its own certificates; the rest of the example is used unchanged.
    let own = ["<VirtualHost", "</VirtualHost", "ServerName", "SSLEngine", "SSLCertificate", "SSLCACertificate", "#"];
    let inside: Vec<&str> =
        example.lines().filter(|line| !own.iter().any(|own| line.trim().starts_with(own))).collect();
    let httpd = Httpd::builder().tls(&certificates, &inside.join("\n")).start();
    let body = "a line of some length, again and again\n".repeat(27_000);
    let request = Request::mail("/sendmail").body(body.clone());
    request.send_tls(&httpd, &certificates, Some(&alice)).expect_status(202);
    let messages = sendmail.take();
    let mail = oracle::read(&messages[0].stdin);
    let from = &mail.mailboxes("From")[0];
    assert_eq!((from.name.as_str(), from.address.as_str()), ("Alice Exämple", "alice@example.test"));
    assert_eq!(mail.body(), body.as_bytes());
    let python = "import ssl, sys, urllib.request\n\
        url, ca, cert, key = sys.argv[1:]\n\
        context = ssl.create_default_context(cafile=ca)\n\
        context.load_cert_chain(cert, key)\n\
        request = urllib.request.Request(url, data=b'Hello\\n', headers={'To': 'a@example.test', 'Content-Type': 'text/plain'})\n\
        print(urllib.request.urlopen(request, context=context).status)\n";
    let mut client = Command::new(process::required("python3", "python3"));
    client.args(["-c", python, &format!("https://127.0.0.1:{}/sendmail", httpd.tls_port())]);
    client.arg(certificates.authority()).arg(&alice.certificate).arg(&alice.key);
    let output = client.output().unwrap();
    assert_eq!(output.stdout, b"202\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sendmail.messages().len(), 1);
}

#[test]
fn the_contact_form_of_the_c_module_sends_and_the_start_warns_of_bcc() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let text = format!(
        "SetHandler sendmail\nSendmailName {program}\nRequestHeader set To office@example.org\nRequestHeader unset CC\n\
         RequestHeader set Content-Type text/plain"
    );
    let builder = Httpd::builder().modules(&["headers"]).location("/contact", &text);
    let test = builder.config_test();
    assert!(test.passed && test.output.contains("SM0801") && test.output.contains("chooses Bcc,"), "{}", test.output);
    let httpd = builder.start();
    httpd.expect_log("SM0801");
    Request::mail("/contact").header("Cc", "z@evil.test").body("<b>Hi</b>").send(&httpd).expect_status(202);
    let mail = oracle::read(&sendmail.messages()[0].stdin);
    assert_eq!(mail.mailboxes("To")[0].address, "office@example.org");
    assert_eq!((mail.field("Cc"), mail.content_type()), (None, "text/plain"));
}

#[test]
fn the_contact_form_we_ship_is_closed() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder().modules(&["headers"]).config(&shipped("examples/contact-form.conf", &sendmail));
    let test = builder.config_test();
    assert!(test.passed && !test.output.contains("SM0801"), "{}", test.output);
    let httpd = builder.start();
    let visitor = Request::post("/contact")
        .header("To", "z@evil.test")
        .header("Bcc", "z@evil.test")
        .header("Cc", "z@evil.test")
        .header("From", "z@evil.test")
        .header("Reply-To", "Visitor <visitor@example.net>")
        .header("Subject", "Opening hours")
        .header("X-Mailer", "evil")
        .header("Content-Type", "text/html")
        .body("When?\n");
    visitor.send(&httpd).expect_status(202);
    let messages = sendmail.messages();
    let text = messages[0].text();
    assert!(!text.contains("evil"), "{text}");
    let mail = oracle::read(&messages[0].stdin);
    assert_eq!(mail.mailboxes("To")[0].address, "office@example.org");
    assert_eq!(mail.mailboxes("From")[0].address, "webmaster@example.org");
    assert_eq!(mail.mailboxes("Reply-To")[0].address, "visitor@example.net");
    assert_eq!((mail.subject(), mail.content_type()), (Some("Opening hours"), "text/plain"));
    assert_eq!(messages[0].arguments(), ["-t", "-i", "-f", "webmaster@example.org"]);
}

#[test]
fn delivery_reports_are_asked_for_and_the_client_is_sent_to_them() {
    let sendmail = Sendmail::new();
    let example = shipped("examples/delivery-status.conf", &sendmail);
    let httpd = Httpd::builder().config(&example).start();
    let answer =
        Request::mail("/sendmail").header("Message-ID", "<a.b+c@example.test>").send(&httpd).expect_status(303);
    assert_eq!(answer.header("Location"), Some("https://mail.example.org/dsn/a.b%2Bc%40example.test/"));
    assert_eq!(answer.header("X-Message-ID"), Some("<a.b+c@example.test>"));
    let arguments = sendmail.take()[0].arguments();
    let [_, _, f, sender, n, notify, v, envid] = arguments.as_slice() else { panic!("{arguments:?}") };
    assert_eq!((f.as_str(), n.as_str(), notify.as_str(), v.as_str()), ("-f", "-N", "delay,failure,success", "-V"));
    let token = sender.strip_prefix("bounces+").and_then(|rest| rest.strip_suffix("@example.org")).unwrap();
    let is_token =
        |token: &str| token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    assert!(is_token(token) && is_token(envid) && token != envid, "{sender} {envid}");

    let off = Httpd::builder().config(&example.replace("</Location>", "SendmailDSNRedirect off\n</Location>")).start();
    let answer = Request::mail("/sendmail").send(&off).expect_status(202);
    let link = answer.header("Link").unwrap();
    assert!(link.starts_with("<https://mail.example.org/dsn/") && link.ends_with("/>; rel=\"monitor\""), "{link}");
    assert!(answer.text().contains("https://mail.example.org/dsn/"));
}

#[test]
fn the_postfix_arguments_of_the_c_module_reach_the_program() {
    let sendmail = Sendmail::new();
    let arguments = "SendmailArguments -XV -N delay,failure,success -r bounces@example.org -t";
    let builder = Httpd::builder().mail(&sendmail, arguments);
    let builder = builder.location(
        "/dsn-too",
        &format!(
            "SetHandler sendmail\nRequire local\nSendmailName {}\n{arguments}\nSendmailDSNLocation https://h/dsn",
            sendmail.program().display()
        ),
    );
    let httpd = builder.start();
    httpd.expect_log("SM0804"); // -XV before -t, and no -i
    Request::mail("/mail").send(&httpd).expect_status(202);
    assert_eq!(
        sendmail.take()[0].arguments(),
        ["-XV", "-N", "delay,failure,success", "-r", "bounces@example.org", "-t"]
    );
    let answer = Request::mail("/dsn-too").send(&httpd).expect_status(303);
    let id = answer.header("X-Message-ID").unwrap().trim_matches(['<', '>']).replace('@', "%40");
    assert_eq!(answer.header("Location"), Some(format!("https://h/dsn/{id}/").as_str()));
}

#[test]
fn the_configuration_we_ship_sends_from_this_machine_and_warns_of_nothing() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder().config(&shipped("sendmail.conf", &sendmail));
    let test = builder.config_test();
    assert!(test.passed && !test.output.contains("SM08"), "{}", test.output);
    let httpd = builder.start();
    Request::mail("/sendmail").send(&httpd).expect_status(202);
    let arguments = sendmail.take()[0].arguments();
    assert_eq!(arguments[..3], ["-t", "-i", "-f"]);
    assert!(arguments[3].contains('@'));
    httpd.expect_log("SM0101: From is missing");
    let refused = Request::mail("/sendmail").without("From").send(&httpd).expect_status(400);
    assert!(refused.text().contains("From is missing"), "{}", refused.text());
}

#[test]
fn every_example_we_ship_names_the_envelope_sender_and_passes_the_check() {
    let folder = format!("{}/conf", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> =
        std::fs::read_dir(format!("{folder}/examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(format!("{folder}/sendmail.conf").into());
    assert!(files.len() >= 5);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // With SMTP the client names it.
        let names = ["SendmailArguments -t -i -f ", "SendmailRelayFrom ", "SubmissionEnable On"];
        let named = names.iter().any(|sender| text.contains(sender));
        assert!(named, "{}", file.display());
    }
}

#[test]
fn options_describe_the_service_in_valid_wadl() {
    let sendmail = Sendmail::new();
    let text = format!(
        "SetHandler sendmail\nRequire local\nSendmailName {}\nSendmailLocation https://mail.example.org/a&b/mail",
        sendmail.program().display()
    );
    let text = text + "\nSendmailInputs fields mime resend\nSendmailIdempotency /tmp";
    let httpd = Httpd::builder().mail(&sendmail, "").location("/named", &text).start();
    let place = Place::new("wadl");
    for (path, base) in [
        ("/mail", format!("http://gateway.test:{}/", httpd.port())),
        ("/named", "https://mail.example.org/a&amp;b/".to_owned()),
    ] {
        let answer = Request::options(path).send(&httpd).expect_status(200);
        assert_eq!(answer.header("Content-Type"), Some("application/vnd.sun.wadl+xml"));
        assert_eq!(answer.header("Allow"), Some("POST, OPTIONS"));
        let text = answer.text();
        assert!(text.contains(&format!("<resources base=\"{base}\">")), "{text}");
        assert!(text.contains("<param name=\"Prefer\""), "{text}");
        for way in ["\"message/rfc822\"", "path=\"emails/batch\""] {
            assert_eq!(text.contains(way), path == "/named", "{path} {way}");
        }
        for status in ["200", "202", "303", "400", "403", "405", "413", "415", "500", "502", "503", "504"] {
            assert!(text.contains(&format!("<response status=\"{status}\">")), "{status}");
        }
        let file = place.write("answer.wadl", &answer.body);
        let mut xmllint = Command::new(process::required("xmllint", "libxml2-utils"));
        xmllint.args(["--noout", "--relaxng", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wadl.rng")]).arg(file);
        let output = xmllint.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(sendmail.starts() + sendmail.messages().len(), 0);
}

#[test]
fn postfix_delivers_subject_body_attachment_and_hides_bcc() {
    let Some(postfix) = Postfix::start() else { return skipped("Postfix needs root") };
    let text = format!(
        "SetHandler sendmail\nRequire local\nSendmailName \"{}\"\nSendmailArguments -t -i -f %{{reqenv:SENDMAIL_FROM}}",
        postfix.sendmail().display()
    );
    let httpd = Httpd::builder().location("/mail", &text).start();
    let attachment: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let encoded = {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(&attachment);
        encoded
            .as_bytes()
            .chunks(76)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\r\n")
    };
    let body = format!(
        "--cut\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n--cut\r\n\
         Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"all.bin\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--cut--\r\n"
    );
    Request::post("/mail")
        .header("From", "Peter <user@test.local>")
        .header("To", "Alice <alice@test.local>")
        .header("Bcc", "bob@test.local")
        .header("Subject", "Größe, und mehr")
        .header("Content-Type", "multipart/mixed; boundary=cut")
        .body(body)
        .send(&httpd)
        .expect_status(202);
    for user in ["alice", "bob"] {
        let mail = postfix.wait_for_mail(user, 1, Duration::from_secs(20));
        let text = String::from_utf8_lossy(&mail[0]).into_owned();
        assert!(
            !text.contains("Bcc") && text.matches("bob@test.local").count() <= usize::from(user == "bob") * 3,
            "{text}"
        );
        assert!(text.contains("Return-Path: <user@test.local>"), "{text}");
        let parsed = oracle::read(&mail[0]);
        assert_eq!(parsed.subject(), Some("Größe, und mehr"));
        assert_eq!(parsed.mailboxes("From")[0].name, "Peter");
        let parts = parsed.parts();
        assert_eq!(parts[1].filename.as_deref(), Some("all.bin"));
        assert_eq!(parts[1].body, attachment);
        assert_eq!(String::from_utf8_lossy(&parts[0].body).trim_end(), "Grüße");
    }
}

#[test]
fn log_level_switches_what_the_module_says_per_directory() {
    let sendmail = Sendmail::new();
    let program = sendmail.program().display().to_string();
    let quiet = format!("SetHandler sendmail\nRequire local\nSendmailName {program}\nLogLevel sendmail:error");
    let loud = format!("SetHandler sendmail\nRequire local\nSendmailName {program}\nLogLevel sendmail:trace2");
    let builder = Httpd::builder().log_level("warn sendmail:info").mail(&sendmail, "");
    let httpd = builder.location("/quiet", &quiet).location("/loud", &loud).start();
    let said = |path: &str| {
        let before = httpd.error_log().len();
        Request::mail(path).send(&httpd).expect_status(202);
        httpd.error_log()[before..].to_owned()
    };
    let (usual, quiet, loud) = (said("/mail"), said("/quiet"), said("/loud"));
    assert!(usual.contains("SM0001") && !usual.contains("SM0002") && !usual.contains("SM0004"), "{usual}");
    assert!(quiet.is_empty(), "{quiet}");
    assert!(loud.contains("SM0001") && loud.contains("SM0002") && loud.contains("[sendmail:trace2]"), "{loud}");
    assert!(said("/mail").contains("SM0001"), "the level of one request does not stick");
}

/// A shipped configuration, with the test's program instead of /usr/sbin/sendmail and nothing else changed.
fn shipped(file: &str, sendmail: &Sendmail) -> String {
    let text = std::fs::read_to_string(format!("{}/conf/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(text.contains("SendmailName /usr/sbin/sendmail"), "{file}");
    text.replace("/usr/sbin/sendmail", &sendmail.program().display().to_string())
}
