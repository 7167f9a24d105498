//! One row per directive: its field in the settings of a section and the field's type, its default, its name, the number of arguments and
//! their reader, its help. The rows generate the settings ([`DirConfig`](super::DirConfig)), the merging of inner and outer sections, the
//! getters of [`Settings`](crate::settings::Settings) and httpd's table.
#![forbid(unsafe_code)]

/// `KIND field: Type = default, c"Name" ARITY read, c"help";`, where KIND is
/// - `value`: a value that is copied;
/// - `shared`: one that is lent, with a default;
/// - `maybe`: one that is lent, `none` by default;
/// - `off`: the same, and a word of the directive takes an outer section's away (`read` gives an `Option`);
/// - `own`: one without a getter, for those that belong together.
///
/// ARITY is `flag`, `server_flag` (server and virtual host alone), `one` or `words`. A row of `setters` changes what it likes of a section.
macro_rules! directives {
    (
        fields { $($(#[$doc:meta])* $kind:ident $field:ident: $type:ty = $default:expr, $name:literal $arity:ident $read:expr, $help:literal;)* }
        parts { $($(#[$part_doc:meta])* $part:ident: $part_type:ty;)* }
        setters { $($set_name:literal $set_arity:ident $set:expr, $set_help:literal;)* }
    ) => {
        /// The settings of one section; `None` if it does not set a value.
        #[derive(Clone, Debug, Default)]
        pub struct DirConfig<'c> {
            $($(#[$doc])* pub $field: directives!(@field $kind $type),)*
            $($(#[$part_doc])* pub $part: Option<$part_type>,)*
        }

        impl DirConfig<'_> {
            fn over(&self, outer: &Self) -> Self {
                DirConfig {
                    $($field: self.$field.clone().or_else(|| outer.$field.clone()),)*
                    $($part: self.$part.clone().or_else(|| outer.$part.clone()),)*
                }
            }
        }

        impl<'c> crate::settings::Settings<'c> {
            $(directives!(@getter $kind $field $type, $default, [$(#[$doc])*]);)*
        }

        /// Every directive.
        pub const DIRECTIVES: &[httpd::Directive<crate::Sendmail>] = &[
            $(httpd::Directive {
                name: $set_name,
                arity: directives!(@set $set_arity $set),
                context: directives!(@context $set_arity),
                help: $set_help,
            },)*
            $(httpd::Directive {
                name: $name,
                arity: directives!(@arity $kind $arity $field $read),
                context: directives!(@context $arity),
                help: $help,
            },)*
        ];
    };

    (@field value $type:ty) => { Option<$type> };
    (@field off $type:ty) => { Option<Option<std::sync::Arc<$type>>> };
    (@field $kind:ident $type:ty) => { Option<std::sync::Arc<$type>> };

    (@getter value $field:ident $type:ty, $default:expr, [$($doc:tt)*]) => {
        $($doc)*
        pub fn $field(&self) -> $type {
            self.config().$field.unwrap_or($default)
        }
    };
    (@getter shared $field:ident $type:ty, $default:expr, [$($doc:tt)*]) => {
        $($doc)*
        pub fn $field(&self) -> &'c $type {
            static DEFAULT: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $default);
            self.config().$field.as_deref().unwrap_or(&DEFAULT)
        }
    };
    (@getter maybe $field:ident $type:ty, $default:expr, [$($doc:tt)*]) => {
        $($doc)*
        pub fn $field(&self) -> Option<&'c $type> {
            self.config().$field.as_deref()
        }
    };
    (@getter off $field:ident $type:ty, $default:expr, [$($doc:tt)*]) => {
        $($doc)*
        pub fn $field(&self) -> Option<&'c $type> {
            self.config().$field.as_ref()?.as_deref()
        }
    };
    (@getter own $field:ident $type:ty, $default:expr, [$($doc:tt)*]) => {};

    (@keep value $value:expr) => { $value };
    (@keep off $value:expr) => { $value.map(std::sync::Arc::new) };
    (@keep $kind:ident $value:expr) => { std::sync::Arc::new($value) };

    (@arity $kind:ident flag $field:ident $read:expr) => {
        httpd::Arity::Flag(|config, on| {
            config.$field = Some(($read)(on));
            Ok(())
        })
    };
    (@arity $kind:ident server_flag $field:ident $read:expr) => { directives!(@arity $kind flag $field $read) };
    (@arity $kind:ident one $field:ident $read:expr) => {
        httpd::Arity::One(|config, command, word| {
            config.$field = Some(directives!(@keep $kind ($read)(command, word)?));
            Ok(())
        })
    };
    (@arity $kind:ident words $field:ident $read:expr) => {
        httpd::Arity::Words(|config, command, words| {
            config.$field = Some(directives!(@keep $kind ($read)(command, words)?));
            Ok(())
        })
    };

    (@set one $set:expr) => { httpd::Arity::One(|config, command, word| ($set)(config, command, word)) };
    (@set words $set:expr) => { httpd::Arity::Words(|config, command, words| ($set)(config, command, words)) };

    (@context server_flag) => { httpd::Context::Server };
    (@context $arity:ident) => { httpd::Context::Section };
}
