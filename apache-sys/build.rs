//! Asks `apxs`, `apr-1-config` and `apu-1-config` where the headers are, lets bindgen read them and compiles the shims.
//! `APXS`, `APR_CONFIG` and `APU_CONFIG` name other programs than the ones in PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    for file in ["wrapper.h", "shim_apr.c", "shim_httpd.c", "layout.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let flags = compiler_flags();
    generate_bindings(&flags);
    compile_shims(&flags);
}

/// The include and define flags that httpd's own modules are compiled with.
fn compiler_flags() -> Vec<String> {
    let mut flags = vec![format!("-I{}", ask("APXS", &["apxs", "apxs2"], &["-q", "INCLUDEDIR"], "apache2-dev"))];
    for (variable, program, package) in
        [("APR_CONFIG", "apr-1-config", "libapr1-dev"), ("APU_CONFIG", "apu-1-config", "libaprutil1-dev")]
    {
        flags.extend(words(&ask(variable, &[program], &["--includes"], package)));
    }
    flags.extend(words(&ask("APR_CONFIG", &["apr-1-config"], &["--cppflags"], "libapr1-dev")));
    flags
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What the first of `programs` that exists answers; `variable` replaces them. Ends the build with the package's name otherwise.
fn ask(variable: &str, programs: &[&str], arguments: &[&str], package: &str) -> String {
    println!("cargo::rerun-if-env-changed={variable}");
    let named = env::var(variable).ok();
    let programs = named.as_deref().map_or_else(|| programs.to_vec(), |program| vec![program]);
    for program in &programs {
        let Ok(output) = Command::new(program).args(arguments).output() else { continue };
        if output.status.success() {
            return String::from_utf8_lossy(&output.stdout).trim().to_owned();
        }
        panic!("`{program} {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    panic!(
        "{} not found. On Debian: apt-get install {package}. Elsewhere set {variable} to its path",
        programs.join(" or ")
    )
}

fn generate_bindings(flags: &[String]) {
    let attempt = std::panic::catch_unwind(|| {
        bindgen::Builder::default()
            .header("wrapper.h")
            .clang_args(flags)
            .allowlist_function("(ap|apr|unixd)_.*")
            .allowlist_var(
                "(AP|APR|APLOG|CONN|HTTP|M|SERVER|OR|RSRC|ACCESS|EXEC|MODULE|REPLACE)_.*|OK|DECLINED|DONE|SUSPENDED|ap_.*",
            )
            .allowlist_type("(ap|apr)_.*|request_rec|server_rec|conn_rec|module|command_rec|cmd_parms|cmd_func|cmd_how")
            .blocklist_item("APR_(INT|UINT)(8|16|32|64)_.*")
            .default_enum_style(bindgen::EnumVariation::Consts)
            .prepend_enum_name(false)
            .generate_comments(false)
            .layout_tests(true)
            .generate()
    });
    let bindings = match attempt {
        Ok(Ok(bindings)) => bindings,
        Ok(Err(error)) => panic!("bindgen could not read httpd's headers: {error}"),
        Err(_) => {
            panic!("bindgen found no libclang. On Debian: apt-get install libclang-dev. Elsewhere set LIBCLANG_PATH")
        }
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    bindings.write_to_file(out.join("bindings.rs")).expect("OUT_DIR is writable");
}

fn compile_shims(flags: &[String]) {
    let mut build = cc::Build::new();
    for flag in flags {
        build.flag(flag);
    }
    for file in ["shim_apr.c", "shim_httpd.c", "layout.c"] {
        build.file(Path::new(file));
    }
    build.warnings(true).compile("apache_sys_shim");
}
