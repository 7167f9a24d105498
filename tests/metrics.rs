//! The counters of a real httpd with several children: through restarts and kills, as Prometheus text read by the Prometheus project's own
//! parser (python3-prometheus-client), and on mod_status's page.

use crate::support::process::{children, signal};
use crate::support::request::Ending;
use crate::support::{Behaviour, Httpd, Mpm, Request, Sendmail, eventually, httpd_config};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(20);

/// Debian's own Python, which its packages need, whatever is first in PATH.
const PYTHON: &str = "/usr/bin/python3";

/// At least four children from the start, each too small for six clients.
fn settings(mpm: Mpm) -> &'static str {
    match mpm {
        Mpm::Prefork => "ServerLimit 32\nStartServers 8\nMinSpareServers 4\nMaxSpareServers 16\nMaxRequestWorkers 32\n",
        Mpm::Event | Mpm::Worker => {
            "ServerLimit 16\nStartServers 4\nThreadsPerChild 2\nThreadLimit 2\nMinSpareThreads 4\nMaxSpareThreads 32\nMaxRequestWorkers 32\n"
        }
    }
}

fn server(mpm: Mpm, sendmail: &Sendmail) -> httpd_config::Builder {
    let builder = Httpd::builder().mpm(mpm).mpm_settings(settings(mpm)).mail(sendmail, "SendmailTimeout 60s");
    builder.location("/metrics", "SetHandler sendmail-metrics\nRequire ip 127.0.0.1")
}

/// The samples of a page, as the parser read them.
struct Samples(Vec<Value>);

impl Samples {
    #[track_caller]
    fn of(httpd: &Httpd) -> Self {
        Samples::parse(&Request::get("/metrics").send(httpd).expect_status(200).text())
    }

    #[track_caller]
    fn parse(page: &str) -> Self {
        let script = "import json, sys\n\
            from prometheus_client.parser import text_string_to_metric_families as read\n\
            rows = [[family.type, family.documentation, s.name, s.labels, s.value] for family in read(sys.stdin.read()) for s in family.samples]\n\
            print(json.dumps(rows))\n";
        let mut python = Command::new(PYTHON);
        python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut python = python.spawn().expect("python3 can be run");
        python.stdin.take().expect("a pipe").write_all(page.as_bytes()).expect("python3 reads");
        let output = python.wait_with_output().expect("python3 ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "(apt-get install python3-prometheus-client) {said}\n{page}");
        Samples(serde_json::from_slice(&output.stdout).expect("json.dumps writes JSON"))
    }

    /// The sum of all samples of this name with this label; `("", "")` for any.
    fn sum(&self, name: &str, label: (&str, &str)) -> u64 {
        let of = |sample: &&Value| sample[2] == name && (label.0.is_empty() || sample[3][label.0] == label.1);
        let values = self.0.iter().filter(of).map(|sample| sample[4].as_f64().expect("a number"));
        values.sum::<f64>().round() as u64
    }

    fn accepted(&self) -> u64 {
        self.sum("sendmail_messages_accepted_total", ("", ""))
    }

    fn refused(&self, tag: &str) -> u64 {
        self.sum("sendmail_refused_total", ("tag", tag))
    }

    fn failed(&self, tag: &str) -> u64 {
        self.sum("sendmail_failed_total", ("tag", tag))
    }

    fn running(&self) -> u64 {
        self.sum("sendmail_programs_running", ("", ""))
    }

    fn timed(&self, outcome: &str) -> u64 {
        self.sum("sendmail_duration_seconds_count", ("outcome", outcome))
    }
}

/// Posts from six clients at once, `each` per client.
fn post(httpd: &Httpd, each: usize, status: u16) {
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| (0..each).for_each(|_| drop(Request::mail("/mail").send(httpd).expect_status(status))));
        }
    });
}

