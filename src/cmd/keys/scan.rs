//! Walks over the keyspace: KEYS, and the per-shard parts of SCAN and RANDOMKEY.
//!
//! A cursor names a slot and a position in the slot's table, so it means the same on every shard
//! and survives growth. The client's own shard strings the parts together (`admin`); a part never
//! blocks for longer than its budget.

use super::docs;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Context, Group, Key, Lookup, Merge, Outcome, Run, acl, flag, key_slot};
use crate::limits::{RANDOM_KEY_TRIES, SCAN_BUCKETS_PER_ELEMENT, SCAN_COUNT_DEFAULT};
use crate::resp::{Args, Error, Reply, glob_match, parse_i64};
use crate::store::{Element, Entry, Slot};

/// The rows of this family.
pub static COMMANDS: &[Command] = &[Command {
    name: "keys",
    arity: 2,
    flags: flag::READONLY,
    categories: acl::KEYSPACE | acl::DANGEROUS,
    group: Group::Generic,
    keys: &[],
    docs: &docs::KEYS,
    special: PLAIN,
    run: Run::Everywhere(keys, Merge::Concat),
    subcommands: &[],
}];

/// A place in the keyspace: a slot and a position in its table. As a number, the slot lies above
/// the 32 bits of the position, so it stays below 2^46, which any client's doubles keep exactly; 0
/// is the begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub slot: Slot,
    pub position: u32,
}

impl Cursor {
    /// The number that clients see.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.slot.number()) << 32 | u64::from(self.position)
    }

    /// The place that a number names; None beyond the last slot, where there is nothing to see.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Cursor> {
        let slot = Slot::at(usize::try_from(number >> 32).ok()?)?;
        let position =
            u32::try_from(number & u64::from(u32::MAX)).expect("a masked value fits its 32 bits");
        Some(Cursor { slot, position })
    }

    /// The next place; None behind the last one.
    fn next(self) -> Option<Cursor> {
        match self.position.checked_add(1) {
            Some(position) => Some(Cursor { position, ..self }),
            None => Cursor::after_slot(self.slot),
        }
    }

    /// The begin of the next slot; None behind the last one.
    #[must_use]
    fn after_slot(slot: Slot) -> Option<Cursor> {
        slot.next().map(|slot| Cursor { slot, position: 0 })
    }
}

/// The reply of a scan of elements: the next cursor, and `found`, which holds so many.
pub fn reply_elements(reply: &mut Reply<'_>, next: u64, count: usize, found: &[u8]) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(count);
    reply.encoded(found);
}

/// A cursor's number as SCAN and its kin read it: what `strtoul` takes, without leading blanks.
///
/// # Errors
/// `ERR invalid cursor`.
pub fn parse_cursor(text: &[u8]) -> Result<u64, Error> {
    const INVALID: Error = Error::new("ERR invalid cursor");
    if text.is_empty() {
        return Ok(0);
    }
    let (negative, digits) = match text[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(INVALID);
    }
    let digits = std::str::from_utf8(digits).expect("digits are ASCII");
    let number: u64 = digits.parse().map_err(|_| INVALID)?;
    Ok(if negative {
        number.wrapping_neg()
    } else {
        number
    })
}

