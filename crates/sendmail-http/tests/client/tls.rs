//! TLS to the gateway: whom it trusts, how it identifies itself, and that an invalid certificate costs neither mail nor password.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::gateway::Gateway;
use super::place::{Place, run};

const MESSAGE: &str = "To: wendy@example.net\nSubject: Hello\n\nHi there\n";

/// An authority of one test, made by openssl(1).
struct Authority(Place);

impl Authority {
    fn new() -> Authority {
        let place = Place::new("authority");
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=Test-CA -keyout ca.key -out ca.crt";
        openssl(place.path(), words);
        Authority(place)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    /// A certificate valid for this many days from now, with its key next to it.
    fn issue(&self, name: &str, extensions: &str, days: i32) {
        fs::write(self.file(&format!("{name}.ext")), extensions).unwrap();
        let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=";
        openssl(self.0.path(), &format!("{request}{name} -keyout {name}.key -out {name}.csr"));
        let sign = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial";
        openssl(self.0.path(), &format!("{sign} -days {days} -in {name}.csr -extfile {name}.ext -out {name}.crt"));
    }

    /// A gateway with this certificate; requires a client certificate if `wants_client`.
    fn gateway(&self, name: &str, wants_client: bool) -> Gateway {
        let certificates = |name: &str| CertificateDer::pem_file_iter(self.file(name)).unwrap().map(Result::unwrap);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates("ca.crt"));
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let builder =
            if wants_client { builder.with_client_cert_verifier(verifier) } else { builder.with_no_client_auth() };
        let key = PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap();
        let chain = certificates(&format!("{name}.crt")).collect();
        Gateway::with_tls(builder.with_single_cert(chain, key).unwrap())
    }
}

fn openssl(folder: &Path, words: &str) {
    let mut command = Command::new("openssl");
    command
        .args(words.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let done = run(command, b"");
    assert_eq!(done.status, 0, "openssl {words}: {done:?}");
}

const SERVER: &str = "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";

#[test]
fn a_certificate_that_holds_is_believed_and_others_cost_neither_mail_nor_password() {
    let authority = Authority::new();
    authority.issue("good", SERVER, 30);
    authority.issue("elsewhere", "subjectAltName=DNS:other.example\nbasicConstraints=critical,CA:FALSE\n", 30);
    authority.issue("over", SERVER, -1);
    let place = Place::new("tls");
    let settings = |gateway: &Gateway, ca: Option<&Path>| {
        let ca = ca.map(|ca| format!("ca {}\n", ca.display())).unwrap_or_default();
        place.settings(gateway, &format!("user web1\npassword geheim\n{ca}"));
    };
    let good = authority.gateway("good", false);
    settings(&good, Some(&authority.file("ca.crt")));
    let done = place.send("-t", MESSAGE);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert_eq!(good.only().field("authorization"), "Basic d2ViMTpnZWhlaW0=");
    let ca = authority.file("ca.crt");
    for (what, name, ca) in
        [("another authority", "good", None), ("another name", "elsewhere", Some(&ca)), ("too old", "over", Some(&ca))]
    {
        let gateway = authority.gateway(name, false);
        settings(&gateway, ca.map(PathBuf::as_path));
        let before = place.names("new").len();
        assert_eq!(place.send("-t", MESSAGE).status, 0, "{what}");
        assert_eq!((place.names("new").len(), gateway.posts().len()), (before + 1, 0), "{what}");
        let check = place.send("--check", "");
        assert!(check.status == 1 && check.stdout.contains("certificate"), "{what}: {check:?}");
    }
}

#[test]
fn the_environment_names_no_authorities() {
    let authority = Authority::new();
    authority.issue("good", SERVER, 30);
    let gateway = authority.gateway("good", false);
    let place = Place::new("tls-env");
    place.settings(&gateway, "queue none\n");
    let mut command = place.command(["-t"]);
    command.env("SSL_CERT_FILE", authority.file("ca.crt")).env("SSL_CERT_DIR", authority.file(""));
    assert_eq!((run(command, MESSAGE.as_bytes()).status, gateway.posts().len()), (69, 0));
}

#[test]
fn our_own_certificate_is_shown_where_it_is_wanted() {
    let authority = Authority::new();
    authority.issue("good", SERVER, 30);
    authority.issue("us", "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n", 30);
    let gateway = authority.gateway("good", true);
    let place = Place::new("tls-own");
    let file = |name: &str| authority.file(name).display().to_string();
    let ca = format!("queue none\nca {}\n", file("ca.crt"));
    place.settings(&gateway, &format!("{ca}certificate {}\nkey {}\n", file("us.crt"), file("us.key")));
    assert_eq!(place.send("-t", MESSAGE).status, 0);
    assert_eq!(gateway.taken().len(), 1);
    // TLS 1.3 refuses after the handshake: nothing of the message has been sent by then, so it is certainly not sent.
    place.settings(&gateway, &ca);
    let done = place.send("-t", MESSAGE);
    assert_eq!((done.status, gateway.taken().len()), (69, 1), "{done:?}");
    // An invalid key, or that of another certificate, is a mistake in the settings; the mail is kept.
    for (kept, (key, said)) in (1..).zip([("us.crt", "no private key"), ("good.key", "us.crt and ")]) {
        place
            .settings(&gateway, &format!("ca {}\ncertificate {}\nkey {}\n", file("ca.crt"), file("us.crt"), file(key)));
        let done = place.send("-t", MESSAGE);
        assert!(done.status == 78 && done.stderr.contains(said), "{key}: {done:?}");
        assert_eq!(place.names("new").len(), kept, "{key}");
    }
    let wrong = format!("{ca}certificate {}\nkey {}\n", file("us.crt"), file("good.key"));
    assert_eq!(place.settings(&gateway, &wrong).send("-t", MESSAGE).status, 78, "without a queue, too");
}
