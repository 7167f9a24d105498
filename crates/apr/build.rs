//! Link arguments for libapr and libaprutil, as `apr-1-config` and `apu-1-config` give them.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (variable, program, package) in
        [("APU_CONFIG", "apu-1-config", "libaprutil1-dev"), ("APR_CONFIG", "apr-1-config", "libapr1-dev")]
    {
        println!("cargo::rerun-if-env-changed={variable}");
        let program = std::env::var(variable).unwrap_or_else(|_| program.to_owned());
        let output = Command::new(&program)
            .arg("--link-ld")
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}. On Debian: apt-get install {package}"));
        for flag in String::from_utf8_lossy(&output.stdout).split_whitespace() {
            if let Some(directory) = flag.strip_prefix("-L") {
                println!("cargo::rustc-link-search=native={directory}");
            } else if let Some(library) = flag.strip_prefix("-l") {
                println!("cargo::rustc-link-lib={library}");
            }
        }
    }
}
