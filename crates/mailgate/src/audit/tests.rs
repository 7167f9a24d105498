//! Open locations are named with the field that makes them open; closed ones are left in peace.

use super::*;

/// The tree of a configuration text, in the form httpd keeps it.
fn tree(text: &str) -> Vec<Directive> {
    let mut open: Vec<Vec<Directive>> = vec![Vec::new()];
    for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
        if line.starts_with("</") {
            let children = open.pop().unwrap();
            open.last_mut().unwrap().last_mut().unwrap().children = children;
            continue;
        }
        let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let arguments = if line.starts_with('<') { arguments.trim_end_matches('>') } else { arguments };
        open.last_mut().unwrap().push(Directive {
            name: name.trim_end_matches('>').into(),
            words: words(arguments),
            place: format!("test.conf:{}", number + 1),
            children: Vec::new(),
        });
        if line.starts_with('<') {
            open.push(Vec::new());
        }
    }
    open.pop().unwrap()
}

/// The words of a line without anything escaped in it; httpd cuts the real ones.
fn words(line: &str) -> Vec<String> {
    let mut quoted = false;
    let cut = line.split(|c: char| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    });
    cut.map(|word| word.trim_matches('"').to_owned()).filter(|word| !word.is_empty()).collect()
}

fn tags(text: &str) -> Vec<&'static str> {
    warnings(&tree(text)).iter().map(|warning| warning.tag.0).collect()
}

/// A location with `inside` in it and `outside` around it.
fn location(outside: &str, inside: &str) -> String {
    format!(
        "{outside}\n<Location \"/mail\">\nSetHandler sendmail\nSendmailName /no/such/program\n{inside}\n</Location>"
    )
}

#[test]
fn an_open_location_is_named_with_the_fields_that_make_it_open() {
    let warnings = warnings(&tree(&location("", "RequestHeader set To a@b.test\nRequestHeader unset CC")));
    let open: Vec<_> = warnings.iter().filter(|warning| *warning.tag == tags::OPEN).collect();
    assert_eq!(open.len(), 1);
    assert!(
        open[0].text.contains("chooses Bcc,") && open[0].text.contains("Location \"/mail\" (test.conf:2)"),
        "{}",
        open[0].text
    );
}

#[test]
fn what_closes_a_location_silences_the_warning() {
    let open = |outside: &str, inside: &str| tags(&location(outside, inside)).contains(&"SM0801");
    assert!(open("", ""));
    for (outside, inside) in [
        ("", "Require valid-user"),
        ("", "Require ip 127.0.0.1"),
        ("", "<RequireAny>\nRequire method OPTIONS\nRequire valid-user\n</RequireAny>"),
        ("", "Order Deny,Allow\nDeny from all\nAllow from 127.0.0.1"),
        ("", "Order Allow,Deny\nAllow from 127.0.0.1"),
        ("", "SSLVerifyClient require"),
        ("SSLVerifyClient require", ""),
        ("<Location />\nRequire host example.org\n</Location>", ""),
        ("", "SendmailRecipients example.org"),
        ("", "RequestHeader set To a@b.test\nRequestHeader unset CC\nRequestHeader unset Bcc"),
        ("", "RequestHeader set To a@b.test\nSendmailPassHeaders To From Subject"),
        ("", "SendmailArguments -i -- boss@example.org"),
        ("", "SendmailMaildir /var/mail/web"),
        ("", "SendmailDryRun on"),
        ("SendmailRedirectTo staging@example.org", ""),
        ("<IfModule mod_authz_core.c>\nRequire local\n</IfModule>", ""),
    ] {
        assert!(!open(outside, inside), "{outside}\n{inside}");
    }
    for (outside, inside) in [
        ("", "Require all granted"),
        ("", "Require method POST"),
        ("Require valid-user", "Require all granted"),
        ("", "<RequireAny>\nRequire all granted\nRequire valid-user\n</RequireAny>"),
        ("", "Order Deny,Allow\nAllow from 127.0.0.1"),
        ("", "SSLVerifyClient optional"),
        ("<Location /other>\nRequire valid-user\n</Location>", ""),
        ("", "SendmailRecipients example.org *"),
        ("", "SendmailDryRun request"),
        ("SendmailRedirectTo staging@example.org", "SendmailRedirectTo none"),
        ("", "RequestHeader set To a@b.test env=x\nRequestHeader unset Cc\nRequestHeader unset Bcc"),
        ("", "<Limit GET>\nRequire valid-user\n</Limit>"),
    ] {
        assert!(open(outside, inside), "{outside}\n{inside}");
    }
}

