//! INCREX (Redis 8.8): a counter with bounds and an expiry in one step.
//!
//! A result outside the bounds changes nothing and answers `[current, 0]`, or is brought to the
//! bound with SATURATE. Whatever happened, log and replicas get a plain SET or DEL.

use super::super::long_double::LongDouble;
use super::super::{Context, Edit, Outcome};
use super::counter::{integer, long_double};
use super::option::{Unit, deadline};
use crate::config::events;
use crate::resp::{Args, Error, Protocol, Reply, parse_i64};
use crate::store::{Entry, Value};

const BOUNDS: Error = Error::new("ERR LBOUND can't be greater than UBOUND");

/// The words as given; each option at most once.
#[derive(Default)]
struct Words<'a> {
    by_int: Option<&'a [u8]>,
    by_float: Option<&'a [u8]>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    expiry: Option<(Unit, &'a [u8])>,
    saturate: bool,
    persist: bool,
    only_without_ttl: bool,
}

impl<'a> Words<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, Error> {
        let mut words = Self::default();
        let mut at = 2;
        while at < args.len() {
            let word = args.get(at);
            let operand = (at + 1 < args.len()).then(|| args.get(at + 1));
            at += if words.take_flag(word) {
                1
            } else {
                words.take_operand(word, operand.ok_or(Error::SYNTAX)?)?;
                2
            };
        }
        if words.only_without_ttl && words.expiry.is_none() {
            let error = if words.persist {
                Error::SYNTAX
            } else {
                Error::new("ERR ENX flag requires an expiration")
            };
            return Err(error);
        }
        Ok(words)
    }

    /// True when the word was a flag that may stand here.
    fn take_flag(&mut self, word: &[u8]) -> bool {
        let (allowed, flag) = if word.eq_ignore_ascii_case(b"SATURATE") {
            (true, &mut self.saturate)
        } else if word.eq_ignore_ascii_case(b"PERSIST") {
            (
                self.expiry.is_none() && !self.only_without_ttl,
                &mut self.persist,
            )
        } else if word.eq_ignore_ascii_case(b"ENX") {
            (!self.persist, &mut self.only_without_ttl)
        } else {
            return false;
        };
        allowed && !std::mem::replace(flag, allowed)
    }

    fn take_operand(&mut self, word: &[u8], operand: &'a [u8]) -> Result<(), Error> {
        if let Some(unit) = Unit::parse(word) {
            if self.persist || self.expiry.replace((unit, operand)).is_some() {
                return Err(Error::SYNTAX);
            }
            return Ok(());
        }
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        let place = if is(b"BYINT") && self.by_float.is_none() {
            &mut self.by_int
        } else if is(b"BYFLOAT") && self.by_int.is_none() {
            &mut self.by_float
        } else if is(b"LBOUND") {
            &mut self.lower
        } else if is(b"UBOUND") {
            &mut self.upper
        } else {
            return Err(Error::SYNTAX);
        };
        if place.replace(operand).is_some() {
            Err(Error::SYNTAX)
        } else {
            Ok(())
        }
    }
}

/// What a count came to: the value as text, and the two elements of the reply.
struct Count {
    /// None when out of bounds: nothing is written.
    written: Option<String>,
    value: Number,
    applied: Number,
}

enum Number {
    Int(i64),
    Float(LongDouble),
}

pub(super) fn increx(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let words = Words::parse(args)?;
    let at_ms = match words.expiry {
        Some((unit, text)) => Some(deadline(unit, text, ctx.now_ms, "increx")?),
        None => None,
    };
    let now_ms = ctx.now_ms;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let count = match words.by_float {
            Some(increment) => count_float(edit.entry(), increment, &words)?,
            None => count_integer(edit.entry(), &words)?,
        };
        if let Some(text) = &count.written {
            apply(edit, text, &count.value, &words, at_ms, now_ms);
        }
        reply.array(2);
        reply_number(reply, &count.value);
        reply_number(reply, &count.applied);
        Ok(())
    })
}

fn count_integer(entry: Option<&Entry>, words: &Words<'_>) -> Result<Count, Error> {
    let parse = |text: Option<&[u8]>, absent: i64, what: &str| match text {
        None => Ok(absent),
        Some(text) => parse_i64(text)
            .ok_or_else(|| Error::from(format!("ERR {what} is not an integer or out of range"))),
    };
    let increment = parse(words.by_int, 1, "Increment")?;
    let lower = parse(words.lower, i64::MIN, "LBOUND")?;
    let upper = parse(words.upper, i64::MAX, "UBOUND")?;
    if lower > upper {
        return Err(BOUNDS);
    }
    let current = entry.map_or(Ok(0), integer)?;
    let sum = i128::from(current) + i128::from(increment);
    let inside = sum.clamp(i128::from(lower), i128::from(upper));
    if sum != inside && !words.saturate {
        return Ok(Count {
            written: None,
            value: Number::Int(current),
            applied: Number::Int(0),
        });
    }
    let value = i64::try_from(inside).expect("clamped to bounds of 64 bits");
    let applied = value
        .checked_sub(current)
        .ok_or(Error::new("ERR applied increment would overflow"))?;
    Ok(Count {
        written: Some(value.to_string()),
        value: Number::Int(value),
        applied: Number::Int(applied),
    })
}

