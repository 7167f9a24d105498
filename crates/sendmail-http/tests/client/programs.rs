//! Real programs of Debian, unmodified, with this one as their /usr/sbin/sendmail. Python's email package reads what arrives. Needs root,
//! to mount the command in that place for these programs only.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::gateway::{Gateway, Request};
use super::place::{Done, PROGRAM, Place, am_root, run};

/// A machine whose sendmail is ours.
pub struct Machine {
    pub place: Place,
    pub gateway: Gateway,
}

/// `None` if a program is missing or nothing can be mounted.
pub fn machine(program: &str) -> Option<Machine> {
    let exists = ["/usr/bin", "/usr/sbin"].iter().any(|folder| Path::new(folder).join(program).exists());
    if !am_root() || !exists || !Path::new("/usr/sbin/sendmail").exists() {
        eprintln!("SKIPPED: needs root, /usr/sbin/sendmail to stand in for, and {program} (tools/packages test)");
        return None;
    }
    Some(Machine { place: Place::new("program"), gateway: Gateway::taking() })
}

impl Machine {
    /// Runs a shell script there.
    pub fn run(&self, script: &str, input: &str) -> Done {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-ec"]);
        command
            .arg("mount --bind \"$1\" /usr/sbin/sendmail; exec timeout 30 sh -ec \"$2\"")
            .arg("sh")
            .arg(PROGRAM)
            .arg(script);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.place.path())
            .env("LANG", "C.UTF-8");
        command.env("SENDMAIL_HTTP_URL", &self.gateway.url).env("SENDMAIL_HTTP_DOMAIN", "example.org");
        command.env("SENDMAIL_HTTP_QUEUE", "none").env("SENDMAIL_HTTP_ALIASES", self.place.file("aliases"));
        command.current_dir(self.place.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        run(command, input.as_bytes())
    }

    /// Runs the script; it must succeed, and one message must arrive.
    #[track_caller]
    fn sends(&self, script: &str, input: &str) -> Arrived {
        let done = self.run(script, input);
        assert_eq!(done.status, 0, "{script}: {done:?}");
        Arrived::of(self.gateway.only())
    }
}

/// A message as Python reads it.
pub struct Arrived {
    pub to: String,
    pub from: String,
    fields: serde_json::Value,
    pub raw: String,
}

impl Arrived {
    pub fn of(request: Request) -> Arrived {
        let script = "import email.policy,json,sys\nm=email.message_from_bytes(sys.stdin.buffer.read(),policy=email.policy.default)\n\
                      b=m.get_body(('plain','html'))\n\
                      print(json.dumps({**{k.lower():str(v) for k,v in m.items()},'_body':b.get_content(),'_defects':[str(d) for d in m.defects],\
                      '_files':[a.get_filename() for a in m.iter_attachments()]}))";
        let mut python = Command::new("python3");
        python.arg("-c").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = run(python, &request.body);
        let fields = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?} {}", request.text()));
        let (to, from) = (request.field("envelope-to").to_owned(), request.field("envelope-from").to_owned());
        Arrived { to, from, fields, raw: request.text() }
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn check(&self, to: &str, subject: &str, body: &str) {
        assert_eq!((self.to.as_str(), self.field("subject")), (to, subject), "{}", self.raw);
        assert!(self.field("_body").contains(body), "{}", self.raw);
        assert_eq!(self.fields["_defects"].as_array().map(Vec::len), Some(0), "{}", self.raw);
        for name in ["from", "date", "message-id", "received"] {
            assert_ne!(self.field(name), "", "{name}: {}", self.raw);
        }
        assert!(self.field("bcc").is_empty(), "{}", self.raw);
    }
}

#[test]
fn bsd_mailx() {
    let Some(machine) = machine("bsd-mailx") else { return };
    let arrived = machine.sends("bsd-mailx -s 'Hello there' -b bob@example.net root", "Hi there\n");
    arrived.check("ops@example.org, bob@example.net", "Hello there", "Hi there\n");
    assert_eq!((arrived.from.as_str(), arrived.field("to")), ("root@example.org", "root <ops@example.org>"));
}

#[test]
fn s_nail() {
    let Some(machine) = machine("s-nail") else { return };
    let script = "echo file >a.txt; s-nail -n -S mta=/usr/sbin/sendmail -S sendwait -r peter@example.org -s 'Gr\u{fc}n' -a a.txt wendy@example.net";
    let arrived = machine.sends(script, "Hi th\u{e4}re\n");
    arrived.check("wendy@example.net", "Gr\u{fc}n", "Hi th\u{e4}re\n");
    assert_eq!((arrived.from.as_str(), arrived.fields["_files"][0].as_str()), ("peter@example.org", Some("a.txt")));
}

