//! The OpenAPI description agrees with the server, according to independent tools.

use super::{INPUTS, post};
use crate::life::is_long;
use crate::support::process::{installed, run};
use crate::support::{Httpd, Request, Sendmail, skipped};
use serde_json::Value;
use std::process::{Command, Stdio};

const OPENAPI: &str = "application/vnd.oai.openapi+json";

#[test]
fn what_is_offered_is_described_by_valid_openapi() {
    let Some(folder) = installed("sdks") else { return skipped("the judges cannot be installed (tools/sdks)") };
    let sendmail = Sendmail::new();
    for location in ["/mail", "/"] {
        let name = sendmail.program().display().to_string();
        let section = format!("SetHandler sendmail\nSendmailName \"{name}\"\nRequire ip 127.0.0.1\n{INPUTS} mime");
        let httpd = Httpd::builder().location(location, &section).start().allowing("SM0814");
        let path = format!("{}/openapi.json", location.trim_end_matches('/'));
        let answer = Request::get(&path).send(&httpd).expect_status(200);
        assert_eq!(answer.header("Content-Type"), Some(OPENAPI));
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        let url = format!("http://gateway.test:{}{}", httpd.port(), location.trim_end_matches('/'));
        assert_eq!(document["servers"][0]["url"], url.as_str());
        let asked = Request::options(location).header("Accept", OPENAPI).send(&httpd).expect_status(200);
        assert_eq!(asked.body, answer.body);
        let wadl = Request::options(location).send(&httpd).expect_status(200);
        assert_eq!(wadl.header("Content-Type"), Some("application/vnd.sun.wadl+xml"));
        let file = httpd.root().join("openapi.json");
        std::fs::write(&file, &answer.body).unwrap();
        let judge = "import json, sys, openapi_spec_validator as judge; judge.validate(json.load(open(sys.argv[1])), cls=judge.OpenAPIV31SpecValidator)";
        let python = |script: &str| {
            let mut command = Command::new("python3");
            command.args(["-c", script]).arg(&file).env("PYTHONPATH", folder.join("judges")).stdin(Stdio::null());
            command
        };
        run(&mut python(judge));
        std::fs::write(&file, document.to_string().replacen("\"responses\"", "\"answers\"", 1)).unwrap();
        assert!(!python(judge).stderr(Stdio::null()).status().unwrap().success(), "the judge can refuse");
        // Every path in it exists, and no other spelling does.
        for (path, methods) in document["paths"].as_object().unwrap() {
            let path = format!("{}{}", location.trim_end_matches('/'), path.replace("{id}", "x"));
            if methods.get("post").is_some() {
                assert_ne!(post(&path, "").send(&httpd).status, 405, "{path}");
            } else {
                assert_ne!(Request::get(&path).send(&httpd).status, 405, "{path}");
            }
        }
        httpd.allow_log("SM01");
    }
    assert_eq!(sendmail.starts(), 0);
}

#[test]
fn schemathesis_finds_no_answer_that_contradicts_the_description() {
    if !is_long() {
        return skipped("schemathesis: MOD_SENDMAIL_LONG=1");
    }
    let Some(folder) = installed("sdks") else { return skipped("the judges cannot be installed (tools/sdks)") };
    let sendmail = Sendmail::new();
    let httpd = Httpd::builder().mail(&sendmail, &format!("{INPUTS} mime")).start();
    let base = format!("http://127.0.0.1:{}/mail", httpd.port());
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";
    let schemathesis = |schema: &str, examples: &str| {
        let mut command = Command::new("python3");
        command.args(["-m", "schemathesis.cli", "run", schema, "--url", &base, "--checks", checks, "--seed", "1"]);
        command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", examples]).current_dir(httpd.root());
        command.env("PYTHONPATH", folder.join("judges")).env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
        command
    };
    let url = format!("{base}/openapi.json");
    run(&mut schemathesis(&url, "200"));
    assert!(!sendmail.take().is_empty(), "some of what it sends is a mail");
    // A description that omits one status is found wrong.
    let document = Request::get("/mail/openapi.json").send(&httpd).expect_status(200);
    let mut document: Value = serde_json::from_slice(&document.body).unwrap();
    document["paths"]["/emails"]["post"]["responses"].as_object_mut().unwrap().remove("422").unwrap();
    let file = httpd.root().join("wrong.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let mut wrong = schemathesis(&file.display().to_string(), "20");
    assert!(!wrong.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    httpd.allow_log("SM0");
}
