//! Bitmap commands: strings seen as rows of bits. Here SETBIT and GETBIT; the others in `count`,
//! `combine` and `field`.
//!
//! Bit 0 is the highest bit of the first byte. What grows is filled with zeros and stays below
//! `proto-max-bulk-len` bytes. A bit that is set to what it was changes nothing and tells nobody,
//! as in Redis.

mod combine;
mod count;
mod docs;
mod field;

use super::keyspec::access;
use super::special::PLAIN;
use super::string::text;
use super::{Command, Context, Group, KeySpec, Lookup, Outcome, Run, flag};
use crate::config::events;
use crate::resp::{Args, Error, parse_i64};
use crate::store::Value;

/// The rows of this family.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "setbit",
        arity: 4,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::Bitmap,
        keys: &[KeySpec::one(
            1,
            access::RW | access::ACCESS | access::UPDATE,
        )],
        docs: &docs::SETBIT,
        special: PLAIN,
        run: Run::Keys(setbit),
        subcommands: &[],
    },
    Command {
        name: "getbit",
        arity: 3,
        flags: flag::READONLY | flag::FAST,
        categories: 0,
        group: Group::Bitmap,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::GETBIT,
        special: PLAIN,
        run: Run::Keys(getbit),
        subcommands: &[],
    },
    Command {
        name: "bitcount",
        arity: -2,
        flags: flag::READONLY,
        categories: 0,
        group: Group::Bitmap,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::BITCOUNT,
        special: PLAIN,
        run: Run::Keys(count::bitcount),
        subcommands: &[],
    },
    Command {
        name: "bitpos",
        arity: -3,
        flags: flag::READONLY,
        categories: 0,
        group: Group::Bitmap,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::BITPOS,
        special: PLAIN,
        run: Run::Keys(count::bitpos),
        subcommands: &[],
    },
    Command {
        name: "bitop",
        arity: -4,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::Bitmap,
        keys: &[
            KeySpec::one(2, access::OW | access::UPDATE),
            KeySpec::range(3, -1, 1, access::RO | access::ACCESS),
        ],
        docs: &docs::BITOP,
        special: PLAIN,
        run: Run::Keys(combine::bitop),
        subcommands: &[],
    },
    Command {
        name: "bitfield",
        arity: -2,
        flags: flag::WRITE | flag::DENYOOM,
        categories: 0,
        group: Group::Bitmap,
        keys: &[KeySpec::one(
            1,
            access::RW | access::ACCESS | access::UPDATE | access::VARIABLE_FLAGS,
        )
        .notes("This command allows both access and modification of the key")],
        docs: &docs::BITFIELD,
        special: PLAIN,
        run: Run::Keys(field::bitfield),
        subcommands: &[],
    },
    Command {
        name: "bitfield_ro",
        arity: -2,
        flags: flag::READONLY | flag::FAST,
        categories: 0,
        group: Group::Bitmap,
        keys: &[KeySpec::one(1, access::RO | access::ACCESS)],
        docs: &docs::BITFIELD_RO,
        special: PLAIN,
        run: Run::Keys(field::bitfield_ro),
        subcommands: &[],
    },
];

/// Where a bit is: its byte, and the byte with only this bit set.
fn place(ctx: &Context<'_>, offset: &[u8]) -> Result<(usize, u8), Error> {
    const NOT_OFFSET: Error = Error::new("ERR bit offset is not an integer or out of range");
    let offset = parse_i64(offset)
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset >> 3 < ctx.config.proto_max_bulk_len)
        .ok_or(NOT_OFFSET)?;
    let byte = usize::try_from(offset >> 3).map_err(|_| NOT_OFFSET)?;
    Ok((byte, 0x80 >> (offset & 7)))
}

fn setbit(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    const NOT_BIT: Error = Error::new("ERR bit is not an integer or out of range");
    let (byte, mask) = place(ctx, args.get(2))?;
    let on = match parse_i64(args.get(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(NOT_BIT),
    };
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let (was_on, grew) = if let Some(entry) = edit.entry() {
            let len = text(entry, &mut itoa::Buffer::new())?.len();
            let bytes = edit.write().string_mut(byte + 1);
            let was_on = bytes[byte] & mask != 0;
            bytes[byte] = bytes[byte] & !mask | if on { mask } else { 0 };
            (was_on, len <= byte)
        } else {
            let mut bytes = vec![0; byte + 1];
            bytes[byte] = if on { mask } else { 0 };
            edit.put(Value::Raw(&bytes));
            (false, true)
        };
        if grew || was_on != on {
            edit.notify(events::STRING, "setbit");
        } else {
            edit.unchanged();
        }
        reply.integer(i64::from(was_on));
        Ok(())
    })
}

