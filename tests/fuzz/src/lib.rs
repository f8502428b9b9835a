//! Fuzz targets: one function per parser, which panics when the parser breaks a promise.
//!
//! `main.rs` drives them from a seed with any compiler; `fuzz_targets/` hands them to libFuzzer. A
//! target is deterministic in its input and does no I/O.

mod config;
mod glob;
mod record;
mod resp;

/// A parser under test.
pub struct Target {
    pub name: &'static str,
    check: fn(&[u8]),
    /// Inputs that mutation starts from.
    pub seeds: &'static [&'static [u8]],
    /// Words of the parser's language that mutation inserts.
    pub words: &'static [&'static [u8]],
}

impl Target {
    /// Runs the target on one input; panics on a broken promise.
    pub fn check(&self, input: &[u8]) {
        (self.check)(input);
    }
}

pub const TARGETS: &[Target] = &[
    resp::TARGET,
    glob::TARGET,
    record::TARGET,
    config::LINE,
    config::FILE,
    config::ARGS,
    config::SET,
];

/// The target of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
