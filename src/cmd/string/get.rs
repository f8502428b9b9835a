//! GET and the commands that read a whole string and then touch its key: GETEX, GETDEL.
//!
//! GET is one table lookup: entry and reply are borrowed side by side. Expiry times reach the log
//! as absolute times, whatever the client sent.

use super::super::{Context, Key, Lookup, Outcome};
use super::option::{Accept, Options, deadline};
use crate::config::events;
use crate::resp::{Args, Error, Reply};
use crate::store::{Entry, ValueRef};

pub(super) fn get(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    read(ctx, ctx.key(args, 1)).map(|_| ())
}

/// Replies with the string at `key`, or null; true when there was one. Counts as a read.
#[inline]
pub(super) fn read(ctx: &mut Context<'_>, key: Key<'_>) -> Result<bool, Error> {
    ctx.view(key, Lookup::Read, |entry, reply| write(entry, reply))
}

#[expect(clippy::inline_always, reason = "it is most of GET")]
#[inline(always)]
fn write(entry: Option<&Entry>, reply: &mut Reply<'_>) -> Result<bool, Error> {
    match entry.map(Entry::value) {
        None => reply.null(),
        Some(ValueRef::Bytes(bytes)) => reply.bulk(bytes),
        Some(ValueRef::Int(value)) => reply.bulk_integer(value),
        Some(ValueRef::Object(_)) => return Err(Error::WRONG_TYPE),
    }
    Ok(entry.is_some())
}

pub(super) fn getex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let options = Options::parse(args, 2, Accept::GetEx)?;
    let (key, now_ms) = (ctx.key(args, 1), ctx.now_ms);
    let lazily = ctx.config.lazyfree_lazy_expire;
    ctx.edit_as(key, Lookup::Read, |edit, reply| {
        if !write(edit.entry(), reply)? {
            return Ok(());
        }
        if let Some((unit, text)) = options.expiry {
            let at_ms = deadline(unit, text, now_ms, "getex")?;
            if unit.is_absolute() && at_ms <= now_ms {
                edit.remove_for_all(lazily);
                return Ok(());
            }
            edit.set_expiry(Some(at_ms));
            edit.notify(events::GENERIC, "expire");
            let mut digits = itoa::Buffer::new();
            edit.propagate(&[b"PEXPIREAT", key.bytes, digits.format(at_ms).as_bytes()]);
        } else if options.persist && edit.entry().and_then(Entry::expiry).is_some() {
            edit.set_expiry(None);
            edit.notify(events::GENERIC, "persist");
            edit.propagate(&[b"PERSIST", key.bytes]);
        }
        Ok(())
    })
}

pub(super) fn getdel(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let lazily = ctx.config.lazyfree_lazy_user_del;
    ctx.edit_as(ctx.key(args, 1), Lookup::Read, |edit, reply| {
        if write(edit.entry(), reply)? {
            edit.remove_for_all(lazily);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    #[test]
    fn get() {
        let mut f = Fixture::new();
        f.check("GET a", "$-1\r\n");
        f.check("SET a hello", "+OK\r\n");
        f.check("GET a", "$5\r\nhello\r\n");
        f.check("SET a 12", "+OK\r\n");
        f.check("GET a", "$2\r\n12\r\n");
        assert_eq!((f.effects.hits, f.effects.misses), (2, 1));
        f.resp3();
        f.check("GET nothing", "_\r\n");
        assert_eq!(
            f.events(),
            ["keymiss a", "new a", "set a", "set a", "keymiss nothing"]
        );
    }

    #[test]
    fn get_returns_any_bytes() {
        let mut f = Fixture::new();
        let value = b"\0\r\n\xff$";
        f.run_words(&[b"SET", b"a", value]);
        let reply = f.run_words(&[b"GET", b"a"]);
        assert_eq!(reply, [b"$5\r\n", &value[..], b"\r\n"].concat());
    }

    #[test]
    fn get_and_set_age_the_key() {
        let mut f = Fixture::new();
        f.check("SET a 1", "+OK\r\n");
        let clock = |f: &Fixture| u32::try_from((f.now_ms / 1000) & 0xff_ffff).expect("masked");
        assert_eq!(f.entry("a").lru(), clock(&f));
        f.now_ms += 60_000;
        f.check("GET a", "$1\r\n1\r\n");
        assert_eq!(f.entry("a").lru(), clock(&f));
        f.set_config("maxmemory-policy", "allkeys-lfu");
        f.check("SET b 1", "+OK\r\n");
        assert_eq!(f.entry("b").lru() & 0xff, 5);
        for _ in 0..100 {
            f.check("GET b", "$1\r\n1\r\n");
        }
        let counter = f.entry("b").lru() & 0xff;
        assert!(counter > 5);
        f.check("SET b 2", "+OK\r\n");
        assert!(
            f.entry("b").lru() & 0xff >= counter,
            "SET keeps the frequency"
        );
    }

    #[test]
    fn getex() {
        let mut f = Fixture::new();
        f.check("GETEX a EX x", "$-1\r\n");
        f.check("SET a 1", "+OK\r\n");
        f.check("GETEX a", "$1\r\n1\r\n");
        f.check("GETEX a PERSIST", "$1\r\n1\r\n");
        assert_eq!(f.stream().len(), 1, "nothing changed since SET");
        f.check("GETEX a EX 10", "$1\r\n1\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 10_000));
        assert_eq!(f.stream(), [format!("PEXPIREAT a {}", f.now_ms + 10_000)]);
        f.check("GETEX a PERSIST", "$1\r\n1\r\n");
        assert_eq!(f.expiry("a"), None);
        assert_eq!(f.stream(), ["PERSIST a"]);
        f.check(
            "GETEX a EX 0",
            "-ERR invalid expire time in 'getex' command\r\n",
        );
        f.check(
            "GETEX a EX a",
            "-ERR value is not an integer or out of range\r\n",
        );
        f.check(
            "GETEX a EX 9223372036854775807",
            "-ERR invalid expire time in 'getex' command\r\n",
        );
        for wrong in [
            "NX",
            "KEEPTTL",
            "EX 1 PX 1",
            "EX 1 PERSIST",
            "PERSIST EX 1",
            "EX",
            "GET",
        ] {
            f.check(&format!("GETEX a {wrong}"), "-ERR syntax error\r\n");
        }
        f.check("GETEX a PXAT 5", "$1\r\n1\r\n");
        assert_eq!(f.stream(), ["DEL a"]);
        f.check("GET a", "$-1\r\n");
    }

    #[test]
    fn getdel() {
        let mut f = Fixture::new();
        f.check("GETDEL a", "$-1\r\n");
        f.check("SET a v", "+OK\r\n");
        f.stream();
        f.check("GETDEL a", "$1\r\nv\r\n");
        f.check("GET a", "$-1\r\n");
        assert_eq!(f.stream(), ["DEL a"]);
    }
}
