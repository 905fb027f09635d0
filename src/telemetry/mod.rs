//! What happened in a run, for people: a story in words (`story`), a terminal summary (`summary`) and
//! a self-contained page (`picture`). Reads records that backends leave behind; the journey never
//! calls it.

mod events;
#[cfg(test)]
mod example;
pub mod picture;
mod story;
mod summary;
mod words;

pub use summary::summary;
