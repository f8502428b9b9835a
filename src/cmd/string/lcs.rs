//! LCS: the longest common subsequence of two strings, its length, or where its pieces lie.
//!
//! The classic table of lengths, (a + 1) x (b + 1) cells of 4 bytes, must stay below `proto-max-bulk-len`;
//! LEN alone keeps two rows of it. Pieces are found from the end, as Redis lists them.

use super::super::{Context, Lookup, Outcome};
use super::text;
use crate::resp::{Args, Error, parse_i64};

/// What the reply shall hold.
#[derive(Default)]
struct Options {
    length: bool,
    indexes: bool,
    with_match_length: bool,
    match_length_min: u64,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "IDX") {
                options.indexes = true;
            } else if args.is(at, "LEN") {
                options.length = true;
            } else if args.is(at, "WITHMATCHLEN") {
                options.with_match_length = true;
            } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
                at += 1;
                let given = parse_i64(args.get(at)).ok_or(Error::NOT_INTEGER)?;
                options.match_length_min = u64::try_from(given).unwrap_or(0);
            } else {
                return Err(Error::SYNTAX);
            }
            at += 1;
        }
        if options.length && options.indexes {
            return Err(Error::new(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

pub(super) fn lcs(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let left = operand(ctx, args.get(1));
    let right = operand(ctx, args.get(2));
    let (left, right) = (left?, right?);
    let options = Options::parse(args)?;
    let cells = checked_cells(left.len(), right.len(), ctx.config.proto_max_bulk_len)?;
    if options.length {
        ctx.reply.integer(i64::from(length(&left, &right)));
        return Ok(());
    }
    let table = Table::build(&left, &right, cells)?;
    let pieces = table.pieces(&left, &right);
    if options.indexes {
        reply_pieces(ctx, &pieces, table.cell(left.len(), right.len()), &options);
        return Ok(());
    }
    let mut common = Vec::new();
    for piece in pieces.iter().rev() {
        common.extend_from_slice(&left[piece.left..piece.left + piece.len]);
    }
    ctx.reply.bulk(&common);
    Ok(())
}

fn operand(ctx: &mut Context<'_>, key: &[u8]) -> Result<Vec<u8>, Error> {
    let Some(entry) = ctx.find(key, Lookup::Read) else {
        return Ok(Vec::new());
    };
    text(entry, &mut itoa::Buffer::new())
        .map(<[u8]>::to_vec)
        .map_err(|_| Error::new("ERR The specified keys must contain string values"))
}

/// The number of the table's cells, unless they are too many.
fn checked_cells(left: usize, right: usize, limit_bytes: u64) -> Result<usize, Error> {
    let too_long = |len: usize| len as u64 >= u64::from(u32::MAX) - 1;
    if too_long(left) || too_long(right) {
        return Err(Error::new("ERR String too long for LCS"));
    }
    let cells = (left + 1).checked_mul(right + 1);
    cells
        .filter(|&cells| {
            (cells as u64)
                .checked_mul(4)
                .is_some_and(|bytes| bytes <= limit_bytes)
        })
        .ok_or(Error::new(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))
}

/// The length alone, with two rows of the table.
fn length(left: &[u8], right: &[u8]) -> u32 {
    let mut above = vec![0u32; right.len() + 1];
    let mut row = above.clone();
    for &byte in left {
        fill_row(byte, right, &above, &mut row);
        std::mem::swap(&mut above, &mut row);
    }
    above[right.len()]
}

/// One row of the table from the row above it; both begin with the empty prefix's zero.
fn fill_row(byte: u8, right: &[u8], above: &[u32], row: &mut [u32]) {
    for (at, &other) in right.iter().enumerate() {
        row[at + 1] = if byte == other {
            above[at] + 1
        } else {
            above[at + 1].max(row[at])
        };
    }
}

/// Lengths of the longest common subsequences of all pairs of prefixes.
struct Table {
    lengths: Vec<u32>,
    width: usize,
}

/// A run of bytes that both strings have in common.
struct Piece {
    left: usize,
    right: usize,
    len: usize,
}

impl Table {
    fn build(left: &[u8], right: &[u8], cells: usize) -> Result<Self, Error> {
        let mut lengths = Vec::new();
        lengths.try_reserve_exact(cells).map_err(|_| {
            Error::new("ERR Insufficient memory, failed allocating transient memory for LCS")
        })?;
        lengths.resize(cells, 0);
        let width = right.len() + 1;
        assert!(cells == (left.len() + 1) * width);
        for (at, &byte) in left.iter().enumerate() {
            let (above, row) = lengths[at * width..(at + 2) * width].split_at_mut(width);
            fill_row(byte, right, above, row);
        }
        Ok(Self { lengths, width })
    }

    fn cell(&self, left: usize, right: usize) -> u32 {
        self.lengths[left * self.width + right]
    }

    /// The pieces of one longest common subsequence, the last one first.
    fn pieces(&self, left: &[u8], right: &[u8]) -> Vec<Piece> {
        let (mut i, mut j) = (left.len(), right.len());
        let mut pieces: Vec<Piece> = Vec::new();
        let mut open = false;
        while i > 0 && j > 0 {
            if left[i - 1] == right[j - 1] {
                (i, j) = (i - 1, j - 1);
                match pieces.last_mut().filter(|_| open) {
                    Some(piece) => (piece.left, piece.right, piece.len) = (i, j, piece.len + 1),
                    None => pieces.push(Piece {
                        left: i,
                        right: j,
                        len: 1,
                    }),
                }
                open = true;
            } else {
                open = false;
                if self.cell(i - 1, j) > self.cell(i, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
            }
        }
        pieces
    }
}

fn reply_pieces(ctx: &mut Context<'_>, pieces: &[Piece], total: u32, options: &Options) {
    let wanted = |piece: &&Piece| piece.len as u64 >= options.match_length_min;
    let position = |at: usize| i64::try_from(at).expect("positions are below 2^32");
    ctx.reply.map(2);
    ctx.reply.bulk(b"matches");
    ctx.reply.array(pieces.iter().filter(wanted).count());
    for piece in pieces.iter().filter(wanted) {
        ctx.reply.array(2 + usize::from(options.with_match_length));
        for start in [piece.left, piece.right] {
            ctx.reply.array(2);
            ctx.reply.integer(position(start));
            ctx.reply.integer(position(start + piece.len - 1));
        }
        if options.with_match_length {
            ctx.reply.integer(position(piece.len));
        }
    }
    ctx.reply.bulk(b"len");
    ctx.reply.integer(i64::from(total));
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;

    #[test]
    fn lcs() {
        let mut f = Fixture::new();
        f.check("MSET a ohmytext b mynewtext", "+OK\r\n");
        f.check("LCS a b", "$6\r\nmytext\r\n");
        f.check("LCS a b LEN", ":6\r\n");
        let (text, my) = (
            "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n",
            "*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n",
        );
        let tail = "$3\r\nlen\r\n:6\r\n";
        f.check(
            "LCS a b IDX",
            &format!("*4\r\n$7\r\nmatches\r\n*2\r\n{text}*2\r\n{my}{tail}"),
        );
        f.check(
            "LCS a b IDX MINMATCHLEN 4",
            &format!("*4\r\n$7\r\nmatches\r\n*1\r\n{text}{tail}"),
        );
        f.resp3();
        f.check(
            "LCS a b IDX MINMATCHLEN -4 WITHMATCHLEN",
            &format!(
                "%2\r\n$7\r\nmatches\r\n*2\r\n{}:4\r\n*3\r\n{my}:2\r\n{tail}",
                text.replacen("*2", "*3", 1)
            ),
        );
        f.check("LCS none b", "$0\r\n\r\n");
        f.check("LCS none b LEN", ":0\r\n");
        f.check(
            "LCS a b LEN IDX",
            "-ERR If you want both the length and indexes, please just use IDX.\r\n",
        );
        f.check("LCS a b MINMATCHLEN", "-ERR syntax error\r\n");
        f.check(
            "LCS a b MINMATCHLEN x",
            "-ERR value is not an integer or out of range\r\n",
        );
    }

    #[test]
    fn lcs_is_bounded() {
        let mut f = Fixture::new();
        f.set_config("proto-max-bulk-len", "1mb");
        f.check("SETRANGE a 599 x", ":600\r\n");
        f.check("SETRANGE b 599 x", ":600\r\n");
        let error =
            "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n";
        f.check("LCS a b", error);
        f.check("LCS a b LEN", error);
    }
}
