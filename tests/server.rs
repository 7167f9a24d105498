//! The integration tests: a real httpd on loopback with the module that cargo built. What they need is listed in `tests/README.md`.

mod answers;
mod checks;
mod circle;
mod contact;
mod directives;
mod dry_run;
mod examples;
mod faults;
mod health;
mod hostile;
mod life;
mod manual;
mod memory;
mod metrics;
mod origins;
mod policy;
mod posts;
mod programs;
mod redirect;
mod relay;
mod selftest;
mod senders;
mod shipped;
mod status;
mod support;
