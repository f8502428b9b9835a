//! What commands over several keys have in common: counts of keys, and keys whose types are looked
//! at before anything else happens.
//!
//! Serves lists, sets and sorted sets; knows none of them.

use std::ops::Range;

use super::{Context, Key, Lookup};
use crate::resp::{Args, Error, parse_i64};
use crate::store::Entry;

/// Argument `at` as a number above 0.
pub fn positive(args: &Args<'_>, at: usize, error: &'static str) -> Result<usize, Error> {
    parse_i64(args.get(at))
        .filter(|&number| number > 0)
        .and_then(|number| usize::try_from(number).ok())
        .ok_or(Error::new(error))
}

/// The keys at these arguments, each looked at as a reader; nothing is answered before `check` has
/// found all types right.
pub fn checked_keys<'a>(
    ctx: &mut Context<'_>,
    args: &Args<'a>,
    keys: Range<usize>,
    check: impl Fn(&Entry) -> Result<(), Error>,
) -> Result<Vec<Key<'a>>, Error> {
    keys.map(|at| {
        let key = ctx.key(args, at);
        ctx.view(key, Lookup::Read, |entry, _| {
            entry.map(&check).transpose().map(|_| key)
        })
    })
    .collect()
}
