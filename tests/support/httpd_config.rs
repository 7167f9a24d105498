//! A test's settings for its httpd -> httpd.conf. `${ROOT}`, `${PORT}` and `${TLS_PORT}` can be used in every text of a test.

use super::artifacts::artifacts;
use super::certificates::Certificates;
use super::httpd::{ConfigTest, Httpd};
use super::place::{Place, am_root, free_port, give};
use super::process::{required, run};
use super::sendmail::Sendmail;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// ServerName of every test server, and so the domain of its Message-IDs.
pub const SERVER_NAME: &str = "gateway.test";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mpm {
    Event,
    Prefork,
    Worker,
}

impl Mpm {
    pub const ALL: [Mpm; 3] = [Mpm::Event, Mpm::Prefork, Mpm::Worker];

    fn module(self) -> &'static str {
        match self {
            Mpm::Event => "mpm_event",
            Mpm::Prefork => "mpm_prefork",
            Mpm::Worker => "mpm_worker",
        }
    }

    /// Small, with room for the old generation during a graceful restart.
    fn settings(self) -> &'static str {
        match self {
            Mpm::Event | Mpm::Worker => {
                "ServerLimit 8\nStartServers 1\nThreadsPerChild 16\nThreadLimit 16\nMinSpareThreads 1\nMaxSpareThreads 128\nMaxRequestWorkers 32\n"
            }
            Mpm::Prefork => {
                "ServerLimit 64\nStartServers 2\nMinSpareServers 1\nMaxSpareServers 32\nMaxRequestWorkers 32\n"
            }
        }
    }
}

/// A module of httpd and those that must be loaded before it.
const REQUIRES: &[(&str, &[&str])] = &[
    ("auth_basic", &["authn_core", "authz_core"]),
    ("authnz_ldap", &["ldap", "auth_basic"]),
    ("authz_dbd", &["dbd"]),
    ("deflate", &["filter"]),
    ("proxy_ajp", &["proxy"]),
    ("proxy_balancer", &["proxy", "slotmem_shm"]),
    ("proxy_http", &["proxy"]),
    ("proxy_http2", &["proxy_http", "http2"]),
    ("ssl", &["socache_shmcb"]),
];

/// Loaded in every server unless compiled in: `Require` and other basics of every configuration.
const BASIC: &[&str] =
    &["unixd", "log_config", "version", "authn_core", "authz_core", "authz_host", "authz_user", "env", "setenvif"];

pub struct Builder {
    place: Place,
    mpm: Mpm,
    mpm_settings: Option<String>,
    modules: Vec<String>,
    loads: Vec<String>,
    with_mod_sendmail: bool,
    log_level: Option<String>,
    server: String,
    tls: Option<String>,
    environment: BTreeMap<String, String>,
    launcher: Vec<String>,
    port: u16,
    tls_port: u16,
}

impl Builder {
    pub fn new() -> Self {
        Self {
            place: Place::new("httpd"),
            mpm: Mpm::Event,
            mpm_settings: None,
            modules: Vec::new(),
            loads: Vec::new(),
            with_mod_sendmail: true,
            log_level: None,
            server: String::new(),
            tls: None,
            environment: BTreeMap::new(),
            launcher: Vec::new(),
            port: free_port(),
            tls_port: free_port(),
        }
    }

    pub fn mpm(mut self, mpm: Mpm) -> Self {
        self.mpm = mpm;
        self
    }

    /// Replaces the small defaults.
    pub fn mpm_settings(mut self, text: &str) -> Self {
        self.mpm_settings = Some(text.to_owned());
        self
    }

