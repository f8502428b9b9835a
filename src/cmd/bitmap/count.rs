//! BITCOUNT and BITPOS: counting and finding bits in a range of a string.
//!
//! A range is given in bytes or in bits, ends included; negative positions count from the end. The
//! loops run over words of eight bytes; the twins that look at one bit after the other are in the
//! tests.

use super::super::string::text;
use super::super::{Context, Lookup, Outcome};
use crate::resp::{Args, Error, parse_i64};
use crate::store::Entry;

/// Bits from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bits {
    first: usize,
    last: usize,
}

/// The text of an entry, nothing for none.
fn bytes_of<'a>(entry: Option<&'a Entry>, digits: &'a mut itoa::Buffer) -> Result<&'a [u8], Error> {
    entry.map_or(Ok(&[][..]), |entry| text(entry, digits))
}

/// Whether positions are in bits; the unit is argument `at`, if it is there.
fn in_bits(args: &Args<'_>, at: usize) -> Result<bool, Error> {
    if at >= args.len() || args.is(at, "byte") {
        return Ok(false);
    }
    match args.is(at, "bit") {
        true => Ok(true),
        false => Err(Error::SYNTAX),
    }
}

/// The bits that positions mean in a string of so many bytes; None: no bits.
fn bits(start: i64, end: i64, in_bits: bool, bytes: usize) -> Option<Bits> {
    let len = i64::try_from(bytes).expect("a string's length fits") * if in_bits { 8 } else { 1 };
    let from_start = |position: i64| {
        if position < 0 {
            position.saturating_add(len).max(0)
        } else {
            position
        }
    };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    if start > end {
        return None;
    }
    let (start, end) = (start as usize, end as usize);
    Some(match in_bits {
        true => Bits {
            first: start,
            last: end,
        },
        false => Bits {
            first: 8 * start,
            last: 8 * end + 7,
        },
    })
}

pub(super) fn bitcount(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        // As in Redis, the range of a key that is not there is not looked at.
        if entry.is_none() {
            reply.integer(0);
            return Ok(());
        }
        let mut digits = itoa::Buffer::new();
        let bytes = bytes_of(entry, &mut digits)?;
        let range = match args.len() {
            2 => bits(0, -1, false, bytes.len()),
            4 | 5 => {
                let start = parse_i64(args.get(2)).ok_or(Error::NOT_INTEGER)?;
                let end = parse_i64(args.get(3)).ok_or(Error::NOT_INTEGER)?;
                if start < 0 && end < 0 && start > end {
                    reply.integer(0);
                    return Ok(());
                }
                bits(start, end, in_bits(args, 4)?, bytes.len())
            }
            _ => return Err(Error::SYNTAX),
        };
        reply.integer(range.map_or(0, |range| count(bytes, range) as i64));
        Ok(())
    })
}

/// What of a byte at `at` lies within bits.
fn within(bits: Bits, at: usize) -> u8 {
    let mut mask = 0xff;
    if at == bits.first / 8 {
        mask &= 0xff >> (bits.first % 8);
    }
    if at == bits.last / 8 {
        mask &= 0xff << (7 - bits.last % 8);
    }
    mask
}

/// How many bits are set.
fn count(bytes: &[u8], bits: Bits) -> u64 {
    let (first, last) = (bits.first / 8, bits.last / 8);
    if first == last {
        return u64::from((bytes[first] & within(bits, first)).count_ones());
    }
    let edges = [first, last].map(|at| u64::from((bytes[at] & within(bits, at)).count_ones()));
    edges[0] + edges[1] + count_all(&bytes[first + 1..last])
}

/// How many bits are set in all of it: eight words at a time, added up bit by bit so that one word
/// of eight is counted.
fn count_all(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let (mut ones, mut twos, mut fours, mut total) = (0u64, 0u64, 0u64, 0u64);
    // Three words in, one digit of weight 1 and one of weight 2 out.
    let add = |a: u64, b: u64, c: u64| (a ^ b ^ c, a & b | (a ^ b) & c);
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        let word = |at: usize| u64::from_ne_bytes(words[at]);
        let (one, two_a) = add(ones, word(0), word(1));
        let (one, two_b) = add(one, word(2), word(3));
        let (two, four_a) = add(twos, two_a, two_b);
        let (one, two_a) = add(one, word(4), word(5));
        let (one, two_b) = add(one, word(6), word(7));
        let (two, four_b) = add(two, two_a, two_b);
        let (four, eights) = add(fours, four_a, four_b);
        (ones, twos, fours) = (one, two, four);
        total += u64::from(eights.count_ones());
    }
    let weigh = |digit: u64| u64::from(digit.count_ones());
    let rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    8 * total + 4 * weigh(fours) + 2 * weigh(twos) + weigh(ones) + rest
}