#[test]
fn what_lets_anybody_in_is_known() {
    let open = |inside: &str| tags(&location("", inside)).contains(&"SM0801");
    for inside in [
        "SendmailPassHeaders *",
        "SendmailPassHeaders From T*\nRequestHeader unset Cc",
        "Satisfy any\nRequire valid-user",
        "Satisfy any\nOrder Deny,Allow\nRequire valid-user",
        "Satisfy any\nOrder Allow,Deny\nAllow from all\nRequire valid-user",
        "Order Allow,Deny\nAllow from all",
        "Deny from 192.0.2.1",
        "Deny from all\nAllow from all",
        "<RequireAll>\nRequire all granted\nRequire not ip 192.0.2.1\n</RequireAll>",
        "<RequireNone>\nRequire valid-user\n</RequireNone>",
        "RequestHeader set To expr=%{HTTP:X-To}\nRequestHeader unset Cc\nRequestHeader unset Bcc",
        "RequestHeader set To %{X_TO}e\nRequestHeader unset Cc\nRequestHeader unset Bcc",
        "SendmailArguments -tiv",
        "SendmailArguments -itf boss@example.org",
        "SendmailArguments --read-recipients",
        "SendmailArguments -i %{HTTP:X-To}",
        "SendmailArguments -i -- u%{HTTP:X-To}",
    ] {
        assert!(open(inside), "{inside}");
    }
    for inside in [
        "SendmailPassHeaders From Subject\nRequestHeader unset Cc",
        "SendmailPassHeaders X-*",
        "Satisfy any\nOrder Deny,Allow\nDeny from all\nRequire valid-user",
        "Satisfy all\nRequire valid-user",
        "Deny from all",
        "<RequireAll>\nRequire all granted\nRequire valid-user\n</RequireAll>",
        "<RequireAll>\n<RequireAny>\nRequire all granted\nRequire host a.test\n</RequireAny>\nRequire local\n</RequireAll>",
        "Require method OPTIONS",
        "Require all denied",
        "SendmailArguments -i -f %{HTTP:X-From} boss@example.org",
        "SendmailArguments -f -t boss@example.org",
    ] {
        assert!(!open(inside), "{inside}");
    }
    let merged = |merging: &str| tags(&location("Require valid-user", &format!("{merging}\nRequire all granted")));
    assert!(!merged("AuthMerging And").contains(&"SM0801") && merged("AuthMerging Or").contains(&"SM0801"));
}

#[test]
fn a_handler_is_found_wherever_it_is_set() {
    for handler in [
        "SetHandler sendmail",
        "AddHandler sendmail .mail",
        "AddType sendmail .mail",
        "ForceType Sendmail",
        "RewriteRule ^/mail$ - [L,H=sendmail]",
        "RewriteRule ^/mail$ - [Handler=sendmail]",
        "RewriteRule ^/mail$ - [T=sendmail]",
    ] {
        for text in [
            format!("SendmailName /no/such/program\n{handler}"),
            format!("SendmailName /no/such/program\n<VirtualHost *:80>\n{handler}\n</VirtualHost>"),
            format!("SendmailName /no/such/program\n<Directory /srv>\n{handler}\n</Directory>"),
            format!("<Location /m>\n<If \"true\">\nSendmailName /no/such/program\n{handler}\n</If>\n</Location>"),
        ] {
            assert!(tags(&text).contains(&"SM0801"), "{text}");
            assert_eq!(tags(&format!("Require valid-user\n{text}")), [] as [&str; 0], "{text}");
            assert_eq!(tags(&text.replace(handler, "SetHandler sendmail-health")), [""; 0], "{text}");
        }
    }
    assert_eq!(tags("SetHandler sendmail\nRequire valid-user"), ["SM0802"]);
    assert_eq!(
        tags("SetHandler sendmail\nRequire valid-user\n<Location /m>\nSendmailName /no/such/program\n</Location>"),
        [""; 0]
    );
}

