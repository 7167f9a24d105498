//! Web origins on the wire: which page may send, what its browser is told, and that a page can read answers and errors alike.

use crate::circle::Database;
use crate::support::{Httpd, Mpm, Request, Response, Sendmail};

const LISTED: &str = "SendmailAllowOrigin https://www.example.test http://localhost:3000";

fn from_page(origin: &str, httpd: &Httpd) -> Request {
    Request::mail("/mail").header("Host", format!("gateway.test:{}", httpd.port())).header("Origin", origin)
}

fn preflight(origin: &str, asked: &str) -> Request {
    preflight_of("/mail", origin, asked)
}

fn preflight_of(path: &str, origin: &str, asked: &str) -> Request {
    Request::options(path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", asked)
}

/// The fields that browsers use.
fn cors(response: &Response) -> Vec<(String, String)> {
    let named = response.headers.iter().filter(|(name, _)| name.to_lowercase().starts_with("access-control-"));
    named.map(|(name, value)| (name.to_lowercase(), String::from_utf8_lossy(value).into_owned())).collect()
}

fn field(response: &Response, name: &str) -> Option<String> {
    cors(response).into_iter().find(|(found, _)| *found == format!("access-control-{name}")).map(|field| field.1)
}

#[test]
fn a_page_of_another_origin_may_not_send() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "").start();
    let own = format!("http://gateway.test:{}", httpd.port());
    for (origin, site, accepted) in [
        (&*own, "", true),
        (&own.replace("http:", "https:"), "", true),
        ("https://evil.test", "same-origin", true),
        ("https://evil.test", "none", true),
        ("https://evil.test", "", false),
        ("https://evil.test", "cross-site", false),
        (&*own, "cross-site", false),
        (&own.replace("http:", "https:"), "same-site", false),
        ("http://gateway.test", "", false),
        ("http://gateway.test:1", "same-site", false),
        ("null", "", false),
        ("null", "cross-site", false),
        (&format!("{own}, https://evil.test"), "", false),
        (&format!("{own}.evil.test"), "", false),
    ] {
        let mut request = from_page(origin, &httpd);
        if !site.is_empty() {
            request = request.header("Sec-Fetch-Site", site);
        }
        for response in [request.send(&httpd), request.header("Accept", "application/json").send(&httpd)] {
            assert_eq!(response.status, if accepted { 202 } else { 403 }, "{origin} {site}: {response:?}");
            assert_eq!(cors(&response), [], "{origin}: nobody is let in");
            assert!(!response.shows(b"evil.test"), "{response:?}");
        }
        let log = httpd.error_log();
        let complaint = log.lines().last().unwrap_or_default();
        let named = complaint.contains(&format!("'{origin}'")) && complaint.contains(&format!(":{}'", httpd.port()));
        assert!(accepted || named && complaint.contains("SendmailAllowOrigin"), "{complaint}");
        assert_eq!(sendmail.take().len(), if accepted { 2 } else { 0 }, "{origin} {site}");
    }
    // A proxy's statement about the host is no proof: any script can make it too.
    for (name, value) in [("X-Forwarded-Host", "evil.test"), ("Forwarded", "host=evil.test"), ("X-Host", "evil.test")] {
        from_page("https://evil.test", &httpd).header(name, value).send(&httpd).expect_status(403);
    }
    let by_script = Request::mail("/mail").header("Sec-Fetch-Site", "cross-site").send(&httpd);
    assert_eq!(by_script.status, 403, "a browser that hides its Origin");
    httpd.expect_log("SM0205");
}

