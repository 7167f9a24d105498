//! How a gateway recognizes its clients: Basic, Bearer, certificates; and what is between them: a proxy, limits, a gateway that is down.

use super::Machine;
use crate::keys::{Keys, with_keys};
use crate::support::httpd_config::Builder;
use crate::support::{Certificates, Httpd, Sendmail};

const MESSAGE: &str = "Subject: nightly\n\nall is well\n";
const MIME: &str = "SendmailInputs mime\nSendmailArguments -i --";
const LOGIN: &str = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\nRequire valid-user";

/// `/mail` for clients that these lines admit.
fn gateway(builder: Builder, sendmail: &Sendmail, access: &str) -> Builder {
    std::fs::write(builder.root().join("users"), "web1:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").unwrap();
    let name = sendmail.program().display().to_string();
    builder.location("/mail", &format!("SetHandler sendmail\nSendmailName \"{name}\"\n{MIME}\n{access}"))
}

fn url(httpd: &Httpd) -> String {
    format!("url http://127.0.0.1:{}/mail\n", httpd.port())
}

/// A message that was refused access is queued, with an error, and sent once the settings are right.
#[track_caller]
fn wrong_then_right(machine: &Machine, sendmail: &Sendmail, wrong: &str, right: &str) {
    machine.configure(wrong);
    let done = machine.run("-t ops@example.test", MESSAGE);
    assert!(done.status == Some(0) && !done.stderr.is_empty(), "{wrong}: {done:?}");
    assert_eq!((machine.names("new").len(), sendmail.starts()), (1, 0), "{wrong}");
    assert_eq!(machine.run("-bp", "").status, Some(1), "{wrong}: mailq tells that a person has to do something");
    assert_eq!(machine.run("--check", "").status, Some(1), "{wrong}");
    machine.configure(right);
    machine.let_time_pass();
    machine.sends("-q", "");
    assert_eq!((machine.names("new").len(), sendmail.take().len()), (0, 1), "{right}");
    assert_eq!(machine.run("-bp", "").status, Some(0));
}

#[test]
fn a_password_and_a_token_let_the_client_in_and_wrong_ones_lose_no_mail() {
    let sendmail = Sendmail::new();
    let httpd =
        gateway(Httpd::builder().modules(&["auth_basic", "authn_file"]), &sendmail, LOGIN).start().allowing("SM0814");
    httpd.allow_log("AH01617"); // the wrong password
    let machine = Machine::new("");
    let with = |login: &str| url(&httpd) + login;
    wrong_then_right(
        &machine,
        &sendmail,
        &with("user web1\npassword wrong\n"),
        &with("user web1\npassword password\n"),
    );
    wrong_then_right(&machine, &sendmail, &with(""), &with("user web1\npassword password\n"));

    let token = "Require expr \"%{HTTP:Authorization} == 'Bearer abc.def'\"";
    let httpd = gateway(Httpd::builder(), &sendmail, token).start().allowing("SM0814");
    httpd.allow_log("AH01630");
    let with = |login: &str| url(&httpd) + login;
    wrong_then_right(&machine, &sendmail, &with("bearer abc.xyz\n"), &with("bearer abc.def\n"));
}

#[test]
fn a_client_certificate_lets_the_client_in_where_the_virtual_host_asks_for_it() {
    let (sendmail, certificates) = (Sendmail::new(), Certificates::new());
    let name = sendmail.program().display().to_string();
    let mail = format!(
        "<Location /mail>\nSetHandler sendmail\nRequire all granted\nSendmailName \"{name}\"\n{MIME}\n</Location>"
    );
    let httpd =
        Httpd::builder().tls(&certificates, &format!("SSLVerifyClient require\n{mail}")).start().allowing("SM0814");
    httpd.allow_log("AH02008");
    httpd.allow_log("AH02261");
    let own = certificates.client("web1", "/CN=web1");
    let machine = Machine::new("");
    let url = format!("url https://127.0.0.1:{}/mail\nca {}\n", httpd.tls_port(), certificates.authority().display());
    let shown = format!("{url}certificate {}\nkey {}\n", own.certificate.display(), own.key.display());
    machine.configure(&shown);
    machine.sends("-t ops@example.test", MESSAGE);
    assert_eq!(sendmail.take().len(), 1);
    // Without it the handshake fails; the mail waits until the certificate is sent.
    machine.configure(&url);
    assert_eq!(machine.run("-t ops@example.test", MESSAGE).status, Some(0));
    assert_eq!((machine.names("new").len(), sendmail.starts()), (1, 0));
    machine.configure(&shown);
    machine.let_time_pass();
    machine.sends("-q", "");
    assert_eq!((machine.names("new").len(), sendmail.take().len()), (0, 1));
}

#[test]
fn a_certificate_that_only_a_location_asks_for_cannot_be_shown_and_costs_no_mail() {
    let (sendmail, certificates) = (Sendmail::new(), Certificates::new());
    let name = sendmail.program().display().to_string();
    let mail = format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"\n{MIME}");
    let location = format!(
        "<Location /mail>\nSSLVerifyClient require\n{mail}\n</Location>\n<Location /open>\n{mail}\n</Location>"
    );
    let httpd = Httpd::builder().tls(&certificates, &location).start().allowing("SM0814");
    httpd.expect_log("AH10158"); // cannot perform post-handshake authentication
    httpd.expect_log("extension not received");
    let own = certificates.client("web1", "/CN=web1");
    let settings = |path: &str| {
        let url =
            format!("url https://127.0.0.1:{}{path}\nca {}\n", httpd.tls_port(), certificates.authority().display());
        format!("{url}certificate {}\nkey {}\n", own.certificate.display(), own.key.display())
    };
    let machine = Machine::new("");
    wrong_then_right(&machine, &sendmail, &settings("/mail"), &settings("/open"));
}