#[test]
fn a_section_elsewhere_that_lets_anybody_in_is_named() {
    let mail = "<Location /mail>\nSetHandler sendmail\nSendmailName /no/such/program\nRequire valid-user\n</Location>";
    let all = |section: &str| {
        let end = section.split(' ').next().unwrap().replace('<', "</");
        format!("{section}\nRequire all granted\n{end}>")
    };
    for section in [
        "<LocationMatch \"^/ma\">",
        "<LocationMatch \"^/mail/(a|b)$\">",
        "<LocationMatch \"^/mails?$\">",
        "<LocationMatch \"il$\">",
        "<Location ~ \"^/(mail|post)\">",
        "<Location /m*>",
        "<Location /mail/open>",
        "<If \"true\">",
    ] {
        let text = format!("{mail}\n{}", all(section));
        let found = warnings(&tree(&text));
        assert_eq!(found.iter().map(|warning| warning.tag.0).collect::<Vec<_>>(), ["SM0807"], "{text}");
        assert!(found[0].text.contains("(test.conf:6) opens it"), "{}", found[0].text);
        for closed in ["Require valid-user", "SendmailRecipients example.org", "SetHandler none\nRequire all granted"] {
            assert_eq!(tags(&text.replace("Require all granted", closed)), [""; 0], "{closed}: {text}");
        }
    }
    let closed_again =
        format!("{mail}\n{}\n<Location /mail/open>\nRequire valid-user\n</Location>", all("<Location /mail/open>"));
    assert_eq!(tags(&closed_again), [""; 0]);
    let text = format!("{mail}\n{}", all("<Location />"));
    assert_eq!(tags(&text), ["SM0801"], "a later section overrides, also one of a shorter path");
    assert_eq!(tags(&format!("{mail}\n<VirtualHost *:80>\n{}\n</VirtualHost>", all("<Location /mail>"))), ["SM0801"]);
    for section in [
        "<LocationMatch \"^/other\">",
        "<Location /mailbox>",
        "<Location /other/*>",
        "<Directory /var/www>",
        "<FilesMatch \"\\.css$\">",
    ] {
        assert_eq!(tags(&format!("{mail}\n{}", all(section))), [""; 0], "{section}");
    }
    for section in ["<Location />", "<LocationMatch \"^/m\">", "<Location /mail/open>"] {
        let early = format!("{}\n{mail}", all(section));
        assert_eq!(tags(&early), [""; 0], "an earlier section is overridden: {section}");
    }
}

#[test]
fn a_server_whose_htaccess_files_may_choose_the_handler_is_named() {
    let server = |settings: &str, allowed: &str| {
        tags(&format!(
            "SendmailName /no/such/program\n{settings}\n<Directory /srv/www>\nAllowOverride {allowed}\n</Directory>"
        ))
    };
    for allowed in ["All", "AuthConfig FileInfo"] {
        assert_eq!(server("", allowed), ["SM0809"]);
        assert_eq!(server("SendmailRecipients example.org", allowed), [""; 0]);
    }
    assert_eq!(server("<Location />\nRequire valid-user\n</Location>", "All"), [""; 0]);
    assert_eq!(server("", "None"), [""; 0]);
    assert_eq!(server("", "AuthConfig"), [""; 0]);
    let inside = location("", "Require valid-user") + "\n<Directory /srv/www>\nAllowOverride All\n</Directory>";
    assert_eq!(tags(&inside), [""; 0]);
}

#[test]
fn a_virtual_host_and_its_locations_are_judged_together() {
    let host = format!("<VirtualHost *:443>\nSSLVerifyClient require\n{}\n</VirtualHost>", location("", ""));
    assert!(!tags(&host).contains(&"SM0801"));
    assert!(tags(&host.replace("require", "none")).contains(&"SM0801"));
}

#[test]
fn a_missing_program_and_a_lost_bounce_are_named() {
    assert_eq!(tags("<Location /m>\nSetHandler sendmail\nRequire valid-user\n</Location>"), ["SM0802"]);
    let sender =
        |arguments: &str| location("", &format!("Require valid-user\nSendmailSenderMail REMOTE_USER\n{arguments}"));
    assert!(tags(&sender("")).contains(&"SM0803"));
    assert!(!tags(&sender("SendmailArguments -t -i -f bounces@example.org")).contains(&"SM0803"));
}

#[test]
fn arguments_that_would_send_past_a_redirection_are_named() {
    let past = |inside: &str| tags(&location("SendmailRedirectTo staging@example.org", inside)).contains(&"SM0806");
    for arguments in ["-i boss@example.org", "-t -i boss@example.org", "-i %{HTTP:X}", "-t -f%{HTTP:X} root", "-i"] {
        assert!(past(&format!("SendmailArguments {arguments}")), "{arguments}");
        assert!(!past(&format!("SendmailArguments {arguments}\nSendmailRedirectTo none")), "{arguments}");
        assert!(!past(&format!("SendmailArguments {arguments}\nSendmailMaildir /var/mail/web")), "{arguments}");
    }
    for arguments in ["-t -i", "-i -f %{reqenv:SENDMAIL_FROM} --", "-t -fa@example.org -N never"] {
        assert!(!past(&format!("SendmailArguments {arguments}")), "{arguments}");
    }
}

