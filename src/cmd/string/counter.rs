//! Counters: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT.
//!
//! An integer is changed inside its entry. Floats are Redis's long doubles; the log gets their
//! result, so that no replica has to compute the same digits.

use super::super::long_double::LongDouble;
use super::super::{Context, Key, Outcome};
use super::text;
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Entry, Value, ValueRef};

pub(super) fn incr(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, ctx.key(args, 1), 1)
}

pub(super) fn decr(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    add(ctx, ctx.key(args, 1), -1)
}

pub(super) fn incrby(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let increment = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    add(ctx, ctx.key(args, 1), increment)
}

pub(super) fn decrby(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let decrement = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let increment = decrement
        .checked_neg()
        .ok_or(Error::new("ERR decrement would overflow"))?;
    add(ctx, ctx.key(args, 1), increment)
}

fn add(ctx: &mut Context<'_>, key: Key<'_>, increment: i64) -> Outcome {
    const OVERFLOW: Error = Error::new("ERR increment or decrement would overflow");
    ctx.edit(key, |edit, reply| {
        let old = edit.entry().map_or(Ok(0), integer)?;
        let sum = old.checked_add(increment).ok_or(OVERFLOW)?;
        edit.put(Value::Int(sum));
        edit.notify(events::STRING, "incrby");
        reply.integer(sum);
        Ok(())
    })
}

/// The integer that a string entry holds or spells.
pub(super) fn integer(entry: &Entry) -> Result<i64, Error> {
    match entry.value() {
        ValueRef::Int(value) => Ok(value),
        ValueRef::Bytes(bytes) => parse_i64(bytes).ok_or(Error::NOT_INTEGER),
        ValueRef::Object(_) => Err(Error::WRONG_TYPE),
    }
}

/// The long double that a string entry holds or spells; zero without one.
pub(super) fn long_double(entry: Option<&Entry>) -> Result<LongDouble, Error> {
    let Some(entry) = entry else {
        return Ok(LongDouble::ZERO);
    };
    LongDouble::parse(text(entry, &mut itoa::Buffer::new())?).ok_or(Error::NOT_FLOAT)
}

pub(super) fn incrbyfloat(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    ctx.edit(key, |edit, reply| {
        let value = long_double(edit.entry())?;
        let increment = LongDouble::parse(args.get(2)).ok_or(Error::NOT_FLOAT)?;
        let sum = value
            .add(increment)
            .filter(|sum| !sum.is_infinite())
            .ok_or(Error::new("ERR increment would produce NaN or Infinity"))?
            .to_string();
        edit.put(Value::Bytes(sum.as_bytes()));
        edit.notify(events::STRING, "incrbyfloat");
        edit.propagate(&[b"SET", key.bytes, sum.as_bytes(), b"KEEPTTL"]);
        reply.bulk(sum.as_bytes());
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    const NOT_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";

    #[test]
    fn incr() {
        let mut f = Fixture::new();
        f.check("INCR a", ":1\r\n");
        f.check("INCR a", ":2\r\n");
        assert_eq!(f.encoding("a"), "int");
        f.check("SET a 9223372036854775807 EX 9", "+OK\r\n");
        f.check("INCR a", "-ERR increment or decrement would overflow\r\n");
        f.check("SET a 11x", "+OK\r\n");
        f.check("INCR a", NOT_INTEGER);
        assert_eq!(
            f.events(),
            [
                "new a", "incrby a", "incrby a", "set a", "expire a", "set a"
            ]
        );
    }

    #[test]
    fn decr() {
        let mut f = Fixture::new();
        f.check("SET a 1 EX 9", "+OK\r\n");
        f.check("DECR a", ":0\r\n");
        f.check("DECR a", ":-1\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 9000));
    }

    #[test]
    fn incrby() {
        let mut f = Fixture::new();
        f.check("INCRBY a 17179869184", ":17179869184\r\n");
        f.check("INCRBY a -17179869185", ":-1\r\n");
        f.check("INCRBY a 1.5", NOT_INTEGER);
        f.check("INCRBY a 9223372036854775808", NOT_INTEGER);
        f.check("SET a ''", "+OK\r\n");
        f.check("INCRBY a 1", NOT_INTEGER);
        // A raw string that spells an integer counts as one.
        f.check("SET b x", "+OK\r\n");
        f.check("SETRANGE b 0 12", ":2\r\n");
        f.check("INCRBY b 1", ":13\r\n");
        assert_eq!(f.encoding("b"), "int");
    }

    #[test]
    fn decrby() {
        let mut f = Fixture::new();
        f.check("DECRBY a 5", ":-5\r\n");
        f.check(
            "DECRBY a -9223372036854775808",
            "-ERR decrement would overflow\r\n",
        );
        f.check(
            "DECRBY a 9223372036854775807",
            "-ERR increment or decrement would overflow\r\n",
        );
    }

    #[test]
    fn incrbyfloat() {
        let mut f = Fixture::new();
        f.check("SET a 3.0 EX 9", "+OK\r\n");
        f.check("INCRBYFLOAT a 1.1", "$3\r\n4.1\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 9000));
        assert_eq!(f.stream()[1..], ["SET a 4.1 KEEPTTL"]);
        f.check("INCRBYFLOAT b 1", "$1\r\n1\r\n");
        assert_eq!(f.encoding("b"), "embstr");
        f.check("INCRBYFLOAT a x", "-ERR value is not a valid float\r\n");
        f.check(
            "INCRBYFLOAT a inf",
            "-ERR increment would produce NaN or Infinity\r\n",
        );
        f.check("SET a 'x '", "+OK\r\n");
        f.check("INCRBYFLOAT a 1", "-ERR value is not a valid float\r\n");
    }
}
