//! The tree of the configuration -> the places where a handler is set, and for each place the lists of directives that apply there, in the
//! order in which httpd merges them ("How the sections are merged" of its manual): the server, `<Directory>`, `<Files>`, `<Location>` in
//! the order of the file, `<If>`.
#![forbid(unsafe_code)]

use crate::Directive;

/// A server, or a virtual host with what it inherits from the main one.
pub struct Host<'t> {
    /// The lists of the server itself, the main one first.
    servers: Vec<&'t [Directive]>,
    /// All sections, in the order they are merged.
    sections: Vec<Section<'t>>,
}

#[derive(Clone, Copy)]
struct Section<'t> {
    directive: &'t Directive,
    /// The section that contains it.
    parent: Option<&'t Directive>,
}

/// Where a handler is set.
#[derive(Clone, Copy)]
pub struct Site<'t> {
    /// The directive that sets the handler.
    pub by: &'t Directive,
    /// The section that contains the directive; `None`: the server itself.
    pub section: Option<&'t Directive>,
}

impl<'t> Host<'t> {
    /// The main server, then the virtual hosts.
    pub fn all(tree: &'t [Directive]) -> Vec<Self> {
        let hosts = flat(tree).filter(|directive| directive.is("<VirtualHost"));
        let of = |servers: Vec<&'t [Directive]>| {
            let mut sections = Vec::new();
            servers.iter().for_each(|list| collect(list, None, &mut sections));
            sections.sort_by_key(|section| phase(section.directive)); // stable: equal ones keep the order of the file
            Host { servers, sections }
        };
        std::iter::once(of(vec![tree])).chain(hosts.map(|host| of(vec![tree, &host.children]))).collect()
    }

    /// The places of this host where `handler` is set.
    pub fn sites(&self, handler: &str) -> Vec<Site<'t>> {
        let own = |list: &'t [Directive]| flat(list).filter(|directive| directive.names_handler(handler)).last();
        let servers = self.servers.iter().filter_map(|list| own(list)).map(|by| Site { by, section: None });
        let sections = self.sections.iter().filter_map(|section| {
            own(&section.directive.children).map(|by| Site { by, section: Some(section.directive) })
        });
        servers.chain(sections).collect()
    }

    /// The lists that apply to all of `site`, and, with `also`, to its overlap with that section.
    pub fn lists(&self, site: Site<'t>, also: Option<&'t Directive>) -> Vec<&'t [Directive]> {
        let covers = |site, section: &Section<'t>| meets(site, section.directive) == Meets::Everywhere;
        let chosen = |section: &&Section<'t>| {
            self.is_around(section.directive, site.section)
                || self.is_around(section.directive, also)
                || covers(site, section)
                || also.is_some_and(|also| covers(Site { by: also, section: Some(also) }, section))
        };
        let sections = self.sections.iter().filter(chosen).map(|section| section.directive.children.as_slice());
        self.servers.iter().copied().chain(sections).collect()
    }

    /// The servers' lists, and the lists that apply to all of `site` and override an .htaccess file, which is merged with `<Directory>`.
    pub fn lists_behind_htaccess(&self, site: Site<'t>) -> Vec<&'t [Directive]> {
        let chosen =
            |section: &&'t Directive| phase(section) > Phase::Files && meets(site, section) == Meets::Everywhere;
        let sections = self.sections().filter(chosen).map(|section| section.children.as_slice());
        self.servers.iter().copied().chain(sections).collect()
    }

    /// The sections that apply, or may apply, to part of `site`.
    pub fn meeting(&self, site: Site<'t>) -> impl Iterator<Item = &'t Directive> {
        let sections = self.sections().filter(move |section| meets(site, section) == Meets::Somewhere);
        sections.filter(move |section| !self.is_around(section, site.section))
    }

    /// The directives of the servers alone.
    pub fn servers(&self) -> &[&'t [Directive]] {
        &self.servers
    }

    /// All sections.
    pub fn sections(&self) -> impl Iterator<Item = &'t Directive> {
        self.sections.iter().map(|section| section.directive)
    }

    /// Whether `outer` is `inner` or contains it.
    fn is_around(&self, outer: &Directive, inner: Option<&Directive>) -> bool {
        let mut inner = inner;
        while let Some(section) = inner {
            if std::ptr::eq(outer, section) {
                return true;
            }
            let found = self.sections.iter().find(|each| std::ptr::eq(each.directive, section));
            inner = found.and_then(|section| section.parent);
        }
        false
    }
}

fn collect<'t>(list: &'t [Directive], parent: Option<&'t Directive>, sections: &mut Vec<Section<'t>>) {
    for directive in flat(list).filter(|directive| directive.is_section() && !directive.is("<VirtualHost")) {
        sections.push(Section { directive, parent });
        collect(&directive.children, Some(directive), sections);
    }
}

/// The paths of the `<Location>` sections that this handler serves.
pub fn locations(tree: &[Directive], handler: &str) -> Vec<String> {
    let sections = flat(tree).filter(|directive| directive.is_section());
    sections.fold(Vec::new(), |mut paths, section| {
        if section.is("<Location") && flat(&section.children).any(|inner| inner.names_handler(handler)) {
            paths.extend(section.words.iter().filter(|word| word.starts_with('/')).cloned());
        }
        paths.extend(locations(&section.children, handler));
        paths
    })
}

