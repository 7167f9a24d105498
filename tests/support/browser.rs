//! A headless Chromium, driven through chromedriver (W3C WebDriver): what a person would see of a page.

use super::deadline::within;
use super::place::{Place, free_port};
use super::process::required;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::panic::AssertUnwindSafe;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: Place,
}

impl Browser {
    #[track_caller]
    pub fn start() -> Self {
        let (port, profile) = (free_port(), Place::new("chromium"));
        let mut command = Command::new(required("chromedriver", "chromium-driver"));
        command.arg(format!("--port={port}")).env("HOME", profile.path()).env("TMPDIR", profile.path());
        let driver = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut browser =
            Self { driver: driver.expect("chromedriver can be run"), port, session: String::new(), _profile: profile };
        let up = within(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
        assert!(up.is_some(), "chromedriver does not answer");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ];
        let binary = required("chromium", "chromium");
        let options = json!({"binary": binary, "args": arguments});
        let answer = browser.call(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}),
        );
        answer["sessionId"].as_str().expect("a session has an id").clone_into(&mut browser.session);
        browser
    }

    pub fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// The value of a JavaScript function body.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The visible text of the page.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Whether pages may run scripts; [`Self::run`] always may.
    pub fn scripts(&self, allowed: bool) {
        self.developer("Emulation.setScriptExecutionDisabled", &json!({"value": !allowed}));
    }

    /// Types into the element with this CSS selector, key by key; a file chooser gets the path of a file.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Clicks the element with this CSS selector.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    fn element(&self, selector: &str) -> String {
        let found = self.command("element", &json!({"using": "css selector", "value": selector}));
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("nothing is {selector}: {}", self.text())).to_owned()
    }

    /// Sets the size of the screen, and light or dark mode.
    pub fn screen(&self, width: u32, height: u32, dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.developer("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.developer("Emulation.setEmulatedMedia", &media);
    }

    /// A screenshot of the page, PNG in base64.
    pub fn picture(&self) -> String {
        let answer = self.developer("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        answer["data"].as_str().expect("a picture").to_owned()
    }

    fn developer(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}/{name}", self.session), body)
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout that is not zero");
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("chromedriver reads");
        // It does not close the connection, whatever it is asked.
        let mut answer = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            answer.read_line(&mut head).expect("chromedriver answers");
            if let Some(value) = head[start..].to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body).expect("chromedriver answers in full");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&body));
        let mut answer: Value = serde_json::from_slice(&body).expect("WebDriver speaks JSON");
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser outlives its driver, so it is told to end; after a failed test this must not fail again.
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| self.call("DELETE", &path, &json!({}))));
            if ended.is_err() {
                eprintln!("chromedriver did not end its browser");
            }
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
