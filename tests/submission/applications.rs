//! The mail clients of applications, unchanged: nodemailer, PHPMailer, git send-email, Java Mail. Each sends plain text, an attachment and
//! Unicode with a password, over plain loopback and over TLS, and shows its user our refusal. What was sent is read over IMAP.

use super::clients::tls;
use super::{submission, users};
use crate::support::daemon::{Daemon, installed as installed_daemon, listens};
use crate::support::place::{Place, free_port, repository};
use crate::support::process::installed;
use crate::support::process::{program, run};
use crate::support::{Certificates, Httpd, Postfix, Smtp, oracle, skipped};
use std::path::Path;
use std::process::Command;

/// Sends four messages by this client, over both connections; the client gets the port, and the authority's certificate or nothing.
fn sends(client: &dyn Fn(&Place) -> Command) {
    for is_tls in [false, true] {
        let (relay, port, certificates) = (Smtp::start(), free_port(), Certificates::new());
        let text = if is_tls { tls(&certificates) } else { "SubmissionLoopbackAuth On".to_owned() };
        let builder = if is_tls { Httpd::builder().modules(&["ssl"]) } else { Httpd::builder() };
        let httpd = users(builder, port, &relay, &format!("{text}\nSendmailRecipients b.test")).start();
        let place = Place::new("application");
        let mut command = client(&place);
        command.arg(port.to_string());
        command.arg(if is_tls { certificates.authority().into_os_string() } else { "".into() });
        let said = run(command.current_dir(place.path()));
        let said = String::from_utf8_lossy(&said).into_owned();
        let [plain, file, unicode, forbidden]: [&str; 4] =
            said.lines().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{said}\n{}", httpd.error_log()));
        assert_eq!([plain, file, unicode], ["sent"; 3], "{said}");
        assert!(
            forbidden.starts_with("refused") && forbidden.contains("x@elsewhere.test may not be written to from here"),
            "{forbidden}"
        );
        let taken = relay.take();
        assert_eq!(taken.len(), 3, "{said}");
        let word = if is_tls { " with ESMTPSA id " } else { " with ESMTPA id " };
        let read: Vec<_> = taken.iter().map(|taken| oracle::read(&unwired(&taken.octets))).collect();
        for (taken, read) in taken.iter().zip(&read) {
            assert!(
                taken.mail.starts_with("MAIL FROM:<a@a.test>") && taken.rcpts == ["RCPT TO:<b@b.test>"],
                "{taken:?}"
            );
            assert_eq!(read.wire_faults(), Vec::<String>::new());
            assert_eq!(read.mailboxes("From")[0].address, "a@a.test");
            assert!(String::from_utf8_lossy(&taken.octets).contains(word));
        }
        let body = |at: usize, part: usize| String::from_utf8_lossy(&read[at].parts()[part].body).trim().to_owned();
        assert_eq!((read[0].subject(), body(0, 0)), (Some("plain"), "Hello".to_owned()));
        assert_eq!((read[1].subject(), body(1, 0)), (Some("file"), "see there".to_owned()));
        let all: Vec<u8> = (0..=255).collect();
        let attachment = &read[1].parts()[1];
        assert_eq!((&attachment.body, attachment.filename.as_deref()), (&all, Some("rechnung.pdf")));
        assert_eq!((read[2].subject(), body(2, 0)), (Some("Grüße 😀"), "Grüße 😀".to_owned()));
        assert_eq!(read[2].mailboxes("From")[0].name, "Jürgen Müller");
    }
}

fn unwired(octets: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(octets).replace("\r\n", "\n").into_bytes()
}

fn script(name: &str) -> std::path::PathBuf {
    repository().join("tests/submission").join(name)
}

#[test]
fn nodemailer_sends_and_shows_our_refusal() {
    let Some(sdks) = installed("sdks") else { return skipped("nodemailer cannot be installed (tools/sdks)") };
    sends(&|_| {
        let mut node = Command::new("node");
        node.arg(script("send_nodemailer.cjs")).env("NODE_PATH", sdks.join("node/node_modules"));
        node
    });
}

#[test]
fn phpmailer_sends_and_shows_our_refusal() {
    let Some(php) = program("php").filter(|_| Path::new("/usr/share/php/libphp-phpmailer").is_dir()) else {
        return skipped("PHPMailer is missing: apt-get install php-cli libphp-phpmailer");
    };
    sends(&|_| {
        let mut command = Command::new(&php);
        command.arg(script("send_phpmailer.php"));
        command
    });
}

