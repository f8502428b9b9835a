//! Ratchets: figures of the code that may only get better, and the floors and ceilings they stand
//! at.
//!
//! A figure worse than its bound is a complaint, and so is one that is clearly better: the bound
//! moves in the change that earned it. Once the bound has reached the target only getting worse is
//! a complaint.

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    More,
    Fewer,
}

/// A figure's bound.
#[derive(Debug)]
pub struct Ratchet {
    pub what: &'static str,
    pub better: Better,
    /// Nothing worse is accepted.
    pub bound: f64,
    /// Where it is to arrive.
    pub target: f64,
    /// How much better than the bound it may be before the bound must follow.
    pub slack: f64,
}

impl Ratchet {
    pub const fn fewer(what: &'static str, bound: u32, target: u32) -> Self {
        // Half: changes that land side by side need not all meet in one line.
        let slack = bound / 2;
        Self {
            what,
            better: Better::Fewer,
            bound: bound as f64,
            target: target as f64,
            slack: slack as f64,
        }
    }

    pub const fn more(what: &'static str, bound: f64, target: f64) -> Self {
        Self {
            what,
            better: Better::More,
            bound,
            target,
            slack: 6.0,
        }
    }

    /// What is wrong with a figure, if anything.
    pub fn judge(&self, figure: f64) -> Option<String> {
        let Self {
            what,
            bound,
            target,
            ..
        } = self;
        let gained = match self.better {
            Better::More => figure - bound,
            Better::Fewer => bound - figure,
        };
        let arrived = match self.better {
            Better::More => bound >= target,
            Better::Fewer => bound <= target,
        };
        if gained < 0.0 {
            return Some(format!("{what}: {figure:.1}, the bound is {bound}"));
        }
        (gained > self.slack && !arrived).then(|| {
            format!("{what}: {figure:.1}, better than the bound {bound}: move it in tests/tidy/ratchet.rs")
        })
    }
}

/// Assertions per 1,000 lines of code, by folder; folders that are not there yet have only a
/// target.
pub const ASSERTIONS: [(&str, Ratchet); 4] = [
    (
        "src/shard/",
        Ratchet::more("assertions per 1,000 lines of shard", 14.3, 12.0),
    ),
    (
        "src/txn/",
        Ratchet::more("assertions per 1,000 lines of txn", 12.0, 12.0),
    ),
    (
        "src/store/",
        Ratchet::more("assertions per 1,000 lines of store", 20.0, 12.0),
    ),
    (
        "src/wal/",
        Ratchet::more("assertions per 1,000 lines of wal", 12.0, 12.0),
    ),
];
pub const CORE_FIELDS: Ratchet = Ratchet::fewer("fields of Core", 20, 20);
pub const CORE_PUBLIC_FIELDS: Ratchet = Ratchet::fewer("public fields of Core", 0, 0);
pub const CORE_METHODS: Ratchet = Ratchet::fewer("public methods of Core", 218, 60);
pub const CIRCLE: Ratchet = Ratchet::fewer("files in the largest circle by calls in shard", 8, 8);
pub const SIBLINGS: Ratchet = Ratchet::fewer("imports among the files of shard", 57, 50);
pub const CHAIN: Ratchet = Ratchet::fewer("functions of the chain", 15, 12);
pub const COMMANDS_OUTSIDE: Ratchet = Ratchet::fewer("commands named outside cmd and admin", 0, 0);
pub const DEAD_PUBLIC: Ratchet = Ratchet::fewer("public items that no other file names", 0, 0);
pub const LONG_COMMENTS: Ratchet = Ratchet::fewer("comment lines over 100 columns", 0, 0);
pub const LIMITS_OUTSIDE: Ratchet = Ratchet::fewer("limits outside limits.rs", 0, 0);

#[test]
fn a_ratchet_moves_one_way() {
    let fewer = Ratchet::fewer("x", 50, 8);
    for (figure, complains) in [(51.0, true), (50.0, false), (25.0, false), (24.0, true)] {
        assert_eq!(fewer.judge(figure).is_some(), complains, "{figure}");
    }
    assert!(Ratchet::fewer("x", 8, 8).judge(2.0).is_none());
    assert!(Ratchet::fewer("x", 0, 0).judge(1.0).is_some());
    let more = Ratchet::more("x", 2.0, 12.0);
    for (figure, complains) in [(1.9, true), (2.0, false), (8.0, false), (8.1, true)] {
        assert_eq!(more.judge(figure).is_some(), complains, "{figure}");
    }
    assert!(Ratchet::more("x", 12.0, 12.0).judge(30.0).is_none());
}
