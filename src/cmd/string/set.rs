//! SET and the commands that are SET with fixed options: SETNX, SETEX, PSETEX, GETSET.
//!
//! The plain form goes straight to the store with one lookup. Every other form reads the options,
//! checks the condition, then writes; the log gets absolute expiry times and nothing that asks or
//! compares.

use super::super::{Context, Key, Lookup, Outcome};
use super::get::read;
use super::option::{Accept, Condition, Options, Unit, deadline};
use crate::config::events;
use crate::resp::{Args, Error};
use crate::store::{Entry, Value};

pub(super) fn set(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (key, value) = (ctx.key(args, 1), args.get(2));
    if args.len() == 3 {
        store(ctx, key, value, None);
        ctx.reply.ok();
        return Ok(());
    }
    let options = Options::parse(args, 3, Accept::Set)?;
    let at_ms = match options.expiry {
        Some((unit, text)) => Some(deadline(unit, text, ctx.now_ms, "set")?),
        None => None,
    };
    if options.get {
        read(ctx, key)?;
    }
    let Some(kept_ms) = admitted(ctx, key, &options)? else {
        if !options.get {
            ctx.reply.null();
        }
        return Ok(());
    };
    store(ctx, key, value, at_ms.or(kept_ms));
    if let Some(at_ms) = at_ms {
        expires(ctx, key, value, at_ms);
    } else if options.get || options.condition.compares() {
        propagate_bare(ctx, args, &options);
    }
    if !options.get {
        ctx.reply.ok();
    }
    Ok(())
}

/// Whether the condition holds; then the expiry that KEEPTTL keeps.
#[expect(
    clippy::option_option,
    reason = "the outer level says whether to write at all"
)]
fn admitted(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    options: &Options<'_>,
) -> Result<Option<Option<u64>>, Error> {
    if options.condition == Condition::Always && !options.keep_ttl {
        return Ok(Some(None));
    }
    ctx.view(key, Lookup::Write, |entry, _| {
        if !options.condition.holds(entry)? {
            return Ok(None);
        }
        let kept = entry.filter(|_| options.keep_ttl);
        Ok(Some(kept.and_then(Entry::expiry)))
    })
}

/// Writes the value and says so.
#[inline]
pub(super) fn store(ctx: &mut Context<'_>, key: Key<'_>, value: &[u8], expiry: Option<u64>) {
    ctx.put_string(key, Value::from_text(value), expiry);
    ctx.notify(events::STRING, "set", key);
}

/// What follows a write with an expiry time.
pub(super) fn expires(ctx: &mut Context<'_>, key: Key<'_>, value: &[u8], at_ms: u64) {
    ctx.notify(events::GENERIC, "expire", key);
    ctx.propagate(&[
        b"SET",
        key.bytes,
        value,
        b"PXAT",
        itoa::Buffer::new().format(at_ms).as_bytes(),
    ]);
}

/// SET without GET, which replicas need not answer, and without a comparison, which held.
fn propagate_bare(ctx: &mut Context<'_>, args: &Args<'_>, options: &Options<'_>) {
    let mut words = vec![&b"SET"[..], args.get(1), args.get(2)];
    if options.condition.compares() {
        words.extend(options.keep_ttl.then_some(&b"KEEPTTL"[..]));
    } else {
        words.extend(
            args.from(3)
                .filter(|word| !word.eq_ignore_ascii_case(b"GET")),
        );
    }
    ctx.propagate(&words);
}

pub(super) fn setnx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let absent = !ctx.exists(key, Lookup::Write);
    if absent {
        store(ctx, key, args.get(2), None);
    }
    ctx.reply.integer(i64::from(absent));
    Ok(())
}

pub(super) fn setex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    set_for(ctx, args, Unit::Ex, "setex")
}

pub(super) fn psetex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    set_for(ctx, args, Unit::Px, "psetex")
}

fn set_for(ctx: &mut Context<'_>, args: &Args<'_>, unit: Unit, command: &str) -> Outcome {
    let (key, value) = (ctx.key(args, 1), args.get(3));
    let at_ms = deadline(unit, args.get(2), ctx.now_ms, command)?;
    store(ctx, key, value, Some(at_ms));
    expires(ctx, key, value, at_ms);
    ctx.reply.ok();
    Ok(())
}