#[test]
fn a_relay_is_a_way_out_and_an_open_one_is_open() {
    let relay =
        |inside: &str| tags(&format!("<Location /m>\nSetHandler sendmail\nSendmailRelay mx:25\n{inside}\n</Location>"));
    assert_eq!(relay("Require valid-user\nSendmailSenderMail REMOTE_USER"), [] as [&str; 0]);
    assert_eq!(relay(""), ["SM0801"]);
    assert_eq!(relay("SendmailArguments -i -- boss@example.org"), ["SM0801"], "a relay knows no arguments");
    let inner = "SendmailMaildir /var/mail/web\n<Location /m>\nSetHandler sendmail\nSendmailRelay mx:25\n</Location>";
    assert_eq!(tags(inner), ["SM0801"]);
    let outer = "SendmailRelay mx:25\n<Location /m>\nSetHandler sendmail\nSendmailMaildir /var/mail/web\n</Location>";
    assert_eq!(tags(outer), [] as [&str; 0]);
}

#[test]
fn a_password_that_no_relay_gets_is_named() {
    let stray = |text: &str| tags(text).contains(&"SM0808");
    let relay = |outer: &str, inner: &str| {
        format!("{outer}\n<Location /m>\nSetHandler sendmail\nRequire valid-user\n{inner}\n</Location>")
    };
    for directive in ["SendmailRelayAuth /a", "SendmailRelayCertificate /a"] {
        assert!(stray(&relay(directive, "SendmailRelay mx:25")));
        for (outer, inner) in [
            ("", "SendmailRelay mx:25\nAUTH"),
            ("SendmailRelay mx:25\nAUTH", ""),
            ("SendmailRelay mx:25", "AUTH"),
            ("SendmailRelay mx:25\nAUTH", "SendmailRelay other:25"),
            ("AUTH", "SendmailRelay mx:25\nAUTH"),
            ("AUTH", "SendmailName /no/such/program"),
        ] {
            let text = relay(&outer.replace("AUTH", directive), &inner.replace("AUTH", directive));
            assert!(!stray(&text), "{text}");
        }
    }
}

#[test]
fn whole_messages_without_keys_are_warned_of() {
    let told = |inside: &str| {
        tags(&format!(
            "<Location /m>\nSetHandler sendmail\nRequire valid-user\nSendmailRelay mx:25\n{inside}\n</Location>"
        ))
    };
    assert_eq!(told("SendmailInputs fields MIME"), ["SM0814"]);
    assert_eq!(told("SendmailInputs mime\nSendmailIdempotency off"), ["SM0814"]);
    for silent in [
        "",
        "SendmailInputs fields",
        "SendmailInputs mime\nSendmailIdempotency /keys",
        "SendmailInputs mime\nSendmailIdempotency dbd",
        "SendmailInputs mime\nSendmailDryRun on",
    ] {
        assert_eq!(told(silent), [] as [&str; 0], "{silent}");
    }
}

#[test]
fn a_field_beside_a_body_that_names_its_own_is_warned_of() {
    let told = |inputs: &str, inside: &str| {
        tags(&format!(
            "<Location /m>\nSetHandler sendmail\nRequire valid-user\nSendmailRelay mx:25\nSendmailIdempotency /keys\nSendmailInputs {inputs}\n{inside}\n</Location>"
        ))
    };
    for inputs in ["mime", "fields resend", "postmark", "SendGrid"] {
        for field in ["set To a@b.test", "append Bcc a@b.test", "set reply-to: a@b.test env=x", "Add From a@b.test"] {
            assert_eq!(told(inputs, &format!("RequestHeader {field}")), ["SM0815"], "{inputs} {field}");
        }
        for silent in ["", "RequestHeader unset To", "RequestHeader set Subject s", "Header set To a@b.test"] {
            assert_eq!(told(inputs, silent), [""; 0], "{inputs} {silent}");
        }
    }
    assert_eq!(told("fields form", "RequestHeader set To a@b.test"), ["SM0812"], "its form has no addresses");
}