#[test]
fn a_proxy_leads_to_the_gateway_and_sees_neither_mail_nor_password() {
    let (sendmail, certificates) = (Sendmail::new(), Certificates::new());
    let name = sendmail.program().display().to_string();
    let mail = format!("<Location /mail>\nSetHandler sendmail\n{LOGIN}\nSendmailName \"{name}\"\n{MIME}\n</Location>");
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), "web1:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").unwrap();
    let httpd = builder.tls(&certificates, &mail).start().allowing("SM0814");
    let through = |port: u16| {
        let proxy = Httpd::builder().without_mod_sendmail().modules(&["proxy", "proxy_connect"]);
        let access =
            "<Proxy *>\nRequire ip 127.0.0.1\n</Proxy>\nCustomLog \"${ROOT}/logs/access\" \"%r %{Authorization}i\"";
        proxy.config(&format!("ProxyRequests On\nAllowCONNECT {port}\n{access}")).start()
    };
    let proxy = through(httpd.tls_port());
    let settings = |proxy: &Httpd| {
        let tls =
            format!("url https://127.0.0.1:{}/mail\nca {}\n", httpd.tls_port(), certificates.authority().display());
        format!("{tls}user web1\npassword password\nproxy http://127.0.0.1:{}\n", proxy.port())
    };
    let machine = Machine::new(&settings(&proxy));
    machine.sends("-t ops@example.test", MESSAGE);
    assert_eq!(sendmail.take().len(), 1);
    let seen = std::fs::read_to_string(proxy.root().join("logs/access")).unwrap_or_default();
    assert!(seen.lines().all(|line| line.starts_with("CONNECT ") && line.ends_with(" -")), "{seen}");
    // A proxy that does not work does not keep the mail from arriving later.
    let closed = through(1);
    closed.allow_log("AH00898");
    machine.configure(&settings(&closed));
    assert_eq!(machine.run("-t ops@example.test", MESSAGE).status, Some(0));
    assert_eq!((machine.names("new").len(), sendmail.starts()), (1, 0));
    machine.configure(&settings(&proxy));
    machine.let_time_pass();
    machine.sends("-q", "");
    assert_eq!(sendmail.take().len(), 1);
}

#[test]
fn what_the_gateway_refuses_for_good_comes_back_at_once() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let limits = format!("{MIME}\nSendmailMaxSize 1M\nSendmailRecipients example.test");
    let builder =
        with_keys(Httpd::builder(), &sendmail, &keys).config(&format!("<Location /mail>\n{limits}\n</Location>"));
    let httpd = builder.start().allowing("SM0814");
    let machine = Machine::new(&url(&httpd));
    machine.sends("ops@example.test", MESSAGE);
    let large = format!("{MESSAGE}{}", "a line of text that makes it longer and longer\n".repeat(240_000));
    for (to, message, status, tag) in [
        ("ops@example.test", large.as_str(), 65, "SM0104"),
        ("ops@elsewhere.test", MESSAGE, 67, "SM0201"),
        ("ops@example.test", "Subject: a\nContent-Type: message/partial\n\nx\n", 65, "SM0"),
    ] {
        let done = machine.run(&format!("-i {to}"), message);
        assert_eq!(done.status, Some(status), "{tag}: {done:?}");
        assert!(done.stderr.contains(tag), "{tag}: {done:?}");
        httpd.allow_log("SM0");
    }
    assert_eq!((sendmail.commits(), machine.names("new").len(), machine.names("failed").len()), (1, 0, 0));
}

#[test]
fn a_gateway_that_was_gone_gets_everything_in_order_over_few_connections() {
    let (sendmail, keys) = (Sendmail::new(), Keys::new());
    let log = "CustomLog \"${ROOT}/logs/access\" \"%{c}L %r %>s\"";
    let builder = with_keys(Httpd::builder().config(log), &sendmail, &keys);
    let mut httpd = builder.config(&format!("<Location /mail>\n{MIME}\n</Location>")).start().allowing("SM0814");
    let machine = Machine::new(&url(&httpd));
    machine.sends("ops@example.test", MESSAGE);
    sendmail.take();
    let (root, port) = (httpd.root().to_owned(), httpd.port());
    httpd.stop();
    for number in 0..30 {
        machine.sends("ops@example.test", &format!("X-Number: {number}\n\nx\n"));
    }
    assert_eq!(machine.names("new").len(), 30);
    // Another server on the same port.
    let other = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    drop(other);
    let builder = with_keys(Httpd::builder().config(log).at(port), &sendmail, &keys);
    let again = builder.config(&format!("<Location /mail>\n{MIME}\n</Location>")).start().allowing("SM0814");
    machine.let_time_pass();
    machine.sends("-q", "");
    let numbers: Vec<String> = sendmail
        .take()
        .iter()
        .filter_map(|run| run.text().lines().find_map(|line| line.strip_prefix("X-Number: ").map(str::to_owned)))
        .collect();
    assert_eq!(numbers, (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(root.exists() && again.port() == port);
}
