//! How many assertions stand in the code that changes state, per 1,000 lines of it.
//!
//! Counted are `assert!`, `assert_eq!` and `assert_ne!` outside tests; `debug_assert!` is off where
//! it counts.

use super::ratchet::ASSERTIONS;
use super::source::{Source, words};
use super::{server_sources, snippet};

const MACROS: [&str; 3] = ["assert", "assert_eq", "assert_ne"];

/// Assertions and lines of code of a folder.
pub fn count(sources: &[Source], folder: &str) -> (usize, usize) {
    let sources = sources
        .iter()
        .filter(|source| source.path.starts_with(folder));
    sources.fold((0, 0), |(assertions, lines), source| {
        let code = &source.shipped;
        let called = |name: &'static str| {
            words(code, name)
                .filter(move |at| code[at + name.len()..].starts_with('!'))
                .count()
        };
        let here: usize = MACROS.into_iter().map(called).sum();
        (assertions + here, lines + source.code_lines())
    })
}

/// Assertions per 1,000 lines of code; None without any code.
pub fn density(sources: &[Source], folder: &str) -> Option<f64> {
    let (assertions, lines) = count(sources, folder);
    (lines > 0).then(|| assertions as f64 * 1000.0 / lines as f64)
}

#[test]
fn state_is_asserted() {
    let sources = server_sources();
    let mut complaints = Vec::new();
    for (folder, ratchet) in &ASSERTIONS {
        let Some(density) = density(sources, folder) else {
            continue;
        };
        println!("{}: {density:.1}", ratchet.what);
        complaints.extend(ratchet.judge(density));
    }
    super::assert_clean(&complaints);
    let text = "fn f() { assert!(a); assert_eq!(a, b); assert_ne!(a, b); }
        fn g() { debug_assert!(a); matches!(a, b); self.assert(); \"assert!(a)\" } // assert!(b)
        #[cfg(test)]
        mod tests { fn f() { assert!(a); } }";
    assert_eq!(
        count(&snippet("src/shard/a.rs", text), "src/shard/"),
        (3, 2)
    );
    assert_eq!(
        density(&snippet("src/shard/a.rs", text), "src/shard/"),
        Some(1500.0)
    );
    assert_eq!(density(&snippet("src/shard/a.rs", text), "src/wal/"), None);
}
