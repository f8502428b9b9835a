//! The compact form of a sorted set: a listpack of members, each with its score behind it.
//!
//! Pure functions over a listpack that the caller keeps in order. A score that is a whole number is
//! kept as an integer (minus zero as zero, as in Redis), any other as its shortest text.

#![allow(
    clippy::float_cmp,
    reason = "a score is equal or not, as clients gave it"
)]

use crate::base::double;
use crate::store::listpack::{Element, Listpack, Needle};

/// Where a member is.
pub(super) struct Found {
    pub rank: usize,
    pub score: f64,
    position: usize,
    next: usize,
}

/// The score that an element says; None when it is none.
pub(super) fn read_score(element: Element<'_>) -> Option<f64> {
    match element {
        Element::Int(number) => Some(number as f64),
        Element::Bytes(text) => {
            let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            (!score.is_nan()).then_some(score)
        }
    }
}

/// The member and score at a position, and the position of the next member.
#[inline]
fn pair(pack: &Listpack, position: usize) -> (Element<'_>, f64, usize) {
    let (member, score_at) = pack.at(position);
    let (score, next) = pack.at(score_at);
    let score = read_score(score).expect("scores were written, or checked, as numbers");
    (member, score, next)
}

pub(super) fn for_each<'a>(pack: &'a Listpack, mut show: impl FnMut(Element<'a>, f64)) {
    let mut position = pack.first();
    while position < pack.end() {
        let (member, score, next) = pair(pack, position);
        show(member, score);
        position = next;
    }
}

pub(super) fn find(pack: &Listpack, text: &[u8]) -> Option<Found> {
    let needle = Needle::new(text);
    let (mut position, mut rank) = (pack.first(), 0);
    while position < pack.end() {
        let (member, score_at) = pack.at(position);
        if needle.is(member) {
            let (_, score, next) = pair(pack, position);
            return Some(Found {
                rank,
                score,
                position,
                next,
            });
        }
        position = pack.at(score_at).1;
        rank += 1;
    }
    None
}

/// Adds a member that is not there.
pub(super) fn insert(pack: &mut Listpack, text: &[u8], score: f64) {
    let mut position = pack.first();
    while position < pack.end() {
        let (member, other, next) = pair(pack, position);
        let is_before =
            other < score || (other == score && member.with_text(|member| member < text));
        if !is_before {
            break;
        }
        position = next;
    }
    // The score first: the member is then put before it.
    let behind = pack.end() - position;
    match double::as_integer(score) {
        Some(number) => pack.insert(position, Element::Int(number)),
        None => pack.insert(position, Element::Bytes(double::shortest(score).as_bytes())),
    }
    let score_at = pack.before(pack.end() - behind);
    pack.insert(score_at, Element::from_text(text));
}

/// Removes a member; its score.
pub(super) fn remove(pack: &mut Listpack, text: &[u8]) -> Option<f64> {
    let found = find(pack, text)?;
    pack.cut(found.position, found.next, 2);
    Some(found.score)
}

/// How many members come before a range, and how many are in it.
pub(super) fn span(
    pack: &Listpack,
    is_before: impl Fn(&[u8], f64) -> bool,
    is_within: impl Fn(&[u8], f64) -> bool,
) -> (usize, usize) {
    let (mut first, mut count) = (0, 0);
    let mut ended = false;
    for_each(pack, |member, score| {
        member.with_text(|text| {
            if count == 0 && !ended && is_before(text, score) {
                first += 1;
            } else if !ended && is_within(text, score) {
                count += 1;
            } else {
                ended = true;
            }
        });
    });
    (first, count)
}

/// Shows so many members from a rank on, upwards or downwards.
pub(super) fn range<'a>(
    pack: &'a Listpack,
    from: usize,
    count: usize,
    backwards: bool,
    mut show: impl FnMut(Element<'a>, f64),
) {
    let mut position = pack.position(2 * from);
    for left in (0..count).rev() {
        let (member, score, next) = pair(pack, position);
        show(member, score);
        if left == 0 {
            break;
        }
        position = if backwards {
            pack.before(pack.before(position))
        } else {
            next
        };
    }
}
