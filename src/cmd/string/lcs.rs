//! LCS: the longest common subsequence of two strings, its length, or where its pieces lie.
//!
//! Redis's table of lengths, (a + 1) x (b + 1) cells of 4 bytes, must stay below
//! `proto-max-bulk-len`, so two strings of a megabyte are refused. Ours holds a bit per cell.
//! Pieces are found from the end, as Redis lists them.

use super::super::{Context, Key, Lookup, Outcome};
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
    let left = operand(ctx, ctx.key(args, 1));
    let right = operand(ctx, ctx.key(args, 2));
    let (left, right) = (left?, right?);
    let options = Options::parse(args)?;
    check_cells(left.len(), right.len(), ctx.config.proto_max_bulk_len)?;
    if options.length {
        ctx.reply.integer(i64::from(length(&left, &right)));
        return Ok(());
    }
    let (pieces, total) = Table::build(&left, &right)?.pieces(&left, &right);
    if options.indexes {
        reply_pieces(ctx, &pieces, total, &options);
        return Ok(());
    }
    let mut common = Vec::new();
    for piece in pieces.iter().rev() {
        common.extend_from_slice(&left[piece.left..piece.left + piece.len]);
    }
    ctx.reply.bulk(&common);
    Ok(())
}

fn operand(ctx: &mut Context<'_>, key: Key<'_>) -> Result<Vec<u8>, Error> {
    ctx.view(key, Lookup::Read, |entry, _| {
        let Some(entry) = entry else {
            return Ok(Vec::new());
        };
        text(entry, &mut itoa::Buffer::new())
            .map(<[u8]>::to_vec)
            .map_err(|_| Error::new("ERR The specified keys must contain string values"))
    })
}

/// Refuses what Redis's table, 4 bytes a cell, would have no room for.
fn check_cells(left: usize, right: usize, limit_bytes: u64) -> Result<(), Error> {
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
        .map(|_| ())
        .ok_or(Error::new(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))
}

/// The table of lengths by rows, 64 cells in a word.
///
/// ```text
/// lengths of row i:  0 0 1 1 2 3 3 ...     never fall, and rise by one at most
/// kept of row i:       0 1 0 1 1 0 ...     whether they rise at this column
/// ```
///
/// A row follows from the one above by an addition over its whole width (Hyyrö 2004, "Bit-parallel
/// LCS-length computation revisited"), so the largest table that is allowed takes milliseconds, and
/// memory only a bit per cell, a word per row at least.
struct Table {
    /// Words of all rows but the empty prefix's; a clear bit is a rise.
    flats: Vec<u64>,
    words: usize,
}

/// A run of bytes that both strings have in common.
struct Piece {
    left: usize,
    right: usize,
    len: usize,
}

/// For every byte of `left`, where it stands in `right`, one bit per byte.
fn occurrences(left: &[u8], right: &[u8], words: usize) -> Vec<Vec<u64>> {
    let mut masks = vec![Vec::new(); 256];
    for &byte in left {
        if masks[usize::from(byte)].is_empty() {
            masks[usize::from(byte)] = vec![0; words];
        }
    }
    for (at, &byte) in right.iter().enumerate() {
        if let Some(word) = masks[usize::from(byte)].get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }
    masks
}

/// A word of the row below `above`, given where its byte occurs; from low to high, with the carry
/// between.
#[inline]
fn word_below(above: u64, occurs: u64, carry: &mut bool) -> u64 {
    let (sum, first) = above.overflowing_add(above & occurs);
    let (sum, second) = sum.overflowing_add(u64::from(*carry));
    *carry = first || second;
    sum | (above & !occurs)
}

/// How often the lengths rise in the first `width` columns: the row's last length.
fn rises(row: &[u64], width: usize) -> u32 {
    let mut rises = 0;
    for (at, word) in row.iter().enumerate() {
        let columns = (width - at * 64).min(64);
        rises += (!word << (64 - columns)).count_ones();
    }
    rises
}

