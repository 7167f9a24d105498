//! Independent judges: events are verified by the standardwebhooks packages of npm and PyPI and by Resend's SDK, over TLS, with the code
//! that docs/webhooks.md shows. And what must not be reached is not.

use crate::agent;
use crate::databases::{Sqlite, Store};
use crate::place::Place;
use crate::receiver::{Event, Receiver, SECRET, add, secret_file, send, sender};
use crate::report::with_envid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the packages are; `None`, with a note on stderr, if the registries cannot be reached.
fn installed() -> Option<PathBuf> {
    let folder = repository().join("target/sdks");
    let status = Command::new(repository().join("tools/sdks")).arg(&folder).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: the packages cannot be installed (tools/sdks)");
        return None;
    }
    Some(folder)
}

/// The fenced block of docs/webhooks.md in a language.
fn example(language: &str) -> String {
    let page = fs::read_to_string(repository().join("docs/webhooks.md")).expect("the page");
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a block in this language");
    rest.split("```").next().expect("its end").to_owned()
}

fn failed(store: &dyn Store, envid: &str) {
    store.submitted(envid, &format!("{envid}@h.example"), &["a@x.example"]);
    store.deliver(&with_envid(envid).of("a@x.example", "failed", "5.1.1").mail()).exits(0);
}

fn sqlite(place: &Place) -> Sqlite {
    let store = Sqlite(place.file("d.sqlite"));
    store.init();
    store
}

/// Whether a verifier accepts the event, given on stdin as an object with `id`, `timestamp`, `signature` and `body`.
fn verifies(program: &str, script: &str, sdks: &Path, event: &Event, names: &str) -> bool {
    let input = serde_json::json!({
        "id": event.field(&format!("{names}-id")),
        "timestamp": event.field(&format!("{names}-timestamp")),
        "signature": event.field(&format!("{names}-signature")),
        "body": event.body,
    });
    let flag = if program == "node" { "-e" } else { "-c" };
    let mut command = Command::new(program);
    command.args([flag, script]).env("SECRET", SECRET).current_dir(sdks);
    command.env("NODE_PATH", sdks.join("node/node_modules")).env("PYTHONPATH", sdks.join("python"));
    let ended = agent::run(&mut command, input.to_string().as_bytes());
    assert!(matches!(ended.out.trim(), "good" | "forged"), "{program}: {} {}", ended.out, ended.err);
    ended.out.trim() == "good"
}

#[test]
fn events_are_verified_by_the_packages_of_others_and_forged_ones_are_not() {
    let Some(sdks) = installed() else { return };
    let place = Place::new("signatures");
    let store = sqlite(&place);
    let receiver = Receiver::taking();
    add(&store, &place, &receiver.url(), &["--internal"]);
    failed(&store, "env1");
    // While a secret is being changed, both are valid.
    secret_file(&place, &format!("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n{SECRET}"));
    failed(&store, "env2");
    send(&store).exits(0);
    let events = receiver.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].field("content-type"), "application/json");
    let node = "const {Webhook} = require('standardwebhooks'); let i = JSON.parse(require('fs').readFileSync(0));
        const h = {'webhook-id': i.id, 'webhook-timestamp': i.timestamp, 'webhook-signature': i.signature};
        try { new Webhook(process.env.SECRET).verify(i.body, h); console.log('good') } catch { console.log('forged') }";
    let resend = "const {Resend} = require('resend'); let i = JSON.parse(require('fs').readFileSync(0));
        try { const e = new Resend('re_x').webhooks.verify({payload: i.body, webhookSecret: process.env.SECRET,
            headers: {id: i.id, timestamp: i.timestamp, signature: i.signature}});
            console.log(e.type == 'email.bounced' && e.data.bounce.type == 'Permanent' ? 'good' : e) } catch { console.log('forged') }";
    let python = "import json, os, sys\nfrom standardwebhooks.webhooks import Webhook\ni = json.load(sys.stdin)\ntry:
    h = {'webhook-id': i['id'], 'webhook-timestamp': i['timestamp'], 'webhook-signature': i['signature']}
    Webhook(os.environ['SECRET']).verify(i['body'], h)
    print('good')\nexcept Exception:\n    print('forged')";
    for (program, script) in [("node", node), ("node", resend), ("python3", python)] {
        for event in &events {
            for names in ["webhook", "svix"] {
                assert!(verifies(program, script, &sdks, event, names), "{script}: {event:?}");
            }
            let mut forged = event.clone();
            forged.body = event.body.replace("Permanent", "Transient");
            assert_ne!(forged.body, event.body);
            assert!(!verifies(program, script, &sdks, &forged, "webhook"), "{script}");
        }
    }
}