#[test]
fn every_outcome_is_counted_once_over_all_children_of_any_mpm() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::behaving(&Behaviour::new().reads_all().sleeps(Duration::from_millis(60)));
        let httpd = server(mpm, &sendmail).start();
        let before = Samples::of(&httpd);
        assert_eq!((before.accepted(), before.timed("accepted"), before.running()), (0, 0, 0));
        post(&httpd, 4, 202);
        let parents: BTreeSet<u64> = sendmail.messages().iter().map(|run| run.number("ppid")).collect();
        assert!(parents.len() > 1, "several children served: {parents:?}");
        for _ in 0..2 {
            Request::mail("/mail").without("To").send(&httpd).expect_status(400);
        }
        Request::get("/mail").send(&httpd).expect_status(405);
        let cut = Request::mail("/mail").body("a line of text\n".repeat(100));
        let _ = cut.clone().broken_off_after(cut.head_length() + 10, Ending::Half).try_send(&httpd);
        for (exit, status) in [(75, 503), (1, 502), (1, 502)] {
            sendmail.behave(&Behaviour::reads_all_and_exits(exit));
            Request::mail("/mail").send(&httpd).expect_status(status);
        }
        let broken_off = || (Samples::of(&httpd).refused("SM0107") == 1).then_some(());
        eventually("the request that broke off is counted", SECONDS, broken_off);
        let after = Samples::of(&httpd);
        assert_eq!((after.accepted(), after.timed("accepted")), (24, 24), "{mpm:?}");
        assert_eq!(["SM0105", "SM0107", "SM0108"].map(|tag| after.refused(tag)), [2, 1, 1]);
        assert_eq!(["SM0403", "SM0407", "SM0404"].map(|tag| after.failed(tag)), [1, 2, 0]);
        assert_eq!((after.timed("refused"), after.timed("failed"), after.running()), (4, 3, 0));
        let quick = ["0.001", "0.05"].map(|le| after.sum("sendmail_duration_seconds_bucket", ("le", le)));
        assert!(quick[0] <= quick[1] && quick[1] <= 7, "no message took less than the program slept: {quick:?}");
        ["SM0105", "SM0107", "SM0108", "SM0403", "SM0407"].into_iter().for_each(|tag| httpd.expect_log(tag));
    }
}

#[test]
fn the_counters_survive_restarts_and_start_anew_with_httpd() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::new();
        let mut httpd = server(mpm, &sendmail).start();
        post(&httpd, 1, 202);
        httpd.graceful();
        assert_eq!(Samples::of(&httpd).accepted(), 6, "{mpm:?}");
        post(&httpd, 1, 202);
        httpd.restart();
        assert_eq!(Samples::of(&httpd).accepted(), 12, "{mpm:?}");
        post(&httpd, 1, 202);
        httpd.graceful();
        httpd.restart();
        let samples = Samples::of(&httpd);
        assert_eq!((samples.accepted(), samples.timed("accepted"), samples.running()), (18, 18, 0), "{mpm:?}");
        httpd.stop();
        let anew = server(mpm, &sendmail).start();
        assert_eq!(Samples::of(&anew).accepted(), 0);
    }
}

/// The child of httpd that is waiting for a program.
fn busy_child(httpd: &Httpd) -> Option<u32> {
    httpd.children().into_iter().find(|child| !children(*child).is_empty())
}

