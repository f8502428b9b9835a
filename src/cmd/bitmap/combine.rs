//! BITOP: strings combined bit by bit into another one.
//!
//! A string that is shorter than the longest is taken as zeros behind its end. The sources are read
//! one after the other into two accumulators, so that any number of them costs the memory of two.

use super::super::string::text;
use super::super::{Context, Lookup, Outcome};
use crate::config::events;
use crate::resp::{Args, Error};
use crate::store::Value;

/// What becomes of the bits at one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// In the first source and in none of the others.
    Diff,
    /// In one of the others and not in the first.
    Diff1,
    /// In the first and in one of the others.
    AndOr,
    /// In exactly one.
    One,
}

use Operation::{And, AndOr, Diff, Diff1, Not, One, Or, Xor};

const OPERATIONS: [(&str, Operation); 8] = [
    ("and", And),
    ("or", Or),
    ("xor", Xor),
    ("not", Not),
    ("diff", Diff),
    ("diff1", Diff1),
    ("andor", AndOr),
    ("one", One),
];

pub(super) fn bitop(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let found = OPERATIONS.iter().find(|(name, _)| args.is(1, name));
    let &(name, operation) = found.ok_or(Error::SYNTAX)?;
    let sources = args.len() - 3;
    if operation == Not && sources != 1 {
        return Err(Error::new(
            "ERR BITOP NOT must be called with a single source key.",
        ));
    }
    if matches!(operation, Diff | Diff1 | AndOr) && sources < 2 {
        let name = name.to_ascii_uppercase();
        return Err(Error::from(format!(
            "ERR BITOP {name} must be called with at least two source keys."
        )));
    }
    let mut combined = Combined::default();
    for at in 3..args.len() {
        ctx.view(ctx.key(args, at), Lookup::Read, |entry, _| {
            let mut digits = itoa::Buffer::new();
            let bytes = match entry {
                None => &[][..],
                Some(entry) => text(entry, &mut digits)?,
            };
            combined.add(operation, bytes, at == 3);
            Ok::<_, Error>(())
        })?;
    }
    let result = combined.end(operation);
    let target = ctx.key(args, 2);
    if result.is_empty() {
        ctx.delete(target);
    } else {
        ctx.put_string(target, Value::Raw(&result), None);
        ctx.notify(events::STRING, "set", target);
    }
    ctx.reply.integer(result.len() as i64);
    Ok(())
}

/// Sources so far: as long as the longest of them.
#[derive(Debug, Default)]
struct Combined {
    /// The result of AND, OR, XOR and NOT; the first source; for ONE, what is in any.
    bits: Vec<u8>,
    /// What is in any but the first; for ONE, what is in several.
    others: Vec<u8>,
}

/// Changes each byte of the target by one of the source.
fn apply(target: &mut [u8], source: &[u8], change: impl Fn(u8, u8) -> u8) {
    for (byte, &other) in target.iter_mut().zip(source) {
        *byte = change(*byte, other);
    }
}

impl Combined {
    fn add(&mut self, operation: Operation, source: &[u8], is_first: bool) {
        let len = self.bits.len().max(source.len());
        self.bits.resize(len, 0);
        match operation {
            _ if is_first => self.bits.copy_from_slice(source),
            Or => apply(&mut self.bits, source, |a, b| a | b),
            Xor => apply(&mut self.bits, source, |a, b| a ^ b),
            And => {
                apply(&mut self.bits, source, |a, b| a & b);
                self.bits[source.len()..].fill(0);
            }
            One => {
                self.others.resize(len, 0);
                let several = self.others.iter_mut().zip(&mut self.bits).zip(source);
                for ((several, any), &bits) in several {
                    *several |= *any & bits;
                    *any |= bits;
                }
            }
            Diff | Diff1 | AndOr => {
                self.others.resize(len, 0);
                apply(&mut self.others, source, |a, b| a | b);
            }
            Not => panic!("NOT has one source"),
        }
    }

    fn end(mut self, operation: Operation) -> Vec<u8> {
        self.others.resize(self.bits.len(), 0);
        match operation {
            And | Or | Xor => {}
            Not => self.bits.iter_mut().for_each(|byte| *byte = !*byte),
            Diff | One => apply(&mut self.bits, &self.others, |a, b| a & !b),
            Diff1 => apply(&mut self.bits, &self.others, |a, b| !a & b),
            AndOr => apply(&mut self.bits, &self.others, |a, b| a & b),
        }
        self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Random;
    use crate::cmd::fixture::Fixture;

    /// One bit of the result, from those of the sources.
    fn expected(operation: Operation, bits: &[bool]) -> bool {
        let (first, others) = (bits[0], &bits[1..]);
        let any = others.iter().any(|&bit| bit);
        match operation {
            And => bits.iter().all(|&bit| bit),
            Or => first || any,
            Xor => bits.iter().filter(|&&bit| bit).count() % 2 == 1,
            Not => !first,
            Diff => first && !any,
            Diff1 => !first && any,
            AndOr => first && any,
            One => bits.iter().filter(|&&bit| bit).count() == 1,
        }
    }

    #[test]
    fn bytes_combine_as_bits_do() {
        let mut random = Random::new(3);
        for round in 0..200 {
            for (_, operation) in OPERATIONS {
                let count = if operation == Not { 1 } else { 2 + round % 4 };
                let sources: Vec<Vec<u8>> = (0..count)
                    .map(|_| {
                        let len = (random.next_u64() >> 20) % 20;
                        (0..len).map(|_| random.next_u64() as u8).collect()
                    })
                    .collect();
                let mut combined = Combined::default();
                for (nth, source) in sources.iter().enumerate() {
                    combined.add(operation, source, nth == 0);
                }
                let result = combined.end(operation);
                assert_eq!(Some(result.len()), sources.iter().map(Vec::len).max());
                for at in 0..8 * result.len() {
                    let bit = |bytes: &Vec<u8>| {
                        let byte = bytes.get(at / 8).copied().unwrap_or_default();
                        byte & 0x80 >> (at % 8) != 0
                    };
                    let bits: Vec<bool> = sources.iter().map(bit).collect();
                    assert_eq!(bit(&result), expected(operation, &bits), "{operation:?}");
                }
            }
        }
    }

    #[test]
    fn bitop() {
        let mut f = Fixture::new();
        f.check("MSET a abc b ab", "+OK\r\n");
        f.check("BITOP AND d a b none", ":3\r\n");
        f.check("GET d", "$3\r\n\0\0\0\r\n");
        f.check("BITOP or d a b", ":3\r\n");
        f.check("GET d", "$3\r\nabc\r\n");
        assert_eq!(f.encoding("d"), "raw");
        f.forget();
        f.check("BITOP XOR d none", ":0\r\n");
        assert_eq!(
            (f.effects.dirty, f.events()),
            (1, ["keymiss none", "del d"].map(String::from).to_vec())
        );
        f.check("EXISTS d", ":0\r\n");
        let single = "-ERR BITOP NOT must be called with a single source key.\r\n";
        f.check("BITOP NOT d a b", single);
        f.check("BITOP NAND d a b", "-ERR syntax error\r\n");
        f.check(
            "BITOP diff d a",
            "-ERR BITOP DIFF must be called with at least two source keys.\r\n",
        );
        f.check("RPUSH l x", ":1\r\n");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        f.check("BITOP OR d a l", wrong);
        f.check("SET l2 x EX 100", "+OK\r\n");
        f.check("BITOP OR l2 a", ":3\r\n");
        assert_eq!(f.expiry("l2"), None);
    }
}
