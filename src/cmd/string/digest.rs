//! Digests and compare-and-delete: DIGEST, DELEX (Redis 8.4), DELIFEQ (Valkey 9).
//!
//! A digest is XXH3-64 of the string, 16 hexadecimal digits, so that clients can compare without
//! sending the value. What is deleted reaches the log as DEL.

use super::super::{Context, Edit, Lookup, Outcome};
use super::option::Condition;
use super::text;
use crate::resp::{Args, Error, Reply};
use crate::store::{Entry, Kind};

const DIGEST_DIGITS: usize = 16;

/// XXH3-64 of a string.
pub(super) fn digest_of(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// A digest as a client writes it; either case.
pub(super) fn parse_digest(text: &[u8]) -> Result<u64, Error> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| {
            text.len() == DIGEST_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(Error::new("ERR must be exactly 16 hexadecimal characters"))
}

pub(super) fn digest(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        match entry {
            None => reply.null(),
            Some(entry) => {
                let digest = digest_of(text(entry, &mut itoa::Buffer::new())?);
                reply.bulk(format!("{digest:0DIGEST_DIGITS$x}").as_bytes());
            }
        }
        Ok(())
    })
}

pub(super) fn delex(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let condition = match args.len() {
        2 => Condition::Present,
        4 => Condition::parse(args.get(2), args.get(3))?.ok_or(Error::new(
            "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE",
        ))?,
        _ => return Err(Error::arity("delex")),
    };
    let is_string = |entry: &Entry| entry.kind() == Kind::String;
    let lazily = ctx.config.lazyfree_lazy_user_del;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        if condition != Condition::Present && !edit.entry().is_none_or(is_string) {
            return Err(Error::new(
                "ERR Key should be of string type if conditions are specified",
            ));
        }
        delete_if(edit, condition, lazily, reply)
    })
}

pub(super) fn delifeq(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let condition = Condition::Equal(args.get(2));
    let lazily = ctx.config.lazyfree_lazy_user_del;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        delete_if(edit, condition, lazily, reply)
    })
}

/// Removes the key if there is one and the condition holds, and says whether it does.
fn delete_if(
    edit: &mut Edit<'_>,
    condition: Condition<'_>,
    lazily: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let deleted = edit.entry().is_some() && condition.holds(edit.entry())?;
    if deleted {
        edit.remove_for_all(lazily);
    }
    reply.integer(i64::from(deleted));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    #[test]
    fn digest() {
        let mut f = Fixture::new();
        f.check("DIGEST a", "$-1\r\n");
        f.check("SET a ''", "+OK\r\n");
        // The published XXH3-64 of no bytes with seed 0.
        f.check("DIGEST a", "$16\r\n2d06800538d394c2\r\n");
    }

    #[test]
    fn delex() {
        let mut f = Fixture::new();
        f.check("DELEX a", ":0\r\n");
        f.check("DELEX a IFNE x", ":0\r\n");
        f.check("SET a 12", "+OK\r\n");
        f.check("DELEX a IFEQ 13", ":0\r\n");
        f.check("DELEX a IFNE 12", ":0\r\n");
        f.check("DELEX a IFDEQ 0000000000000000", ":0\r\n");
        f.stream();
        f.check("DELEX a IFEQ 12", ":1\r\n");
        assert_eq!(f.stream(), ["DEL a"]);
        f.check(
            "DELEX a IFEQ",
            "-ERR wrong number of arguments for 'delex' command\r\n",
        );
        f.check(
            "DELEX a FOO x",
            "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n",
        );
        f.check(
            "DELEX a IFDEQ xyz",
            "-ERR must be exactly 16 hexadecimal characters\r\n",
        );
    }

    #[test]
    fn delifeq() {
        let mut f = Fixture::new();
        f.check("DELIFEQ a x", ":0\r\n");
        f.check("SET a x", "+OK\r\n");
        f.check("DELIFEQ a y", ":0\r\n");
        f.check("DELIFEQ a x", ":1\r\n");
        assert_eq!(f.events(), ["new a", "set a", "del a"]);
    }
}
