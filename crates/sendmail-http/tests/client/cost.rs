//! The processor time that a message costs the sending machine, without TLS.

use std::process::{Command, Stdio};

use super::gateway::Gateway;
use super::place::{PROGRAM, Place, run};

const RUNS: u32 = 100;

#[test]
fn starting_and_sending_costs_less_than_five_milliseconds_of_the_processor() {
    let gateway = Gateway::taking();
    let place = Place::new("cost");
    place.settings(&gateway, "");
    // The shell adds up what its children took (times).
    let script = "i=0; while [ $i -lt \"$3\" ]; do printf 'Subject: x\\n\\nHi\\n' | \"$1\" --config \"$2\" root; i=$((i+1)); done; times";
    let mut shell = Command::new("sh");
    shell.args(["-ec", script, "sh", PROGRAM]).arg(place.file("conf")).arg(RUNS.to_string());
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = run(shell, b"");
    assert_eq!((done.status, gateway.taken().len()), (0, RUNS as usize), "{done:?}");
    // `0m0.12s 0m0.34s`: user and system, of the children in the second line.
    let seconds = |word: &str| {
        word.split_once('m')
            .and_then(|(m, s)| Some(m.parse::<f64>().ok()? * 60.0 + s.trim_end_matches('s').parse::<f64>().ok()?))
    };
    let total: f64 = done.stdout.lines().nth(1).unwrap().split_whitespace().map(|word| seconds(word).unwrap()).sum();
    let each = total * 1000.0 / f64::from(RUNS);
    eprintln!("{each:.2} ms of the processor a message");
    // Unoptimized code is slower; the shell and its printf count, too.
    let limit = if cfg!(debug_assertions) { 25.0 } else { 6.0 };
    assert!(each < limit, "{each:.2} ms a message");
}
