//! `httpd -t`: bad values are refused with the value and the remedy, open locations cause a warning, `.htaccess` has no effect.

use crate::support::{Httpd, Request, Sendmail};

/// Directive with a bad argument -> parts of the complaint.
#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
    ("SendmailName sendmail", &["SendmailName", "'sendmail'", "absolute"]),
    ("SendmailName", &["SendmailName takes one argument"]),
    ("SendmailName /a /b", &["SendmailName takes one argument"]),
    ("SendmailName /a\nSendmailMaildir /b", &["exclude each other"]),
    ("SendmailMaildir Maildir", &["SendmailMaildir", "'Maildir'", "absolute"]),
    ("SendmailArguments", &["SendmailArguments"]),
    ("SendmailArguments -f %{HTTP:X", &["SendmailArguments", "%{HTTP:X", "'}'"]),
    ("SendmailArguments %{nosuchfunction:x}", &["SendmailArguments"]),
    ("SendmailArguments -t -i%{HTTP:X}", &["SendmailArguments: word 2", "choose an option", "of its own"]),
    ("SendmailArguments -%{HTTP:X}", &["SendmailArguments: word 1", "choose an option"]),
    ("SendmailArguments --%{HTTP:X}", &["SendmailArguments: word 1", "choose an option"]),
    ("SendmailArguments -i -bs", &["SendmailArguments: -bs", "recipients", "take it out"]),
    ("SendmailLocation mail.example.org", &["SendmailLocation", "'mail.example.org'", "URL"]),
    ("SendmailLocation ftp://x/", &["SendmailLocation", "'ftp://x/'", "http"]),
    ("SendmailLocation \"https://x/ y\"", &["SendmailLocation", "'https://x/ y'"]),
    ("SendmailDSNLocation %{HTTP:X", &["SendmailDSNLocation", "%{HTTP:X"]),
    ("SendmailDSNRedirect maybe", &["SendmailDSNRedirect must be On or Off"]),
    ("SendmailSenderMail \"\"", &["SendmailSenderMail takes one argument", "variable or expression"]),
    ("SendmailSenderMail %{nosuchfunction:x}", &["SendmailSenderMail"]),
    ("SendmailSenderName \"\"", &["SendmailSenderName takes one argument"]),
    ("SendmailDomain \"exa mple\"", &["SendmailDomain", "exa mple", "letters"]),
    ("SendmailDomain a@b", &["SendmailDomain", "a@b"]),
    ("SendmailTimeout soon", &["SendmailTimeout", "'soon'", "30s"]),
    ("SendmailTimeout 0", &["SendmailTimeout", "'0'", "1ms"]),
    ("SendmailTimeout -5", &["SendmailTimeout", "'-5'"]),
    ("SendmailTimeout 25h", &["SendmailTimeout", "'25h'", "24h"]),
    ("SendmailMaxSize big", &["SendmailMaxSize", "'big'", "25M"]),
    ("SendmailMaxSize 0", &["SendmailMaxSize", "'0'"]),
    ("SendmailMaxSize 99999999999999999999G", &["SendmailMaxSize", "'99999999999999999999G'"]),
    ("SendmailMaxRecipients 0", &["SendmailMaxRecipients", "'0'", "between 1"]),
    ("SendmailMaxRecipients many", &["SendmailMaxRecipients", "'many'"]),
    ("SendmailMaxProcesses -1", &["SendmailMaxProcesses", "'-1'", "between 0"]),
    ("SendmailRecipients", &["SendmailRecipients"]),
    ("SendmailRecipients *.example.org", &["SendmailRecipients", "'*.example.org'", ".example.org"]),
    ("SendmailRecipients a@@b", &["SendmailRecipients", "a@@b"]),
    ("SendmailSenders *.example.org", &["SendmailSenders", "'*.example.org'", ".example.org"]),
    ("SendmailStripHeaders User-Agent", &["SendmailStripHeaders", "'User-Agent'", "+Name"]),
    ("SendmailStripHeaders -Authorization", &["SendmailStripHeaders", "Authorization", "always stays out"]),
    ("SendmailStripHeaders \"+a b\"", &["SendmailStripHeaders", "'a b'"]),
    ("SendmailPassHeaders From:", &["SendmailPassHeaders", "'From:'", "colon"]),
    ("SendmailReceived some", &["SendmailReceived", "'some'", "anonymous"]),
    ("SendmailAllowOrigin www.example.org", &["SendmailAllowOrigin", "'www.example.org'", "https://"]),
    ("SendmailAllowOrigin https://www.example.org/", &["SendmailAllowOrigin", "'https://www.example.org/'", "leave out"]),
    ("SendmailAllowOrigin null", &["SendmailAllowOrigin", "'null'", "sandboxed"]),
    ("SendmailHealthProbe queue", &["SendmailHealthProbe", "'queue'", "absolute"]),
    ("SendmailHealthProbe smtp://u:p@127.0.0.1", &["SendmailHealthProbe", "no password", "smtp://127.0.0.1:25"]),
    ("SendmailHealthProbe smtps://127.0.0.1", &["SendmailHealthProbe", "no TLS"]),
    ("SendmailHealthProbe ftp://127.0.0.1", &["SendmailHealthProbe", "scheme"]),
    ("SendmailHealthProbe /tmp soon", &["SendmailHealthProbe", "'soon'", "30mi"]),
    ("SendmailHealthProbe /tmp 1h more", &["SendmailHealthProbe", "a directory and a time"]),
    ("SendmailLogAddresses some", &["SendmailLogAddresses", "'some'", "domain"]),
    ("SendmailIdempotency claims", &["SendmailIdempotency", "'claims'", "absolute"]),
    ("SendmailIdempotency /nonexistent", &["SendmailIdempotency", "'/nonexistent' is not a directory", "install -d -m 700"]),
    ("SendmailIdempotency /tmp soon", &["SendmailIdempotency", "'soon'", "1mi and 366d"]),
    ("SendmailIdempotency /tmp 30s", &["SendmailIdempotency", "'30s'", "1mi and 366d"]),
    ("SendmailIdempotency dbd 400d", &["SendmailIdempotency", "'400d'", "1mi and 366d"]),
    ("SendmailSuppress maybe", &["SendmailSuppress", "'maybe'", "refuse"]),
    ("SendmailSuppress off after=2", &["SendmailSuppress", "'off'", "refuse"]),
    ("SendmailSuppress refuse after=0", &["SendmailSuppress", "'after=0'", "1 to 100"]),
    ("SendmailSuppress refuse for=soon", &["SendmailSuppress", "'for=soon'", "30d"]),
    ("SendmailSuppress refuse until=2", &["SendmailSuppress", "'until=2'", "after=2"]),
    ("SendmailIdempotency /tmp 7d more", &["SendmailIdempotency", "a directory or dbd"]),
    ("SendmailRateLimit", &["SendmailRateLimit: takes at least one argument"]),
    ("SendmailRateLimit 100", &["SendmailRateLimit", "'100'", "100/1h"]),
    ("SendmailRateLimit 0/1h", &["SendmailRateLimit", "'0/1h'"]),
    ("SendmailRateLimit 100/32d", &["SendmailRateLimit", "'100/32d'", "1s and 31d"]),
    ("SendmailRateLimit 100/1h burst=0", &["SendmailRateLimit", "'burst=0'"]),
    ("SendmailRateLimit 100/1h per=client", &["SendmailRateLimit", "'per=client'", "per=location"]),
    ("SendmailRateLimit 100/1h none", &["SendmailRateLimit", "'none'"]),
    ("SendmailDryRun maybe", &["SendmailDryRun", "'maybe'", "off, request and on"]),
    ("SendmailDryRun", &["SendmailDryRun takes one argument"]),
    ("SendmailRedirectTo", &["SendmailRedirectTo"]),
    ("SendmailRedirectTo a@@b", &["SendmailRedirectTo", "'a@@b'", "staging@example.org", "none"]),
    ("SendmailRedirectTo a@b.org, c@d.org", &["SendmailRedirectTo", "'a@b.org,'"]),
    ("SendmailRedirectTo none a@b.org -t", &["SendmailRedirectTo", "'-t'"]),
    ("SendmailInputs pigeon", &["SendmailInputs", "'pigeon'", "fields, form, mime"]),
    ("SendmailFormTo %{HTTP:X", &["SendmailFormTo", "%{HTTP:X"]),
    ("SendmailFormFrom %{HTTP:X", &["SendmailFormFrom", "%{HTTP:X"]),
    ("SendmailFormSubject %{HTTP:X", &["SendmailFormSubject", "%{HTTP:X"]),
    ("SendmailFormCc a b", &["SendmailFormCc takes one argument"]),
    ("SendmailFormFields to=x", &["SendmailFormFields", "'to'", "reply-to, name, subject"]),
    ("SendmailFormRequire", &["SendmailFormRequire"]),
    ("SendmailFormFiles pdf", &["SendmailFormFiles", "'pdf'", "application/pdf"]),
    ("SendmailFormLanguages languages", &["SendmailFormLanguages", "'languages'", "absolute"]),
    ("SendmailFormLanguages /nonexistent", &["SendmailFormLanguages", "/nonexistent", "No such file"]),
    ("SendmailFormLanguages /usr/lib", &["SendmailFormLanguages", "/usr/lib", "fr.txt"]),
    ("SendmailFormThanks //evil.test", &["SendmailFormThanks", "'//evil.test'", "/thanks.html"]),
    ("SendmailFormThanks thanks.html", &["SendmailFormThanks", "'thanks.html'"]),
    ("SendmailFormTrap hp bite", &["SendmailFormTrap", "'bite'", "page, tag and drop"]),
    ("SendmailChallenge captcha", &["SendmailChallenge", "altcha 100000"]),
    ("SendmailChallenge altcha 0", &["SendmailChallenge", "'0'", "100000"]),
    ("SendmailChallenge altcha 5000 hard", &["SendmailChallenge", "'hard'", "key="]),
    ("SendmailChallenge altcha key=secret", &["SendmailChallenge", "'secret'", "absolute"]),
    ("SendmailChallenge altcha key=/nonexistent", &["SendmailChallenge", "'/nonexistent'", "cannot be read"]),
    ("SendmailChallenge altcha key=/etc/passwd", &["SendmailChallenge", "'/etc/passwd'", "chmod 600"]),
    ("SendmailErrorDetail some", &["SendmailErrorDetail must be On or Off"]),
    ("SendmailEnv 1A=b", &["SendmailEnv", "'1A=b'", "letters, digits and _"]),
    ("SendmailEnv =b", &["SendmailEnv", "'=b'"]),
];

