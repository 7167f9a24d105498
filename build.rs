//! Link arguments of the module. The .so stays mapped when httpd unloads it at a restart (`-z nodelete`): what it has put into
//! thread-locals and statics stays valid, and the next start finds it again.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for flag in ["-Wl,-z,nodelete", "-Wl,-z,now", "-Wl,-z,relro"] {
        println!("cargo::rustc-link-arg-cdylib={flag}");
    }
}
