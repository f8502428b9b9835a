//! Parts of a string: GETRANGE, SUBSTR, SETRANGE, APPEND, STRLEN.
//!
//! Positions come from clients and may be anything that fits 64 bits; all arithmetic on them is
//! checked or clamped to the string. What grows stays below `proto-max-bulk-len` and is edited in
//! place.

use super::super::{Context, Lookup, Outcome};
use super::text;
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::{Entry, Value};

pub(super) fn strlen(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        reply.integer(reply_len(len_of(entry)?));
        Ok(())
    })
}

/// The length of a string entry; 0 without one.
fn len_of(entry: Option<&Entry>) -> Result<usize, Error> {
    match entry {
        None => Ok(0),
        Some(entry) => Ok(text(entry, &mut itoa::Buffer::new())?.len()),
    }
}

pub(super) fn getrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let first = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let last = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let bytes = match entry {
            None => &[][..],
            Some(entry) => text(entry, &mut digits)?,
        };
        reply.bulk(part(bytes, first, last));
        Ok(())
    })
}

/// The bytes from `first` to `last`, both included; negative positions count from the end.
fn part(bytes: &[u8], first: i64, last: i64) -> &[u8] {
    if first < 0 && last < 0 && first > last {
        return &[];
    }
    let len = reply_len(bytes.len());
    let from_start = |position: i64| {
        if position < 0 {
            (position + len).max(0)
        } else {
            position
        }
    };
    let (first, last) = (from_start(first), from_start(last).min(len - 1));
    if first > last {
        return &[];
    }
    let position = |position: i64| usize::try_from(position).expect("clamped to the string");
    &bytes[position(first)..=position(last)]
}

pub(super) fn setrange(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let patch = args.get(3);
    let offset = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
    let offset = usize::try_from(offset).map_err(|_| Error::new("ERR offset is out of range"))?;
    let end = checked_len(offset, patch.len(), ctx.config.proto_max_bulk_len);
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let len = len_of(edit.entry())?;
        if patch.is_empty() {
            reply.integer(reply_len(len));
            return Ok(());
        }
        let end = end?;
        if edit.entry().is_some() {
            edit.write().string_mut(end)[offset..end].copy_from_slice(patch);
        } else {
            let mut bytes = vec![0; end];
            bytes[offset..].copy_from_slice(patch);
            edit.put(Value::Raw(&bytes));
        }
        edit.notify(events::STRING, "setrange");
        reply.integer(reply_len(end.max(len)));
        Ok(())
    })
}

pub(super) fn append(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let tail = args.get(2);
    let limit_bytes = ctx.config.proto_max_bulk_len;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let len = if edit.entry().is_some() {
            let old_len = len_of(edit.entry())?;
            let len = checked_len(old_len, tail.len(), limit_bytes)?;
            edit.write().string_mut(len)[old_len..].copy_from_slice(tail);
            len
        } else {
            edit.put(Value::from_text(tail));
            tail.len()
        };
        edit.notify(events::STRING, "append");
        reply.integer(reply_len(len));
        Ok(())
    })
}

/// The sum, unless a string may not be that long.
fn checked_len(len: usize, added: usize, limit_bytes: u64) -> Result<usize, Error> {
    len.checked_add(added)
        .filter(|&sum| sum as u64 <= limit_bytes)
        .ok_or(Error::STRING_TOO_LONG)
}

fn reply_len(len: usize) -> i64 {
    i64::try_from(len).expect("a slice's length fits i64")
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";

    #[test]
    fn strlen() {
        let mut f = Fixture::new();
        f.check("STRLEN a", ":0\r\n");
        f.check("SET a -120", "+OK\r\n");
        f.check("STRLEN a", ":4\r\n");
    }

    #[test]
    fn getrange() {
        let mut f = Fixture::new();
        f.check("GETRANGE a 0 -1", "$0\r\n\r\n");
        f.check("SET a 'Hello World'", "+OK\r\n");
        for (range, part) in [
            ("0 3", "Hell"),
            ("0 -1", "Hello World"),
            ("-4 -1", "orld"),
            ("5 3", ""),
            ("5 5000", " World"),
            ("-5000 10000", "Hello World"),
            ("-1 -3", ""),
            ("0 -100", "H"),
            ("11 12", ""),
            ("-9223372036854775808 9223372036854775807", "Hello World"),
            ("9223372036854775807 -9223372036854775808", ""),
        ] {
            f.check(
                &format!("GETRANGE a {range}"),
                &format!("${}\r\n{part}\r\n", part.len()),
            );
        }
        f.check("SET a ''", "+OK\r\n");
        f.check("GETRANGE a 0 -1", "$0\r\n\r\n");
        f.check(
            "GETRANGE a x 1",
            "-ERR value is not an integer or out of range\r\n",
        );
    }

    #[test]
    fn substr() {
        let mut f = Fixture::new();
        f.check("SET a 12345", "+OK\r\n");
        f.check("SUBSTR a 1 2", "$2\r\n23\r\n");
    }

    #[test]
    fn setrange() {
        let mut f = Fixture::new();
        f.check("SETRANGE a 0 ''", ":0\r\n");
        f.check("SETRANGE a 2 foo", ":5\r\n");
        f.check("GET a", "$5\r\n\0\0foo\r\n");
        f.check("SETRANGE a 1 ''", ":5\r\n");
        f.check("SET a 1234", "+OK\r\n");
        assert_eq!(f.encoding("a"), "int");
        f.check("SETRANGE a 0 2", ":4\r\n");
        assert_eq!(f.encoding("a"), "raw");
        f.check("GET a", "$4\r\n2234\r\n");
        f.check("SETRANGE a -1 x", "-ERR offset is out of range\r\n");
        f.check("SETRANGE a 536870912 x", TOO_LONG);
        f.check("SETRANGE a 9223372036854775807 xx", TOO_LONG);
        f.check("SETRANGE b 536870911 xx", TOO_LONG);
        assert_eq!(f.events(), ["new a", "setrange a", "set a", "setrange a"]);
    }

    #[test]
    fn append() {
        let mut f = Fixture::new();
        f.check("APPEND a 12", ":2\r\n");
        assert_eq!(f.encoding("a"), "int");
        f.check("SET a 12 EX 9", "+OK\r\n");
        f.check("APPEND a 3", ":3\r\n");
        f.check("GET a", "$3\r\n123\r\n");
        assert_eq!(f.encoding("a"), "raw");
        assert_eq!(f.expiry("a"), Some(f.now_ms + 9000));
        let long = "x".repeat(5000);
        f.check(&format!("APPEND a {long}"), ":5003\r\n");
        f.check("GETRANGE a 0 3", "$4\r\n123x\r\n");
        f.set_config("proto-max-bulk-len", "1mb");
        f.check("SETRANGE a 1048570 x", ":1048571\r\n");
        f.check("APPEND a 123456", TOO_LONG);
    }
}