/// One good value per directive, so that no row above fails for another reason.
const GOOD: &str = "SendmailName /usr/sbin/sendmail\nSendmailArguments -t -i -f %{HTTP:X}\nSendmailLocation https://x/y\n\
    SendmailDSNLocation https://x/%{HTTP_HOST}/\nSendmailDSNRedirect off\nSendmailSenderMail REMOTE_USER\nSendmailSenderName AUTHENTICATE_CN\n\
    SendmailDomain example.org\nSendmailTimeout 500ms\nSendmailMaxSize 10M\nSendmailMaxRecipients 1\nSendmailMaxProcesses 0\n\
    SendmailRecipients a@b.org .c.org d.org\nSendmailSenders a@b.org .c.org *\nSendmailStripHeaders +X-* -User-Agent\nSendmailPassHeaders From X-*\nSendmailReceived Off\n\
    SendmailAllowOrigin https://www.example.org *\nSendmailErrorDetail on\nSendmailDryRun Request\nSendmailSuppress drop after=2 for=90d\n\
    SendmailInputs fields form\nSendmailFormTo a@b.org,%{HTTP_HOST}@b.org\nSendmailFormFrom a@b.org\nSendmailFormSubject Hi\nSendmailFormCc a@b.org\n\
    SendmailFormFields reply-to=mail\nSendmailFormRequire mail text\nSendmailFormFiles image/*\nSendmailFormThanks /thanks.html\nSendmailFormTrap hp tag\nSendmailChallenge altcha 5000\n\
    SendmailIdempotency /tmp 30d\nSendmailRateLimit 10/1mi burst=3 per=address\nSendmailRateLimit 1000/1d count=recipients per=location\n\
    SendmailRedirectTo staging@example.org root\nSendmailHealthProbe smtp://127.0.0.1:25\nSendmailLogAddresses Domain\nSendmailEnv A B=c";

