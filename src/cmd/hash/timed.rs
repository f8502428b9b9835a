//! Fields together with their times: HGETEX, HSETEX, HGETDEL.
//!
//! Options as Redis 8 reads them, and Valkey's conditions on the key (NX, XX). Log and replicas get
//! absolute times, and what became of the fields alone.

use super::super::{Context, Edit, Outcome};
use super::times::{
    MILLISECONDS, SECONDS, Scale, UNIX_MILLISECONDS, UNIX_SECONDS, plain_fields_at, settle_times,
};
use super::{change, hash_mut, hash_or_new, limits, propagate_fields, seen, write_value};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::Hash;

/// What happens to the fields' times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// HSETEX: they go; HGETEX: they stay.
    Default,
    At(u64),
    /// HSETEX KEEPTTL.
    Keep,
    /// HGETEX PERSIST.
    Persist,
}

/// All that stands in front of the fields.
#[derive(Debug)]
struct Options {
    times: Times,
    /// Whether all of the fields must exist, or none of them.
    fields_exist: Option<bool>,
    /// Whether the key must exist, or not.
    key_exists: Option<bool>,
    /// Where the fields begin.
    first: usize,
}

/// Which of the two commands is read.
struct Syntax {
    name: &'static str,
    sets: bool,
}

const HGETEX: Syntax = Syntax {
    name: "hgetex",
    sets: false,
};
const HSETEX: Syntax = Syntax {
    name: "hsetex",
    sets: true,
};

impl Syntax {
    fn parse(&self, args: &Args<'_>, now_ms: u64) -> Result<Options, Error> {
        let mut options = Options {
            times: Times::Default,
            fields_exist: None,
            key_exists: None,
            first: 0,
        };
        let mut at = 2;
        while at < args.len() {
            if args.is(at, "fields") {
                options.first = self.fields(args, at)?;
                return Ok(options);
            }
            at += self.option(args, at, now_ms, &mut options)?;
        }
        Err(Error::arity(self.name))
    }

    /// Where the fields begin, whose number stands behind FIELDS.
    fn fields(&self, args: &Args<'_>, at: usize) -> Result<usize, Error> {
        let each = if self.sets { 2 } else { 1 };
        if at + 2 + each > args.len() {
            return Err(Error::arity(self.name));
        }
        let count = parse_i64(args.get(at + 1))
            .and_then(|count| i32::try_from(count).ok())
            .and_then(|count| usize::try_from(count).ok())
            .filter(|&count| count > 0)
            .ok_or(Error::new("ERR invalid number of fields"))?;
        if count * each == args.len() - at - 2 {
            Ok(at + 2)
        } else {
            Err(Error::arity(self.name))
        }
    }

    /// Takes one option; returns how many arguments it used.
    fn option(
        &self,
        args: &Args<'_>,
        at: usize,
        now_ms: u64,
        options: &mut Options,
    ) -> Result<usize, Error> {
        let conflict = Error::new(if self.sets {
            "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
        } else {
            "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"
        });
        let is = |word| args.is(at, word);
        let scale = [
            ("ex", SECONDS),
            ("px", MILLISECONDS),
            ("exat", UNIX_SECONDS),
            ("pxat", UNIX_MILLISECONDS),
        ]
        .into_iter()
        .find(|(word, _)| is(word));
        if let Some((_, scale)) = scale {
            if options.times != Times::Default {
                return Err(conflict);
            }
            if at + 1 >= args.len() {
                return Err(Error::new("ERR missing expire time"));
            }
            options.times = Times::At(self.time(scale, args.get(at + 1), now_ms)?);
            return Ok(2);
        }
        let (word, stays) = match self.sets {
            true => ("keepttl", Times::Keep),
            false => ("persist", Times::Persist),
        };
        if is(word) {
            if options.times != Times::Default {
                return Err(conflict);
            }
            options.times = stays;
        } else if self.sets && (is("fxx") || is("fnx")) {
            if options.fields_exist.is_some() {
                return Err(Error::new(
                    "ERR Only one of FXX or FNX arguments can be specified",
                ));
            }
            options.fields_exist = Some(is("fxx"));
        } else if self.sets && (is("xx") || is("nx")) {
            if options.key_exists.is_some() {
                return Err(Error::new(
                    "ERR Only one of NX or XX arguments can be specified",
                ));
            }
            options.key_exists = Some(is("xx"));
        } else {
            let word = String::from_utf8_lossy(args.get(at));
            return Err(Error::from(format!("ERR unknown argument: {word}")));
        }
        Ok(1)
    }

    fn time(&self, scale: Scale, text: &[u8], now_ms: u64) -> Result<u64, Error> {
        scale.parse(text, now_ms, self.name)
    }
}

pub(super) fn hgetdel(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    change(ctx, ctx.key(args, 1), |edit, reply| {
        seen(edit)?;
        let first = plain_fields_at(args, 2)?;
        reply.array(args.len() - first);
        let Some(hash) = hash_mut(edit)? else {
            args.from(first).for_each(|_| reply.null());
            return Ok(());
        };
        let mut removed = Vec::new();
        for name in args.from(first) {
            write_value(reply, Some(hash), name);
            if hash.remove(name) {
                removed.push(name);
            }
        }
        settle_times(edit, &removed, None);
        Ok(())
    })
}