fn getbit(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (byte, mask) = place(ctx, args.get(2))?;
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        let mut digits = itoa::Buffer::new();
        let bytes = match entry {
            None => &[][..],
            Some(entry) => text(entry, &mut digits)?,
        };
        let on = bytes.get(byte).is_some_and(|bits| bits & mask != 0);
        reply.integer(i64::from(on));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    const NOT_OFFSET: &str = "-ERR bit offset is not an integer or out of range\r\n";
    const NOT_BIT: &str = "-ERR bit is not an integer or out of range\r\n";
    const WRONG_TYPE: &str =
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

    #[test]
    fn setbit() {
        let mut f = Fixture::new();
        f.check("SETBIT a 1 1", ":0\r\n");
        f.check("GET a", "$1\r\n@\r\n");
        f.check("SETBIT a 1 0", ":1\r\n");
        f.check("SETBIT a 23 1", ":0\r\n");
        f.check("GET a", "$3\r\n\0\0\u{1}\r\n");
        assert_eq!(f.events(), ["new a", "setbit a", "setbit a", "setbit a"]);
        assert_eq!(f.effects.dirty, 3);
        f.forget();
        f.check("SETBIT a 23 1", ":1\r\n");
        assert_eq!((f.effects.dirty, f.events().len()), (0, 0));
        f.check("SETBIT a 24 0", ":0\r\n");
        f.check("STRLEN a", ":4\r\n");
        assert_eq!(f.effects.dirty, 1, "growing is a change");
        f.check("SETBIT big 100000 1", ":0\r\n");
        f.check("STRLEN big", ":12501\r\n");
        f.check("GETBIT big 100000", ":1\r\n");
    }

    #[test]
    fn setbit_on_other_values() {
        let mut f = Fixture::new();
        f.check("SET a 1", "+OK\r\n");
        assert_eq!(f.encoding("a"), "int");
        f.check("SETBIT a 6 1", ":0\r\n");
        f.check("GET a", "$1\r\n3\r\n");
        assert_eq!(f.encoding("a"), "raw");
        f.check("SET a 12", "+OK\r\n");
        f.check("SETBIT a 2 1", ":1\r\n");
        assert_eq!(f.encoding("a"), "raw", "even when nothing changes");
        f.check("RPUSH l x", ":1\r\n");
        f.check("SETBIT l 0 1", WRONG_TYPE);
        f.check("GETBIT l 0", WRONG_TYPE);
        f.check("SET e 1 EX 9", "+OK\r\n");
        f.check("SETBIT e 0 1", ":0\r\n");
        assert_eq!(f.expiry("e"), Some(f.now_ms + 9000));
    }

    #[test]
    fn getbit() {
        let mut f = Fixture::new();
        f.check("GETBIT a 0", ":0\r\n");
        f.check("SET a 1", "+OK\r\n");
        for (offset, bit) in [
            (2, 1),
            (3, 1),
            (7, 1),
            (0, 0),
            (8, 0),
            (4_294_967_295_u64, 0),
        ] {
            f.check(&format!("GETBIT a {offset}"), &format!(":{bit}\r\n"));
        }
        assert_eq!(f.encoding("a"), "int");
    }

    #[test]
    fn offsets_and_bits_have_limits() {
        let mut f = Fixture::new();
        for offset in ["-1", "x", "4294967296", "9223372036854775808", "#1", "''"] {
            f.check(&format!("SETBIT a {offset} 1"), NOT_OFFSET);
            f.check(&format!("GETBIT a {offset}"), NOT_OFFSET);
        }
        f.check("SETBIT a x x", NOT_OFFSET);
        f.check("RPUSH l x", ":1\r\n");
        for bit in ["-1", "2", "20", "x"] {
            f.check(&format!("SETBIT l 0 {bit}"), NOT_BIT);
        }
        f.set_config("proto-max-bulk-len", "1mb");
        f.check("SETBIT a 8388607 1", ":0\r\n");
        f.check("SETBIT a 8388608 1", NOT_OFFSET);
        f.check("EXISTS a", ":1\r\n");
    }
}
