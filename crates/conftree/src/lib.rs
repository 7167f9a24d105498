//! httpd's configuration as a tree: which sections apply to a place ([`sections`]), and whether anybody may access it ([`access`]). For
//! checks at the start that depend on the settings of other modules. The crate `httpd` reads the tree.
#![forbid(unsafe_code)]

pub mod access;
pub mod sections;

/// A directive of the configuration; one with `children` is a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Its name as it was written, `<Location` for a section.
    pub name: String,
    /// The rest of the line, split into words as httpd does.
    pub words: Vec<String>,
    /// Its place, `file:line`.
    pub place: String,
    /// What is inside.
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

    /// Whether it sets `handler` as the handler of something. Without a handler httpd uses the media type as one (config.c).
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

    /// The line as it could be written in a configuration, and its place.
    pub fn shown(&self) -> String {
        let quote = |word: &String| format!(" \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
        let words: String = self.words.iter().map(quote).collect();
        format!("{}{words} ({})", self.name.trim_start_matches('<'), self.place)
    }

    /// Whether its children make a section of their own, merged with others; `<IfModule>` and `<RequireAny>` do not.
    pub fn is_section(&self) -> bool {
        SECTIONS.iter().any(|section| self.is(section))
    }

    /// A container without settings of its own (`<IfModule>`, `<Limit>`).
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
