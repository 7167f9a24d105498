//! What a start warns of: locations that send mail for anybody, senders without a way back, arguments that a mail program takes
//! otherwise than meant. Reads the configuration as httpd parsed it, since what closes a location stands in directives of other modules.
#![forbid(unsafe_code)]

mod forms;

use crate::input::strip::NamePattern;
use crate::policy::Recipients;
use crate::policy::arguments::Addressing;
use crate::policy::redirect;
use crate::tags::{self, Note};
use crate::transport;
use crate::transport::program::arguments::{ProgramArguments, Role, Word};
use crate::transport::program::mta::{self, Mta};
use crate::transport::program::quirks;
use conftree::sections::{Host, Site, flat};
use conftree::{Directive, access};
use std::path::Path;

mod circle;

/// A warning of the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The tag of its log line.
    pub tag: &'static Note,
    /// What is risky, where, and the remedy.
    pub text: String,
}

/// The warnings for every place whose handler is `sendmail`, in each host; none twice.
pub fn warnings(tree: &[Directive]) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    for host in Host::all(tree) {
        let sites = host.sites("sendmail").into_iter().flat_map(|site| site_warnings(tree, &host, site));
        for warning in sites.chain(overridable(&host)) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

fn site_warnings<'t>(tree: &[Directive], host: &Host<'t>, site: Site<'t>) -> Vec<Warning> {
    let scope = Scope { site, lists: host.lists(site, None) };
    let found = [
        scope.open().or_else(|| scope.opened_elsewhere(host)),
        scope.without_transport(host),
        scope.bounces(),
        scope.past_redirection(),
        scope.milters_without_envelope(),
        scope.stray_credentials(),
        scope.circle(tree),
        scope.sent_twice(),
    ];
    found.into_iter().flatten().chain(scope.forms()).chain(scope.arguments_of_program()).collect()
}

/// Settings of a whole server by which an .htaccess file that is allowed to choose a handler makes an open relay.
fn overridable(host: &Host<'_>) -> Option<Warning> {
    let by =
        host.servers().iter().rev().find_map(|list| flat(list).filter(|directive| is_transport(directive)).last())?;
    let site = Site { by, section: None };
    let scope = Scope { site, lists: host.lists_behind_htaccess(site) };
    let chooses = |directive: &&Directive| {
        let chosen = |word: &String| ["all", "fileinfo"].iter().any(|chosen| word.eq_ignore_ascii_case(chosen));
        directive.is("AllowOverride") && directive.words.iter().any(chosen)
    };
    let allows = host.sections().find_map(|section| flat(&section.children).find(chooses))?;
    let free = scope.free().filter(|_| access::is_open(&scope.lists))?;
    Some(Warning {
        tag: &tags::HTACCESS,
        text: format!(
            "{} stands outside of every section, and {} ({}) lets .htaccess files set the handler: whoever may write one may let anybody send mail to \
             anybody ({free}). Move it into the <Location> that sends, or set SendmailRecipients",
            scope.place(),
            allows.name,
            allows.place,
        ),
    })
}

fn is_transport(directive: &Directive) -> bool {
    transport::directives().any(|name| directive.is(name))
}

fn is_store(directive: &Directive) -> bool {
    transport::STORES.iter().any(|store| directive.is(store.directive))
}

/// A place that sends, with every list of directives that applies to it, the outermost first.
struct Scope<'t> {
    site: Site<'t>,
    lists: Vec<&'t [Directive]>,
}