fn count_float(entry: Option<&Entry>, increment: &[u8], words: &Words<'_>) -> Result<Count, Error> {
    let parse = |text: &[u8], what: &str| {
        LongDouble::parse(text)
            .ok_or_else(|| Error::from(format!("ERR {what} is not a valid float")))
    };
    let increment = parse(increment, "Increment")?;
    if increment.is_infinite() {
        return Err(Error::new("ERR BYFLOAT increment cannot be Infinity"));
    }
    let lower = words.lower.map(|text| parse(text, "LBOUND")).transpose()?;
    let upper = words.upper.map(|text| parse(text, "UBOUND")).transpose()?;
    if lower.zip(upper).is_some_and(|(lower, upper)| lower > upper) {
        return Err(BOUNDS);
    }
    let current = long_double(entry)?;
    if current.is_infinite() {
        return Err(Error::new("ERR value cannot be Infinity"));
    }
    let sum = current.add(increment).expect("finite values have a sum");
    let bound = match (lower, upper) {
        (Some(lower), _) if sum < lower => Some(lower),
        (_, Some(upper)) if sum > upper => Some(upper),
        _ if sum.is_infinite() => Some(LongDouble::largest_like(sum)),
        _ => None,
    };
    if bound.is_some() && !words.saturate {
        return Ok(Count {
            written: None,
            value: Number::Float(current),
            applied: Number::Float(LongDouble::ZERO),
        });
    }
    let value = bound.unwrap_or(sum);
    let applied = value
        .subtract(current)
        .filter(|applied| !applied.is_infinite())
        .ok_or(Error::new("ERR applied increment would produce Infinity"))?;
    Ok(Count {
        written: Some(value.to_string()),
        value: Number::Float(value),
        applied: Number::Float(applied),
    })
}

/// Writes the result with the expiry that the options ask for.
fn apply(
    edit: &mut Edit<'_>,
    text: &str,
    number: &Number,
    words: &Words<'_>,
    at_ms: Option<u64>,
    now_ms: u64,
) {
    let key = edit.key();
    let has_ttl = edit.entry().and_then(Entry::expiry).is_some();
    let at_ms = at_ms.filter(|_| !(words.only_without_ttl && has_ttl));
    if at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        if edit.entry().is_some() {
            edit.remove_for_all(false);
        }
        return;
    }
    let (value, name) = match number {
        Number::Int(value) => (Value::Int(*value), "incrby"),
        Number::Float(_) => (Value::Bytes(text.as_bytes()), "incrbyfloat"),
    };
    edit.put(value);
    edit.notify(events::STRING, name);
    if let Some(at_ms) = at_ms {
        edit.set_expiry(Some(at_ms));
        edit.notify(events::GENERIC, "expire");
        edit.propagate(&[
            b"SET",
            key,
            text.as_bytes(),
            b"PXAT",
            itoa::Buffer::new().format(at_ms).as_bytes(),
        ]);
    } else if words.persist {
        if has_ttl {
            edit.set_expiry(None);
            edit.notify(events::GENERIC, "persist");
        }
        edit.propagate(&[b"SET", key, text.as_bytes()]);
    } else {
        edit.propagate(&[b"SET", key, text.as_bytes(), b"KEEPTTL"]);
    }
}

