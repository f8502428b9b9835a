//! BITFIELD and BITFIELD_RO: integers of any width at any bit of a string.
//!
//! The arguments are read whole before anything changes, and the string grows at once to the
//! farthest bit that is written. Integers lie with their highest bit first. All arithmetic is of
//! 128 bits, so that what overflows is seen.

use super::super::string::text;
use super::super::{Context, Edit, Lookup, Outcome};
use crate::config::events;
use crate::resp::{Args, Error, Reply, parse_i64};
use crate::store::{Entry, Value};

/// A kind of integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Integer {
    is_signed: bool,
    /// 1 to 64; unsigned to 63.
    bits: u32,
}

/// What happens to a result that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Get,
    Set(i64),
    Increment(i64),
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    integer: Integer,
    /// Its first bit.
    at: u64,
    change: Change,
    overflow: Overflow,
}

impl Integer {
    fn parse(text: &[u8]) -> Result<Self, Error> {
        const INVALID: Error = Error::new(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported \
             but i64 is.",
        );
        let (is_signed, most) = match text.first() {
            Some(b'i') => (true, 64),
            Some(b'u') => (false, 63),
            _ => return Err(INVALID),
        };
        let bits = parse_i64(&text[1..]).filter(|bits| (1..=most).contains(bits));
        let bits = bits.ok_or(INVALID)? as u32;
        Ok(Self { is_signed, bits })
    }

    fn range(self) -> (i128, i128) {
        match self.is_signed {
            true => (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1),
            false => (0, (1 << self.bits) - 1),
        }
    }

    /// The value whose lowest bits these are.
    fn wrapped(self, value: i128) -> i128 {
        let low = value & ((1 << self.bits) - 1);
        match self.is_signed && low >> (self.bits - 1) == 1 {
            true => low - (1 << self.bits),
            false => low,
        }
    }

    /// What is stored of a value; None: nothing.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i128> {
        let (least, most) = self.range();
        if (least..=most).contains(&value) {
            return Some(value);
        }
        match overflow {
            Overflow::Wrap => Some(self.wrapped(value)),
            Overflow::Saturate => Some(value.clamp(least, most)),
            Overflow::Fail => None,
        }
    }

    /// Reads it; behind the end there are zeros.
    fn read(self, bytes: &[u8], at: u64) -> i128 {
        let first = (at / 8) as usize;
        let mut raw = 0i128;
        // Nine bytes hold any 64 bits.
        for nth in 0..9 {
            let byte = bytes.get(first + nth).copied().unwrap_or_default();
            raw = raw << 8 | i128::from(byte);
        }
        self.wrapped(raw >> (72 - at % 8 - u64::from(self.bits)))
    }

    fn write(self, bytes: &mut [u8], at: u64, value: i128) {
        for nth in 0..self.bits {
            let bit = at + u64::from(nth);
            let (byte, mask) = ((bit / 8) as usize, 0x80u8 >> (bit % 8));
            match value >> (self.bits - 1 - nth) & 1 {
                1 => bytes[byte] |= mask,
                _ => bytes[byte] &= !mask,
            }
        }
    }
}

impl Operation {
    /// Applies it and returns what it answers (None: nil) and whether it wrote.
    fn apply(self, bytes: &mut [u8]) -> (Option<i128>, bool) {
        let old = self.integer.read(bytes, self.at);
        let wanted = match self.change {
            Change::Get => return (Some(old), false),
            // What is to be stored as unsigned is taken by its 64 bits.
            Change::Set(value) if !self.integer.is_signed => i128::from(value as u64),
            Change::Set(value) => i128::from(value),
            Change::Increment(by) => old + i128::from(by),
        };
        let Some(new) = self.integer.fit(wanted, self.overflow) else {
            return (None, false);
        };
        self.integer.write(bytes, self.at, new);
        let answer = match self.change {
            Change::Set(_) => old,
            _ => new,
        };
        (Some(answer), old != new)
    }

    fn end(self) -> u64 {
        self.at + u64::from(self.integer.bits)
    }
}

