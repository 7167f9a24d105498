//! A certificate authority of one test, made on the spot by openssl: server and client certificates.

use super::place::Place;
use super::process::{required, run};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Certificates {
    place: Place,
    server: Identity,
}

/// A certificate and its key, PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    pub fn new() -> Self {
        let place = Place::new("certificates");
        self_signed(place.path(), "ca", "/O=mod_sendmail tests/CN=Test CA");
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:gateway.test\nbasicConstraints=critical,CA:FALSE\n";
        let server = issue(place.path(), "server", "/CN=gateway.test", names);
        Self { place, server }
    }

    pub fn authority(&self) -> PathBuf {
        self.place.path().join("ca.crt")
    }

    pub fn server(&self) -> &Identity {
        &self.server
    }

    /// A client certificate for this DN, as openssl writes it: `/CN=Alice/emailAddress=alice@example.test`. UTF-8 passes.
    pub fn client(&self, name: &str, distinguished_name: &str) -> Identity {
        let extensions = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n";
        issue(self.place.path(), name, distinguished_name, extensions)
    }

    /// Like [`Self::client`], but signed only by itself.
    pub fn self_signed(&self, name: &str, distinguished_name: &str) -> Identity {
        self_signed(self.place.path(), name, distinguished_name)
    }
}

fn self_signed(folder: &Path, name: &str, distinguished_name: &str) -> Identity {
    let [key, certificate] = ["key", "crt"].map(|extension| folder.join(format!("{name}.{extension}")));
    let mut command = Command::new(required("openssl", "openssl"));
    command.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "30",
        "-utf8",
        "-subj",
        distinguished_name,
    ]);
    run(command.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    Identity { certificate, key }
}

fn issue(folder: &Path, name: &str, distinguished_name: &str, extensions: &str) -> Identity {
    let path = |extension: &str| folder.join(format!("{name}.{extension}"));
    std::fs::write(path("ext"), extensions).expect("the folder of the tests is writable");
    let openssl = required("openssl", "openssl");
    let mut request = Command::new(&openssl);
    request.args(["req", "-new", "-newkey", "rsa:2048", "-nodes", "-utf8", "-subj", distinguished_name]);
    run(request.arg("-keyout").arg(path("key")).arg("-out").arg(path("csr")));
    let mut sign = Command::new(&openssl);
    sign.args(["x509", "-req", "-days", "30", "-CA"])
        .arg(folder.join("ca.crt"))
        .arg("-CAkey")
        .arg(folder.join("ca.key"));
    sign.args(["-CAcreateserial", "-in"]).arg(path("csr")).arg("-extfile").arg(path("ext"));
    run(sign.arg("-out").arg(path("crt")));
    Identity { certificate: path("crt"), key: path("key") }
}
