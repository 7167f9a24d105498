//! What cargo builds from this workspace, built once per test process: `cargo test` does not build a cdylib.

use super::place::repository;
use super::process::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub struct Artifacts {
    /// The folder of the profile: `target/debug`.
    pub folder: PathBuf,
    pub module: PathBuf,
    pub status_module: PathBuf,
    pub processdsn: PathBuf,
    pub fake_sendmail: PathBuf,
}

/// The paths; builds on the first call. Debug unless MOD_SENDMAIL_PROFILE=release.
pub fn artifacts() -> &'static Artifacts {
    static BUILT: OnceLock<Artifacts> = OnceLock::new();
    BUILT.get_or_init(|| build(&["mod_sendmail", "mod_processdsn", "processdsn", "fake-sendmail"]))
}

/// Only the recording program, for tests that need no module.
pub fn fake_sendmail() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["fake-sendmail"]).fake_sendmail)
}

/// The client command.
pub fn client() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["sendmail-http"]).folder.join("sendmail-http"))
}

/// The module with faults and panics on demand (feature `faults`), built into `target/faults`.
pub fn faulty_module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target_folder().join("faults");
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--package", "mod_sendmail", "--features", "faults"]);
        run(cargo.arg("--target-dir").arg(&target));
        target.join("debug/libmod_sendmail.so")
    })
}

fn build(packages: &[&str]) -> Artifacts {
    let release = std::env::var_os("MOD_SENDMAIL_PROFILE").is_some_and(|profile| profile == "release");
    let target = target_folder();
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--target-dir"]).arg(&target);
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    cargo.args(release.then_some("--release"));
    run(&mut cargo);
    let folder = target.join(if release { "release" } else { "debug" });
    Artifacts {
        module: folder.join("libmod_sendmail.so"),
        status_module: folder.join("libmod_processdsn.so"),
        processdsn: folder.join("processdsn"),
        fake_sendmail: folder.join("fake-sendmail"),
        folder,
    }
}

/// cargo, without the variables by which `cargo test` describes its package: build scripts that depend on them (ring) would run again each
/// time.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository());
    let of_package =
        |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        cargo.env_remove(name);
    }
    cargo
}

/// CARGO_TARGET_TMPDIR is `<target>/tmp`, for any --target-dir, CARGO_TARGET_DIR or .cargo/config.toml.
fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo puts tmp inside the target folder").to_owned()
}
