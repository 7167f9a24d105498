//! Where settings come from: always one source; and what the environment cannot change.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::gateway::{Answer, Gateway};
use super::place::{PROGRAM, Place, run};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";

/// The command with only this environment, and no file named.
fn bare(environment: &[(&str, &str)], words: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().envs(environment.iter().copied()).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_container_needs_no_file() {
    let gateway = Gateway::taking();
    let environment = [
        ("SENDMAIL_HTTP_URL", gateway.url.as_str()),
        ("SENDMAIL_HTTP_USER", "web1"),
        ("SENDMAIL_HTTP_PASSWORD", "geheim"),
        ("SENDMAIL_HTTP_DOMAIN", "example.org"),
        ("SENDMAIL_HTTP_QUEUE", "none"),
    ];
    let done = run(bare(&environment, &["-t"]), MESSAGE.as_bytes());
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert_eq!(gateway.only().field("authorization"), "Basic d2ViMTpnZWhlaW0=");
    let mut wrong = environment.to_vec();
    wrong.push(("SENDMAIL_HTTP_NONSENSE", "1"));
    let done = run(bare(&wrong, &["-t"]), MESSAGE.as_bytes());
    assert!(done.status == 78 && done.stderr.contains("nonsense"), "{done:?}");
}

#[test]
fn no_environment_leads_a_password_of_a_file_elsewhere() {
    let (gateway, other) = (Gateway::taking(), Gateway::taking());
    let place = Place::new("environment");
    place.settings(&gateway, "user web1\npassword geheim\n");
    let proxy = other.url.trim_end_matches("/mail");
    for (name, value) in [
        ("SENDMAIL_HTTP_URL", other.url.as_str()),
        ("SENDMAIL_HTTP_PROXY", proxy),
        ("HTTP_PROXY", proxy),
        ("http_proxy", proxy),
        ("HTTPS_PROXY", proxy),
        ("ALL_PROXY", proxy),
        ("all_proxy", proxy),
        ("SENDMAIL_HTTP_USER", "eve"),
    ] {
        let mut command = place.command(["-t"]);
        command.env(name, value);
        assert_eq!(run(command, MESSAGE.as_bytes()).status, 0, "{name}");
    }
    assert_eq!((gateway.taken().len(), other.posts().len(), other.connections()), (8, 0, 0));
    assert!(gateway.taken().iter().all(|request| request.field("authorization") == "Basic d2ViMTpnZWhlaW0="));
    // Conversely, the environment does not change how a file's password is used.
    let done =
        run(bare(&[("SENDMAIL_HTTP_URL", &other.url), ("SENDMAIL_HTTP_QUEUE", "none")], &["-t"]), MESSAGE.as_bytes());
    assert_eq!((done.status, other.only().field("authorization")), (0, ""));
}

#[test]
fn a_redirect_is_not_followed_with_the_message() {
    let thief = Gateway::taking();
    for status in [301, 302, 303, 307, 308] {
        let location = thief.url.clone();
        let gateway = Gateway::doing(Answer::with(Answer::html(status), "Location", &location));
        let place = Place::new("redirect");
        place.settings(&gateway, "queue none\nuser web1\npassword geheim\n");
        let done = place.send("-t", MESSAGE);
        assert_eq!((done.status, gateway.posts().len()), (69, 1), "{status}: {done:?}");
        let done = place.send("--check", "");
        assert_eq!(done.status, 1, "{status}: {done:?}");
    }
    assert_eq!((thief.connections(), thief.posts().len()), (0, 0));
}

#[test]
fn a_bearer_token_and_a_password_file_work() {
    let gateway = Gateway::taking();
    let place = Place::new("bearer");
    std::fs::write(place.file("token"), "abc.def\n").unwrap();
    place.settings(&gateway, &format!("bearerfile {}\n", place.file("token").display()));
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    assert_eq!(gateway.only().field("authorization"), "Bearer abc.def");
}

#[test]
fn check_says_what_is_wrong_and_is_silent_where_all_is_well() {
    let gateway = Gateway::taking();
    let place = Place::new("check");
    place.settings(&gateway, "");
    let done = place.send("--check", "");
    assert_eq!(done.status, 0, "{done:?}");
    for part in ["it is a gateway", "known again for", "a message would be taken", "example.org"] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    assert_eq!(gateway.taken().len(), 0, "a dry run sends nothing");
    std::fs::write(place.file("aliases"), "a: b\nb: a\nc: |/bin/sh\n").unwrap();
    let done = place.send("--check", "");
    for part in ["circle", "a program", "nobody reads its mail"] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    assert_eq!(done.status, 1);
    place.configure("url http://127.0.0.1:9/mail\n");
    assert!(place.send("--check", "").stdout.contains("Connection refused"));
    let keyless = Gateway::start(None, |_, _| super::gateway::Act::Take);
    assert!(place.settings(&keyless, "").send("--check", "").stdout.contains("not honoured"));
    std::fs::write(place.file("conf"), "url gateway\n").unwrap();
    assert_eq!(place.send("--check", "").status, 78);
}

#[test]
fn a_secret_that_anybody_may_read_is_told_wherever_it_stands() {
    let gateway = Gateway::taking();
    let place = Place::new("secret");
    std::fs::write(place.file("secret"), "geheim\n").unwrap();
    let file = place.file("secret").display().to_string();
    for (settings, secret) in [
        ("user a\npassword b\n".to_owned(), "conf"),
        ("bearer abc\n".to_owned(), "conf"),
        (format!("user a\npasswordfile {file}\n"), "secret"),
        (format!("bearerfile {file}\n"), "secret"),
    ] {
        place.settings(&gateway, &settings);
        for (mode, status) in [(0o640, 0), (0o644, 1)] {
            for name in ["conf", "secret"] {
                let mode = if name == secret { mode } else { 0o640 };
                std::fs::set_permissions(place.file(name), PermissionsExt::from_mode(mode)).unwrap();
            }
            let done = place.send("--check", "");
            assert_eq!(done.status, status, "{settings}{mode:o}: {done:?}");
            let told = done.stdout.contains(&format!("chmod 0640 {}", place.file(secret).display()));
            assert_eq!(told, status == 1, "{settings}{mode:o}: {done:?}");
        }
        // It is sent nevertheless: the mail must not suffer.
        assert_eq!(place.send("-t", MESSAGE).status, 0);
    }
}

#[test]
fn newaliases_tells_and_succeeds_and_bv_shows_where_names_lead() {
    let place = Place::new("aliases");
    place.configure("url http://127.0.0.1:9/mail\n");
    assert_eq!(place.send("-bi", "").stderr, "");
    assert_eq!(
        place.send("-bv root wendy@example.net wendy", "").stdout,
        "root -> ops@example.org\nwendy@example.net -> wendy@example.net\nwendy -> wendy@example.org\n"
    );
    std::fs::write(place.file("aliases"), "c: |/bin/sh\n").unwrap();
    let done = place.send("-bi", "");
    assert!(done.status == 0 && done.stderr.contains("a program"), "{done:?}");
}

#[test]
fn a_proxy_of_the_settings_is_asked_to_connect() {
    // CONNECT is used only for https; the proxy here refuses, and the error says so.
    let proxy = Gateway::doing(Answer::html(407));
    let place = Place::new("proxy");
    place.configure(&format!(
        "url https://gateway.example/mail\nproxy {}\nca /etc/ssl/certs/ca-certificates.crt\n",
        proxy.url.trim_end_matches("/mail")
    ));
    let done = place.send("-t", MESSAGE);
    assert_eq!((done.status, place.names("new").len()), (0, 1), "{done:?}");
    let asked = proxy.posts();
    assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].path.as_str()), (1, "CONNECT", "gateway.example:443"));
    assert_eq!(asked[0].field("authorization"), "");
}
