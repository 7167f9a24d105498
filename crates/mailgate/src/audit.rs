//! What a start warns of: locations that send mail for anybody, senders without a way back, arguments that a mail program takes
//! otherwise than meant. Reads the configuration as httpd parsed it, since what closes a location stands in directives of other modules.
#![forbid(unsafe_code)]

use crate::policy::Recipients;
use crate::policy::arguments::Addressing;
use crate::policy::redirect;
use crate::tags::{self, Note};
use crate::transport::program::mta;
use std::path::Path;

/// A directive of the configuration; one with `children` is a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Its name as it was written, `<Location` for a section.
    pub name: String,
    /// The rest of the line.
    pub arguments: String,
    /// Where it stands, `file:line`.
    pub place: String,
    /// What stands inside.
    pub children: Vec<Directive>,
}

/// A warning of the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The tag of its log line.
    pub tag: &'static Note,
    /// What is risky, where, and the remedy.
    pub text: String,
}

/// The warnings for every section whose handler is `sendmail`, one of a kind per section.
pub fn warnings(tree: &[Directive]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    visit(tree, &[], &mut warnings);
    warnings
}

/// Walks the sections; `outer` are the lists of directives that apply around `tree`, the innermost last.
fn visit<'t>(tree: &'t [Directive], outer: &[&'t [Directive]], warnings: &mut Vec<Warning>) {
    let mut around = outer.to_vec();
    around.push(tree);
    for section in flat(tree).filter(|directive| is_section(directive)) {
        let sends = flat(&section.children).any(|inner| {
            (inner.is("SetHandler") || inner.is("AddHandler"))
                && inner.words().first().is_some_and(|word| word == "sendmail")
        });
        if sends {
            let mut scope = Scope { section, lists: around.clone() };
            scope.lists.extend(covering(section, &around));
            scope.lists.push(&section.children);
            let found = [scope.open(), scope.without_transport(), scope.bounces(), scope.past_redirection()];
            warnings.extend(found.into_iter().flatten());
            warnings.extend(scope.arguments_of_program());
        }
        visit(&section.children, &around, warnings);
    }
}

/// The paths of the `<Location>` sections that this handler serves.
pub fn locations(tree: &[Directive], handler: &str) -> Vec<String> {
    let sections = flat(tree).filter(|directive| is_section(directive));
    sections.fold(Vec::new(), |mut paths, section| {
        if section.is("<Location") && section.has_handler(handler) {
            paths.extend(section.words().into_iter().filter(|word| word.starts_with('/')));
        }
        paths.extend(locations(&section.children, handler));
        paths
    })
}

/// The sections beside `section` whose path lies above its own: httpd merges them first.
fn covering<'t>(section: &Directive, around: &[&'t [Directive]]) -> Vec<&'t [Directive]> {
    if !section.is("<Location") {
        return Vec::new();
    }
    let path = section.words().concat();
    let above = |directive: &&Directive| {
        let other = directive.words().concat();
        let other = other.trim_end_matches('/');
        directive.is("<Location")
            && path.strip_prefix(other).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
    };
    around.iter().flat_map(|list| flat(list).filter(above)).map(|directive| directive.children.as_slice()).collect()
}

/// The directives of a list, those in containers that do not make a section of their own (`<IfModule>`, `<RequireAny>`) included.
fn flat(list: &[Directive]) -> impl Iterator<Item = &Directive> {
    let mut open: Vec<std::slice::Iter<'_, Directive>> = vec![list.iter()];
    std::iter::from_fn(move || {
        loop {
            let directive = match open.last_mut()?.next() {
                Some(directive) => directive,
                None => {
                    open.pop();
                    continue;
                }
            };
            let container = directive.name.starts_with('<') && !is_section(directive);
            let foreign = directive.is("<Limit") && !directive.words().iter().any(|word| word == "POST")
                || directive.is("<LimitExcept") && directive.words().iter().any(|word| word == "POST");
            if container && !foreign {
                open.push(directive.children.iter());
            }
            return Some(directive);
        }
    })
}

fn is_section(directive: &Directive) -> bool {
    SECTIONS.iter().any(|section| directive.is(section))
}

const SECTIONS: &[&str] = &[
    "<VirtualHost",
    "<Location",
    "<LocationMatch",
    "<Directory",
    "<DirectoryMatch",
    "<Files",
    "<FilesMatch",
    "<Proxy",
    "<ProxyMatch",
    "<If",
    "<ElseIf",
    "<Else",
];

