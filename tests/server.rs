//! The integration tests: a real httpd on loopback with the module that cargo built. What they need is listed in `tests/README.md`.

mod hostile;
mod origins;
mod posts;
mod selftest;
mod support;
