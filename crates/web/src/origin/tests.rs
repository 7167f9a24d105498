//! Which page may send, as a table; and what the response tells its browser.

use super::*;

const HOST: &str = "mail.example.org";

/// ServerName mail.example.org, ServerAlias *.example.net.
const NAMES: Names<'_> =
    Names { server_name: HOST, answers_to: &|name| name == "mail.example.org" || name.ends_with(".example.net") };

fn octets<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a [u8], &'a [u8])> {
    fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

fn cors(fields: &[(&str, &str)], allowed: &[&str]) -> &'static str {
    match check(&octets(fields), &Origins::parse(allowed).unwrap(), NAMES) {
        CorsDecision::Allowed(CorsHeaders { origin: Some(_) }) => "listed",
        CorsDecision::Allowed(CorsHeaders { origin: None }) => "any",
        CorsDecision::Foreign(Foreign::Host { .. }) => "stranger",
        CorsDecision::Foreign(Foreign::Origin { .. }) => "foreign",
        CorsDecision::Own => "own",
    }
}

#[test]
fn a_page_of_another_origin_is_foreign_unless_listed() {
    let listed = ["https://www.example.org", "http://localhost:3000"];
    for (origin, host, bare, with_list, with_any) in [
        ("https://mail.example.org", HOST, "own", "own", "any"),
        ("http://mail.example.org", HOST, "own", "own", "any"),
        ("https://MAIL.example.org", "Mail.Example.Org", "own", "own", "any"),
        ("https://mail.example.org", "mail.example.org:443", "own", "own", "any"),
        ("https://mail.example.org", "mail.example.org:80", "foreign", "foreign", "any"),
        ("https://mail.example.org:8443", "mail.example.org:8443", "own", "own", "any"),
        ("https://mail.example.org:8443", HOST, "foreign", "foreign", "any"),
        ("https://[::1]:8443", "[::1]:8443", "own", "own", "any"),
        ("https://[::1]", "[::1]", "own", "own", "any"),
        ("https://www.example.org", HOST, "foreign", "listed", "any"),
        ("https://www.example.org:443", HOST, "foreign", "listed", "any"),
        ("http://www.example.org", HOST, "foreign", "foreign", "any"),
        ("http://localhost:3000", HOST, "foreign", "listed", "any"),
        ("http://localhost", HOST, "foreign", "foreign", "any"),
        ("https://www.example.org.evil.test", HOST, "foreign", "foreign", "any"),
        ("https://evil.test", HOST, "foreign", "foreign", "any"),
        ("https://mail.example.org.evil.test", HOST, "foreign", "foreign", "any"),
        ("null", HOST, "foreign", "foreign", "foreign"),
        ("null", "null", "foreign", "foreign", "foreign"),
        ("", "", "foreign", "foreign", "foreign"),
        ("https://mail.example.org, https://evil.test", HOST, "foreign", "foreign", "foreign"),
        ("https://mail.example.org/", HOST, "foreign", "foreign", "foreign"),
        ("https://user@mail.example.org", HOST, "foreign", "foreign", "foreign"),
        ("https://mail.example.org:", HOST, "foreign", "foreign", "foreign"),
        ("https://mail.example.org:+80", HOST, "foreign", "foreign", "foreign"),
        ("mail.example.org", HOST, "foreign", "foreign", "foreign"),
    ] {
        let fields = [("Origin", origin), ("Host", host)];
        for (allowed, expected) in [(&[][..], bare), (&listed[..], with_list), (&["*"][..], with_any)] {
            assert_eq!(cors(&fields, allowed), expected, "{origin} at {host}, allowed {allowed:?}");
        }
    }
}