impl<'t> Scope<'t> {
    /// The directive of this name that holds.
    fn setting(&self, name: &str) -> Option<&'t Directive> {
        access::last(&self.lists, name)
    }

    fn place(&self) -> String {
        self.site.section.unwrap_or(self.site.by).shown()
    }

    /// A place that anybody may reach and that writes to anybody.
    fn open(&self) -> Option<Warning> {
        let free = self.free().filter(|_| access::is_open(&self.lists))?;
        Some(Warning {
            tag: &tags::OPEN,
            text: format!("{}: {} Set SendmailRecipients, {OR_FIX}, or Require", self.place(), anybody(&free)),
        })
    }

    /// A section elsewhere that opens some of this place, or may: httpd merges it behind this one, or it covers a part.
    fn opened_elsewhere(&self, host: &Host<'t>) -> Option<Warning> {
        host.meeting(self.site).find_map(|other| {
            let both = Scope { site: self.site, lists: host.lists(self.site, Some(other)) };
            let sends = both.setting("SetHandler").is_none_or(|handler| handler.names_handler("sendmail"));
            let free = both.free().filter(|_| sends && access::is_open(&both.lists))?;
            let text = format!(
                "{}: {} {} opens it where both apply. Set SendmailRecipients, {OR_FIX}, or Require there too",
                self.place(),
                anybody(&free),
                other.shown()
            );
            Some(Warning { tag: &tags::OPENED_ELSEWHERE, text })
        })
    }

    /// Who is written to as the client likes, where nothing else restricts that: the fields and words that it chooses.
    fn free(&self) -> Option<String> {
        if self.is_trial() || self.transport().is_some_and(is_store) {
            return None;
        }
        if !self.writes_to_anybody() {
            return None;
        }
        let is_relay = self.transport().is_some_and(|transport| transport.is("SendmailRelay"));
        let texts = self.words_of_program();
        let words = read(Mta::Unknown, &texts);
        let by_header = is_relay || Addressing::of(&words) != Addressing::Arguments;
        // A form says nothing of who is written to; that says SendmailFormTo.
        let by_request = by_header && !self.takes_forms_alone();
        let fields =
            ["To", "Cc", "Bcc"].into_iter().filter(|field| by_request && !self.is_fixed(field)).map(str::to_owned);
        let roles = texts.iter().zip(words.roles()).enumerate();
        let chosen = roles.filter(|(_, (text, role))| !is_relay && **role == Role::Recipient && text.contains("%{"));
        let chosen = chosen.map(|(at, _)| format!("word {} of SendmailArguments", at + 1));
        let of_forms = self.expressions_of_forms().filter(|_| by_header);
        let free: Vec<String> = fields.chain(chosen).chain(of_forms.map(str::to_owned)).collect();
        (!free.is_empty()).then(|| free.join(" and "))
    }

    /// Whether nothing restricts who may be written to.
    fn writes_to_anybody(&self) -> bool {
        let recipients = self.setting("SendmailRecipients").and_then(|directive| {
            Recipients::parse(&directive.words.iter().map(String::as_str).collect::<Vec<_>>()).ok()
        });
        recipients.is_none_or(|recipients| recipients.is_free())
    }

    /// Whether this way in is offered.
    fn takes(&self, way: &str) -> bool {
        let inputs = self.setting("SendmailInputs");
        inputs.is_some_and(|inputs| inputs.words.iter().any(|word| word.eq_ignore_ascii_case(way)))
    }

    fn takes_forms_alone(&self) -> bool {
        let inputs = self.setting("SendmailInputs");
        inputs.is_some_and(|inputs| inputs.words.iter().all(|word| word.eq_ignore_ascii_case("form")))
    }

    /// Whether nobody gets anything but those whom the server names, or nobody at all.
    fn is_trial(&self) -> bool {
        self.redirects() || self.setting("SendmailDryRun").is_some_and(|dry| dry.first_is("on"))
    }

    fn redirects(&self) -> bool {
        self.setting("SendmailRedirectTo").is_some_and(|to| !to.first_is("none"))
    }

    /// Whether the server decides this field: it sets or unsets it in every request, or lets it not pass.
    fn is_fixed(&self, field: &str) -> bool {
        let covers = |word: &String| NamePattern::parse(word).is_ok_and(|pattern| pattern.matches(field));
        let passed = self.setting("SendmailPassHeaders").is_none_or(|pass| pass.words.iter().any(covers));
        let fixes = |directive: &Directive| {
            let words: Vec<&str> = directive.words.iter().map(String::as_str).collect();
            // A value with %{...} is made of something that the request may say.
            let depends = |word: &&str| {
                ["env=", "expr="].iter().any(|start| word.starts_with(start)) || *word == "early" || word.contains("%{")
            };
            directive.is("RequestHeader")
                && matches!(words.as_slice(), [action, name, rest @ ..]
                    if (action.eq_ignore_ascii_case("set") || action.eq_ignore_ascii_case("unset"))
                        && name.trim_end_matches(':').eq_ignore_ascii_case(field)
                        && !rest.iter().any(depends))
        };
        !passed || self.lists.iter().any(|list| flat(list).any(fixes))
    }

    fn words_of_program(&self) -> Vec<String> {
        self.setting("SendmailArguments")
            .map_or_else(|| vec!["-t".into(), "-i".into()], |directive| directive.words.clone())
    }

    /// The directive that says by what this place sends: of the three that are one setting, the innermost.
    fn transport(&self) -> Option<&'t Directive> {
        self.lists.iter().rev().find_map(|list| flat(list).filter(|directive| is_transport(directive)).last())
    }

    /// The program, where that is the way out.
    fn program(&self) -> Option<&'t Directive> {
        self.transport().filter(|transport| transport.is("SendmailName"))
    }

    /// A section that sends and does not say by what. What a whole server sends by may stand in any section.
    fn without_transport(&self, host: &Host<'_>) -> Option<Warning> {
        let elsewhere =
            self.site.section.is_none() && host.sections().any(|each| flat(&each.children).any(is_transport));
        (self.transport().is_none() && !elsewhere).then(|| Warning {
            tag: &tags::NO_TRANSPORT,
            text: format!(
                "{}: none of {} is set; every message will be refused with 500. Set SendmailName /usr/sbin/sendmail",
                self.place(),
                transport::directives_in_words()
            ),
        })
    }

    /// A sender that is known, and bounces that go to the user httpd runs as.
    fn bounces(&self) -> Option<Warning> {
        self.setting("SendmailSenderMail")?;
        self.program()?;
        let texts = self.words_of_program();
        let words = read(Mta::Unknown, &texts);
        (!words.has('f') && !words.has('r')).then(|| Warning {
            tag: &tags::BOUNCES,
            text: format!(
                "{}: SendmailSenderMail without -f in SendmailArguments: bounces go to the user httpd runs as. Add -f and an address",
                self.place()
            ),
        })
    }

    /// A redirection that the program would not know of.
    fn past_redirection(&self) -> Option<Warning> {
        let texts = self.program().filter(|_| self.redirects()).map(|_| self.words_of_program())?;
        redirect::escape(&read(Mta::Unknown, &texts)).map(|why| Warning {
            tag: &tags::PAST_REDIRECT,
            text: format!(
                "{}: SendmailArguments may send past SendmailRedirectTo: {why}; every message will be refused with 500. Use -t, or -- as the last word, and no recipient",
                self.place()
            ),
        })
    }

    /// Milters, and a program that takes the envelope from the header or from nowhere.
    fn milters_without_envelope(&self) -> Option<Warning> {
        self.setting("SendmailMilter").filter(|milter| !milter.first_is("none"))?;
        let texts = self.program().map(|_| self.words_of_program())?;
        (Addressing::of(&read(Mta::Unknown, &texts)) != Addressing::Appended).then(|| Warning {
            tag: &tags::PROGRAM_WORDS,
            text: format!(
                "{}: SendmailMilter needs an envelope beside the message; every message will be refused with 500. End SendmailArguments \
                 with -- as its last word (-i --), or use SendmailRelay or SendmailMaildir",
                self.place()
            ),
        })
    }

    /// A password or a certificate that was given where no relay is named, and so is not shown to the one that an inner section names.
    fn stray_credentials(&self) -> Option<Warning> {
        let relay = self.transport().filter(|transport| transport.is("SendmailRelay"))?;
        let names_one = |list: &&[Directive]| flat(list).any(is_transport);
        let (before, since) = self.lists.split_at(self.lists.iter().position(names_one)?);
        let stray = ["SendmailRelayAuth", "SendmailRelayCertificate"]
            .iter()
            .find_map(|name| access::last(before, name).filter(|_| access::last(since, name).is_none()))?;
        Some(Warning {
            tag: &tags::UNUSED_CREDENTIALS,
            text: format!(
                "{}: {} ({}) is not used for {} ({}), since a section that names a relay takes over no credentials. Write it beside SendmailRelay",
                self.place(),
                stray.name,
                stray.place,
                relay.name,
                relay.place
            ),
        })
    }

    /// sendmail-http, with this very place for its gateway.
    fn circle(&self, tree: &[Directive]) -> Option<Warning> {
        let program = self.program()?;
        let path = Path::new(program.words.first()?);
        if mta::identify(path) != Mta::SendmailHttp {
            return None;
        }
        let environment = self.lists.iter().flat_map(|list| flat(list)).filter(|directive| directive.is("SendmailEnv"));
        let environment: Vec<&str> = environment.flat_map(|directive| &directive.words).map(String::as_str).collect();
        let url = circle::url_of_itself(tree, self.site.section, &self.words_of_program(), &environment)?;
        Some(Warning {
            tag: &tags::CIRCLE,
            text: format!(
                "{}: {} is sendmail-http, and hands its mail to {url}, which is this place: mail goes round and is never delivered. Set SendmailRelay or another \
                 program",
                self.place(),
                path.display()
            ),
        })
    }

    /// Clients that send whole messages try again after a connection that broke; without keys each try is a message.
    fn sent_twice(&self) -> Option<Warning> {
        let offers = |directive: &&Directive| directive.words.iter().any(|word| word.eq_ignore_ascii_case("mime"));
        self.setting("SendmailInputs").filter(offers)?;
        let is_kept = self.setting("SendmailIdempotency").is_some_and(|keys| !keys.first_is("off"));
        (!is_kept && !self.is_trial()).then(|| Warning {
            tag: &tags::TWICE,
            text: format!(
                "{}: SendmailInputs mime without SendmailIdempotency: a client that hears no answer cannot try again without sending twice. Set \
                 SendmailIdempotency /var/lib/mod_sendmail/claims (install -d -m 700 -o www-data /var/lib/mod_sendmail/claims)",
                self.place()
            ),
        })
    }

    fn arguments_of_program(&self) -> Vec<Warning> {
        let Some(path) = self.program().and_then(|name| name.words.first()) else {
            return Vec::new();
        };
        let words = self.words_of_program();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = |text| Warning { tag: &tags::PROGRAM_WORDS, text: format!("{}: {text}", self.place()) };
        quirks::warnings(mta::identify(Path::new(&path)), &words).into_iter().map(text).collect()
    }
}

fn read(mta: Mta, words: &[String]) -> ProgramArguments<'_> {
    ProgramArguments::read(mta, words.iter().map(|word| Word::of(word)))
}

fn anybody(free: &str) -> String {
    format!(
        "anybody may send mail to anybody here: the client chooses {free}, and nothing restricts who may come (Require, a client certificate) \
         or who may be written to."
    )
}

const OR_FIX: &str = "or RequestHeader set or unset for each of these fields";

#[cfg(test)]
mod tests;
