//! Whole sessions: the client's input -> the host's questions and the replies.

mod dialogue;
mod hostile;
mod pieces;
mod recorder;
