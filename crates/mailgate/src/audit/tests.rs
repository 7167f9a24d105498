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
        open.last_mut().unwrap().push(Directive {
            name: name.into(),
            arguments: arguments.into(),
            place: format!("test.conf:{}", number + 1),
            children: Vec::new(),
        });
        if line.starts_with('<') {
            open.push(Vec::new());
        }
    }
    open.pop().unwrap()
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
fn words_are_cut_as_httpd_cuts_them() {
    let directive = Directive { arguments: r#"-t "a b" 'c "d' "e\"f" x"#.into(), ..Directive::default() };
    assert_eq!(directive.words(), ["-t", "a b", "c \"d", "e\"f", "x"]);
}

#[test]
fn the_locations_of_a_handler_are_found_in_every_host() {
    let text = "<Location /a>\nSetHandler processdsn\n</Location>\n<VirtualHost *:80>\n<Location \"/b c/\">\nSetHandler processdsn\n\
                </Location>\n</VirtualHost>\n<Location /d>\nSetHandler sendmail\n</Location>";
    assert_eq!(locations(&tree(text), "processdsn"), ["/a", "/b c/"]);
}