/// The length alone, with one row of the table.
fn length(left: &[u8], right: &[u8]) -> u32 {
    let (left, right) = if left.len() > right.len() {
        (right, left)
    } else {
        (left, right)
    };
    let words = right.len().div_ceil(64);
    let masks = occurrences(left, right, words);
    let mut row = vec![u64::MAX; words];
    for &byte in left {
        let mut carry = false;
        for (word, &occurs) in row.iter_mut().zip(&masks[usize::from(byte)]) {
            *word = word_below(*word, occurs, &mut carry);
        }
    }
    rises(&row, right.len())
}

impl Table {
    fn build(left: &[u8], right: &[u8]) -> Result<Self, Error> {
        let words = right.len().div_ceil(64);
        let mut flats: Vec<u64> = Vec::new();
        flats
            .try_reserve_exact((left.len() + 1) * words)
            .map_err(|_| {
                Error::new("ERR Insufficient memory, failed allocating transient memory for LCS")
            })?;
        flats.resize(words, u64::MAX);
        let masks = occurrences(left, right, words);
        for (at, &byte) in left.iter().enumerate() {
            let mut carry = false;
            for (column, &occurs) in masks[usize::from(byte)].iter().enumerate() {
                flats.push(word_below(flats[at * words + column], occurs, &mut carry));
            }
        }
        assert!(flats.len() == (left.len() + 1) * words);
        Ok(Self { flats, words })
    }

    /// The rows of all prefixes of the left string, the empty one first.
    fn row(&self, left: usize) -> &[u64] {
        &self.flats[left * self.words..(left + 1) * self.words]
    }

    /// Whether row `left` rises at its last column, `right`.
    fn rises_at(&self, left: usize, right: usize) -> bool {
        self.row(left)[(right - 1) / 64] >> ((right - 1) % 64) & 1 == 0
    }

    /// The pieces of one longest common subsequence, the last one first, and its length.
    fn pieces(&self, left: &[u8], right: &[u8]) -> (Vec<Piece>, u32) {
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
                // Without a rise the cell to the left is as long; with one, only the cell above is.
                if self.rises_at(i, j) {
                    i -= 1;
                } else {
                    j -= 1;
                }
            }
        }
        (pieces, rises(self.row(left.len()), right.len()))
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

    /// The classic table, as the measure of the packed one.
    fn classic(left: &[u8], right: &[u8]) -> (Vec<(usize, usize, usize)>, u32) {
        let mut cells = vec![vec![0u32; right.len() + 1]; left.len() + 1];
        for i in 1..=left.len() {
            for j in 1..=right.len() {
                cells[i][j] = if left[i - 1] == right[j - 1] {
                    cells[i - 1][j - 1] + 1
                } else {
                    cells[i - 1][j].max(cells[i][j - 1])
                };
            }
        }
        let (mut i, mut j) = (left.len(), right.len());
        let mut pieces: Vec<(usize, usize, usize)> = Vec::new();
        let mut open = false;
        while i > 0 && j > 0 {
            let same = left[i - 1] == right[j - 1];
            match pieces.last_mut().filter(|_| open && same) {
                Some(piece) => *piece = (i - 1, j - 1, piece.2 + 1),
                None if same => pieces.push((i - 1, j - 1, 1)),
                None => {}
            }
            open = same;
            if same {
                (i, j) = (i - 1, j - 1);
            } else if cells[i - 1][j] > cells[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        (pieces, cells[left.len()][right.len()])
    }

    #[test]
    fn the_packed_table_equals_the_classic_one() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..2000 {
            let letters = 1 + random(4);
            let mut text =
                |len: u64| -> Vec<u8> { (0..len).map(|_| b'a' + random(letters) as u8).collect() };
            let (left, right) = (text(letters * 37), text(letters * 53));
            let (left, right) = (&left[..left.len().min(150)], &right[..right.len()]);
            for (left, right) in [
                (left, right),
                (right, left),
                (left, &right[..64.min(right.len())]),
            ] {
                let (pieces, total) = super::Table::build(left, right)
                    .unwrap()
                    .pieces(left, right);
                let pieces: Vec<_> = pieces
                    .iter()
                    .map(|it| (it.left, it.right, it.len))
                    .collect();
                assert_eq!((pieces, total), classic(left, right));
                assert_eq!(super::length(left, right), total);
            }
        }
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