pub(super) fn bitpos(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let bit = match parse_i64(args.get(2)) {
        None => return Err(Error::NOT_INTEGER),
        Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(Error::new("ERR The bit argument must be 1 or 0.")),
    };
    ctx.view(ctx.key(args, 1), Lookup::Read, |entry, reply| {
        // A key that is not there is zeros without end.
        if entry.is_none() {
            reply.integer(if bit { -1 } else { 0 });
            return Ok(());
        }
        let mut digits = itoa::Buffer::new();
        let bytes = bytes_of(entry, &mut digits)?;
        if args.len() > 6 {
            return Err(Error::SYNTAX);
        }
        let number = |at: usize, default: i64| match at < args.len() {
            true => parse_i64(args.get(at)).ok_or(Error::NOT_INTEGER),
            false => Ok(default),
        };
        let start = number(3, 0)?;
        let in_bits = in_bits(args, 5)?;
        let end = number(4, -1)?;
        let found = bits(start, end, in_bits, bytes.len()).map(|range| {
            // Behind an end that was not given there are zeros.
            let beyond = (!bit && args.len() < 5).then_some(8 * bytes.len());
            find(bytes, range, bit).or(beyond)
        });
        let found = found.flatten().map(|at| at as i64);
        reply.integer(found.unwrap_or(-1));
        Ok(())
    })
}

/// The first bit of this value.
fn find(bytes: &[u8], bits: Bits, value: bool) -> Option<usize> {
    let (first, last) = (bits.first / 8, bits.last / 8);
    let flip = if value { 0 } else { 0xff };
    let in_byte = |at: usize| {
        let found = (bytes[at] ^ flip) & within(bits, at);
        (found != 0).then(|| 8 * at + found.leading_zeros() as usize)
    };
    if let found @ Some(_) = in_byte(first) {
        return found;
    }
    if first == last {
        return None;
    }
    let middle = &bytes[first + 1..last];
    let (words, _) = middle.as_chunks::<8>();
    let skipped = words
        .iter()
        .take_while(|word| word.iter().all(|&byte| byte == flip))
        .count();
    let mut rest = first + 1 + 8 * skipped..=last;
    rest.find_map(in_byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Random;
    use crate::cmd::fixture::Fixture;

    fn bit(bytes: &[u8], at: usize) -> bool {
        bytes[at / 8] & 0x80 >> (at % 8) != 0
    }

    #[test]
    fn words_count_and_find_as_bits_do() {
        let mut random = Random::new(7);
        for round in 0..400 {
            let len = 1 + (random.next_u64() >> 20) as usize % 300;
            let fill = [0u8, 0xff][round % 2];
            let mut bytes = vec![fill; len];
            for _ in 0..round % 5 {
                let at = (random.next_u64() >> 20) as usize % len;
                bytes[at] = random.next_u64() as u8;
            }
            let (a, b) = (random.next_u64() >> 20, random.next_u64() >> 20);
            let (a, b) = (a as usize % (8 * len), b as usize % (8 * len));
            let bits = Bits {
                first: a.min(b),
                last: a.max(b),
            };
            let all = bits.first..=bits.last;
            let set = all.clone().filter(|&at| bit(&bytes, at)).count();
            assert_eq!(count(&bytes, bits), set as u64);
            for value in [false, true] {
                let first = all.clone().find(|&at| bit(&bytes, at) == value);
                assert_eq!(find(&bytes, bits, value), first);
            }
        }
    }

    #[test]
    fn ranges_are_in_bytes_or_in_bits() {
        let mut f = Fixture::new();
        f.check("SET a foobar", "+OK\r\n");
        for (range, count) in [
            ("", 26),
            ("0 0", 4),
            ("1 1", 6),
            ("1 1 byte", 6),
            ("5 30 BIT", 17),
            ("-2 -1", 7),
            ("-1 -2", 0),
            ("10 20", 0),
            ("0 -9223372036854775808", 4),
        ] {
            f.check(&format!("BITCOUNT a {range}"), &format!(":{count}\r\n"));
        }
        f.check("BITCOUNT a 1", "-ERR syntax error\r\n");
        f.check("BITCOUNT a 1 2 x", "-ERR syntax error\r\n");
        f.check("BITCOUNT none 1 2 x", ":0\r\n");
        f.check("SET b '\u{7f}'", "+OK\r\n");
        f.check("BITPOS b 0", ":0\r\n");
        f.check("BITPOS b 1", ":1\r\n");
        f.check("BITPOS b 1 2 3 BIT", ":2\r\n");
        f.check("BITPOS b 2", "-ERR The bit argument must be 1 or 0.\r\n");
        f.check("BITPOS none 0", ":0\r\n");
        f.check("BITPOS none 1", ":-1\r\n");
    }
}