pub(super) fn hgetex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let now_ms = ctx.now_ms;
    change(ctx, ctx.key(args, 1), |edit, reply| {
        seen(edit)?;
        let options = HGETEX.parse(args, now_ms)?;
        reply.array(args.len() - options.first);
        let found = seen(edit)?;
        for name in args.from(options.first) {
            write_value(reply, found, name);
        }
        match options.times {
            Times::At(at_ms) => retime(edit, args, options.first, at_ms, now_ms),
            Times::Persist => unfix(edit, args, options.first),
            Times::Default | Times::Keep => Ok(()),
        }
    })
}

/// Gives the fields that are there this time, or removes them when it has passed.
fn retime(edit: &mut Edit<'_>, args: &Args<'_>, first: usize, at_ms: u64, now_ms: u64) -> Outcome {
    let Some(hash) = hash_mut(edit)? else {
        return Ok(());
    };
    let future_ms = Some(at_ms).filter(|&at_ms| at_ms > now_ms);
    let taken: Vec<&[u8]> = args
        .from(first)
        .filter(|name| take_time(hash, name, future_ms))
        .collect();
    settle_times(edit, &taken, future_ms);
    Ok(())
}

/// False when there is no such field.
fn take_time(hash: &mut Hash, name: &[u8], future_ms: Option<u64>) -> bool {
    if hash.get(name).is_none() {
        return false;
    }
    match future_ms {
        Some(_) => hash.set_expiry(name, future_ms),
        None => assert!(hash.remove(name), "it was just seen"),
    }
    true
}

/// Takes the fields' times away.
fn unfix(edit: &mut Edit<'_>, args: &Args<'_>, first: usize) -> Outcome {
    let Some(hash) = hash_mut(edit)? else {
        return Ok(());
    };
    let mut freed = Vec::new();
    for name in args.from(first) {
        if hash.get(name).is_some_and(|field| field.expiry.is_some()) {
            hash.set_expiry(name, None);
            freed.push(name);
        }
    }
    if freed.is_empty() {
        edit.unchanged();
        return Ok(());
    }
    edit.counts(freed.len() as u64);
    edit.notify(events::HASH, "hpersist");
    let mut count = itoa::Buffer::new();
    let count = count.format(freed.len()).as_bytes();
    let head = [b"HPERSIST", edit.key(), b"FIELDS", count];
    propagate_fields(edit, &head, freed.into_iter());
    Ok(())
}

pub(super) fn hsetex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (limits, now_ms) = (limits(ctx), ctx.now_ms);
    change(ctx, ctx.key(args, 1), |edit, reply| {
        let options = HSETEX.parse(args, now_ms)?;
        let found = seen(edit)?;
        let names = || {
            (options.first..args.len())
                .step_by(2)
                .map(|at| args.get(at))
        };
        let exists = |name: &[u8]| found.is_some_and(|hash| hash.get(name).is_some());
        let key_fits = options.key_exists.is_none_or(|is| is == found.is_some());
        let fields_fit = options
            .fields_exist
            .is_none_or(|are| names().all(|name| exists(name) == are));
        reply.integer(i64::from(key_fits && fields_fit));
        if !(key_fits && fields_fit) {
            return Ok(());
        }
        if let Times::At(at_ms) = options.times
            && at_ms <= now_ms
        {
            return end_at_once(edit, names());
        }
        let hash = hash_or_new(edit)?;
        hash.expect(args.from(options.first), &limits);
        let keep = options.times == Times::Keep;
        for at in (options.first..args.len()).step_by(2) {
            hash.set(args.get(at), args.get(at + 1), keep, &limits);
            if let Times::At(at_ms) = options.times {
                hash.set_expiry(args.get(at), Some(at_ms));
            }
        }
        edit.counts(names().count() as u64);
        edit.notify(events::HASH, "hset");
        tell_set(edit, args, &options);
        Ok(())
    })
}

/// The fields' time had passed before they were set: whatever was there is gone.
fn end_at_once<'n>(edit: &mut Edit<'_>, names: impl Iterator<Item = &'n [u8]>) -> Outcome {
    let Some(hash) = hash_mut(edit)? else {
        return Ok(());
    };
    let removed: Vec<&[u8]> = names.filter(|name| hash.remove(name)).collect();
    settle_times(edit, &removed, None);
    Ok(())
}

fn tell_set(edit: &mut Edit<'_>, args: &Args<'_>, options: &Options) {
    let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    let count = count.format((args.len() - options.first) / 2).as_bytes();
    let key = edit.key();
    let fields = args.from(options.first);
    match options.times {
        Times::At(at_ms) => {
            edit.notify(events::HASH, "hexpire");
            let time = time.format(at_ms).as_bytes();
            let head = [b"HSETEX", key, b"PXAT", time, b"FIELDS", count];
            propagate_fields(edit, &head, fields);
        }
        Times::Keep => {
            let head = [b"HSETEX", key, b"KEEPTTL", b"FIELDS", count];
            propagate_fields(edit, &head, fields);
        }
        Times::Default | Times::Persist => {
            propagate_fields(edit, &[b"HSET", key], fields);
        }
    }
}
