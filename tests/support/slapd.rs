//! A private slapd on loopback with a few people in dc=example,dc=org. Root is not needed. If AppArmor confines slapd to /var/lib/ldap
//! (Ubuntu; Debian ships no profile), it cannot read its folder, and the failure says so.

use super::deadline::within;
use super::place::{Place, free_port};
use super::process::{exit_of, required, run, signal};
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const BASE: &str = "dc=example,dc=org";
pub const PEOPLE: &str = "ou=people,dc=example,dc=org";
pub const MANAGER: &str = "cn=manager,dc=example,dc=org";
/// Password of everybody.
pub const PASSWORD: &str = "secret";

/// uid, cn, values of mail.
pub const USERS: &[(&str, &str, &[&str])] = &[
    ("alice", "Alice Example", &["alice@example.org"]),
    ("jmueller", "Jürgen Müller", &["juergen@example.org"]),
    ("two", "Two Addresses", &["first@example.org", "second@example.org"]),
    ("nomail", "No Mail", &[]),
    ("comma", "Doe, John \"Jack\"", &["john@example.org"]),
];

pub struct Slapd {
    place: Place,
    process: Child,
    port: u16,
}

impl Slapd {
    #[track_caller]
    pub fn start() -> Self {
        let place = Place::new("slapd");
        let data = place.folder("data", 0o700);
        let root = place.path();
        let modules = ["/usr/lib/ldap", "/usr/lib/openldap", "/usr/lib64/openldap"].map(Path::new);
        // Compiled-in back-ends need no moduleload.
        let module = modules.iter().find(|folder| folder.join("back_mdb.so").exists());
        let module =
            module.map_or(String::new(), |folder| format!("modulepath {}\nmoduleload back_mdb\n", folder.display()));
        let configuration = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n\
             {module}pidfile {0}/slapd.pid\nargsfile {0}/slapd.args\ndatabase mdb\nmaxsize 10485760\nsuffix \"{BASE}\"\nrootdn \"{MANAGER}\"\n\
             rootpw {PASSWORD}\ndirectory {1}\naccess to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n",
            root.display(),
            data.display()
        );
        let configuration = place.write("slapd.conf", configuration);
        let people = place.write("people.ldif", people());
        run(Command::new(required("slapadd", "slapd")).arg("-f").arg(&configuration).arg("-l").arg(people));
        let port = free_port();
        let log = File::create(root.join("log")).expect("the folder of the tests is writable");
        let mut command = Command::new(required("slapd", "slapd"));
        command.arg("-f").arg(&configuration).arg("-h").arg(format!("ldap://127.0.0.1:{port}/"));
        command.args(["-d", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log); // -d: stays in the foreground
        let mut slapd = Self { process: command.spawn().expect("slapd can be run"), place, port };
        let listening = within(Duration::from_secs(20), || {
            let exited = slapd.process.try_wait().expect("slapd is our child").is_some();
            (exited || TcpStream::connect(("127.0.0.1", port)).is_ok()).then_some(!exited)
        });
        assert_eq!(listening, Some(true), "slapd did not start:\n{}", slapd.log());
        slapd
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For AuthLDAPURL: finds people by uid.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}/{PEOPLE}?uid", self.port)
    }

    /// Like [`Self::url`], and httpd fetches these attributes: `&["mail", "cn"]` becomes AUTHENTICATE_MAIL, AUTHENTICATE_CN.
    pub fn url_fetching(&self, attributes: &[&str]) -> String {
        format!("ldap://127.0.0.1:{}/{PEOPLE}?uid,{}", self.port, attributes.join(","))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        signal(self.process.id(), Signal::TERM);
        if exit_of(&mut self.process, Duration::from_secs(10)).is_none() {
            signal(self.process.id(), Signal::KILL);
            let _ = self.process.wait(); // dead by SIGKILL; only the zombie is left
        }
    }
}

/// The directory as LDIF, with passwords in plain text, which slapd accepts.
fn people() -> String {
    let mut ldif = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
         dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n"
    );
    for (uid, name, addresses) in USERS {
        let mail: String = addresses.iter().map(|address| format!("mail: {address}\n")).collect();
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, name);
        ldif += &format!(
            "dn: uid={uid},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn:: {base64}\nsn:: {base64}\n{mail}userPassword: {PASSWORD}\n\n"
        );
    }
    ldif
}