#[test]
fn what_the_browser_says_of_itself_is_believed_first() {
    let evil = ("Origin", "https://evil.test");
    for (fields, expected) in [
        (&[][..], "own"),
        (&[("Sec-Fetch-Site", "same-origin"), evil], "own"),
        (&[("Sec-Fetch-Site", "none"), ("Origin", "null")], "own"),
        (&[("Sec-Fetch-Site", "cross-site"), evil], "foreign"),
        (&[("Sec-Fetch-Site", "same-site"), ("Origin", "https://www.example.org")], "foreign"),
        // Same host, other scheme: to the browser that is another site.
        (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://mail.example.org")], "foreign"),
        (&[("Sec-Fetch-Site", "same-site"), ("Origin", "https://mail.example.org")], "foreign"),
        (&[("Sec-Fetch-Site", "cross-site")], "foreign"),
        (&[("Sec-Fetch-Site", "same-origin, cross-site"), evil], "foreign"),
        (&[("Origin", "https://evil.test"), ("Origin", "https://mail.example.org")], "foreign"),
    ] {
        let fields = [fields, &[("Host", HOST)]].concat();
        assert_eq!(cors(&fields, &[]), expected, "{fields:?}");
    }
}

/// DNS rebinding: the page and the Host agree, but the name is not ours.
#[test]
fn a_host_that_is_no_name_of_this_server_is_nobodys_own() {
    for (host, known) in [
        ("mail.example.org", true),
        ("MAIL.example.org.", true),
        ("mail.example.org:8443", true),
        ("www.example.net", true),
        ("localhost", true),
        ("localhost:8080", true),
        ("127.0.0.1:8080", true),
        ("192.0.2.1", true),
        ("[::1]:8080", true),
        ("evil.example", false),
        ("evil.example:8080", false),
        ("mail.example.org.evil.example", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("127.1", false),
        ("user@127.0.0.1", false),
        ("", false),
        (".", false),
    ] {
        let origin = format!("http://{host}");
        let site = ("Sec-Fetch-Site", "same-origin");
        for fields in [&[("Host", host), ("Origin", &*origin), site][..], &[("Host", host), site]] {
            assert_eq!(cors(fields, &[]), if known { "own" } else { "stranger" }, "{fields:?}");
        }
        let asking = check_host(&octets(&[("Host", host)]), NAMES);
        assert_eq!(asking.is_ok(), known || host.is_empty(), "{host}");
    }
    let evil = [("Host", "evil.example"), ("Origin", "http://evil.example")];
    assert_eq!(cors(&evil, &[]), "stranger", "over plain HTTP browsers say no Sec-Fetch-Site");
    assert_eq!(cors(&evil[..1], &[]), "own", "no browser's");
    assert_eq!(cors(&evil, &["http://evil.example"]), "listed");
    assert_eq!(cors(&evil, &["*"]), "any");
    assert_eq!(cors(&[evil[0], evil[1], ("Sec-Fetch-Site", "same-origin")], &["*"]), "any");
    assert!(check_host(&[], NAMES).is_ok(), "HTTP/1.0");
    let umlauts = Names { server_name: "M\u{fc}ller.example.", answers_to: &|_| false };
    assert!(check_host(&octets(&[("Host", "xn--mller-kva.example")]), umlauts).is_ok());
    assert!(check_host(&octets(&[("Host", "muller.example")]), umlauts).is_err());
}

#[test]
fn a_bad_origin_is_named_with_its_remedy() {
    for (word, remedy) in [
        ("www.example.org", "scheme"),
        ("https://www.example.org/", "leave out"),
        ("https://www.example.org/page", "leave out"),
        ("https://user@www.example.org", "leave out"),
        ("https://*.example.org", "stands alone"),
        ("https://www.example.org:99999", "port"),
        ("https://www.example.org:", "port"),
        ("https://", "host"),
        ("https://a b", "host"),
        ("://www.example.org", "scheme"),
        ("null", "sandboxed"),
    ] {
        let complaint = Origins::parse(&[word]).unwrap_err();
        assert!(complaint.contains(&format!("'{word}'")) && complaint.contains(remedy), "{complaint}");
    }
    let origins = Origins::parse(&["HTTPS://WWW.Example.org:443", "https://bücher.example", "*"]).unwrap();
    assert!(origins.any && origins.listed.len() == 2);
    assert_eq!(origins.listed[0].write(), "https://www.example.org");
    assert_eq!(origins.listed[1].write(), "https://xn--bcher-kva.example");
}

#[test]
fn only_a_listed_origin_may_bring_credentials() {
    let named =
        |grant: &CorsHeaders, name: &str| grant.fields().into_iter().find(|field| field.0 == name).map(|field| field.1);
    let (listed, any) = (CorsHeaders { origin: Some("https://a.test".into()) }, CorsHeaders { origin: None });
    assert_eq!(named(&listed, "Access-Control-Allow-Origin").as_deref(), Some("https://a.test"));
    assert_eq!(named(&listed, "Access-Control-Allow-Credentials").as_deref(), Some("true"));
    assert_eq!(named(&listed, "Vary").as_deref(), Some("Origin"));
    assert_eq!(named(&any, "Access-Control-Allow-Origin").as_deref(), Some("*"));
    assert_eq!(named(&any, "Access-Control-Allow-Credentials"), None);
    let fields = any.preflight("GET, HEAD", "to, subject,cookie", |name| name != "cookie");
    assert!(fields.contains(&("Access-Control-Allow-Headers", "to, subject".into())), "{fields:?}");
    assert!(!any.preflight("POST", "", |_| false).iter().any(|field| field.0 == "Access-Control-Allow-Headers"));
}
