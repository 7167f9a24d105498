//! The integration tests: a real httpd on loopback with the module that cargo built. What they need is listed in `tests/README.md`.

mod faults;
mod life;
mod memory;
mod posts;
mod programs;
mod selftest;
mod support;
