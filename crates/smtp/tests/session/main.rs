//! Whole sessions: what clients say -> what the host is asked, what they are told.

mod dialogue;
mod hostile;
mod pieces;
mod recorder;