const TRANSPORTS: &[&str] = &["SendmailName", "SendmailMaildir", "SendmailRelay"];

impl Directive {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether a section names this handler.
    fn has_handler(&self, handler: &str) -> bool {
        flat(&self.children).any(|inner| {
            (inner.is("SetHandler") || inner.is("AddHandler"))
                && inner.words().first().is_some_and(|word| word == handler)
        })
    }

    /// The arguments as httpd cuts them into words: blanks, quotes of both kinds, a backslash before a quote; `>` of a section dropped.
    fn words(&self) -> Vec<String> {
        let line = self.arguments.trim();
        let line = if self.name.starts_with('<') { line.trim_end_matches('>') } else { line };
        let (mut words, mut rest) = (Vec::new(), line.chars().peekable());
        while let Some(first) = rest.next_if(|_| true) {
            if first.is_whitespace() {
                continue;
            }
            let quote = Some(first).filter(|quote| matches!(quote, '"' | '\''));
            let mut word = if quote.is_none() { String::from(first) } else { String::new() };
            while let Some(next) = rest.next() {
                match (next, quote) {
                    (next, Some(quote)) if next == quote => break,
                    (next, None) if next.is_whitespace() => break,
                    ('\\', Some(quote)) if rest.peek() == Some(&quote) => word.extend(rest.next()),
                    (next, _) => word.push(next),
                }
            }
            words.push(word);
        }
        words
    }
}

/// A section that sends, with every list of directives that applies to it, the outermost first.
struct Scope<'t> {
    section: &'t Directive,
    lists: Vec<&'t [Directive]>,
}

