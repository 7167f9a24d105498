//! The main job on real input: each row of [`table`] is posted, and Python's email package must read what the row expects from the one
//! message that reached the program; every message obeys the wire rules.

mod refused;
pub mod row;
pub mod table;

use crate::support::{Httpd, Mpm, Recorded, Request, Response, Sendmail, oracle};
use row::Post;

/// How a row is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Http1,
    Http2,
}

fn server(mpm: Mpm, sendmail: &Sendmail) -> Httpd {
    let builder = Httpd::builder().mpm(mpm).mail(sendmail, "SendmailDomain example.test");
    // mod_http2 warns about prefork, where HTTP/2 is not asked for.
    let h2 = mpm != Mpm::Prefork;
    if h2 { builder.modules(&["http2"]).config("Protocols h2c http/1.1").start() } else { builder.start() }
}

/// Every row is tried before the test fails, so that one run shows all faults.
fn run_table(mpm: Mpm, over: Over) {
    let sendmail = Sendmail::new();
    let httpd = server(mpm, &sendmail);
    let rows = table::rows();
    assert!(rows.len() >= 65, "only {} rows", rows.len());
    // Over HTTP/2 a body without a length is 411 (`hostile::frames`).
    let fits = |request: Request| over == Over::Http1 || request.fits_h2() && !request.is_chunked();
    let rows: Vec<&Post> = rows.iter().filter(|row| fits(row.request())).collect();
    assert!(rows.len() >= 60, "only {} rows over {over:?}", rows.len());
    let faults: Vec<String> = rows.iter().filter_map(|row| deliver(&httpd, &sendmail, row, over).err()).collect();
    assert!(
        faults.is_empty(),
        "{} of {} rows over {over:?} on {mpm:?}:\n{}",
        faults.len(),
        rows.len(),
        faults.join("\n")
    );
    assert_eq!(httpd.stray_files(), Vec::<std::path::PathBuf>::new());
    assert_eq!((sendmail.commits(), sendmail.starts()), (rows.len(), 0), "one program and one message a row");
}

fn deliver(httpd: &Httpd, sendmail: &Sendmail, row: &Post, over: Over) -> Result<(), String> {
    let request = row.request();
    let response = if over == Over::Http2 { request.send_h2(httpd) } else { request.send(httpd) };
    let recorded = sendmail.messages();
    let judgement = judge(row, &response, &recorded).map_err(|fault| format!("- {}: {fault}", row.name));
    sendmail.take();
    judgement
}

fn judge(row: &Post, response: &Response, recorded: &[Recorded]) -> Result<(), String> {
    if response.status != 202 {
        return Err(format!("{} {}", response.status, response.text().chars().take(300).collect::<String>()));
    }
    let [message] = recorded else { return Err(format!("{} messages", recorded.len())) };
    let parsed = oracle::read_file(&message.file);
    let mut faults = row.faults(&parsed, &message.text());
    faults.extend(parsed.wire_faults());
    if response.header("X-Message-ID").is_none() || parsed.message_id() != Some(response.message_id()) {
        faults.push(format!(
            "X-Message-ID {:?}, Message-ID {:?}",
            response.header("X-Message-ID"),
            parsed.message_id()
        ));
    }
    if !message.committed || message.arguments() != ["-t", "-i"] {
        faults.push(format!("committed {}, arguments {:?}", message.committed, message.arguments()));
    }
    let head: String = message.text().split("\n\n").next().unwrap_or_default().chars().take(1500).collect();
    if faults.is_empty() { Ok(()) } else { Err(format!("{}\n{head}\n", faults.join("; "))) }
}

#[test]
fn every_post_arrives_as_it_was_sent_on_event() {
    run_table(Mpm::Event, Over::Http1);
}

#[test]
fn every_post_arrives_as_it_was_sent_on_worker() {
    run_table(Mpm::Worker, Over::Http1);
}

#[test]
fn every_post_arrives_as_it_was_sent_on_prefork() {
    run_table(Mpm::Prefork, Over::Http1);
}

#[test]
fn every_post_arrives_as_it_was_sent_over_http2() {
    run_table(Mpm::Event, Over::Http2);
}

/// The limit is one of the body, if that is sent unchanged.
#[test]
fn a_message_of_any_size_around_the_spool_border_arrives_whole() {
    const BORDER: usize = 256 * 1024;
    let sendmail = Sendmail::new();
    let httpd = server(Mpm::Event, &sendmail);
    let send = |body: Vec<u8>| {
        Request::mail("/mail").body(body.clone()).send(&httpd).expect_status(202);
        let [message]: [Recorded; 1] = sendmail.take().try_into().ok().expect("one message a request");
        assert!(message.committed && message.stdin.ends_with(&body), "a body of {} octets", body.len());
        message
    };
    let (mut pipes, mut files) = (0, 0);
    for total in BORDER - 20..BORDER + 20 {
        let message = send(lines(total));
        if message.stdin_is_pipe() { pipes += 1 } else { files += 1 }
    }
    assert!(pipes > 0 && files > 0, "both ways were taken: {pipes} pipes, {files} files");
}

/// Exactly this many octets of 7-bit text with a final line end: it is sent unchanged.
fn lines(octets: usize) -> Vec<u8> {
    let mut body: Vec<u8> =
        b"a line of text that any program takes as it is\n".iter().copied().cycle().take(octets).collect();
    if let Some(last) = body.last_mut() {
        *last = b'\n';
    }
    body
}
