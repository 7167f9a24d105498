//! The table of hostile requests, row by row on the wire (`support::hostile` says where it is): outcome, mail, answer, log, processes.

mod frames;
mod judge;
mod lives;
mod setup;

use crate::support::hostile::{Expected, Row, rows};
use crate::support::request::Outcome;
use crate::support::{Mpm, h2, skipped};
use judge::{Bench, expected};
use setup::Setup;

/// Rows with their own test below, in `lives` or in `frames`: they need more than one request.
const ELSEWHERE: &[&str] = &["J19", "J22", "K01", "K02", "K03", "K05", "K07"];

/// Rows about the status service, sent by `crate::status`.
pub const ABOUT_STATUS: &[&str] = &["M03", "M04", "M05", "M07", "M10", "M13"];

fn table() -> Option<Vec<Row>> {
    let Some(mut rows) = rows() else {
        skipped("no ../shared/data/hostile-requests.tsv");
        return None;
    };
    // "with request C06", says K04.
    let c06 = rows.iter().find(|row| row.id == "C06").map(|row| (row.head.clone(), row.body.clone()));
    if let Some((head, body)) = c06 {
        rows.iter_mut()
            .filter(|row| row.id == "K04")
            .for_each(|row| (row.head, row.body) = (head.clone(), body.clone()));
    }
    Some(rows)
}

/// The rows that are one HTTP/1.1 request.
fn is_on_the_wire(row: &Row) -> bool {
    !row.is_h2() && !ELSEWHERE.contains(&row.id.as_str()) && !ABOUT_STATUS.contains(&row.id.as_str())
}

/// Every row is tried before the test fails, so that one run shows all faults. Rows with equal set-ups share a server.
fn run(mpm: Mpm, rows: &[&Row], send: impl Fn(&Row, &Bench) -> Outcome, expected: impl Fn(&Row) -> Vec<Expected>) {
    let mut groups: Vec<(Setup, Vec<&Row>)> = Vec::new();
    for row in rows {
        let setup = Setup::of(row);
        match groups.iter_mut().find(|(known, _)| *known == setup) {
            Some((_, group)) => group.push(row),
            None => groups.push((setup, vec![row])),
        }
    }
    let mut faults = Vec::new();
    for (setup, group) in groups {
        let bench = Bench::start(&setup, mpm);
        let tried = group.iter().map(|row| bench.try_row(row, &expected(row), || send(row, &bench)));
        faults.extend(tried.filter_map(Result::err));
        bench.expect_refusals();
    }
    assert!(faults.is_empty(), "{} of {} rows on {mpm:?}:\n{}", faults.len(), rows.len(), faults.join("\n"));
    eprintln!("{} rows on {mpm:?}", rows.len());
}

fn over_http1(row: &Row, bench: &Bench) -> Outcome {
    let mut request = row.request();
    request = request.raw([setup::head(row), row.body.clone()].concat());
    request.with_method(row.written.split(' ').next().unwrap_or_default()).try_send(&bench.httpd)
}

#[test]
fn every_hostile_row_is_sent_by_some_test() {
    let Some(rows) = table() else { return };
    let wire = rows.iter().filter(|row| is_on_the_wire(row)).count();
    let h2 = rows.iter().filter(|row| row.is_h2()).count();
    assert_eq!(wire + h2 + ELSEWHERE.len() + ABOUT_STATUS.len(), rows.len());
    assert!(ABOUT_STATUS.iter().all(|id| rows.iter().any(|row| row.id == *id)));
}

#[test]
fn every_hostile_row_on_event() {
    let Some(rows) = table() else { return };
    let rows: Vec<&Row> = rows.iter().filter(|row| is_on_the_wire(row)).collect();
    assert!(rows.len() >= 115, "{} rows", rows.len());
    run(Mpm::Event, &rows, over_http1, expected);
}

#[test]
fn hostile_framing_on_worker() {
    framing(Mpm::Worker);
}

#[test]
fn hostile_framing_on_prefork() {
    framing(Mpm::Prefork);
}

/// Where a message begins and ends: the lines of the head, the body, the methods.
fn framing(mpm: Mpm) {
    let Some(rows) = table() else { return };
    let rows: Vec<&Row> =
        rows.iter().filter(|row| is_on_the_wire(row) && row.id.starts_with(['A', 'B', 'C', 'D'])).collect();
    run(mpm, &rows, over_http1, expected);
}

/// The rows that HTTP/2 can express. If it refuses one itself, the stream ends.
#[test]
fn hostile_rows_over_http2() {
    let Some(rows) = table() else { return };
    let rows: Vec<&Row> = rows.iter().filter(|row| is_on_the_wire(row) && translate(row).is_some()).collect();
    assert!(rows.len() >= 70, "{} rows", rows.len());
    let send = |row: &Row, bench: &Bench| translate(row).expect("filtered above").send(bench.httpd.address());
    run(Mpm::Event, &rows, send, |row| {
        let mut expected = expected(row);
        if expected.iter().any(|expected| matches!(expected, Expected::Refuse(_))) {
            expected.push(Expected::Drop);
        }
        expected
    });
}

/// A head of clean lines with a body of plain length. Framing, hop-by-hop fields and Expect are HTTP/1.1's own.
fn translate(row: &Row) -> Option<h2::Message> {
    const OWN: [&str; 5] = ["transfer-encoding", "expect", "upgrade", "keep-alive", "proxy-connection"];
    let plain = row.ending == crate::support::request::Ending::Open && row.body.len() < 60_000;
    if !plain || row.id == "C19" {
        return None;
    }
    let head = setup::head(row);
    let head = head.strip_suffix(b"\r\n\r\n")?;
    let mut lines = lines(head).into_iter();
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let [method, path, "HTTP/1.1"] = first.split(' ').collect::<Vec<_>>()[..] else { return None };
    let mut message = h2::Message::post(path.as_bytes(), &[], &row.body).with(":method", method.as_bytes());
    for line in lines {
        let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
        let (name, value) = (std::str::from_utf8(name).ok()?.to_lowercase(), value[1..].trim_ascii());
        let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        match name.as_str() {
            "host" => message = message.with(":authority", value),
            "connection" if value.eq_ignore_ascii_case(b"close") => {}
            "connection" => return None,
            own if OWN.contains(&own) || !token => return None,
            _ => message.fields.push((name.into_bytes(), value.to_vec())),
        }
    }
    path.starts_with('/').then_some(message)
}

/// Split only at CRLF: other line ends in the table stay part of the value.
fn lines(head: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut rest) = (Vec::new(), head);
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}