impl<'t> Scope<'t> {
    /// The directive of this name that holds: the last one of the innermost list that has it.
    fn setting(&self, name: &str) -> Option<&'t Directive> {
        self.lists.iter().rev().find_map(|list| flat(list).filter(|directive| directive.is(name)).last())
    }

    fn place(&self) -> String {
        format!("{} {} ({})", self.section.name, self.section.arguments.trim_end_matches('>'), self.section.place)
            .replacen('<', "", 1)
    }

    /// A location that anybody may reach and that writes to anybody.
    fn open(&self) -> Option<Warning> {
        let relays = match self.transport() {
            Some(transport) if transport.is("SendmailMaildir") => false,
            Some(transport) if transport.is("SendmailRelay") => true,
            _ => self.addressing() != Addressing::Arguments,
        };
        if self.is_closed() || !relays || self.is_trial() {
            return None;
        }
        let recipients = self.setting("SendmailRecipients").and_then(|directive| {
            let words = directive.words();
            Recipients::parse(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok()
        });
        if recipients.is_some_and(|recipients| !recipients.is_free()) {
            return None;
        }
        let free: Vec<&str> = ["To", "Cc", "Bcc"].into_iter().filter(|field| !self.is_fixed(field)).collect();
        (!free.is_empty()).then(|| Warning {
            tag: &tags::OPEN,
            text: format!(
                "{}: anybody may send mail to anybody here: the client chooses {}, and nothing restricts who may come (Require, a client \
                 certificate) or who may be written to. Set SendmailRecipients, or RequestHeader set or unset for each of these fields, or Require",
                self.place(),
                free.join(" and ")
            ),
        })
    }

    /// Whether nobody gets anything but those whom the server names, or nobody at all.
    fn is_trial(&self) -> bool {
        self.redirects()
            || self.setting("SendmailDryRun").is_some_and(|dry| dry.words().concat().eq_ignore_ascii_case("on"))
    }

    fn redirects(&self) -> bool {
        self.setting("SendmailRedirectTo").is_some_and(|to| !to.words().concat().eq_ignore_ascii_case("none"))
    }

    /// Whether somebody is kept out.
    fn is_closed(&self) -> bool {
        let ssl = self
            .setting("SSLVerifyClient")
            .is_some_and(|directive| directive.words().first().is_some_and(|word| word == "require"));
        let denies = self.lists.iter().any(|list| flat(list).any(|directive| directive.is("Deny")));
        let ordered = self.setting("Order").is_some_and(|order| {
            order.words().concat().eq_ignore_ascii_case("allow,deny")
                || order.words().concat().eq_ignore_ascii_case("mutual-failure")
        });
        ssl || denies || ordered || self.requires()
    }

    /// Whether the innermost list with a Require asks for more than a method. Without AuthMerging an inner list replaces the outer ones.
    fn requires(&self) -> bool {
        let words =
            |directive: &Directive| directive.words().iter().map(|word| word.to_ascii_lowercase()).collect::<Vec<_>>();
        let asks = |list: &&&[Directive]| flat(list).any(|directive| directive.is("Require"));
        let Some(list) = self.lists.iter().rev().find(asks) else { return false };
        let mut closed = false;
        for words in flat(list).filter(|directive| directive.is("Require")).map(words) {
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["all", "granted", ..] => return false,
                ["method", ..] => {}
                _ => closed = true,
            }
        }
        closed
    }

    /// Whether the server decides this field: it sets or unsets it in every request, or lets it not pass.
    fn is_fixed(&self, field: &str) -> bool {
        let passed = self
            .setting("SendmailPassHeaders")
            .is_none_or(|pass| pass.words().iter().any(|word| word.eq_ignore_ascii_case(field)));
        !passed
            || self.lists.iter().any(|list| {
                flat(list).filter(|directive| directive.is("RequestHeader")).any(|directive| {
                    let words = directive.words();
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    matches!(words.as_slice(), [action, name, rest @ ..]
                        if (action.eq_ignore_ascii_case("set") || action.eq_ignore_ascii_case("unset"))
                            && name.trim_end_matches(':').eq_ignore_ascii_case(field)
                            && !rest.iter().any(|word| word.starts_with("env=") || word.starts_with("expr=") || *word == "early"))
                })
            })
    }

    fn words_of_program(&self) -> Vec<String> {
        self.setting("SendmailArguments").map_or_else(|| vec!["-t".into(), "-i".into()], |directive| directive.words())
    }

    fn addressing(&self) -> Addressing {
        Addressing::of(self.words_of_program().iter().map(|word| (!word.contains("%{")).then_some(word.as_str())))
    }

    /// The directive that says by what this section sends: of the three that are one setting, the innermost.
    fn transport(&self) -> Option<&'t Directive> {
        let one = |directive: &&Directive| TRANSPORTS.iter().any(|name| directive.is(name));
        self.lists.iter().rev().find_map(|list| flat(list).filter(one).last())
    }

    /// The program, where that is the way out.
    fn program(&self) -> Option<&'t Directive> {
        self.transport().filter(|transport| transport.is("SendmailName"))
    }

    /// A section that sends and does not say by what.
    fn without_transport(&self) -> Option<Warning> {
        self.transport().is_none().then(|| Warning {
            tag: &tags::NO_TRANSPORT,
            text: format!(
                "{}: no SendmailName, no SendmailMaildir and no SendmailRelay; every message will be refused with 500. Set SendmailName /usr/sbin/sendmail",
                self.place()
            ),
        })
    }

    /// A sender that is known, and bounces that go to the user httpd runs as.
    fn bounces(&self) -> Option<Warning> {
        self.setting("SendmailSenderMail")?;
        self.program()?;
        let names_sender = |word: &String| word.starts_with("-f") || word.starts_with("-r");
        (!self.words_of_program().iter().any(names_sender)).then(|| Warning {
            tag: &tags::BOUNCES,
            text: format!(
                "{}: SendmailSenderMail without -f in SendmailArguments: bounces go to the user httpd runs as. Add -f and an address",
                self.place()
            ),
        })
    }

    /// A redirection that the program would not know of.
    fn past_redirection(&self) -> Option<Warning> {
        let words = self.program().filter(|_| self.redirects()).map(|_| self.words_of_program())?;
        let literal = |word: &String| -> Option<String> {
            match word.find("%{") {
                None => Some(word.clone()),
                Some(_) => word.starts_with('-').then(|| "-...".to_owned()),
            }
        };
        let words: Vec<Option<String>> = words.iter().map(literal).collect();
        redirect::escape(words.iter().map(Option::as_deref)).map(|why| Warning {
            tag: &tags::PAST_REDIRECT,
            text: format!(
                "{}: SendmailArguments may send past SendmailRedirectTo: {why}; every message will be refused with 500. Use -t, or -- as the last word, and no recipient",
                self.place()
            ),
        })
    }

    fn arguments_of_program(&self) -> Vec<Warning> {
        let Some(path) = self.program().and_then(|name| name.words().into_iter().next()) else {
            return Vec::new();
        };
        let words = self.words_of_program();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = |text| Warning { tag: &tags::PROGRAM_WORDS, text: format!("{}: {text}", self.place()) };
        mta::warnings(mta::identify(Path::new(&path)), &words).into_iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests;