#[test]
fn mutt() {
    let Some(machine) = machine("mutt") else { return };
    let script = "mutt -n -F /dev/null -e 'set from=peter@example.org use_envelope_from=yes copy=no dsn_notify=failure' \
                  -s 'Gr\u{fc}n' -b bob@example.net -- wendy@example.net";
    let arrived = machine.sends(script, "Hi th\u{e4}re\n");
    arrived.check("wendy@example.net, bob@example.net", "Gr\u{fc}n", "Hi th\u{e4}re\n");
    assert_eq!(machine.gateway.only().field("envelope-notify"), "failure");
}

#[test]
fn git_send_email() {
    let Some(machine) = machine("git") else { return };
    let script = "git init -q .; git config user.name 'Pet\u{e9}r'; git config user.email peter@example.org; echo a >a; git add a; git commit -qm 'add a'
                  git send-email --quiet --sendmail-cmd=/usr/sbin/sendmail --envelope-sender=peter@example.org --confirm=never \
                  --suppress-cc=all --to=wendy@example.net --root -1";
    let done = machine.run(script, "");
    if done.stderr.contains("'send-email' is not a git command") {
        return eprintln!("SKIPPED: needs git-email");
    }
    assert_eq!(done.status, 0, "{done:?}");
    let arrived = Arrived::of(machine.gateway.only());
    arrived.check("wendy@example.net", "[PATCH] add a", "+a\n");
    assert_eq!((arrived.from.as_str(), arrived.field("from")), ("peter@example.org", "Pet\u{e9}r <peter@example.org>"));
}

#[test]
fn php_mail() {
    let Some(machine) = machine("php") else { return };
    let code = "exit(mail('wendy@example.net', 'Hello there', \"Hi\\r\\nthere\\n\", ['From' => 'peter@example.org', 'Bcc' => 'bob@example.net'], \
                '-fbounce@example.org') ? 0 : 1);";
    fs::write(machine.place.file("mail.php"), format!("<?php {code}")).unwrap();
    // As Debian ships it: no sendmail_path, which means /usr/sbin/sendmail -t -i.
    let arrived = machine.sends("php -n mail.php", "");
    arrived.check("wendy@example.net, bob@example.net", "Hello there", "Hi\nthere\n");
    assert!(arrived.from == "bounce@example.org" && !arrived.raw.contains('\r'), "{}", arrived.raw);
}

#[test]
fn perl_email_sender() {
    let Some(machine) = machine("perl") else { return };
    let code = "use Email::Sender::Simple 'sendmail'; use Email::Sender::Transport::Sendmail;\n\
                sendmail(\"To: wendy\\@example.net\\nSubject: Hello there\\n\\nHi\\n.\\nthere\\n\", {transport => Email::Sender::Transport::Sendmail->new,\n\
                from => 'peter@example.org', to => ['wendy@example.net', 'bob@example.net']});\n";
    fs::write(machine.place.file("send.pl"), code).unwrap();
    let done = machine.run("perl send.pl", "");
    if done.stderr.contains("Can't locate Email/Sender") {
        return eprintln!("SKIPPED: needs libemail-sender-perl");
    }
    assert_eq!(done.status, 0, "{done:?}");
    Arrived::of(machine.gateway.only()).check("wendy@example.net, bob@example.net", "Hello there", "Hi\n.\nthere\n");
}

#[test]
fn ruby_mail() {
    let Some(machine) = machine("ruby") else { return };
    let code = "require 'mail'\nMail.defaults { delivery_method :sendmail }\n\
                Mail.deliver { from 'peter@example.org'; to 'wendy@example.net'; bcc 'bob@example.net'; subject 'Gr\u{fc}n'; body \"Hi\\n.\\nthere\\n\" }\n";
    fs::write(machine.place.file("send.rb"), code).unwrap();
    let done = machine.run("ruby send.rb", "");
    if done.stderr.contains("cannot load such file -- mail") {
        return eprintln!("SKIPPED: needs ruby-mail");
    }
    assert_eq!(done.status, 0, "{done:?}");
    Arrived::of(machine.gateway.only()).check("wendy@example.net, bob@example.net", "Gr\u{fc}n", "Hi\n.\nthere\n");
}

#[test]
fn python_as_django_and_odoo_do_it() {
    let Some(machine) = machine("python3") else { return };
    let code = "import subprocess\nfrom email.message import EmailMessage\nm=EmailMessage()\nm['From']='peter@example.org'\nm['To']='wendy@example.net'\n\
                m['Subject']='Gr\u{fc}n'\nm.set_content('Hi th\u{e4}re\\n')\nm.add_attachment(b'\\0'*100,maintype='application',subtype='x',filename='a.bin')\n\
                subprocess.run(['/usr/sbin/sendmail','-t','-oi'],input=m.as_bytes(),check=True)\n";
    fs::write(machine.place.file("send.py"), code).unwrap();
    let arrived = machine.sends("python3 send.py", "");
    arrived.check("wendy@example.net", "Gr\u{fc}n", "Hi th\u{e4}re\n");
    assert_eq!(arrived.fields["_files"][0], "a.bin");
}

