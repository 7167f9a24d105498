//! What applications send with, unchanged: nodemailer, PHPMailer, git send-email, Java Mail. Each sends plain text, an attachment and Unicode with a
//! password, over plain loopback and over TLS, and shows its user our refusal.

use super::clients::tls;
use super::users;
use crate::json::sdks::installed;
use crate::support::place::{Place, free_port, repository};
use crate::support::process::{program, run};
use crate::support::{Certificates, Httpd, Smtp, oracle, skipped};
use std::path::Path;
use std::process::Command;

/// Sends four messages by this client, given the port and the certificate of the authority or nothing, over both ways.
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
    let Some(sdks) = installed() else { return skipped("nodemailer cannot be installed (tools/sdks)") };
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
    let git = Path::new("/usr/lib/git-core/git-send-email"); // Debian's, which has its modules of Perl
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