#[test]
fn the_locations_of_a_handler_are_found_in_every_host() {
    let text = "<Location /a>\nSetHandler processdsn\n</Location>\n<VirtualHost *:80>\n<Location \"/b c/\">\nSetHandler processdsn\n\
                </Location>\n</VirtualHost>\n<Location /d>\nSetHandler sendmail\n</Location>";
    assert_eq!(conftree::sections::locations(&tree(text), "processdsn"), ["/a", "/b c/"]);
}

#[test]
fn a_form_needs_its_addresses_and_leaves_no_recipient_to_the_client() {
    let form = "SendmailInputs form\nSendmailFormTo a@b.test\nSendmailFormFrom a@b.test";
    assert_eq!(tags(&location("", form)), [""; 0]);
    assert_eq!(tags(&location("", &form.replace("form", "form fields"))), ["SM0801"]);
    let chosen = form.replace("SendmailFormTo a", "SendmailFormTo %{HTTP:X}a");
    assert_eq!(tags(&location("", &chosen)), ["SM0801", "SM0812"]);
    assert_eq!(tags(&location("", &format!("{chosen}\nSendmailRecipients b.test"))), [""; 0]);
    assert_eq!(tags(&location("", &format!("{chosen}\nRequire valid-user"))), ["SM0812"]);
    assert_eq!(tags(&location("", &form.replace("SendmailFormFrom", "SendmailDomain"))), ["SM0812"]);
    assert_eq!(tags(&location("", &format!("{form}\nSendmailFormTrap url tag"))), ["SM0812"]);
    assert_eq!(tags(&location("", &format!("{form}\nSendmailFormTrap hp"))), [""; 0]);
    let challenged = format!("{form}\nSendmailChallenge altcha\nSendmailIdempotency /tmp");
    assert_eq!(tags(&location("", &challenged)), [""; 0]);
    assert_eq!(tags(&location("", &challenged.replace("Idempotency /tmp", "Idempotency off"))), ["SM0812"]);
    assert_eq!(tags(&location("", &challenged.replace("SendmailIdempotency /tmp", ""))), ["SM0812"]);
    let other = challenged.replace("form\n", "form mime\n");
    assert_eq!(tags(&location("", &format!("{other}\nSendmailRecipients b.test"))), ["SM0812"]);
    assert_eq!(tags(&location("", &challenged.replace("altcha", "off").replace("/tmp", "off"))), [""; 0]);
}

#[test]
fn a_place_that_hands_its_mail_to_itself_is_named() {
    let root = std::env::temp_dir().join(format!("mailgate-circle-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let (program, conf) = (root.join("sendmail-http"), root.join("conf"));
    std::fs::write(&program, "").unwrap();
    let circles = |url: &str, inside: &str| {
        std::fs::write(&conf, format!("# url http://localhost/mail\nuser a\nURL \"{url}\"\n")).unwrap();
        let arguments =
            format!("SendmailName {}\nSendmailArguments --config {} -i --", program.display(), conf.display());
        let server = "Listen 80\nListen 127.0.0.1:8080 http\nServerName https://mail.example.org:443\n<VirtualHost *:80>\nServerAlias a.test b.test\n</VirtualHost>";
        tags(&format!(
            "{server}\n<Location /mail/>\nSetHandler sendmail\nRequire valid-user\n{arguments}\n{inside}\n</Location>"
        ))
        .contains(&"SM0813")
    };
    for url in [
        "http://127.0.0.1/mail",
        "http://localhost:8080/mail/",
        "http://[::1]:8080/mail/x?y",
        "https://mail.example.org/mail",
        "http://B.test:99/mail",
    ] {
        assert!(circles(url, ""), "{url}");
    }
    for url in [
        "http://127.0.0.1/",
        "http://127.0.0.1/mailbox",
        "http://127.0.0.1:81/mail",
        "https://localhost/mail",
        "https://other.example.org/mail",
        "nonsense",
    ] {
        assert!(!circles(url, ""), "{url}");
    }
    assert!(!circles("http://127.0.0.1/mail", "SendmailName /bin/true"), "another program");
    let here = "SendmailArguments -t -i\nSendmailEnv A=b \"SENDMAIL_HTTP_URL=https://x.test/ http://127.0.0.1/mail\"";
    assert!(
        circles("https://other.example.org/", here) && !circles("http://127.0.0.1/mail", &here.replace("/mail", "/x"))
    );
    std::fs::remove_dir_all(&root).unwrap();
}