/// All operations, in their order.
fn parse(ctx: &Context<'_>, args: &Args<'_>) -> Result<Vec<Operation>, Error> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "overflow") && left >= 1 {
            overflow = if args.is(at + 1, "wrap") {
                Overflow::Wrap
            } else if args.is(at + 1, "sat") {
                Overflow::Saturate
            } else if args.is(at + 1, "fail") {
                Overflow::Fail
            } else {
                return Err(Error::new("ERR Invalid OVERFLOW type specified"));
            };
            at += 2;
            continue;
        }
        let is_get = args.is(at, "get") && left >= 2;
        let is_set = args.is(at, "set") && left >= 3;
        let increments = args.is(at, "incrby") && left >= 3;
        if !is_get && !is_set && !increments {
            return Err(Error::SYNTAX);
        }
        let integer = Integer::parse(args.get(at + 1))?;
        let place = place(ctx, args.get(at + 2), integer)?;
        let change = if is_get {
            Change::Get
        } else {
            let value = parse_i64(args.get(at + 3)).ok_or(Error::NOT_INTEGER)?;
            match is_set {
                true => Change::Set(value),
                false => Change::Increment(value),
            }
        };
        operations.push(Operation {
            integer,
            at: place,
            change,
            overflow,
        });
        at += if is_get { 3 } else { 4 };
    }
    Ok(operations)
}

/// Where an integer begins: a bit, or `#` and how many of its kind stand before it.
fn place(ctx: &Context<'_>, text: &[u8], integer: Integer) -> Result<u64, Error> {
    const NOT_OFFSET: Error = Error::new("ERR bit offset is not an integer or out of range");
    let (digits, unit) = match text.strip_prefix(b"#") {
        Some(digits) => (digits, i64::from(integer.bits)),
        None => (text, 1),
    };
    parse_i64(digits)
        .and_then(|count| count.checked_mul(unit))
        .and_then(|bit| u64::try_from(bit).ok())
        .filter(|bit| bit >> 3 < ctx.config.proto_max_bulk_len)
        .ok_or(NOT_OFFSET)
}

pub(super) fn bitfield(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let operations = parse(ctx, args)?;
    let writes = |operation: &&Operation| operation.change != Change::Get;
    let end = operations.iter().filter(writes).map(|it| it.end()).max();
    let Some(end) = end else {
        return ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
            show(entry, &operations, reply)
        });
    };
    let bytes = usize::try_from(end.div_ceil(8)).expect("below proto-max-bulk-len");
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        change(edit, &operations, bytes, reply)
    })
}

pub(super) fn bitfield_ro(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let operations = parse(ctx, args)?;
    if operations.iter().any(|it| it.change != Change::Get) {
        return Err(Error::new(
            "ERR BITFIELD_RO only supports the GET subcommand",
        ));
    }
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        show(entry, &operations, reply)
    })
}

fn show(entry: Option<&Entry>, operations: &[Operation], reply: &mut Reply<'_>) -> Outcome {
    let mut digits = itoa::Buffer::new();
    let bytes = match entry {
        None => &[][..],
        Some(entry) => text(entry, &mut digits)?,
    };
    reply.array(operations.len());
    for operation in operations {
        answer(Some(operation.integer.read(bytes, operation.at)), reply);
    }
    Ok(())
}

/// Operations of which some write, over a string that is made at least so long.
fn change(
    edit: &mut Edit<'_>,
    operations: &[Operation],
    min_bytes: usize,
    reply: &mut Reply<'_>,
) -> Outcome {
    let old_len = match edit.entry() {
        None => None,
        Some(entry) => Some(text(entry, &mut itoa::Buffer::new())?.len()),
    };
    if old_len.is_none() {
        edit.put(Value::Raw(&vec![0; min_bytes]));
    }
    let grew = old_len.is_none_or(|len| len < min_bytes);
    let bytes = edit.write().string_mut(min_bytes);
    let mut changes = 0;
    reply.array(operations.len());
    for operation in operations {
        let (answered, changed) = operation.apply(bytes);
        let wrote = operation.change != Change::Get && answered.is_some();
        changes += u64::from(wrote && (changed || grew));
        answer(answered, reply);
    }
    if changes > 0 {
        edit.counts(changes);
        edit.notify(events::STRING, "setbit");
    } else if grew {
        // Zeros, because nothing fitted: log and replicas must have them as well.
        edit.counts(0);
    } else {
        edit.unchanged();
    }
    Ok(())
}