    /// Modules of httpd by name (`headers`, `http2`), with what they need; naming one twice does no harm.
    pub fn modules(mut self, names: &[&str]) -> Self {
        self.modules.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// A module that is not part of httpd.
    pub fn load(mut self, symbol: &str, file: &Path) -> Self {
        self.loads.push(format!("LoadModule {symbol} \"{}\"\n", file.display()));
        self
    }

    /// A server that neither builds nor loads mod_sendmail.
    pub fn without_mod_sendmail(mut self) -> Self {
        self.with_mod_sendmail = false;
        self
    }

    /// LogLevel of the server; default `info`, and `debug` for our module.
    pub fn log_level(mut self, text: &str) -> Self {
        self.log_level = Some(text.to_owned());
        self
    }

    /// Text at server level.
    pub fn config(mut self, text: &str) -> Self {
        self.server.push_str(text);
        self.server.push('\n');
        self
    }

    /// `<Location path>` with this text.
    pub fn location(self, path: &str, text: &str) -> Self {
        self.config(&format!("<Location \"{path}\">\n{text}\n</Location>"))
    }

    /// `/mail` as the manual recommends it: our handler, only this host, this program, and the test's own lines.
    pub fn mail(self, sendmail: &Sendmail, text: &str) -> Self {
        let name = sendmail.program().display().to_string();
        self.location("/mail", &format!("SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailName \"{name}\"\n{text}"))
    }

    /// A name-based virtual host on the plain port. The first one also takes the requests to unknown hosts.
    pub fn virtual_host(self, name: &str, text: &str) -> Self {
        self.config(&format!("<VirtualHost 127.0.0.1:${{PORT}}>\nServerName {name}\n{text}\n</VirtualHost>"))
    }

    /// A virtual host with TLS on its own port; `text` can ask for client certificates of the same CA.
    pub fn tls(mut self, certificates: &Certificates, text: &str) -> Self {
        let certificate = certificates.server();
        self.modules.push("ssl".to_owned());
        self.tls = Some(format!(
            "SSLEngine on\nSSLCertificateFile \"{}\"\nSSLCertificateKeyFile \"{}\"\nSSLCACertificateFile \"{}\"\n{text}",
            certificate.certificate.display(),
            certificate.key.display(),
            certificates.authority().display(),
        ));
        self
    }

    /// Sets a variable of httpd's environment, which otherwise holds only PATH, LANG and TMPDIR.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Words before the httpd command: `prlimit --nproc=40`, `valgrind ...`.
    pub fn launcher(mut self, words: &[&str]) -> Self {
        self.launcher = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The folder of the server, for files that must exist before it starts (`htdocs/`, `logs/`, `tmp/`, `run/`).
    pub fn root(&self) -> &Path {
        self.place.path()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// On this port, where another server was.
    pub fn at(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts and waits until it serves; a server that does not start fails the test with its output.
    #[track_caller]
    pub fn start(self) -> Httpd {
        self.try_start().unwrap_or_else(|words| panic!("httpd did not start:\n{words}"))
    }

    /// Like [`Self::start`], for servers that must not start: returns httpd's output on stderr and in its log.
    pub fn try_start(self) -> Result<Httpd, String> {
        self.lay_out();
        let command = self.command();
        Httpd::launch(self.place, command, self.port, self.tls_port)
    }

    /// `httpd -t`, nothing started.
    pub fn config_test(&self) -> ConfigTest {
        self.lay_out();
        ConfigTest::run(self.command().arg("-t"))
    }

    fn lay_out(&self) {
        for (folder, permissions) in [("htdocs", 0o755), ("logs", 0o755), ("run", 0o755), ("tmp", 0o700)] {
            let path = self.place.folder(folder, permissions);
            if folder != "htdocs" {
                give(&path, "www-data");
            }
        }
        self.place.write("httpd.conf", self.text());
    }

    fn command(&self) -> Command {
        let root = self.place.path();
        // setsid(1) execs in place since a spawned process leads no group: the pid stays, and prefork's last
        // signal to its whole process group does not reach the tests.
        let mut command = Command::new(required("setsid", "util-linux"));
        command.args(&self.launcher).arg(httpd_program());
        command.arg("-d").arg(root).arg("-f").arg(root.join("httpd.conf")).current_dir(root);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C");
        command.env("TMPDIR", root.join("tmp")).envs(&self.environment);
        command
    }

    fn text(&self) -> String {
        let root = self.place.path().display();
        let (port, tls_port) = (self.port, self.tls_port);
        let mut text = format!("Define ROOT \"{root}\"\nDefine PORT {port}\nDefine TLS_PORT {tls_port}\n");
        text.push_str(&self.load_lines());
        let user = if am_root() { "User www-data\nGroup www-data\n" } else { "" };
        let settings = self.mpm_settings.as_deref().unwrap_or(self.mpm.settings());
        let usual = if self.with_mod_sendmail { "info sendmail:debug" } else { "info" };
        let level = self.log_level.as_deref().unwrap_or(usual);
        write!(
            text,
            "ServerRoot \"{root}\"\nDefaultRuntimeDir \"{root}/run\"\nPidFile \"{root}/run/httpd.pid\"\nMutex \"file:{root}/run\" default\n\
             ErrorLog \"{root}/logs/error.log\"\nLogLevel {level}\nDocumentRoot \"{root}/htdocs\"\nServerName {SERVER_NAME}\n\
             Listen 127.0.0.1:{port}\nTimeout 10\nKeepAlive On\nKeepAliveTimeout 2\nGracefulShutdownTimeout 10\n\
             {user}{settings}\n<Directory />\nAllowOverride None\nRequire all denied\n</Directory>\n\
             <Directory \"{root}/htdocs\">\nRequire all granted\n</Directory>\n{}\n",
            self.server
        )
        .expect("a String takes everything");
        if let Some(tls) = &self.tls {
            let cache = format!("SSLSessionCache \"shmcb:{root}/run/ssl_cache(65536)\"");
            let opening = format!("{cache}\nListen 127.0.0.1:{tls_port}\n<VirtualHost 127.0.0.1:{tls_port}>");
            write!(text, "{opening}\nServerName {SERVER_NAME}\n{tls}\n</VirtualHost>\n")
                .expect("a String takes everything");
        }
        text
    }

    fn load_lines(&self) -> String {
        let mut ordered = Vec::new();
        let wanted = self.modules.iter().map(String::as_str);
        for name in [self.mpm.module()].into_iter().chain(BASIC.iter().copied()).chain(wanted) {
            require(name, &mut ordered);
        }
        let modules = ordered.iter().filter_map(|name| {
            let file = modules_folder().join(format!("mod_{name}.so"));
            let optional = BASIC.contains(name); // may be compiled in
            (file.exists() || !optional).then(|| format!("LoadModule {name}_module \"{}\"\n", file.display()))
        });
        let own = self.with_mod_sendmail.then(|| {
            let module = &artifacts().module;
            format!("LoadModule sendmail_module \"{}\"\n", module.display())
        });
        modules.chain(own).chain(self.loads.iter().cloned()).collect()
    }
}

fn require<'a>(name: &'a str, ordered: &mut Vec<&'a str>) {
    if ordered.contains(&name) {
        return;
    }
    for &needed in REQUIRES.iter().find(|row| row.0 == name).map_or(&[][..], |row| row.1) {
        require(needed, ordered);
    }
    ordered.push(name);
}

/// `apxs -q LIBEXECDIR`.
pub fn modules_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| PathBuf::from(apxs("LIBEXECDIR")))
}

/// The server that apxs belongs to.
pub fn httpd_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| PathBuf::from(apxs("SBINDIR")).join(apxs("PROGNAME")))
}

fn apxs(question: &str) -> String {
    let answer = run(Command::new(required("apxs", "apache2-dev")).args(["-q", question]));
    String::from_utf8(answer).expect("apxs answers paths").trim().to_owned()
}
