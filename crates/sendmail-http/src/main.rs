#![forbid(unsafe_code)]
#![allow(dead_code)]
mod account;
mod aliases;
mod config;
mod exit;
mod id;
mod message;
mod options;
fn main() {}
