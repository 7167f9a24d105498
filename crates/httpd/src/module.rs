//! A [`Module`] -> the `module` record that `LoadModule` looks up by name, and the table of its directives.

use crate::directives::{self, Arity, Directive};
use crate::{Config, Connection, Request, Server, Status};
use apache_sys as sys;
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::ptr;

/// What a module is made of. All of it is safe code; httpd reaches it through [`crate::guard`].
pub trait Module: 'static {
    /// The names that `SetHandler` gives, and who answers each.
    const HANDLERS: &'static [Handler<Self::Config>];
    /// The directives, one row each.
    const DIRECTIVES: &'static [Directive<Self::Config>];
    /// The settings of one section of the configuration.
    type Config: Config;

    /// The record that [`module!`](crate::module!) made.
    fn record() -> &'static ModuleRecord;

    /// Looks the whole configuration over, at `httpd -t` and at each start; `Err` refuses the start with the message.
    fn check(server: &Server<'_>) -> Result<(), String>;

    /// Once the configuration is read, at each start and restart but not at `httpd -t`: in the parent, before there are children.
    fn start(_server: &Server<'_>) {}

    /// At the start of each child, in the child.
    fn child_starts() {}

    /// After the end of each child, in the parent.
    fn child_ended(_pid: u64) {}

    /// What this module serves in the place of HTTP, if it does.
    const PROTOCOL: Option<Protocol<Self::Config>> = None;

    /// Leaves a note for the access log where a panic has ended a request.
    fn faulted(_: &Request<'_>) {}

    /// What this module adds to the page of mod_status.
    fn status(_page: StatusPage) -> Option<String> {
        None
    }
}

/// The forms of mod_status's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusPage {
    /// `?auto`: lines of `key: value`.
    Lines,
    /// HTML without tables (`?notable`).
    Plain,
    /// HTML.
    Tables,
}

/// A protocol beside HTTP, for virtual hosts of its own.
#[derive(Clone, Copy, Debug)]
pub struct Protocol<C> {
    /// Whether a virtual host with these settings speaks it.
    pub enabled: fn(&C) -> bool,
    /// Serves a connection to its end.
    pub serve: fn(Connection<'_>, &C),
}

/// A handler: its name in the configuration, and what answers a request for it.
#[derive(Clone, Copy, Debug)]
pub struct Handler<C> {
    /// The name that `SetHandler` gives.
    pub name: &'static CStr,
    /// Answers the request.
    pub answer: fn(&Request<'_>, &C) -> Status,
}

/// The record httpd finds by the name behind `LoadModule` and writes its bookkeeping into.
#[repr(transparent)]
#[derive(Debug)]
pub struct ModuleRecord(UnsafeCell<sys::module>);

// SAFETY: httpd writes to the record only while it reads its configuration, on the only thread there is then.
unsafe impl Sync for ModuleRecord {}

impl ModuleRecord {
    /// The record of `M`; `name` is the source file name that `<IfModule>` knows the module by, `commands` its table.
    pub const fn new<M: Module, const N: usize>(name: &'static CStr, commands: &'static Commands<N>) -> Self {
        ModuleRecord(UnsafeCell::new(sys::module {
            version: sys::MODULE_MAGIC_NUMBER_MAJOR as i32,
            minor_version: sys::MODULE_MAGIC_NUMBER_MINOR as i32,
            module_index: -1,
            name: name.as_ptr(),
            dynamic_load_handle: ptr::null_mut(),
            next: ptr::null_mut(),
            magic: sys::MODULE_MAGIC_COOKIE as u64,
            rewrite_args: None,
            create_dir_config: Some(crate::config::create::<M::Config>),
            merge_dir_config: Some(crate::config::merge::<M::Config>),
            create_server_config: None,
            merge_server_config: None,
            cmds: commands.0.as_ptr(),
            register_hooks: Some(crate::hooks::register::<M>),
            flags: 0,
        }))
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::module {
        self.0.get()
    }

    /// Whether httpd has loaded it; without a number it has no settings either.
    pub fn is_loaded(&self) -> bool {
        self.index() >= 0
    }

    /// The number httpd gave the module when it was loaded; LogLevel knows it by that.
    pub(crate) fn index(&self) -> i32 {
        // SAFETY: httpd sets module_index before it calls any function of the module.
        unsafe { (*self.0.get()).module_index }
    }
}

/// The directives in the form httpd wants: N rows and one of zeros.
pub struct Commands<const N: usize>([sys::command_rec; N]);

// SAFETY: the rows hold pointers to constants only and nobody writes to them.
unsafe impl<const N: usize> Sync for Commands<N> {}

impl<const N: usize> Commands<N> {
    /// The table for `rows`; N is one more than there are rows.
    pub const fn new<C: Config>(rows: &'static [Directive<C>]) -> Self {
        assert!(N == rows.len() + 1, "one row a directive and one of zeros");
        let end = sys::command_rec {
            name: ptr::null(),
            func: sys::cmd_func { no_args: None },
            cmd_data: ptr::null_mut(),
            req_override: 0,
            args_how: sys::RAW_ARGS,
            errmsg: ptr::null(),
        };
        let mut commands = [end; N];
        let mut i = 0;
        while i < rows.len() {
            let row = &rows[i];
            let (func, args_how) = match row.arity {
                Arity::Flag(_) => (sys::cmd_func { flag: Some(directives::flag::<C>) }, sys::FLAG),
                Arity::One(_) => (sys::cmd_func { take1: Some(directives::one::<C>) }, sys::TAKE1),
                Arity::Words(_) => (sys::cmd_func { raw_args: Some(directives::words::<C>) }, sys::RAW_ARGS),
            };
            commands[i] = sys::command_rec {
                name: row.name.as_ptr(),
                func,
                cmd_data: ptr::from_ref(row).cast_mut().cast(),
                req_override: row.context.bits(),
                args_how,
                errmsg: row.help.as_ptr(),
            };
            i += 1;
        }
        Commands(commands)
    }
}

/// Exports the record of a module under the name that `LoadModule` gives: `module!(sendmail_module, "mod_sendmail.c", Sendmail)`.
/// The macro also defines `RECORD`, which [`Module::record`] returns.
#[macro_export]
macro_rules! module {
    ($symbol:ident, $file:literal, $module:ty) => {
        static COMMANDS: $crate::Commands<{ <$module as $crate::Module>::DIRECTIVES.len() + 1 }> =
            $crate::Commands::new::<<$module as $crate::Module>::Config>(<$module as $crate::Module>::DIRECTIVES);

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals)]
        #[doc = concat!("The record that `LoadModule ", stringify!($symbol), "` finds.")]
        pub static $symbol: $crate::ModuleRecord = {
            const NAME: &::std::ffi::CStr = match ::std::ffi::CStr::from_bytes_with_nul(concat!($file, "\0").as_bytes())
            {
                Ok(name) => name,
                Err(_) => panic!("a file name without NUL"),
            };
            $crate::ModuleRecord::new::<$module, _>(NAME, &COMMANDS)
        };
    };
}
