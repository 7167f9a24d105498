//! Which settings are accepted, and the complaints about others.

use super::settings::KEYS;
use super::*;

fn config(text: &str) -> Result<Config, String> {
    match settings::build(Source::File("f".into()), lines(text)?, Some("/q".into())) {
        Ok(config) => Ok(config),
        Err(settings::Mistake::Unreadable(path)) => Err(format!("unreadable {}", path.display())),
        Err(settings::Mistake::Words(words)) => Err(words),
    }
}

const URL: &str = "url https://gateway.example/sendmail\n";

#[test]
fn three_lines_are_enough() {
    let config = config(&format!("# ours\n{URL}user web1\npassword \"s3 cret\"\n")).unwrap();
    assert_eq!(config.urls[0].to_string(), "https://gateway.example/sendmail");
    assert!(config.login == Some(Login::Basic { user: "web1".into(), password: "s3 cret".into() }));
    assert_eq!((config.queue, config.expire), (Some("/q".into()), Duration::from_secs(432_000)));
}

#[test]
fn every_key_of_the_table_is_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (key, _) in KEYS {
        let more = match *key {
            "url" => "url https://b.example/",
            "user" | "password" => "user u\npassword p",
            "passwordfile" => &format!("user u\npasswordfile {file}"),
            "bearerfile" => &format!("bearerfile {file}"),
            "certificate" | "key" => &format!("certificate {file}\nkey {file}"),
            "ca" => &format!("ca {file}"),
            "from" | "postmaster" => &format!("{key} ops@example.org"),
            "timeout" | "connect_timeout" | "expire" => &format!("{} 5m", key.replace('_', "-")),
            "allow_from" | "background" | "insecure" => &format!("{key} yes"),
            "queue" => "queue none",
            "proxy" => "proxy http://proxy.example:3128",
            "max_size" | "quota_messages" | "quota_size" => &format!("{key} 25M"),
            "domain" => "domain example.org",
            _ => &format!("{key} x"),
        };
        if let Err(words) = config(&format!("{URL}{more}\n")) {
            assert!(*key == "bearerfile", "{key}: {words}"); // [package] is not a token, but the file was read
        }
    }
}

#[test]
fn a_mistake_names_the_key_and_the_remedy() {
    assert!(config(URL).is_ok());
    for (wrong, said) in [
        ("", "url is missing"),
        ("url gateway.example\n", "not a url"),
        ("url ftp://gateway.example/\n", "not a url"),
        ("url https:///x\n", "not a url"),
        ("url https://u:p@gateway.example/\n", "use the keys user and password"),
        ("url http://gateway.example/\n", "insecure yes"),
        ("url https://a/\nnonsense 1\n", "'nonsense' is not known"),
        ("url https://a/\nuser u\n", "needs password"),
        ("url https://a/\npassword p\n", "needs user"),
        ("url https://a/\nuser u:v\npassword p\n", "colon"),
        ("url https://a/\nuser u\npassword p\nbearer t\n", "exclude"),
        ("url https://a/\nuser u\npasswordfile /nonexistent\n", "/nonexistent"),
        ("url https://a/\ntimeout 0\n", "above 0"),
        ("url https://a/\ntimeout soon\n", "is not a time"),
        ("url https://a/\nmax_size big\n", "is not a size"),
        ("url https://a/\ntimeout 5\ntimeout 6\n", "given twice"),
        ("url https://a/\nfrom root\n", "has no domain"),
        ("url https://a/\nqueue spool\n", "absolute"),
        ("url https://a/\ncertificate /etc/passwd\n", "need each other"),
        ("url https://a/\nallow_from maybe\n", "neither yes nor no"),
        ("url https://a/\nproxy proxy.example\n", "is not a proxy"),
        ("url\n", "has no value"),
    ] {
        match config(wrong) {
            Ok(_) => panic!("{wrong} was taken"),
            Err(words) => assert!(words.contains(said) && !words.contains("u:p@"), "{wrong}: {words}"),
        }
    }
}

#[test]
fn plain_http_is_for_the_loopback() {
    for url in ["http://127.0.0.1:8080/m", "http://[::1]/m", "http://localhost/m", "https://gateway.example/m"] {
        assert!(config(&format!("url {url}\n")).is_ok(), "{url}");
    }
    for url in ["http://192.0.2.1/m", "http://localhost.example/m", "http://127.0.0.1.example/m"] {
        assert!(config(&format!("url {url}\n")).is_err(), "{url}");
        assert!(config(&format!("url {url}\ninsecure yes\n")).is_ok(), "{url}");
    }
}

#[test]
fn times_and_sizes_have_units() {
    for (text, seconds) in [("30", 30), ("30s", 30), ("10m", 600), ("2h", 7200), ("5d", 432_000), ("1w", 604_800)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    for wrong in ["", "s", "-1", "1y", "1 d", "99999999999999999999"] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
    assert_eq!((size("7"), size("2K"), size("25M"), size("1G")), (Ok(7), Ok(2048), Ok(25 << 20), Ok(1 << 30)));
    assert!(size("x").is_err() && size("1T").is_err() && size("99999999999G").is_err());
}