/// What a step of SCAN shall find.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Elements to look at, at least.
    pub count: usize,
    pub pattern: Option<&'a [u8]>,
    /// A type's name as given; one that no type has fits no key.
    pub kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Reads SCAN's options from argument `first` on.
    ///
    /// # Errors
    /// As Redis words them.
    pub fn parse(args: &Args<'a>, first: usize) -> Result<Self, Error> {
        Self::parse_with(args, first, None)
    }

    /// HSCAN's: also whether values are left out.
    ///
    /// # Errors
    /// As Redis words them.
    pub fn parse_fields(args: &Args<'a>, first: usize) -> Result<(Self, bool), Error> {
        let mut no_values = false;
        let options = Self::parse_with(args, first, Some(&mut no_values))?;
        if options.kind.is_none() {
            Ok((options, no_values))
        } else {
            Err(Error::SYNTAX)
        }
    }

    fn parse_with(
        args: &Args<'a>,
        first: usize,
        mut no_values: Option<&mut bool>,
    ) -> Result<Self, Error> {
        let mut options = Self {
            count: SCAN_COUNT_DEFAULT,
            pattern: None,
            kind: None,
        };
        let mut option = first;
        while option < args.len() {
            if let Some(no_values) = &mut no_values
                && args.is(option, "novalues")
            {
                **no_values = true;
                option += 1;
                continue;
            }
            if option + 1 == args.len() {
                return Err(Error::SYNTAX);
            }
            let value = args.get(option + 1);
            if args.is(option, "count") {
                let count = parse_i64(value).ok_or(Error::NOT_INTEGER)?;
                options.count = usize::try_from(count)
                    .ok()
                    .filter(|&count| count > 0)
                    .ok_or(Error::SYNTAX)?;
            } else if args.is(option, "match") {
                options.pattern = (value != b"*").then_some(value);
            } else if args.is(option, "type") {
                options.kind = Some(value);
            } else {
                return Err(Error::SYNTAX);
            }
            option += 2;
        }
        Ok(options)
    }

    /// As `parse`, for the elements of one key, which have no type.
    ///
    /// # Errors
    /// As Redis words them.
    pub fn parse_elements(args: &Args<'a>, first: usize) -> Result<Self, Error> {
        let options = Self::parse(args, first)?;
        if options.kind.is_none() {
            Ok(options)
        } else {
            Err(Error::SYNTAX)
        }
    }

    /// Whether the pattern, if there is one, fits an element.
    pub fn admits(&self, element: &Element<'_>) -> bool {
        let fits = |pattern| element.with_text(|text| glob_match(pattern, text, false));
        self.pattern.is_none_or(fits)
    }

    /// As in Redis, asking for the type is a look-up, so it is counted.
    fn fits(&self, entry: &Entry, now_ms: u64, looked: &mut Looked) -> bool {
        let matches = self
            .pattern
            .is_none_or(|pattern| glob_match(pattern, entry.key(), false));
        if !matches {
            return false;
        }
        let live = live(entry, now_ms);
        let Some(kind) = self.kind else { return live };
        looked.hits += u64::from(live);
        looked.misses += u64::from(!live);
        live && kind.eq_ignore_ascii_case(entry.kind().name().as_bytes())
    }
}

/// Look-ups of a walk that count as a reader's.
#[derive(Default)]
struct Looked {
    hits: u64,
    misses: u64,
}

/// What one shard's part of a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanPart {
    /// Where to go on below the end of the part; None when all of it has been seen.
    pub next: Option<Cursor>,
    /// Elements looked at, fitting or not.
    pub examined: usize,
    /// Keys appended to the reply.
    pub found: usize,
}

/// One shard's part of a step of SCAN: from `start` on, through its slots below `end_slot`, until
/// `options.count` elements have been looked at. The keys found are appended to `ctx.reply` as bulk
/// strings without a head. Slots in between that belong to other shards are not seen: the caller
/// names a range of slots that this shard owns, and goes on at `end_slot` with its owner when
/// `next` is None.
pub fn scan_part(
    ctx: &mut Context<'_>,
    options: &ScanOptions<'_>,
    start: Cursor,
    end_slot: usize,
) -> ScanPart {
    let mut looked = Looked::default();
    let part = walk(ctx, options, start, end_slot, &mut looked);
    ctx.count_lookups(looked.hits, looked.misses);
    part
}

