//! A [`Module`] -> its [`ModuleRecord`], with the table of its directives and the functions that httpd calls.

use crate::directives::{self, Arity, Directive};
use crate::{Module, ModuleRecord};
use apache_sys as sys;
use std::ffi::CStr;
use std::ptr;

/// The record of `M`; `name` is the source file name that `<IfModule>` knows the module by, `commands` its table.
pub const fn record<M: Module, const N: usize>(name: &'static CStr, commands: &'static Commands<N>) -> ModuleRecord {
    ModuleRecord::from_raw(sys::module {
        version: sys::MODULE_MAGIC_NUMBER_MAJOR as i32,
        minor_version: sys::MODULE_MAGIC_NUMBER_MINOR as i32,
        module_index: -1,
        name: name.as_ptr(),
        dynamic_load_handle: ptr::null_mut(),
        next: ptr::null_mut(),
        magic: sys::MODULE_MAGIC_COOKIE as u64,
        rewrite_args: None,
        create_dir_config: Some(crate::config::create::<M>),
        merge_dir_config: Some(crate::config::merge::<M>),
        create_server_config: None,
        merge_server_config: None,
        cmds: commands.0.as_ptr(),
        register_hooks: Some(crate::hooks::register::<M>),
        flags: 0,
    })
}

/// The directives in the form httpd wants: N rows and one of zeros.
pub struct Commands<const N: usize>([sys::command_rec; N]);

// SAFETY: the rows hold pointers to constants only and nobody writes to them.
unsafe impl<const N: usize> Sync for Commands<N> {}

impl<const N: usize> Commands<N> {
    /// The table for `rows`; N is one more than there are rows.
    pub const fn new<M: Module>(rows: &'static [Directive<M>]) -> Self {
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
                Arity::Flag(_) => (sys::cmd_func { flag: Some(directives::flag::<M>) }, sys::FLAG),
                Arity::One(_) => (sys::cmd_func { take1: Some(directives::one::<M>) }, sys::TAKE1),
                Arity::Words(_) => (sys::cmd_func { raw_args: Some(directives::words::<M>) }, sys::RAW_ARGS),
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
            $crate::Commands::new::<$module>(<$module as $crate::Module>::DIRECTIVES);

        #[unsafe(no_mangle)]
        #[allow(non_upper_case_globals)]
        #[doc = concat!("The record that `LoadModule ", stringify!($symbol), "` finds.")]
        pub static $symbol: $crate::ModuleRecord = {
            const NAME: &::std::ffi::CStr = match ::std::ffi::CStr::from_bytes_with_nul(concat!($file, "\0").as_bytes())
            {
                Ok(name) => name,
                Err(_) => panic!("a file name without NUL"),
            };
            $crate::record::<$module, _>(NAME, &COMMANDS)
        };
    };
}