/// Written again and again into one folder; each test is a start of httpd.
fn config_test(section: &str) -> crate::support::httpd::ConfigTest {
    Httpd::builder().location("/mail", &format!("SetHandler sendmail\nRequire ip 127.0.0.1\n{section}")).config_test()
}

#[test]
fn a_bad_value_is_refused_with_the_value_and_the_remedy() {
    let languages = concat!("SendmailFormLanguages \"", env!("CARGO_MANIFEST_DIR"), "/conf/languages\"");
    let good = config_test(&format!("{GOOD}\n{languages}"));
    assert!(good.passed, "{}", good.output);
    let mut faults = Vec::new();
    for (section, words) in REFUSED {
        let test = config_test(section);
        let missing: Vec<&&str> = words.iter().filter(|word| !test.output.contains(**word)).collect();
        if test.passed || !missing.is_empty() || !test.output.contains("httpd.conf") {
            faults.push(format!("{section}: passed {}, without {missing:?}: {}", test.passed, test.output));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let tested = |name: &str| REFUSED.iter().any(|(section, _)| section.starts_with(name));
    let names = GOOD.lines().filter_map(|line| line.split(' ').next());
    assert!(names.clone().count() == 39 && names.clone().all(tested), "a row for every directive");
}

#[test]
fn directives_stand_in_server_host_and_section_but_never_in_htaccess() {
    let sendmail = Sendmail::new();
    let builder = Httpd::builder();
    let folder = builder.root().join("htdocs/mail");
    std::fs::create_dir_all(&folder).unwrap();
    let everything = "<Directory \"${ROOT}/htdocs\">\nAllowOverride All\n</Directory>";
    let name = format!("SendmailName \"{}\"", sendmail.program().display());
    let handler =
        "<Directory \"${ROOT}/htdocs/mail\">\nSetHandler sendmail\nSendmailRecipients example.test\n</Directory>";
    let httpd = builder.config(&name).config(everything).config(handler).start();
    Request::mail("/mail/").send(&httpd).expect_status(202);
    for line in GOOD.lines() {
        std::fs::write(folder.join(".htaccess"), format!("{line}\n")).unwrap();
        Request::mail("/mail/").send(&httpd).expect_status(500);
        assert!(httpd.error_log().lines().last().unwrap_or_default().contains("not allowed here"), "{line}");
    }
    assert_eq!(sendmail.take().len(), 1);
    httpd.expect_log("not allowed here");
    httpd.expect_log("SM0809"); // such a file could set the handler where nothing restricts the recipients
}

#[test]
fn the_start_warns_of_open_locations_alone() {
    const OPEN: &str = "SM0801";
    for (section, free) in [
        ("", Some("To and Cc and Bcc")),
        ("Require all granted", Some("To and Cc and Bcc")),
        ("Require all granted\nRequestHeader set To desk@example.org", Some("Cc and Bcc")),
        ("SendmailPassHeaders From To Subject", Some("chooses To")),
        ("SendmailRecipients *", Some("To and Cc and Bcc")),
        ("SendmailRecipients example.org", None),
        ("Require ip 127.0.0.1", None),
        ("Require valid-user", None),
        ("<RequireAny>\nRequire method OPTIONS\nRequire valid-user\n</RequireAny>", None),
        ("RequestHeader set To desk@example.org\nRequestHeader unset Cc\nRequestHeader unset Bcc", None),
        ("RequestHeader set To desk@example.org\nSendmailPassHeaders To From Subject", None),
        ("SendmailArguments -i desk@example.org", None),
        ("Order Deny,Allow\nDeny from all\nAllow from 127.0.0.1", None),
        ("SendmailPassHeaders *", Some("To and Cc and Bcc")),
        ("SendmailPassHeaders \"T\\*\" T*", Some("chooses To")),
        ("Satisfy any\nRequire valid-user", Some("To and Cc and Bcc")),
        ("Satisfy any\nDeny from all\nRequire valid-user", None),
        ("Order allow,deny\nAllow from all", Some("To and Cc and Bcc")),
        ("SendmailArguments -tiv", Some("To and Cc and Bcc")),
        ("SendmailArguments -i \"%{HTTP:X-To}\"", Some("chooses word 2 of SendmailArguments")),
        ("RequestHeader set \"To\" 'desk@example.org'\nRequestHeader unset \"Cc\"\nRequestHeader unset Bcc", None),
    ] {
        let own = format!("SetHandler sendmail\nSendmailName /usr/sbin/sendmail\n{section}");
        let test = Httpd::builder().modules(&["headers", "access_compat"]).location("/open", &own).config_test();
        assert!(test.passed, "{section}: {}", test.output);
        let warned = test.output.contains(OPEN);
        assert_eq!(warned, free.is_some(), "{section}: {}", test.output);
        if let Some(free) = free {
            assert!(test.output.contains("/open") && test.output.contains(free), "{section}: {}", test.output);
            assert!(test.output.contains("SendmailRecipients") && test.output.contains("Require"), "{}", test.output);
        }
    }
}

#[test]
fn the_start_warns_of_what_opens_a_closed_location_and_of_handlers_outside_of_sections() {
    let name = "SendmailName /usr/sbin/sendmail";
    let closed = format!("<Location \"/mail\">\nSetHandler sendmail\n{name}\nRequire valid-user\n</Location>");
    for (config, tag, words) in [
        (closed.clone(), None, ""),
        (format!("{closed}\n<LocationMatch \"^/ma\">\nRequire all granted\n</LocationMatch>"), Some("SM0807"), "/mail"),
        (format!("{closed}\n<LocationMatch \"^/mb\">\nRequire all granted\n</LocationMatch>"), None, ""),
        (format!("{closed}\n<Location \"/\">\nRequire all granted\n</Location>"), Some("SM0801"), "/mail"),
        (format!("<Location \"/\">\nRequire all granted\n</Location>\n{closed}"), None, ""),
        (format!("{name}\nSetHandler sendmail"), Some("SM0807"), "SetHandler \"sendmail\""),
        (format!("{name}\nSetHandler sendmail\n<Location />\nRequire valid-user\n</Location>"), None, ""),
        (format!("{name}\nAddHandler sendmail .mail"), Some("SM0807"), "AddHandler"),
        (
            format!("{name}\nRewriteEngine on\nRewriteRule \"^/mail$\" \"-\" \"[H=sendmail]\""),
            Some("SM0801"),
            "RewriteRule",
        ),
        (format!("{name}\nRewriteEngine on\nRewriteRule ^/mail$ - [H=other]"), None, ""),
        (
            "<Location \"/a \\\"b\\\\\">\nSetHandler sendmail\n</Location>".to_owned(),
            Some("SM0801"),
            r#""/a \\"b\\\\""#,
        ),
    ] {
        let test = Httpd::builder().modules(&["mime", "rewrite"]).config(&config).config_test();
        assert!(test.passed, "{config}: {}", test.output);
        // For the whole server these tests restrict `/` (the folder), and open htdocs.
        let found: Vec<&str> = ["SM0801", "SM0807"].into_iter().filter(|tag| test.output.contains(tag)).collect();
        assert_eq!(found, tag.into_iter().collect::<Vec<_>>(), "{config}: {}", test.output);
        assert!(test.output.contains(words), "{config}: {}", test.output);
    }
}
