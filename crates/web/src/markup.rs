//! HTML and XML in which foreign text is only text: [`Markup`] is made of our literals, and [`markup!`](crate::markup!) escapes every value
//! that it inserts.
//!
//! ```
//! use web::markup;
//! let name = "<b>&\"";
//! assert_eq!(markup!("<p title=\"{}\">{}</p>", name, 7_u32).as_str(), "<p title=\"&lt;b&gt;&amp;&quot;\">7</p>");
//! let parts = [markup!("<i>a</i>"), markup!("{}", "<")];
//! assert_eq!(markup!("{}{}", parts[0], parts[1]).as_str(), "<i>a</i>&lt;");
//! ```
//!
//! Nothing gets around it, neither a name in the literal nor text that is not one:
//! ```compile_fail
//! let name = "<b>";
//! web::markup!("<p>{name}</p>");
//! ```
//! ```compile_fail
//! let name = String::from("<b>");
//! web::markup::Markup::literal(&name);
//! ```
#![forbid(unsafe_code)]

use std::fmt::{self, Display, Formatter, Write};
use std::iter::Sum;
use std::ops::Add;

/// A piece of HTML or XML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Our own markup, unchanged.
    pub fn literal(text: &'static str) -> Self {
        Markup(text.to_owned())
    }

    /// Appends `more`.
    pub fn push(&mut self, more: Markup) {
        self.0 += &more.0;
    }

    /// The text, for a response.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The text, for a response.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Used by `markup!`, whose values are all [`Escaped`].
    #[doc(hidden)]
    pub fn of(pieces: fmt::Arguments<'_>) -> Self {
        let mut markup = String::new();
        // Writing into a String cannot fail.
        let _ = markup.write_fmt(pieces);
        Markup(markup)
    }
}

impl Add for Markup {
    type Output = Markup;

    fn add(mut self, more: Markup) -> Markup {
        self.push(more);
        self
    }
}

impl Sum for Markup {
    fn sum<I: Iterator<Item = Markup>>(pieces: I) -> Markup {
        pieces.fold(Markup::default(), Markup::add)
    }
}

/// Makes [`Markup`] from a literal with `{}` in it and their values.
#[macro_export]
macro_rules! markup {
    // `concat!` prevents variable names inside the literal: their values would be inserted unescaped.
    ($form:literal $(, $value:expr)* $(,)?) => {
        $crate::markup::Markup::of(format_args!(concat!($form), $($crate::markup::Escaped(&$value)),*))
    };
}

/// What can be inserted into markup.
pub trait Value {
    /// Writes it escaped, so that it is safe as content and inside quotes.
    fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result;
}

/// A value as `markup!` writes it.
#[doc(hidden)]
pub struct Escaped<'a, T: ?Sized>(pub &'a T);

impl<T: Value + ?Sized> Display for Escaped<'_, T> {
    fn fmt(&self, markup: &mut Formatter<'_>) -> fmt::Result {
        self.0.write(markup)
    }
}

impl Value for str {
    fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            markup.write_str(&rest[..at])?;
            markup.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        markup.write_str(rest)
    }
}

impl Value for String {
    fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result {
        self.as_str().write(markup)
    }
}

impl Value for Markup {
    fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result {
        markup.write_str(&self.0)
    }
}

/// `None` writes nothing.
impl<T: Value> Value for Option<T> {
    fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result {
        self.as_ref().map_or(Ok(()), |value| value.write(markup))
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result {
        (**self).write(markup)
    }
}

macro_rules! plain {
    ($($plain:ty)*) => {
        $(impl Value for $plain {
            fn write(&self, markup: &mut Formatter<'_>) -> fmt::Result {
                self.fmt(markup)
            }
        })*
    };
}
plain!(bool u16 u32 usize i64);

#[cfg(test)]
mod tests {
    #[test]
    fn text_is_escaped_and_markup_is_not() {
        for (text, expected) in [
            ("", ""),
            ("plain \u{fc}", "plain \u{fc}"),
            ("<>&\"'", "&lt;&gt;&amp;&quot;&#39;"),
            ("\u{fc}<\u{fc}&", "\u{fc}&lt;\u{fc}&amp;"),
        ] {
            assert_eq!(markup!("{}", text).as_str(), expected);
            assert_eq!(markup!("{}", markup!("{}", text)).as_str(), expected, "once");
            assert_eq!(markup!("{}", Some(text.to_owned())).as_str(), expected);
        }
        assert_eq!(markup!("<p>{}{}</p>", None::<&str>, true).as_str(), "<p>true</p>");
    }
}