fn answer(value: Option<i128>, reply: &mut Reply<'_>) {
    match value {
        Some(value) => reply.integer(i64::try_from(value).expect("no kind is wider than 64 bits")),
        None => reply.null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Random;
    use crate::cmd::fixture::Fixture;

    #[test]
    fn integers_read_as_they_were_written() {
        let mut random = Random::new(9);
        for _ in 0..2000 {
            let is_signed = random.next_u64() & 1 == 0;
            let most = if is_signed { 64 } else { 63 };
            let bits = 1 + (random.next_u64() >> 20) as u32 % most;
            let integer = Integer { is_signed, bits };
            let at = (random.next_u64() >> 20) % 100;
            let mut bytes: Vec<u8> = (0..24).map(|_| random.next_u64() as u8).collect();
            let before = bytes.clone();
            let value = integer.wrapped(i128::from(random.next_u64()));
            integer.write(&mut bytes, at, value);
            assert_eq!(integer.read(&bytes, at), value);
            for bit in (0..at as usize).chain((at as usize + bits as usize)..192) {
                let mask = 0x80 >> (bit % 8);
                assert_eq!(bytes[bit / 8] & mask, before[bit / 8] & mask, "bit {bit}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_wraps_saturates_or_fails() {
        let byte = Integer {
            is_signed: false,
            bits: 8,
        };
        let small = Integer {
            is_signed: true,
            bits: 8,
        };
        for (integer, value, wrapped, saturated) in [
            (byte, 256, 0, 255),
            (byte, -1, 255, 0),
            (small, 128, -128, 127),
            (small, -129, 127, -128),
        ] {
            assert_eq!(integer.fit(value, Overflow::Wrap), Some(wrapped));
            assert_eq!(integer.fit(value, Overflow::Saturate), Some(saturated));
            assert_eq!(integer.fit(value, Overflow::Fail), None);
        }
    }

    #[test]
    fn bitfield() {
        let mut f = Fixture::new();
        f.check("BITFIELD a SET u8 0 200 GET i8 0", "*2\r\n:0\r\n:-56\r\n");
        f.check("BITFIELD a INCRBY u8 #0 100", "*1\r\n:44\r\n");
        f.check(
            "BITFIELD a OVERFLOW SAT INCRBY u8 0 250 OVERFLOW FAIL INCRBY u8 0 1",
            "*2\r\n:255\r\n$-1\r\n",
        );
        f.check("BITFIELD a SET u63 0 -1", "*1\r\n:9187343239835811840\r\n");
        f.check("BITFIELD a", "*0\r\n");
        f.forget();
        f.check("BITFIELD a SET u4 0 15", "*1\r\n:15\r\n");
        assert_eq!(f.effects.dirty, 0, "what was so stays so");
        f.check("BITFIELD new OVERFLOW FAIL INCRBY u2 0 7", "*1\r\n$-1\r\n");
        f.check("STRLEN new", ":1\r\n");
        let invalid = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                       supported but i64 is.\r\n";
        for kind in ["u64", "i65", "I8", "u0", "x", "''"] {
            f.check(&format!("BITFIELD a GET {kind} 0"), invalid);
        }
        f.check(
            "BITFIELD a OVERFLOW x",
            "-ERR Invalid OVERFLOW type specified\r\n",
        );
        f.check("BITFIELD a GET u8", "-ERR syntax error\r\n");
        let range = "-ERR bit offset is not an integer or out of range\r\n";
        f.check("BITFIELD a GET u8 -1", range);
        f.check("BITFIELD a GET u8 #9223372036854775807", range);
        f.check(
            "BITFIELD_RO a SET u8 0 1",
            "-ERR BITFIELD_RO only supports the GET subcommand\r\n",
        );
        f.check("BITFIELD_RO none GET i64 #3", "*1\r\n:0\r\n");
    }
}