fn reply_number(reply: &mut Reply<'_>, number: &Number) {
    match number {
        Number::Int(value) => reply.integer(*value),
        Number::Float(value) if reply.protocol() == Protocol::Resp3 => {
            reply.encoded(format!(",{value}\r\n").as_bytes());
        }
        Number::Float(value) => reply.bulk(value.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    #[test]
    fn increx() {
        let mut f = Fixture::new();
        f.check("INCREX a", "*2\r\n:1\r\n:1\r\n");
        f.check("INCREX a BYINT -11", "*2\r\n:-10\r\n:-11\r\n");
        f.check("INCREX a BYINT 100 UBOUND 80", "*2\r\n:-10\r\n:0\r\n");
        f.check(
            "INCREX a BYINT 100 UBOUND 80 SATURATE",
            "*2\r\n:80\r\n:90\r\n",
        );
        assert_eq!(
            f.stream(),
            ["SET a 1 KEEPTTL", "SET a -10 KEEPTTL", "SET a 80 KEEPTTL"]
        );
        assert_eq!(f.encoding("a"), "int");
        f.check("INCREX b BYINT 5 LBOUND 10", "*2\r\n:0\r\n:0\r\n");
        f.check("STRLEN b", ":0\r\n");
        f.check("SET a 9223372036854775800", "+OK\r\n");
        f.check(
            "INCREX a BYINT 9223372036854775800",
            "*2\r\n:9223372036854775800\r\n:0\r\n",
        );
        f.check(
            "INCREX a BYINT 9 SATURATE",
            "*2\r\n:9223372036854775807\r\n:7\r\n",
        );
        f.check(
            "INCREX a SATURATE UBOUND -9223372036854775808",
            "-ERR applied increment would overflow\r\n",
        );
    }

    #[test]
    fn increx_by_float() {
        let mut f = Fixture::new();
        f.check("SET a 1.5", "+OK\r\n");
        f.check(
            "INCREX a BYFLOAT 0.25",
            "*2\r\n$4\r\n1.75\r\n$4\r\n0.25\r\n",
        );
        f.check(
            "INCREX a BYFLOAT 100 UBOUND 42.5 SATURATE",
            "*2\r\n$4\r\n42.5\r\n$5\r\n40.75\r\n",
        );
        f.check(
            "INCREX a BYFLOAT inf",
            "-ERR BYFLOAT increment cannot be Infinity\r\n",
        );
        f.check(
            "INCREX a BYFLOAT x",
            "-ERR Increment is not a valid float\r\n",
        );
        f.check(
            "INCREX a BYFLOAT 1 LBOUND x",
            "-ERR LBOUND is not a valid float\r\n",
        );
        f.check(
            "INCREX a",
            "-ERR value is not an integer or out of range\r\n",
        );
        f.resp3();
        f.check("INCREX a BYFLOAT -2.5 LBOUND 40", "*2\r\n,40\r\n,-2.5\r\n");
        f.check("SET a inf", "+OK\r\n");
        f.check("INCREX a BYFLOAT 1", "-ERR value cannot be Infinity\r\n");
    }

    #[test]
    fn increx_expires() {
        let mut f = Fixture::new();
        f.check("INCREX a EX 10 ENX", "*2\r\n:1\r\n:1\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 10_000));
        f.check("INCREX a EX 99 ENX", "*2\r\n:2\r\n:1\r\n");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 10_000));
        f.check("INCREX a EXAT 1 ENX", "*2\r\n:3\r\n:1\r\n");
        f.check("INCREX a PERSIST", "*2\r\n:4\r\n:1\r\n");
        assert_eq!(f.expiry("a"), None);
        let first = format!("SET a 1 PXAT {}", f.now_ms + 10_000);
        assert_eq!(
            f.stream(),
            [
                first.as_str(),
                "SET a 2 KEEPTTL",
                "SET a 3 KEEPTTL",
                "SET a 4"
            ]
        );
        assert_eq!(
            f.events(),
            [
                "new a",
                "incrby a",
                "expire a",
                "incrby a",
                "incrby a",
                "incrby a",
                "persist a"
            ]
        );
        f.check("INCREX a EXAT 1", "*2\r\n:5\r\n:1\r\n");
        assert_eq!(f.stream(), ["DEL a"]);
        f.check("STRLEN a", ":0\r\n");
    }

    #[test]
    fn increx_words() {
        let mut f = Fixture::new();
        for wrong in [
            "FOO",
            "BYINT 1 BYFLOAT 1",
            "BYINT 1 BYINT 1",
            "LBOUND",
            "LBOUND 0 LBOUND 1",
            "SATURATE SATURATE",
            "ENX ENX EX 1",
            "PERSIST PERSIST",
            "PERSIST ENX",
            "ENX PERSIST",
            "EX 1 PX 1",
            "EX 1 EX 1",
            "EX 10 PERSIST",
            "PERSIST EX 1",
        ] {
            f.check(&format!("INCREX a {wrong}"), "-ERR syntax error\r\n");
        }
        f.check("INCREX a ENX", "-ERR ENX flag requires an expiration\r\n");
        f.check(
            "INCREX a BYINT x",
            "-ERR Increment is not an integer or out of range\r\n",
        );
        f.check(
            "INCREX a UBOUND 1.5",
            "-ERR UBOUND is not an integer or out of range\r\n",
        );
        f.check(
            "INCREX a LBOUND 10 UBOUND 5",
            "-ERR LBOUND can't be greater than UBOUND\r\n",
        );
        f.check(
            "INCREX a EX 0",
            "-ERR invalid expire time in 'increx' command\r\n",
        );
    }
}