#[test]
fn git_send_email_sends_and_shows_our_refusal() {
    let git = Path::new("/usr/lib/git-core/git-send-email"); // Debian's, which has its Perl modules
    if !git.is_file() {
        return skipped("git send-email is missing: apt-get install git-email");
    }
    sends(&|place| {
        let wrapper = place
            .write("send", format!("exec \"{}\" \"$1\" \"$2\" \"{}\"\n", script("send_git").display(), git.display()));
        let mut command = Command::new("sh");
        command.arg(wrapper);
        command
    });
}

#[test]
fn java_mail_sends_and_shows_our_refusal() {
    let (jar, activation) = ("/usr/share/java/javax.mail.jar", "/usr/share/java/javax.activation.jar");
    let Some(javac) = program("javac").filter(|_| Path::new(jar).is_file()) else {
        return skipped("Java Mail is missing: apt-get install libmail-java default-jdk-headless");
    };
    let classes = Place::new("java");
    let path = format!("{jar}:{activation}:{}", classes.path().display());
    run(Command::new(javac).args(["-cp", &path, "-d"]).arg(classes.path()).arg(script("SendJavaMail.java")));
    sends(&|_| {
        let mut java = Command::new("java");
        java.args(["-cp", &path, "SendJavaMail"]);
        java
    });
}

const IMAP: &str = "
import email, email.policy, imaplib, smtplib, sys
from email.message import EmailMessage
smtp_port, imap_port = int(sys.argv[1]), int(sys.argv[2])
message = EmailMessage()
message['From'] = 'Jürgen Müller <user@test.local>'
message['To'] = 'alice@test.local'
message['Subject'] = 'Grüße 😀'
message.set_content('.dot\\nKöln\\n' + 'x' * 2000 + '\\n', cte='8bit')
message.add_attachment(bytes(range(256)), maintype='application', subtype='pdf', filename='rechnung.pdf')
with smtplib.SMTP('127.0.0.1', smtp_port) as smtp:
    smtp.send_message(message)
import time
imap = imaplib.IMAP4('127.0.0.1', imap_port)
imap.login('alice', 'secret')
until = time.monotonic() + 60
while imap.select('INBOX')[1] == [b'0']:
    assert time.monotonic() < until, 'nothing came'
    time.sleep(0.1)
octets = imap.fetch('1', '(RFC822)')[1][0][1]
read = email.message_from_bytes(octets, policy=email.policy.default)
for name in ['From', 'To', 'Subject']:
    assert str(read[name]) == str(message[name]), read[name]
text, file = read.iter_parts()
assert text.get_content().replace('\\r\\n', '\\n') == '.dot\\nKöln\\n' + 'x' * 2000 + '\\n', text.get_content()[:80]
assert file.get_content() == bytes(range(256)) and file.get_filename() == 'rechnung.pdf'
print('read')
";

#[test]
fn what_was_sent_is_read_over_imap() {
    let Some(dovecot) = installed_daemon("dovecot", "dovecot-imapd") else { return };
    let Some(postfix) = Postfix::start() else { return };
    let (port, imap) = (free_port(), free_port());
    let mail = postfix.root().join("mail");
    let _dovecot = Daemon::start(
        &dovecot,
        |folder| {
            let text = format!(
                "base_dir = {0}/run\nstate_dir = {0}/state\nlog_path = {0}/log\nprotocols = imap\nlisten = 127.0.0.1\nssl = no\n\
                 disable_plaintext_auth = no\nmail_location = maildir:{1}/%n\npassdb {{\n driver = static\n args = password=secret\n}}\n\
                 userdb {{\n driver = static\n args = uid=nobody gid=nogroup home=/nonexistent\n}}\n\
                 service imap-login {{\n inet_listener imap {{\n port = {imap}\n }}\n inet_listener imaps {{\n port = 0\n }}\n}}\n",
                folder.display(),
                mail.display()
            );
            std::fs::write(folder.join("conf"), text).unwrap();
            vec!["-F".into(), "-c".into(), folder.join("conf").display().to_string()]
        },
        |_| listens(imap),
    );
    let relay = format!("<Location \"/\">\nRequire local\nSendmailRelay 127.0.0.1:{}\n</Location>", postfix.port());
    let _httpd = submission(Httpd::builder(), port, &relay).start();
    let mut python = Command::new("python3");
    assert_eq!(run(python.args(["-c", IMAP, &port.to_string(), &imap.to_string()])), b"read\n");
}
