//! `-bs` as Symfony, Laravel and alpine use it: a dialogue over stdin and stdout.

use super::gateway::{Answer, Gateway};
use super::place::Place;

const DIALOGUE: &str = "EHLO [127.0.0.1]\r\nMAIL FROM:<peter@example.org>\r\nRCPT TO:<wendy@example.net>\r\nRCPT TO:<root>\r\nDATA\r\n\
                        Subject: Hello\r\nTo: wendy@example.net\r\nBcc: bob@example.net\r\n\r\nHi\r\n..\r\nthere\r\n.\r\nQUIT\r\n";

/// The codes of the replies.
fn codes(stdout: &str) -> Vec<&str> {
    stdout.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

#[test]
fn a_message_by_smtp_is_the_same_as_one_on_stdin() {
    for words in ["-bs", "-bs -i", "-bs -odb -oem"] {
        let gateway = Gateway::taking();
        let place = Place::new("bs");
        place.settings(&gateway, "");
        let done = place.send(words, DIALOGUE);
        assert_eq!((done.status, done.stderr.as_str()), (0, ""), "{done:?}");
        assert_eq!(codes(&done.stdout), ["220", "250", "250", "250", "250", "354", "250", "221"], "{done:?}");
        let request = gateway.only();
        assert_eq!(
            (request.field("envelope-from"), request.field("envelope-to")),
            ("peter@example.org", "wendy@example.net, ops@example.org")
        );
        let text = request.text();
        assert!(text.ends_with("\n\nHi\n.\nthere\n") && !text.contains("bob") && !text.contains('\r'), "{text}");
        assert!(text.contains("From: peter@example.org\n") && text.contains("Message-ID: <"), "{text}");
    }
}

#[test]
fn several_messages_in_one_session_are_several_requests() {
    let gateway = Gateway::taking();
    let place = Place::new("bs");
    place.settings(&gateway, "");
    let two = DIALOGUE.replace("QUIT\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@example.net> NOTIFY=NEVER\r\nDATA\r\nSubject: two\r\n\r\n.\r\n\
        MAIL FROM:<a@example.org> RET=HDRS ENVID=abc\r\nRCPT TO:<a@example.net> NOTIFY=FAILURE\r\nRCPT TO:<b@example.net>\r\nRSET\r\nQUIT\r\n");
    let done = place.send("-bs", two);
    assert_eq!(
        codes(&done.stdout),
        [
            "220", "250", "250", "250", "250", "354", "250", "250", "250", "354", "250", "250", "250", "452", "250",
            "221"
        ],
        "{done:?}"
    );
    let taken = gateway.taken();
    assert_eq!((taken.len(), taken[1].field("envelope-from"), taken[1].field("envelope-notify")), (2, "<>", "never"));
    assert_ne!(taken[0].field("idempotency-key"), taken[1].field("idempotency-key"));
}

#[test]
fn the_gateways_word_is_the_reply_and_what_is_queued_is_taken() {
    for (act, code, queued) in [
        (Answer::problem(400, "after-correction", "SM0101"), "554", 0),
        (Answer::problem(400, "after-correction", "SM0105"), "550", 0),
        (Answer::problem(503, "yes", "SM0406"), "250", 1),
        (Answer::html(401), "250", 1),
    ] {
        let gateway = Gateway::doing(act);
        let place = Place::new("bs");
        place.settings(&gateway, "");
        let done = place.send("-bs", DIALOGUE);
        assert_eq!((codes(&done.stdout)[6], place.names("new").len(), done.status), (code, queued, 0), "{done:?}");
        place.settings(&gateway, "queue none\n");
        let done = place.send("-bs", DIALOGUE);
        assert_eq!(codes(&done.stdout)[6], if code == "250" { "451" } else { code }, "{done:?}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_has_sent_nothing() {
    let gateway = Gateway::taking();
    let place = Place::new("bs");
    place.settings(&gateway, "");
    assert_eq!(place.send("-bs", DIALOGUE).status, 0);
    for end in ["Hi\r\n..\r\nthere\r\n.\r\nQUIT\r\n", "there\r\n.\r\nQUIT\r\n", ".\r\nQUIT\r\n", "\r\nQUIT\r\n"] {
        let cut = DIALOGUE.strip_suffix(end).unwrap();
        assert_eq!(place.send("-bs", cut).status, 0);
    }
    assert_eq!((gateway.posts().len(), place.names("new").len()), (1, 0));
}

#[test]
fn batch_smtp_is_silent_and_tells_by_its_status() {
    let gateway = Gateway::taking();
    let place = Place::new("bS");
    place.settings(&gateway, "");
    let lines = DIALOGUE.replace("\r\n", "\n");
    let done = place.send("-bS", &lines);
    assert_eq!((done.status, done.stdout.as_str(), gateway.taken().len()), (0, "", 1), "{done:?}");
    let refusing = Gateway::doing(Answer::problem(400, "after-correction", "SM0101"));
    place.settings(&refusing, "");
    assert_eq!(place.send("-bS", &lines).status, 65);
}

#[test]
fn pythons_smtplib_understands_the_replies() {
    // smtplib over the pipes, like a program with its own SMTP client.
    let gateway = Gateway::taking();
    let place = Place::new("bs");
    place.settings(&gateway, "");
    let script = "import smtplib,subprocess,sys\np=subprocess.Popen(sys.argv[1:],stdin=subprocess.PIPE,stdout=subprocess.PIPE)\n\
                  class S(smtplib.SMTP):\n  def send(self,s):\n    p.stdin.write(s if isinstance(s,bytes) else s.encode('ascii')); p.stdin.flush()\n\
                  s=S(); s.sock=object(); s.file=p.stdout\nassert s.getreply()[0]==220\n\
                  assert s.sendmail('a@example.org',['b@example.net'],'Subject: x\\n\\n.\\nHi\\n')=={}\nassert s.docmd('QUIT')[0]==221\nassert p.wait()==0\n";
    let mut python = std::process::Command::new("python3");
    python.arg("-c").arg(script).arg(super::place::PROGRAM).arg("--config").arg(place.file("conf")).arg("-bs");
    python
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let done = super::place::run(python, b"");
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(gateway.only().text().ends_with("\n\n.\nHi\n"), "{}", gateway.only().text());
}
