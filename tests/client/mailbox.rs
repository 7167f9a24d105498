//! From the command to a mailbox: messages delivered to a Maildir are read over IMAP, by Dovecot and Python's imaplib.

use super::Machine;
use crate::support::place::{Place, am_root};
use crate::support::process::{program, run};
use crate::support::{Httpd, skipped};
use std::process::Command;

const DOVECOT: &str = "\
protocols = imap
ssl = no
log_path = /dev/stderr
base_dir = ROOT/run
state_dir = ROOT/run
mail_location = maildir:MAILDIR
mail_uid = UID
mail_gid = UID
first_valid_uid = 0
first_valid_gid = 0
";

/// What a mail program shows: the subject, the recipients, the text and the file names of each message.
const READ: &str = "\
import email, email.policy, imaplib, json, sys
box = imaplib.IMAP4_stream(sys.argv[1])
box.select()
found = []
for number in box.search(None, 'ALL')[1][0].split():
    mail = email.message_from_bytes(box.fetch(number, '(RFC822)')[1][0][1], policy=email.policy.default)
    found.append([str(mail['Subject']), str(mail['To']), str(mail['Bcc']), mail.get_body(('plain',)).get_content().replace('\\r\\n', '\\n'), [str(d) for d in mail.defects]])
print(json.dumps(found))
";

#[test]
fn what_the_command_was_given_is_what_a_mail_program_shows() {
    if !am_root() || program("doveadm").is_none() {
        return skipped("needs root and dovecot-imapd (tools/packages test)");
    }
    let maildir =
        "SetHandler sendmail\nRequire ip 127.0.0.1\nSendmailInputs mime\nSendmailMaildir \"${ROOT}/run/Maildir\"";
    let httpd = Httpd::builder().location("/mail", maildir).start().allowing("SM0814");
    let machine = Machine::new(&format!("url http://127.0.0.1:{}/mail\n", httpd.port()));
    let text = "Subject: =?utf-8?q?Gr=C3=BCn?=\nTo: root\nBcc: bob@example.test\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                Content-Transfer-Encoding: 8bit\n\nHi th\u{e4}re\n.\nFrom here\n";
    machine.sends("-t -i", text);
    machine.sends("-t -odq -i", "Subject: second\nTo: root\n\nx\n");
    machine.sends("-q", "");

    let place = Place::new("dovecot");
    place.folder("run", 0o755);
    let folder = httpd.root().join("run/Maildir");
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&folder).unwrap());
    let settings = DOVECOT.replace("ROOT", &place.path().display().to_string());
    let settings = settings.replace("MAILDIR", &folder.display().to_string()).replace("UID", &uid.to_string());
    let conf = place.write("dovecot.conf", settings);
    let server = format!("env USER=www-data doveadm -c {} exec imap", conf.display());
    let shown = run(Command::new("python3").args(["-c", READ, &server]));
    let mut shown: Vec<serde_json::Value> = serde_json::from_slice(&shown).expect("the script prints JSON");
    shown.sort_by_key(|mail| mail[0].to_string());
    let expected = serde_json::json!([
        ["Gr\u{fc}n", "root <ops@example.test>", "None", "Hi th\u{e4}re\n.\nFrom here\n", []],
        ["second", "root <ops@example.test>", "None", "x\n", []],
    ]);
    assert_eq!(serde_json::Value::Array(shown), expected);
}
