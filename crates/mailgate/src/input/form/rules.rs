//! The configuration of form fields: which have a role, which are mandatory, which are traps, and which files are accepted.
#![forbid(unsafe_code)]

use super::challenge::Challenger;

/// A field's role in the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The name of the visitor.
    Name,
    /// The address for answers.
    ReplyTo,
    /// The subject.
    Subject,
}

/// Every role with its word, its default field, and a field name from form services that always has it.
const ROLES: &[(Role, &str, &str, Option<&str>)] = &[
    (Role::ReplyTo, "reply-to", "email", Some("_replyto")),
    (Role::Name, "name", "name", None),
    (Role::Subject, "subject", "subject", Some("_subject")),
];

/// SendmailFormFields: the fields of each role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(Vec<(Role, String)>);

impl Default for Roles {
    fn default() -> Self {
        Roles(ROLES.iter().map(|(role, _, field, _)| (*role, (*field).to_owned())).collect())
    }
}

impl Roles {
    /// `reply-to=email name=fullname`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut roles: Vec<(Role, String)> = Vec::new();
        for word in words {
            let names: Vec<_> = ROLES.iter().map(|(_, name, ..)| *name).collect();
            let pair = word.split_once('=').filter(|(_, field)| !field.is_empty());
            let (name, field) = pair.ok_or_else(|| format!("'{word}' is not written like reply-to=email"))?;
            let row = ROLES.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name));
            let (role, ..) = row.ok_or_else(|| format!("'{name}' is not a role; there are {}", names.join(", ")))?;
            if roles.iter().any(|(known, named)| known == role || named == field) {
                return Err(format!("'{word}' gives a role or a field a second time"));
            }
            roles.push((*role, field.to_owned()));
        }
        Ok(Roles(roles))
    }

    /// The fields with this role; the first has priority.
    pub fn fields(&self, role: Role) -> impl Iterator<Item = &str> {
        let own = self.0.iter().filter(move |(known, _)| *known == role).map(|(_, field)| field.as_str());
        own.chain(ROLES.iter().filter(move |row| row.0 == role).filter_map(|row| row.3))
    }
}

/// SendmailFormFiles: accepted types of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTypes(Vec<String>);

impl FileTypes {
    /// `image/* application/pdf`, `*/*` for all, `none`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        if let [none] = words
            && none.eq_ignore_ascii_case("none")
        {
            return Ok(FileTypes::default());
        }
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".+-_".contains(&octet))
        };
        let known = |word: &&str| match word.split_once('/') {
            Some(("*", "*")) => Ok((*word).to_owned()),
            Some((kind, subtype)) if is_word(kind) && (subtype == "*" || is_word(subtype)) => {
                Ok(word.to_ascii_lowercase())
            }
            _ => {
                Err(format!("'{word}' is not a type of files; write image/* or application/pdf, */* for all, or none"))
            }
        };
        words.iter().map(known).collect::<Result<_, _>>().map(FileTypes)
    }

    /// Whether a file of this type (in lower case) is accepted.
    pub fn take(&self, essence: &str) -> bool {
        self.0.iter().any(|taken| match taken.strip_suffix('*') {
            Some("*/") => true,
            Some(kind) => essence.starts_with(kind),
            None => taken == essence,
        })
    }

    /// The types, for an answer.
    pub fn words(&self) -> String {
        self.0.join(", ")
    }
}

/// What happens to a form whose trap is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spring {
    /// Dropped, but answered as if it had been sent.
    Drop,
    /// The visitor is asked to leave the field empty.
    Page,
    /// Sent with a mark.
    Tag,
}

/// Trap fields of well-known form services, which robots and password managers already avoid.
const KNOWN_TRAPS: &[&str] = &["_gotcha", "_honey", "botcheck"];

/// Names that browsers and password managers fill in even if people do not see the field.
const FILLED_BY_BROWSERS: &[&str] = &[
    "address",
    "city",
    "company",
    "country",
    "email",
    "name",
    "organization",
    "password",
    "phone",
    "tel",
    "url",
    "username",
    "website",
    "zip",
];

/// SendmailFormTrap: a field that people do not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    name: Option<String>,
    /// What happens if it is filled in.
    pub spring: Spring,
}

impl Default for Trap {
    fn default() -> Self {
        Trap { name: None, spring: Spring::Page }
    }
}

impl Trap {
    /// `name`, or `name page`, `name tag`, `name drop`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let (name, spring) = match words {
            [name] => (name, "page"),
            [name, spring] => (name, *spring),
            _ => return Err("takes the name of a field, and page, tag or drop".to_owned()),
        };
        let spring = match spring.to_ascii_lowercase().as_str() {
            "page" => Spring::Page,
            "tag" => Spring::Tag,
            "drop" => Spring::Drop,
            _ => return Err(format!("'{spring}' is none of page, tag and drop")),
        };
        Ok(Trap { name: Some((*name).to_owned()), spring })
    }

    /// Whether the field of this name is a trap.
    pub fn is(&self, field: &str) -> bool {
        self.name.as_deref() == Some(field) || KNOWN_TRAPS.contains(&field)
    }

    /// The name, if browsers fill it in by themselves.
    pub fn catches_people(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| FILLED_BY_BROWSERS.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// All of them.
#[derive(Clone, Copy, Debug)]
pub struct FormRules<'a> {
    /// Makes and checks the mandatory challenge, if there is one; and the time in seconds since 1970.
    pub challenger: Option<(Challenger<'a>, u64)>,
    /// Accepted types of files.
    pub files: &'a FileTypes,
    /// Fields that must be filled in.
    pub require: &'a [String],
    /// The fields of each role.
    pub roles: &'a Roles,
    /// Whether the server sets a subject.
    pub subject_is_set: bool,
    /// Fields that people do not see.
    pub trap: &'a Trap,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_configuration_are_read_or_refused_with_the_remedy() {
        assert_eq!(Roles::default(), Roles::parse(&["reply-to=email", "name=name", "subject=subject"]).unwrap());
        let roles = Roles::parse(&["Reply-To=mail"]).unwrap();
        assert_eq!(roles.fields(Role::ReplyTo).collect::<Vec<_>>(), ["mail", "_replyto"]);
        assert_eq!(roles.fields(Role::Name).next(), None, "a list replaces");
        for (words, what) in [
            (["to=x", ""], "'to' is not a role"),
            (["name", ""], "like reply-to=email"),
            (["name=a", "name=b"], "second time"),
            (["name=a", "subject=a"], "second time"),
        ] {
            let error = Roles::parse(&words).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
        let types = FileTypes::parse(&["image/*", "Application/PDF"]).unwrap();
        for (essence, taken) in [
            ("image/png", true),
            ("application/pdf", true),
            ("application/pdfx", false),
            ("imagex/png", false),
            ("text/plain", false),
        ] {
            assert_eq!(types.take(essence), taken, "{essence}");
        }
        assert!(FileTypes::parse(&["*/*"]).unwrap().take("x/y") && !FileTypes::parse(&["None"]).unwrap().take("x/y"));
        for word in ["pdf", "*/pdf", "image/", "/png", "a/b,c/d", "image/png;q=1"] {
            assert!(FileTypes::parse(&[word]).unwrap_err().contains("image/*"), "{word}");
        }
        assert_eq!(Trap::parse(&["hp"]).unwrap().spring, Spring::Page);
        assert!(Trap::parse(&["hp", "bite"]).unwrap_err().contains("page, tag and drop"));
        assert_eq!(Trap::parse(&["URL"]).unwrap().catches_people(), Some("URL"));
        assert!(Trap::default().is("_gotcha") && !Trap::default().is("hp"));
    }
}