fn walk(
    ctx: &mut Context<'_>,
    options: &ScanOptions<'_>,
    start: Cursor,
    end_slot: usize,
    looked: &mut Looked,
) -> ScanPart {
    let (now_ms, db) = (ctx.now_ms, ctx.db);
    let (store, reply) = ctx.store_and_reply();
    let mut part = ScanPart {
        next: None,
        examined: 0,
        found: 0,
    };
    let mut buckets_left = options.count.saturating_mul(SCAN_BUCKETS_PER_ELEMENT);
    let mut at = Some(start);
    while let Some(cursor) = at {
        let Some(slot) = store
            .next_used_slot(db, cursor.slot)
            .filter(|&slot| slot.index() < end_slot)
        else {
            return part;
        };
        let position = if slot == cursor.slot {
            cursor.position
        } else {
            0
        };
        if part.examined >= options.count || buckets_left == 0 {
            part.next = Some(Cursor { slot, position });
            return part;
        }
        buckets_left -= 1;
        let next = store.scan(db, slot, position, |entry| {
            part.examined += 1;
            if options.fits(entry, now_ms, looked) {
                reply.bulk(entry.key());
                part.found += 1;
            }
        });
        at = next.map_or_else(
            || Cursor::after_slot(slot),
            |position| Some(Cursor { slot, position }),
        );
    }
    part
}

/// Which of the keys that are away, lent to transactions, lie in what the part from `start` on has
/// passed; each with its place. They must be waited for and shown (`scan_returned`). There are no
/// more than were asked for: if need be the part ends earlier.
pub fn scan_lent(
    options: &ScanOptions<'_>,
    start: Cursor,
    end_slot: usize,
    part: &mut ScanPart,
    lent: impl Iterator<Item = (Cursor, Box<[u8]>)>,
) -> Vec<Box<[u8]>> {
    let end = part.next;
    let passed =
        |at: Cursor| start <= at && at.slot.index() < end_slot && end.is_none_or(|end| at < end);
    let fits = |key: &[u8]| {
        options
            .pattern
            .is_none_or(|pattern| glob_match(pattern, key, false))
    };
    let mut found: Vec<(Cursor, Box<[u8]>)> =
        lent.filter(|(at, key)| passed(*at) && fits(key)).collect();
    found.sort_unstable();
    found.dedup();
    assert!(options.count > 0, "a scan looks at something");
    if let Some(&(last, _)) = found.get(options.count - 1)
        && found.len() > options.count
    {
        found.retain(|(at, _)| *at <= last);
        let next = last.next().filter(|next| next.slot.index() < end_slot);
        part.next = next
            .filter(|next| end.is_none_or(|end| *next < end))
            .or(end);
    }
    part.examined += found.len();
    found.into_iter().map(|(_, key)| key).collect()
}

/// Shows those of the keys that are there now, as `scan_part` does; returns how many.
pub fn scan_returned(
    ctx: &mut Context<'_>,
    options: &ScanOptions<'_>,
    keys: &[Box<[u8]>],
) -> usize {
    let (now_ms, db) = (ctx.now_ms, ctx.db);
    let (store, reply) = ctx.store_and_reply();
    let (mut found, mut looked) = (0, Looked::default());
    for key in keys {
        let entry = store.get(db, key_slot(key), key);
        if entry.is_some_and(|entry| options.fits(entry, now_ms, &mut looked)) {
            reply.bulk(key);
            found += 1;
        }
    }
    ctx.count_lookups(looked.hits, looked.misses);
    found
}

/// A random live key of this shard and the client's database. None when there is none, or when one
/// try after the other met a key that had expired.
pub fn random_part(ctx: &mut Context<'_>) -> Option<Vec<u8>> {
    for _ in 0..RANDOM_KEY_TRIES {
        let key = ctx.random_key()?;
        if ctx.exists(Key::new(&key), Lookup::Peek) {
            return Some(key);
        }
    }
    None
}

fn keys(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let pattern = Some(args.get(1)).filter(|&pattern| pattern != b"*");
    let (now_ms, db, protocol) = (ctx.now_ms, ctx.db, ctx.reply.protocol());
    let mut encoded = Vec::new();
    let mut found = 0;
    let mut elements = Reply::new(&mut encoded, protocol);
    ctx.store().for_each(db, |_slot, entry| {
        if live(entry, now_ms)
            && pattern.is_none_or(|pattern| glob_match(pattern, entry.key(), false))
        {
            elements.bulk(entry.key());
            found += 1;
        }
    });
    ctx.reply.array(found);
    ctx.reply.encoded(&encoded);
    Ok(())
}

fn live(entry: &Entry, now_ms: u64) -> bool {
    !entry.is_expired(now_ms)
}

#[cfg(test)]
mod tests;
