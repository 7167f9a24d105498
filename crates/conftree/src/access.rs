//! The directives that apply to a place, in the order httpd merges them -> whether anybody may access it: `Require` of mod_authz_core,
//! `Order`, `Allow`, `Deny` and `Satisfy` of mod_access_compat, `SSLVerifyClient` of mod_ssl.
#![forbid(unsafe_code)]

use crate::Directive;
use crate::sections::{flat, is_foreign};

/// Whether access is open to everybody where these lists (outermost first) apply.
pub fn is_open(lists: &[&[Directive]]) -> bool {
    let certificate = last(lists, "SSLVerifyClient").is_some_and(|directive| directive.first_is("require"));
    let host = Host::of(lists);
    let user = anybody_by_require(lists);
    let open = match &host {
        Some(host) if host.satisfy_any => host.is_open || user == Some(true),
        Some(host) => host.is_open && user != Some(false),
        None => user != Some(false),
    };
    open && !certificate
}

/// The effective directive of this name: the last one in the innermost list that has one.
pub fn last<'t>(lists: &[&'t [Directive]], name: &str) -> Option<&'t Directive> {
    lists.iter().rev().find_map(|list| flat(list).filter(|directive| directive.is(name)).last())
}

/// What mod_access_compat decides by address. Its settings are not merged: only the innermost section counts.
struct Host {
    is_open: bool,
    satisfy_any: bool,
}

impl Host {
    fn of(lists: &[&[Directive]]) -> Option<Host> {
        const NAMES: &[&str] = &["Order", "Allow", "Deny", "Satisfy"];
        let list = lists.iter().rev().find(|list| flat(list).any(|each| NAMES.iter().any(|name| each.is(name))))?;
        let from_all = |name: &str| {
            let mut rules = flat(list).filter(|directive| directive.is(name));
            rules.any(|rule| rule.words.iter().skip(1).any(|word| word.eq_ignore_ascii_case("all")))
        };
        let order = flat(list).filter(|directive| directive.is("Order")).last();
        let order = order.map_or_else(|| "deny,allow".into(), |order| order.words.concat().to_ascii_lowercase());
        let (allow_all, deny_all) = (from_all("Allow"), from_all("Deny"));
        let is_open = match order.as_str() {
            "deny,allow" => allow_all || !deny_all,
            _ => allow_all && !deny_all,
        };
        let satisfy = flat(list).filter(|directive| directive.is("Satisfy")).last();
        Some(Host { is_open, satisfy_any: satisfy.is_some_and(|satisfy| satisfy.first_is("any")) })
    }
}

/// Whether `Require` lets everybody in; `None` without a `Require`. An inner section replaces the outer ones, unless AuthMerging says
/// otherwise.
fn anybody_by_require(lists: &[&[Directive]]) -> Option<bool> {
    lists.iter().fold(None, |outer, list| {
        let Some(own) = admits(list, Container::Any) else { return outer };
        let merging = flat(list).filter(|directive| directive.is("AuthMerging")).last();
        Some(match (outer, merging.and_then(|merging| merging.words.first())) {
            (Some(outer), Some(word)) if word.eq_ignore_ascii_case("and") => outer && own,
            (Some(outer), Some(word)) if word.eq_ignore_ascii_case("or") => outer || own,
            _ => own,
        })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    All,
    Any,
}

/// Whether these lines let everybody in; `None` if none of them decides.
fn admits(list: &[Directive], container: Container) -> Option<bool> {
    let says = list.iter().filter_map(|directive| {
        if directive.is("Require") {
            require(directive)
        } else if directive.is("<RequireAll") {
            admits(&directive.children, Container::All)
        } else if directive.is("<RequireAny") || directive.is_transparent() && !is_foreign(directive) {
            admits(&directive.children, Container::Any)
        } else {
            None
        }
    });
    says.reduce(|one, other| if container == Container::All { one && other } else { one || other })
}

/// Whether one line lets everybody in; a negative one decides nothing by itself.
fn require(directive: &Directive) -> Option<bool> {
    let words: Vec<String> = directive.words.iter().map(|word| word.to_ascii_lowercase()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["not", ..] => None,
        ["all", "granted", ..] => Some(true),
        ["method", methods @ ..] => Some(methods.contains(&"post")),
        _ => Some(false),
    }
}