#[test]
fn a_program_that_runs_is_counted_until_it_or_its_child_is_gone() {
    for mpm in Mpm::ALL {
        let sendmail = Sendmail::behaving(&Behaviour::new().reads_all().hangs());
        let httpd = server(mpm, &sendmail).start();
        let running = |number: u64| {
            let what = format!("{number} run on {mpm:?}");
            eventually(&what, SECONDS, || (Samples::of(&httpd).running() == number).then_some(()));
        };
        std::thread::scope(|scope| {
            let answers = [(); 2].map(|()| scope.spawn(|| Request::mail("/mail").send(&httpd).status));
            running(2);
            eventually("both have written their names", SECONDS, || (sendmail.unfinished() == 2).then_some(()));
            sendmail.unfinished_pids().into_iter().for_each(|pid| signal(pid, Signal::KILL));
            assert_eq!(answers.map(|answer| answer.join().expect("a thread of this test")), [502, 502]);
            running(0);
            httpd.expect_log("SM0407");
            let cut_off = scope.spawn(|| Request::mail("/mail").try_send(&httpd).is_err());
            running(1);
            signal(busy_child(&httpd).expect("a child with a program"), Signal::KILL);
            assert!(cut_off.join().expect("a thread of this test"));
            running(0);
        });
        // A child that ends in a restart also takes its programs out of the count, and the next ones are counted.
        std::thread::scope(|scope| {
            let _ = scope.spawn(|| Request::mail("/mail").try_send(&httpd));
            running(1);
            httpd.signal(Signal::HUP);
            eventually("the program is gone with its child", SECONDS, || {
                sendmail.unfinished_pids().into_iter().for_each(|pid| signal(pid, Signal::KILL));
                busy_child(&httpd).is_none().then_some(())
            });
            running(0);
        });
        httpd.allow_log("SM0407");
        httpd.allow_log("AH00045"); // a child that did not end on SIGTERM is killed
        sendmail.behave(&Behaviour::new().reads_all());
        Request::mail("/mail").send(&httpd).expect_status(202);
        assert_eq!(Samples::of(&httpd).running(), 0);
    }
}

#[test]
fn the_page_of_mod_status_shows_the_counters() {
    let sendmail = Sendmail::new();
    let status = "SetHandler server-status\nRequire ip 127.0.0.1";
    let httpd = server(Mpm::Event, &sendmail).modules(&["status"]).location("/server-status", status).start();
    post(&httpd, 1, 202);
    Request::mail("/mail").without("To").send(&httpd).expect_status(400);
    httpd.expect_log("SM0105");
    let page = |path: &str| Request::get(path).send(&httpd).expect_status(200).text();
    let lines = page("/server-status?auto");
    for line in ["SendmailAccepted: 6", "SendmailRefused: 1", "SendmailRefused-SM0105: 1", "SendmailProgramsRunning: 0"]
    {
        assert!(lines.lines().any(|found| found == line), "{line}\n{lines}");
    }
    let table = page("/server-status");
    assert!(
        table.contains("<h2>mod_sendmail</h2>")
            && table.contains("<td>SM0105 recipient</td><td align=\"right\">1</td>")
    );
    let plain = page("/server-status?notable");
    assert!(plain.contains("accepted  6 ") && !plain.contains("<td>SM0105"), "{plain}");
    assert!([table, plain].iter().all(|page| page.trim_end().ends_with("</body></html>")));
    httpd.graceful();
    let lines = page("/server-status?auto");
    assert_eq!(lines.matches("\nSendmailAccepted: 6\n").count(), 1, "once, also when all is loaded again: {lines}");
}

#[test]
fn the_handler_answers_get_and_head_to_whom_the_configuration_lets_in() {
    let sendmail = Sendmail::new();
    let httpd =
        server(Mpm::Event, &sendmail).location("/closed", "SetHandler sendmail-metrics\nRequire all denied").start();
    let answer = Request::get("/metrics?anything").send(&httpd).expect_status(200);
    assert_eq!(answer.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    let samples = Samples::parse(&answer.text());
    assert!(
        samples
            .0
            .iter()
            .all(|sample| sample[1].as_str().is_some_and(|help| !help.is_empty()) && sample[0] != "unknown")
    );
    let head = Request::new("HEAD", "/metrics").without_length().send(&httpd).expect_status(200);
    assert!(head.body.is_empty() && head.header("Content-Length") == answer.header("Content-Length"));
    for method in ["POST", "PUT", "DELETE"] {
        let refused = Request::new(method, "/metrics").send(&httpd).expect_status(405);
        let allowed: BTreeSet<&str> = refused.header("Allow").unwrap_or_default().split(',').map(str::trim).collect();
        assert!(allowed.is_superset(&BTreeSet::from(["GET", "HEAD"])) && !allowed.contains(method), "{method}");
    }
    Request::get("/closed").send(&httpd).expect_status(403);
    httpd.expect_log("AH01630");
    assert_eq!(sendmail.starts(), 0);
}