pub(super) fn getset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (key, value) = (ctx.key(args, 1), args.get(2));
    read(ctx, key)?;
    store(ctx, key, value, None);
    ctx.propagate(&[b"SET", key.bytes, value]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    #[test]
    fn set() {
        let mut f = Fixture::new();
        f.check("SET a 1", "+OK\r\n");
        f.check("SET a 2 NX", "$-1\r\n");
        f.check("SET b 2 XX", "$-1\r\n");
        f.check("SET a 3 XX GET", "$1\r\n1\r\n");
        f.check("SET b 3 NX GET", "$-1\r\n");
        f.check("SET a 4 nx get", "$1\r\n3\r\n");
        f.check("SET a 5 GET KEEPTTL", "$1\r\n3\r\n");
        assert_eq!(
            f.stream(),
            ["SET a 1", "SET a 3 XX", "SET b 3 NX", "SET a 5 KEEPTTL"]
        );
        assert_eq!(
            f.events(),
            [
                "new a",
                "set a",
                "set a",
                "keymiss b",
                "new b",
                "set b",
                "set a"
            ]
        );
    }

    #[test]
    fn set_with_expiry() {
        let mut f = Fixture::new();
        f.check("SET a 1 EX 10", "+OK\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 10_000));
        assert_eq!(f.stream(), [format!("SET a 1 PXAT {}", f.now_ms + 10_000)]);
        assert_eq!(f.events(), ["new a", "set a", "expire a"]);
        f.check("SET a 2 KEEPTTL", "+OK\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 10_000));
        f.check("SET a 3", "+OK\r\n");
        assert_eq!(f.expiry("a"), None);
        f.check("SET a 3 EX 5 EX 100", "+OK\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 100_000));
        f.check("SET a 3 EXAT 33177117420", "+OK\r\n");
        assert_eq!(f.expiry("a"), Some(33_177_117_420_000));
        for wrong in [
            "NX XX",
            "KEEPTTL EX 1",
            "EX 1 KEEPTTL",
            "EX 1 PX 1",
            "PERSIST",
            "EX",
            "IFEQ",
            "IFEQ 1 NX",
            "x y",
        ] {
            f.check(&format!("SET a 1 {wrong}"), "-ERR syntax error\r\n");
        }
        for wrong in [
            "EX 0",
            "PX -1",
            "EX 9223372036854775807",
            "PX 9223372036854775807",
            "EX 9223372036854770",
        ] {
            f.check(
                &format!("SET a 1 {wrong}"),
                "-ERR invalid expire time in 'set' command\r\n",
            );
        }
        f.check(
            "SET a 1 EX 1.5",
            "-ERR value is not an integer or out of range\r\n",
        );
        f.now_ms = 33_177_117_420_000;
        f.check("GET a", "$-1\r\n");
        assert_eq!(f.effects.expired, 1);
    }

    #[test]
    fn set_over_an_expired_key() {
        let mut f = Fixture::new();
        f.check("SET a 1 PX 5", "+OK\r\n");
        f.now_ms += 5;
        f.stream();
        f.events();
        f.check("SET a 2", "+OK\r\n");
        assert_eq!(f.stream(), ["DEL a", "SET a 2"]);
        assert_eq!(f.events(), ["expired a", "new a", "set a"]);
        f.check("SET a 1 PX 5", "+OK\r\n");
        f.now_ms += 5;
        f.check("SET a 3 XX", "$-1\r\n");
        f.check("GET a", "$-1\r\n");
        assert_eq!(f.effects.expired, 2);
    }

    #[test]
    fn set_compares() {
        let mut f = Fixture::new();
        f.check("SET a 1 IFEQ 1", "$-1\r\n");
        f.check("SET a 1 IFNE 1", "+OK\r\n");
        f.check("SET a 2 IFEQ 3", "$-1\r\n");
        f.check("SET a two IFEQ 1", "+OK\r\n");
        f.check("SET a 3 IFEQ two GET", "$3\r\ntwo\r\n");
        f.check("SET a 4 IFNE 3", "$-1\r\n");
        assert_eq!(f.stream(), ["SET a 1", "SET a two", "SET a 3"]);
        f.check("SET a v", "+OK\r\n");
        let digest = f.run("DIGEST a");
        let digest = digest.lines().nth(1).expect("a bulk string");
        f.check(&format!("SET a w IFDNE {digest}"), "$-1\r\n");
        f.check(
            &format!("SET a w IFDEQ {}", digest.to_uppercase()),
            "+OK\r\n",
        );
        f.check(
            "SET a w IFDEQ 12",
            "-ERR must be exactly 16 hexadecimal characters\r\n",
        );
    }

    #[test]
    fn setnx() {
        let mut f = Fixture::new();
        f.check("SETNX a 1", ":1\r\n");
        f.check("SETNX a 2", ":0\r\n");
        f.check("GET a", "$1\r\n1\r\n");
        f.check("SET a 1 PX 5", "+OK\r\n");
        f.now_ms += 5;
        f.check("SETNX a 3", ":1\r\n");
    }

    #[test]
    fn setex() {
        let mut f = Fixture::new();
        f.check("SETEX a 10 v", "+OK\r\n");
        assert_eq!(f.stream(), [format!("SET a v PXAT {}", f.now_ms + 10_000)]);
        f.check(
            "SETEX a 0 v",
            "-ERR invalid expire time in 'setex' command\r\n",
        );
        f.check(
            "SETEX a x v",
            "-ERR value is not an integer or out of range\r\n",
        );
    }

    #[test]
    fn psetex() {
        let mut f = Fixture::new();
        f.check("PSETEX a 10 v", "+OK\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 10));
        f.check(
            "PSETEX a -1 v",
            "-ERR invalid expire time in 'psetex' command\r\n",
        );
    }

    #[test]
    fn getset() {
        let mut f = Fixture::new();
        f.check("GETSET a 1", "$-1\r\n");
        f.check("GETSET a 2", "$1\r\n1\r\n");
        assert_eq!(f.stream(), ["SET a 1", "SET a 2"]);
    }
}
