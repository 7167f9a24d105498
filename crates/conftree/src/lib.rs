//! httpd's configuration as a tree: which sections apply to a place ([`sections`]), whether anybody may come there ([`access`]). For checks
//! at the start that must see what other modules were told; where the tree comes from, the crate `httpd` says.
#![forbid(unsafe_code)]

pub mod access;
pub mod sections;

/// A directive of the configuration; one with `children` is a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Its name as it was written, `<Location` for a section.
    pub name: String,
    /// The rest of the line as httpd cuts it into words.
    pub words: Vec<String>,
    /// Where it stands, `file:line`.
    pub place: String,
    /// What stands inside.
    pub children: Vec<Directive>,
}

impl Directive {
    /// Whether it is the directive of this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether its first word is this one, in any case.
    pub fn first_is(&self, word: &str) -> bool {
        self.words.first().is_some_and(|first| first.eq_ignore_ascii_case(word))
    }

    /// Whether it makes `handler` the handler of something. Without a handler httpd takes the media type for one (config.c).
    pub fn names_handler(&self, handler: &str) -> bool {
        if self.is("RewriteRule") {
            let flags = self.words.get(2).map_or("", |flags| flags.trim_matches(['[', ']']));
            return flags.split(',').filter_map(|flag| flag.trim().split_once('=')).any(|(flag, value)| {
                ["H", "Handler", "T", "Type"].iter().any(|name| flag.eq_ignore_ascii_case(name))
                    && value.eq_ignore_ascii_case(handler)
            });
        }
        let names = ["SetHandler", "AddHandler", "ForceType", "AddType"].iter().any(|name| self.is(name));
        names && self.first_is(handler)
    }

    /// The line, as it may stand in a configuration, and where.
    pub fn shown(&self) -> String {
        let quote = |word: &String| format!(" \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
        let words: String = self.words.iter().map(quote).collect();
        format!("{}{words} ({})", self.name.trim_start_matches('<'), self.place)
    }

    /// Whether its children make a section of their own, merged with others; `<IfModule>` and `<RequireAny>` do not.
    pub fn is_section(&self) -> bool {
        SECTIONS.iter().any(|section| self.is(section))
    }

    /// A container that says nothing of its own (`<IfModule>`, `<Limit>`).
    pub fn is_transparent(&self) -> bool {
        self.name.starts_with('<') && !self.is_section() && !self.name.to_ascii_lowercase().starts_with("<require")
    }
}

/// Containers that make a section of their own.
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
