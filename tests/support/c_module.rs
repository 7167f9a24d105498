//! A module of httpd in C, for things that none of httpd's own modules does.

use super::process::{required, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `source` into `folder`, as apxs would.
pub fn compile(name: &str, source: &str, folder: &Path) -> PathBuf {
    let (file, module) = (folder.join(name).with_extension("c"), folder.join(name).with_extension("so"));
    fs::write(&file, source).unwrap();
    let ask = |question: &str| {
        let answer = run(Command::new(required("apxs", "apache2-dev")).args(["-q", question]));
        String::from_utf8(answer).unwrap().trim().to_owned()
    };
    let mut compiler = Command::new(required("cc", "gcc"));
    compiler.args(["-shared", "-fPIC", "-D_GNU_SOURCE"]).args(ask("CFLAGS").split_whitespace());
    for include in ["INCLUDEDIR", "APR_INCLUDEDIR", "APU_INCLUDEDIR"] {
        compiler.arg(format!("-I{}", ask(include)));
    }
    run(compiler.arg("-o").arg(&module).arg(&file));
    module
}
