//! Several keys at once: MGET, MSET, MSETNX, MSETEX.
//!
//! MGET and MSET run in parts on the shards that own the keys; the conditional ones run where all
//! keys are at hand. MSETEX reaches the log as plain SETs, which every Redis understands.

use super::super::{Context, Key, Lookup, Outcome};
use super::option::{Accept, Condition, Options, deadline};
use super::set::{expires, store};
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Entry, ValueRef};

pub(super) fn mget(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.reply.array(args.len() - 1);
    let mut keys = ctx.keys(args, 1, 1);
    while let Some((_, key)) = keys.next(ctx) {
        ctx.view(key, Lookup::Read, |entry, reply| {
            match entry.map(Entry::value) {
                None | Some(ValueRef::Object(_)) => reply.null(),
                Some(ValueRef::Bytes(bytes)) => reply.bulk(bytes),
                Some(ValueRef::Int(value)) => reply.bulk_integer(value),
            }
        });
    }
    Ok(())
}

pub(super) fn mset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    store_pairs(ctx, args, "mset")?;
    ctx.reply.ok();
    Ok(())
}

pub(super) fn msetnx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let free = (1..args.len())
        .step_by(2)
        .all(|at| !ctx.exists(ctx.key(args, at), Lookup::Write));
    if free || args.len().is_multiple_of(2) {
        store_pairs(ctx, args, "msetnx")?;
    }
    ctx.reply.integer(i64::from(free));
    Ok(())
}

fn store_pairs(ctx: &mut Context<'_>, args: &Args<'_>, name: &str) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Error::arity(name));
    }
    let mut keys = ctx.keys(args, 1, 2);
    while let Some((at, key)) = keys.next(ctx) {
        store(ctx, key, args.get(at + 1), None);
    }
    Ok(())
}

pub(super) fn msetex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let count = parse_i64(args.get(1))
        .filter(|&count| count > 0 && count <= i64::from(i32::MAX))
        .and_then(|count| usize::try_from(count).ok())
        .ok_or(Error::new("ERR invalid numkeys value"))?;
    let end = 2 + count * 2;
    if end > args.len() {
        return Err(Error::new("ERR wrong number of key-value pairs"));
    }
    let options = Options::parse(args, end, Accept::MsetEx)?;
    let at_ms = match options.expiry {
        Some((unit, text)) => Some(deadline(unit, text, ctx.now_ms, "msetex")?),
        None => None,
    };
    let pairs = (2..end).step_by(2);
    let mut all = true;
    if options.condition != Condition::Always {
        for pair in pairs.clone() {
            all = all
                && ctx.view(ctx.key(args, pair), Lookup::Write, |entry, _| {
                    options.condition.holds(entry)
                })?;
        }
    }
    if all {
        for pair in pairs {
            store_pair(
                ctx,
                ctx.key(args, pair),
                args.get(pair + 1),
                &options,
                at_ms,
            );
        }
    }
    ctx.reply.integer(i64::from(all));
    Ok(())
}

fn store_pair(
    ctx: &mut Context<'_>,
    key: Key<'_>,
    value: &[u8],
    options: &Options<'_>,
    at_ms: Option<u64>,
) {
    let kept = if options.keep_ttl {
        ctx.view(key, Lookup::Peek, |entry, _| {
            entry.and_then(|entry| entry.expiry())
        })
    } else {
        None
    };
    store(ctx, key, value, at_ms.or(kept));
    match at_ms {
        Some(at_ms) => expires(ctx, key, value, at_ms),
        None if options.keep_ttl => ctx.propagate(&[b"SET", key.bytes, value, b"KEEPTTL"]),
        None => ctx.propagate(&[b"SET", key.bytes, value]),
    }
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    #[test]
    fn mget() {
        let mut f = Fixture::new();
        f.check("MSET a 1 b two", "+OK\r\n");
        f.check("MGET a b c", "*3\r\n$1\r\n1\r\n$3\r\ntwo\r\n$-1\r\n");
        assert_eq!((f.effects.hits, f.effects.misses), (2, 1));
    }

    #[test]
    fn mset() {
        let mut f = Fixture::new();
        f.check("MSET a 1 b 2", "+OK\r\n");
        assert_eq!(f.stream(), ["MSET a 1 b 2"]);
        assert_eq!(f.events(), ["new a", "set a", "new b", "set b"]);
        f.check(
            "MSET a 1 b",
            "-ERR wrong number of arguments for 'mset' command\r\n",
        );
    }

    #[test]
    fn msetnx() {
        let mut f = Fixture::new();
        f.check("MSETNX a 1 b 2", ":1\r\n");
        f.check("MSETNX c 1 b 3", ":0\r\n");
        f.check("MGET a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n");
        f.check("MSETNX d 1 d 2", ":1\r\n");
        f.check("GET d", "$1\r\n2\r\n");
        f.check(
            "MSETNX a 1 b",
            "-ERR wrong number of arguments for 'msetnx' command\r\n",
        );
    }

    #[test]
    fn msetex() {
        let mut f = Fixture::new();
        f.check("MSETEX 2 a 1 b 2 EX 10", ":1\r\n");
        let at_ms = f.now_ms + 10_000;
        assert_eq!((f.expiry("a"), f.expiry("b")), (Some(at_ms), Some(at_ms)));
        assert_eq!(
            f.stream(),
            [
                format!("SET a 1 PXAT {at_ms}"),
                format!("SET b 2 PXAT {at_ms}")
            ]
        );
        f.check("MSETEX 2 a 3 c 4 NX", ":0\r\n");
        f.check("MSETEX 2 a 3 c 4 XX", ":0\r\n");
        f.check("MSETEX 2 a 3 b 4 KEEPTTL XX", ":1\r\n");
        assert_eq!(f.expiry("a"), Some(at_ms));
        f.check("MSETEX 1 a 3", ":1\r\n");
        assert_eq!(f.expiry("a"), None);
        f.check("MSETEX key1 val1 ex 10", "-ERR invalid numkeys value\r\n");
        f.check("MSETEX 2147483648 a 1", "-ERR invalid numkeys value\r\n");
        f.check("MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs\r\n");
        for wrong in [
            "x",
            "NX XX",
            "EX 1 PX 1",
            "GET",
            "EX",
            "IFEQ 1",
            "KEEPTTL EX 1",
        ] {
            f.check(&format!("MSETEX 1 a 1 {wrong}"), "-ERR syntax error\r\n");
        }
        f.check(
            "MSETEX 1 a 1 EX 0",
            "-ERR invalid expire time in 'msetex' command\r\n",
        );
    }
}