#[test]
fn the_receivers_of_the_page_for_developers_work() {
    let Some(sdks) = installed() else { return };
    for (language, program) in [("js", "node"), ("python", "python3")] {
        let place = Place::new(&format!("page-{language}"));
        let store = sqlite(&place);
        let script = place.file("receiver");
        fs::write(&script, example(language)).expect("written");
        let mut receiver = Command::new(program);
        receiver.arg(&script).env("PORT", "0").env("WEBHOOK_SECRET", SECRET).env("PYTHONUNBUFFERED", "1");
        receiver.env("NODE_PATH", sdks.join("node/node_modules")).env("PYTHONPATH", sdks.join("python"));
        let mut receiver = Running(receiver.stdout(Stdio::piped()).spawn().expect("started"));
        let mut lines = BufReader::new(receiver.0.stdout.take().expect("a pipe")).lines();
        let port = lines.next().expect("a line").expect("text");
        add(&store, &place, &format!("http://127.0.0.1:{port}/"), &["--internal"]);
        failed(&store, "env1");
        assert_eq!(send(&store).exits(0).out, "1 taken, 0 not\n", "{language}");
        assert_eq!(lines.next().expect("a line").expect("text"), "email.bounced a@x.example", "{language}");
        // Another secret is not accepted.
        secret_file(&place, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        failed(&store, "env2");
        let ended = send(&store).exits(0);
        assert_eq!(ended.out, "0 taken, 1 not\n", "{language}");
        ended.complains("400");
    }
}

/// A process that is ended on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const HTTPS: &str = "
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
";

#[test]
fn a_name_that_leads_into_the_own_network_is_not_followed_unless_it_is_meant() {
    let place = Place::new("ssrf");
    let store = sqlite(&place);
    let (certificate, key) = (place.file("c.pem"), place.file("k.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]);
    openssl.args([
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
    ]);
    openssl.arg(&key).arg("-out").arg(&certificate).stderr(Stdio::null());
    assert!(openssl.status().expect("openssl").success());
    let mut server = Command::new("python3");
    server.args(["-c", HTTPS]).arg(&certificate).arg(&key).stdout(Stdio::piped());
    let mut server = Running(server.spawn().expect("python3"));
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let port = line.trim();
    let send = |ca: Option<&Path>| {
        store.sql("UPDATE webhook SET paused_until = 0; UPDATE outbox SET due = 0");
        let mut command = sender(&store);
        if let Some(ca) = ca {
            command.arg("--ca").arg(ca);
        }
        agent::run(&mut command, b"").exits(0)
    };
    for host in ["localhost", "127.0.0.1"] {
        let id = add(&store, &place, &format!("https://{host}:{port}/hooks"), &["--internal"]);
        // It would work otherwise.
        failed(&store, &format!("{host}1"));
        assert_eq!(send(Some(&certificate)).out, "1 taken, 0 not\n", "{host}");
        // A server with an untrusted certificate is sent nothing.
        failed(&store, &format!("{host}2"));
        assert_eq!(send(None).complains("certificate").out, "0 taken, 1 not\n", "{host}");
        assert_eq!(send(Some(&certificate)).out, "1 taken, 0 not\n", "{host}");
        agent::run(store.agent().args(["--webhook", "remove", &id]), b"").exits(0);

        let id = add(&store, &place, &format!("https://{host}:{port}/hooks"), &[]);
        failed(&store, &format!("{host}3"));
        assert_eq!(
            send(Some(&certificate)).complains("loopback").complains("--internal").out,
            "0 taken, 1 not\n",
            "{host}"
        );
        agent::run(store.agent().args(["--webhook", "remove", &id]), b"").exits(0);
    }
    // Other spellings; nobody listens there, so the error text tells.
    for host in
        ["127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "169.254.169.254"]
    {
        let id = add(&store, &place, &format!("https://{host}:{port}/latest/meta-data"), &[]);
        failed(&store, host);
        assert_eq!(send(Some(&certificate)).complains("address").out, "0 taken, 1 not\n", "{host}");
        agent::run(store.agent().args(["--webhook", "remove", &id]), b"").exits(0);
    }
}