/// The longest of these paths that a URL's path is at or below, and the rest of the URL's path. A `/` at the end of a base is ignored.
pub fn below<'b, 'u>(bases: impl IntoIterator<Item = &'b str>, path: &'u [u8]) -> Option<(&'b str, &'u [u8])> {
    let mut bases: Vec<&str> = bases.into_iter().map(|base| base.trim_end_matches('/')).collect();
    bases.sort_by_key(|base| std::cmp::Reverse(base.len()));
    bases.into_iter().find_map(|base| {
        let rest = path.strip_prefix(base.as_bytes())?;
        (rest.is_empty() || rest.starts_with(b"/")).then_some((base, rest))
    })
}

/// Where two sections apply at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meets {
    /// The second applies wherever the first does.
    Everywhere,
    Nowhere,
    Somewhere,
}

/// Where `section` applies within `site`, as far as their paths show.
fn meets(site: Site<'_>, section: &Directive) -> Meets {
    let (own, other) = (Path::of_site(site), Path::of(section));
    let is_folder = |phase: Phase| matches!(phase, Phase::Directory | Phase::DirectoryMatch);
    let is_url = |phase: Phase| phase == Phase::Location;
    // A RewriteRule outside of sections is for URLs; any other directive there is for everything.
    let ours = site.section.map(phase).or_else(|| site.by.is("RewriteRule").then_some(Phase::Location));
    match (phase(section), ours) {
        (Phase::If | Phase::Files, _) => Meets::Somewhere,
        // The folder behind a URL is not known here.
        (theirs, Some(ours)) if is_folder(theirs) && is_url(ours) => Meets::Somewhere,
        (theirs, Some(ours)) if is_url(theirs) && !is_url(ours) => match (other.text, other.is_pattern) {
            ("", false) => Meets::Everywhere,
            ("" | "/", true) => Meets::Somewhere,
            _ => Meets::Nowhere,
        },
        _ if site.section.is_some_and(|own| own.name == section.name && own.words == section.words) => {
            Meets::Everywhere
        }
        _ if !other.is_pattern && own.is_below(&other) => Meets::Everywhere,
        _ if own.may_meet(&other) => Meets::Somewhere,
        _ => Meets::Nowhere,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Directory,
    DirectoryMatch,
    Files,
    Location,
    If,
}

fn phase(section: &Directive) -> Phase {
    let is_any = |names: &[&str]| names.iter().any(|name| section.is(name));
    match () {
        () if is_any(&["<Directory"]) => Phase::Directory,
        () if is_any(&["<DirectoryMatch"]) => Phase::DirectoryMatch,
        () if is_any(&["<Files", "<FilesMatch"]) => Phase::Files,
        () if is_any(&["<If", "<ElseIf", "<Else"]) => Phase::If,
        () => Phase::Location,
    }
}

/// What a section covers: a path and everything below it, or everything that begins with `text`.
struct Path<'t> {
    text: &'t str,
    is_pattern: bool,
}

impl<'t> Path<'t> {
    fn of(section: &'t Directive) -> Self {
        let words: Vec<&str> = section.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["~", pattern, ..] => Path::of_regex(pattern),
            [pattern, ..] if section.name.to_ascii_lowercase().ends_with("match") => Path::of_regex(pattern),
            [path, ..] => match path.find(['*', '?', '[']) {
                Some(at) => Path { text: &path[..at], is_pattern: true },
                None => Path { text: path.trim_end_matches('/'), is_pattern: false },
            },
            [] => Path { text: "", is_pattern: false },
        }
    }

    /// The common beginning of all texts that a regular expression matches.
    fn of_regex(pattern: &'t str) -> Self {
        let Some(rest) = pattern.strip_prefix('^') else { return Path { text: "", is_pattern: true } };
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-'))).unwrap_or(rest.len());
        // `a?`, `a*` and `a{0}` make the preceding letter optional, `a|b` the whole text.
        let end = match rest[end..].chars().next() {
            Some('?' | '*' | '{') => end.saturating_sub(1),
            _ => end,
        };
        Path { text: if rest.contains('|') { "" } else { &rest[..end] }, is_pattern: true }
    }

    fn of_site(site: Site<'t>) -> Self {
        match site.section {
            Some(section) => Path::of(section),
            None if site.by.is("RewriteRule") => {
                site.by.words.first().map_or(Path { text: "", is_pattern: true }, |pattern| Path::of_regex(pattern))
            }
            None => Path { text: "", is_pattern: false },
        }
    }

    fn is_below(&self, other: &Path<'_>) -> bool {
        self.text
            .strip_prefix(other.text)
            .is_some_and(|rest| rest.is_empty() && !self.is_pattern || rest.starts_with('/'))
            || other.text.is_empty()
    }

    fn may_meet(&self, other: &Path<'_>) -> bool {
        let begins = |long: &Path<'_>, short: &Path<'_>| match long.text.strip_prefix(short.text) {
            Some(rest) => short.is_pattern || rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        begins(self, other) || begins(other, self)
    }
}

/// The directives of a list, including those in containers that do not make a section of their own (`<IfModule>`, `<RequireAny>`).
pub fn flat(list: &[Directive]) -> impl Iterator<Item = &Directive> {
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
            if directive.name.starts_with('<') && !directive.is_section() && !is_foreign(directive) {
                open.push(directive.children.iter());
            }
            return Some(directive);
        }
    })
}

/// Whether a container does not apply to POST.
pub fn is_foreign(directive: &Directive) -> bool {
    let post = directive.words.iter().any(|word| word == "POST");
    directive.is("<Limit") && !post || directive.is("<LimitExcept") && post
}