/// DNS rebinding: somebody else's name leads to 127.0.0.1, and `Require local` admits the visitor's browser.
#[test]
fn a_page_that_came_by_a_strangers_name_may_neither_send_nor_read() {
    let (database, sendmail) = (Database::new(), Sendmail::new());
    let httpd = database
        .httpd()
        .virtual_host("gateway.test", "ServerAlias www.gateway.test *.wild.test")
        .mail(&sendmail, "")
        .location("/mail/health", "SetHandler sendmail-health")
        .location("/metrics", "SetHandler sendmail-metrics\nRequire ip 127.0.0.1")
        .location("/dsn", "Require ip 127.0.0.1")
        .start();
    let port = httpd.port();
    for (name, own) in [
        ("gateway.test", true),
        ("GATEWAY.test.", true),
        ("www.gateway.test", true),
        ("a.wild.test", true),
        ("localhost", true),
        ("127.0.0.1", true),
        ("192.0.2.1", true), // a port forwarded to here
        ("[::1]", true),
        ("evil.example", false),
        ("gateway.test.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("wild.test", false),
    ] {
        let host = format!("{name}:{port}");
        let by = |request: Request| request.header("Host", &host);
        let sent = by(Request::mail("/mail")).send(&httpd).expect_status(202);
        assert!(sent.header("X-Message-ID").is_some(), "{name}: no browser's, so it is served");
        let page = by(Request::mail("/mail")).header("Origin", format!("http://{host}"));
        for request in [page.clone(), page.header("Sec-Fetch-Site", "same-origin")] {
            let answer = request.send(&httpd);
            assert_eq!(answer.status, if own { 202 } else { 403 }, "{name}: {answer:?}");
        }
        assert_eq!(sendmail.take().len(), if own { 3 } else { 1 }, "{name}");
        for (path, known) in [("/mail/health", 200), ("/metrics", 200), ("/dsn/a%40gateway.test/", 404)] {
            let answer = by(Request::get(path)).send(&httpd);
            assert_eq!(answer.status, if own { known } else { 403 }, "{name} {path}: {answer:?}");
        }
        let log = httpd.error_log();
        assert_eq!(log.matches(&format!("SM0211: Host '{host}'")).count(), if own { 0 } else { 5 }, "{name}: {log}");
    }
    httpd.expect_log("ServerAlias");
}

/// Name-based virtual hosts: the first one also gets requests for unknown hosts.
#[test]
fn each_virtual_host_answers_to_its_own_names() {
    let sendmail = Sendmail::new();
    let name = sendmail.program().display().to_string();
    let mail =
        format!("<Location /mail>\nSetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"\n</Location>");
    let first = format!("ServerAlias alias.test\n{mail}");
    let httpd = Httpd::builder().virtual_host("first.test", &first).virtual_host("second.test", &mail).start();
    for (host, own) in [
        ("first.test", true),
        ("alias.test", true),
        ("second.test", true),
        ("third.test", false),
        ("gateway.test", false), // the server outside of the virtual hosts, which no request reaches
    ] {
        let page = Request::mail("/mail").header("Host", host).header("Origin", format!("http://{host}"));
        assert_eq!(page.send(&httpd).status, if own { 202 } else { 403 }, "{host}");
        assert_eq!(sendmail.take().len(), usize::from(own), "{host}");
    }
    httpd.expect_log("SM0211");
}

#[test]
fn a_listed_page_sends_and_reads_the_answer() {
    let sendmail = Sendmail::new();
    let more = format!("{LISTED}\nSendmailDSNLocation https://status.example.test/dsn\nSendmailDSNRedirect off");
    let httpd = Httpd::builder().mail(&sendmail, &more).start();
    for origin in ["https://www.example.test", "http://localhost:3000"] {
        let answer = from_page(origin, &httpd).send(&httpd).expect_status(202);
        assert_eq!(field(&answer, "allow-origin").as_deref(), Some(origin));
        assert_eq!(field(&answer, "allow-credentials").as_deref(), Some("true"));
        assert!(answer.all("Vary").any(|vary| vary.contains("Origin")), "{answer:?}");
        let exposed = field(&answer, "expose-headers").unwrap();
        assert!(["X-Message-ID", "Location", "Link"].iter().all(|name| exposed.contains(name)), "{exposed}");
        assert!(answer.header("Link").is_some() && answer.header("X-Message-ID").is_some());
        let refused = from_page(origin, &httpd).without("To").send(&httpd).expect_status(400);
        assert_eq!(field(&refused, "allow-origin").as_deref(), Some(origin), "the page can read why");
    }
    for origin in ["https://www.example.test.evil.test", "http://www.example.test", "null", "http://localhost"] {
        let refused = from_page(origin, &httpd).send(&httpd).expect_status(403);
        assert_eq!(cors(&refused), [], "{origin}");
    }
    assert_eq!(sendmail.take().len(), 2);
    httpd.expect_log("SM0105");
    httpd.expect_log("SM0205");
}

#[test]
fn pages_of_httpd_itself_carry_the_fields_too() {
    let sendmail = Sendmail::new();
    let pages = "ErrorDocument 400 \"our own page\"\nSendmailMaxSize 100";
    let httpd = Httpd::builder().mail(&sendmail, &format!("{LISTED}\n{pages}")).start();
    let page = from_page("https://www.example.test", &httpd);
    let refused = page.clone().without("To").send(&httpd).expect_status(400);
    assert_eq!(refused.text(), "our own page");
    assert_eq!(field(&refused, "allow-origin").as_deref(), Some("https://www.example.test"));
    let large = page.chunked(64).body(vec![b'x'; 4000]).send(&httpd).expect_status(413);
    assert_eq!(field(&large, "allow-origin").as_deref(), Some("https://www.example.test"));
    assert_eq!(sendmail.starts(), 0);
    for tag in ["SM0105", "SM0104"] {
        httpd.expect_log(tag);
    }
}

#[test]
fn a_star_lets_any_page_send_without_credentials() {
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, "SendmailAllowOrigin *").start();
    let answer = from_page("https://any.test", &httpd).send(&httpd).expect_status(202);
    assert_eq!(field(&answer, "allow-origin").as_deref(), Some("*"));
    assert_eq!(field(&answer, "allow-credentials"), None);
    from_page("null", &httpd).send(&httpd).expect_status(403);
    assert_eq!(field(&preflight("null", "to").send(&httpd), "allow-origin"), None);
    assert_eq!(field(&preflight("https://any.test", "to").send(&httpd), "allow-origin").as_deref(), Some("*"));
    assert_eq!(sendmail.take().len(), 1);
    httpd.expect_log("SM0205");
}

#[test]
fn a_preflight_is_answered_for_allowed_origins_alone() {
    let sendmail = Sendmail::new();
    for mpm in Mpm::ALL {
        let contact = format!("{LISTED}\nSendmailPassHeaders From Reply-To Subject Content-Type");
        let builder = Httpd::builder().mpm(mpm).mail(&sendmail, LISTED);
        let httpd = builder.config(&format!("<Location /mail/contact>\n{contact}\n</Location>")).start();
        let asked = "to,subject, content-type,x-mailer,cookie,authorization,x-api-key,resent-to,bad name";
        let answer = preflight("https://www.example.test", asked).send(&httpd).expect_status(204);
        assert_eq!(field(&answer, "allow-origin").as_deref(), Some("https://www.example.test"));
        assert_eq!(field(&answer, "allow-methods").as_deref(), Some("POST, OPTIONS"));
        assert_eq!(field(&answer, "allow-headers").as_deref(), Some("to, subject, content-type, x-mailer"));
        assert!(field(&answer, "max-age").is_some_and(|age| age.parse::<u32>().is_ok_and(|age| age > 0)));
        assert!(answer.body.is_empty() && answer.all("Vary").any(|vary| vary.contains("Origin")));
        let contact = preflight_of("/mail/contact", "https://www.example.test", "to, subject");
        assert_eq!(field(&contact.send(&httpd), "allow-headers").as_deref(), Some("subject"));
        let foreign = preflight("https://evil.test", "to").send(&httpd).expect_status(200);
        assert!(cors(&foreign).is_empty() && foreign.text().contains("<application"), "the description");
        let no_preflight =
            Request::options("/mail").header("Origin", "https://www.example.test").send(&httpd).expect_status(200);
        assert!(no_preflight.text().contains("<application"), "{no_preflight:?}");
    }
    assert_eq!(sendmail.starts(), 0);
}

/// The block in the manual: the preflight carries no login, so it must pass without one.
#[test]
fn a_protected_location_lets_the_preflight_through() {
    let sendmail = Sendmail::new();
    let protection = "AuthType Basic\nAuthName mail\nAuthUserFile \"${ROOT}/users\"\n\
                      <RequireAny>\nRequire method OPTIONS\nRequire valid-user\n</RequireAny>";
    let builder = Httpd::builder().modules(&["auth_basic", "authn_file"]);
    std::fs::write(builder.root().join("users"), "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    let name = sendmail.program().display().to_string();
    let settings = format!("SetHandler sendmail\nSendmailName \"{name}\"\n{LISTED}\n{protection}");
    let httpd = builder.location("/mail", &settings).start();
    preflight("https://www.example.test", "subject").send(&httpd).expect_status(204);
    let page = from_page("https://www.example.test", &httpd);
    page.send(&httpd).expect_status(401);
    page.header("Authorization", "Basic YWxpY2U6c2VjcmV0").send(&httpd).expect_status(202);
    assert_eq!(sendmail.take().len(), 1);
}
