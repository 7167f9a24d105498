//! Directives as rows of a table: name, arity with its setter, where it is allowed, help text. A setter is safe code that gets words and
//! says what is wrong with them; httpd adds the file and line.

use crate::expression::{Condition, Expression};
use crate::{Module, guard, inject};
use apache_sys as sys;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

/// One directive of the module `M`.
pub struct Directive<M: Module> {
    /// Its name, as administrators write it.
    pub name: &'static CStr,
    /// How many arguments it takes, and its setter.
    pub arity: Arity<M>,
    /// Where it is allowed.
    pub context: Context,
    /// One line of help, shown by `httpd -L` and in usage errors.
    pub help: &'static CStr,
}

/// The result of a setter: `Err` stops the start with its text.
pub type Set = Result<(), String>;

/// How a directive takes its arguments, and the setter.
pub enum Arity<M: Module> {
    /// `On` or `Off`.
    Flag(for<'c> fn(&mut M::Config<'c>, bool) -> Set),
    /// One argument.
    One(for<'c> fn(&mut M::Config<'c>, &Command<'c>, &str) -> Set),
    /// One or more words; quotes are resolved.
    Words(for<'c> fn(&mut M::Config<'c>, &Command<'c>, &[&str]) -> Set),
}

/// Where a directive is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Server config, virtual host, `<Location>`, `<Directory>` and their like; never `.htaccess`.
    Section,
    /// Server config and virtual host.
    Server,
}

impl Context {
    pub(crate) const fn bits(self) -> c_int {
        match self {
            Context::Section => (sys::RSRC_CONF | sys::ACCESS_CONF) as c_int,
            Context::Server => sys::RSRC_CONF as c_int,
        }
    }
}

/// The directive being read: its place, and what a setter may need of httpd. `'c` is the lifetime of the configuration.
#[derive(Debug)]
pub struct Command<'c> {
    raw: &'c sys::cmd_parms,
}

impl<'c> Command<'c> {
    /// Parses an expression in string form (`%{REMOTE_USER}`, `x-%{tolower:%{HTTP_HOST}}`).
    pub fn expression(&self, text: &str) -> Result<Expression<'c>, String> {
        Expression::parse(self.raw, text)
    }

    /// Parses a condition, as `<If>` has one (`%{REMOTE_USER} == 'ann'`).
    pub fn condition(&self, text: &str) -> Result<Condition<'c>, String> {
        Condition::parse(self.raw, text)
    }

    /// The section being read, as its line names it (`/mail`); empty outside of sections.
    pub fn section(&self) -> String {
        // SAFETY: path is NULL or a C string that lives as long as the command (http_config.h).
        let path = (!self.raw.path.is_null()).then(|| unsafe { CStr::from_ptr(self.raw.path) });
        path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// A time with httpd's units (`ms`, `s`, `mi`, `h`; seconds without one); `None` if the text is not a time.
    pub fn time(&self, text: &str) -> Option<Duration> {
        let text = CString::new(text).ok()?;
        let mut microseconds: sys::apr_interval_time_t = 0;
        // SAFETY: reads a C string and writes the number (httpd.h).
        let status = unsafe { sys::ap_timeout_parameter_parse(text.as_ptr(), &mut microseconds, c"s".as_ptr()) };
        (status == 0).then(|| u64::try_from(microseconds).ok().map(Duration::from_micros)).flatten()
    }
}

/// httpd's FLAG.
pub(crate) unsafe extern "C" fn flag<M: Module>(
    command: *mut sys::cmd_parms,
    config: *mut c_void,
    on: c_int,
) -> *const c_char {
    // SAFETY: httpd calls with the command it is reading and the settings `config::create` made.
    unsafe {
        set::<M>(command, config, |row, config, _| match row.arity {
            Arity::Flag(setter) => setter(config, on != 0),
            _ => unreachable!("the table pairs each arity with its function"),
        })
    }
}

/// httpd's TAKE1.
pub(crate) unsafe extern "C" fn one<M: Module>(
    command: *mut sys::cmd_parms,
    config: *mut c_void,
    word: *const c_char,
) -> *const c_char {
    // SAFETY: as for `flag`; with TAKE1 the argument is a C string.
    unsafe {
        set::<M>(command, config, |row, config, command| match row.arity {
            Arity::One(setter) => setter(config, command, text(CStr::from_ptr(word))?),
            _ => unreachable!("the table pairs each arity with its function"),
        })
    }
}

/// httpd's RAW_ARGS, split into words by httpd's own quoting rules.
pub(crate) unsafe extern "C" fn words<M: Module>(
    command: *mut sys::cmd_parms,
    config: *mut c_void,
    line: *const c_char,
) -> *const c_char {
    // SAFETY: as for `flag`; with RAW_ARGS the argument is the rest of the line as a C string, and ap_getword_conf moves the pointer
    // within it and copies each word into the pool.
    unsafe {
        set::<M>(command, config, |row, config, command| {
            let (mut rest, mut words) = (line, Vec::new());
            while *rest != 0 {
                words.push(text(CStr::from_ptr(sys::ap_getword_conf(command.raw.temp_pool, &mut rest)))?);
            }
            match row.arity {
                _ if words.is_empty() => Err(format!("takes at least one argument: {}", row.help.to_string_lossy())),
                Arity::Words(setter) => setter(config, command, &words),
                _ => unreachable!("the table pairs each arity with its function"),
            }
        })
    }
}

fn text(word: &CStr) -> Result<&str, String> {
    word.to_str().map_err(|_| format!("'{}' is not UTF-8; save the configuration as UTF-8", word.to_string_lossy()))
}

/// Finds the row and the settings, runs the setter, and returns its complaint to httpd, or NULL.
///
/// # Safety
/// `command` is the directive that httpd is reading and `config` came from [`crate::config::create`] of the same `M`.
unsafe fn set<M: Module>(
    command: *mut sys::cmd_parms,
    config: *mut c_void,
    setter: impl for<'c> FnOnce(&Directive<M>, &mut M::Config<'c>, &Command<'c>) -> Result<(), String>,
) -> *const c_char {
    // SAFETY: httpd passes live structures, on the only thread there is while it reads its configuration; cmd_data is our row.
    let (raw, row, config) = unsafe {
        let raw = &*command;
        (raw, &*(*raw.cmd).cmd_data.cast::<Directive<M>>(), config.cast::<M::Config<'_>>().as_mut())
    };
    let outcome = match config {
        None => Err(guard::take_setup_panic().unwrap_or_default()),
        Some(config) => guard::setting_up(|| {
            inject::injected("setter");
            setter(row, config, &Command { raw })
        })
        .unwrap_or_else(|| Err(guard::take_setup_panic().unwrap_or_default())),
    };
    match outcome {
        Ok(()) => ptr::null(),
        Err(complaint) => {
            let complaint = format!("{}: {complaint}", row.name.to_string_lossy());
            // SAFETY: copies the bytes and adds a NUL; the command's pool outlives httpd's use of the message.
            unsafe { sys::apr_pstrmemdup(raw.pool, complaint.as_ptr().cast(), complaint.len()) }
        }
    }
}