#[test]
fn symfony_mailer_by_bs() {
    let Some(machine) = machine("php") else { return };
    // The transport that Laravel and Symfony call "sendmail": /usr/sbin/sendmail -bs.
    let code = "<?php require '/usr/share/php/Symfony/Component/Mailer/autoload.php'; use Symfony\\Component\\Mime\\Email;\n\
                $m = new Symfony\\Component\\Mailer\\Mailer(Symfony\\Component\\Mailer\\Transport::fromDsn('sendmail://default'));\n\
                foreach (['wendy', 'bob'] as $to) $m->send((new Email())->from('peter@example.org')->to(\"$to@example.net\")->subject('Gr\u{fc}n')->text(\"Hi\\n.\\nthere\\n\"));";
    fs::write(machine.place.file("mail.php"), code).unwrap();
    let done = machine.run("php mail.php", "");
    if done.stdout.contains("Failed opening required") || done.stderr.contains("Failed opening required") {
        return eprintln!("SKIPPED: needs php-symfony-mailer");
    }
    assert_eq!(done.status, 0, "{done:?}");
    let taken = machine.gateway.taken();
    assert_eq!(taken.len(), 2, "two messages in one session");
    Arrived::of(taken[0].clone()).check("wendy@example.net", "Gr\u{fc}n", "Hi\n.\nthere\n");
    Arrived::of(taken[1].clone()).check("bob@example.net", "Gr\u{fc}n", "Hi\n.\nthere\n");
}

#[test]
fn nodemailer() {
    let Some(machine) = machine("node") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let modules = root.join("target/sdks/node/node_modules");
    let status = Command::new(root.join("tools/sdks")).arg(root.join("target/sdks")).status();
    if !status.is_ok_and(|status| status.success()) {
        return eprintln!("SKIPPED: nodemailer cannot be installed (tools/sdks)");
    }
    let code = "const m = require('nodemailer').createTransport({sendmail: true, path: '/usr/sbin/sendmail'});\n\
                m.sendMail({from: 'Pet\u{e9}r <peter@example.org>', to: 'wendy@example.net', bcc: 'bob@example.net', subject: 'Gr\u{fc}n',\n\
                text: 'Hi\\n.\\nth\u{e4}re', attachments: [{filename: 'a.txt', content: 'file'}]}).catch(e => { console.error(e); process.exit(1) });\n";
    fs::write(machine.place.file("send.cjs"), code).unwrap();
    let arrived = machine.sends(&format!("NODE_PATH={} node send.cjs", modules.display()), "");
    arrived.check("wendy@example.net, bob@example.net", "Gr\u{fc}n", "Hi\n.\nth\u{e4}re");
    assert_eq!((arrived.from.as_str(), arrived.fields["_files"][0].as_str()), ("peter@example.org", Some("a.txt")));
}

#[test]
fn alpine_by_bs() {
    let Some(machine) = machine("alpine") else { return };
    // A person at a terminal, who presses each key when the screen asks for it.
    let code = "import os,pty,select,time\n\
                pid,fd=pty.fork()\n\
                if pid==0:\n  os.environ.update(TERM='vt100',LINES='40',COLUMNS='100')\n\
                \x20 os.execvp('alpine',['alpine','-p','pinerc','-url','mailto:wendy@example.net?subject=Hello%20there&body=Hi%20there'])\n\
                out=b''; end=time.time()+25\n\
                def wait(*words):\n  global out\n  while not any(w in out for w in words):\n\
                \x20   assert time.time()<end, out[-500:]\n    try:\n      if select.select([fd],[],[],.1)[0]: out+=os.read(fd,4096)\n    except OSError: return\n  out=b''\n\
                wait(b'Message Text'); wait(b'To Spell',b'Hi there'); os.write(fd,b'\\x18'); wait(b'Send message'); os.write(fd,b'y'); wait(b'sent')\n\
                os.kill(pid,9)\n";
    fs::write(machine.place.file("type.py"), code).unwrap();
    let settings =
        "personal-name=Peter\nuser-domain=example.org\ninbox-path=inbox\ndefault-fcc=\"\"\nlast-version-used=9.99\n";
    fs::write(machine.place.file("pinerc"), settings).unwrap();
    fs::write(machine.place.file("inbox"), "").unwrap();
    machine.sends("python3 type.py", "").check("wendy@example.net", "Hello there", "Hi there");
}

#[test]
fn a_program_hears_what_the_gateway_says() {
    let Some(mut machine) = machine("bsd-mailx") else { return };
    machine.gateway = Gateway::doing(super::gateway::Answer::problem(400, "after-correction", "SM0408"));
    let done = machine.run("php -n -r 'exit(mail(\"wendy@example.net\", \"x\", \"y\") ? 0 : 1);'", "");
    assert!(done.status == 1 && done.stderr.contains("the gateway's word"), "{done:?}");
    let done = machine.run("bsd-mailx -s x wendy@example.net", "y\n");
    assert!(done.status != 0 || done.stderr.contains("refused"), "{done:?}");
}
