//! LZF, the packing of long strings in RDB (the format of Marc Lehmann's liblzf).
//!
//! Written for this codec because the format is three rules and the crates for it add none of the
//! bounds needed here. Pure functions over bytes.
//!
//! ```text
//! 000LLLLL                      L + 1 literal bytes follow
//! LLLooooo oooooooo             copy L + 2 bytes (L = 1..6) from offset o + 1 back
//! 111ooooo LLLLLLLL oooooooo    copy L + 9 bytes
//! ```

/// Most literals behind one control byte.
const LITERALS_MAX: usize = 32;
/// Shortest and longest copy, and how far back one reaches.
const COPY_MIN: usize = 3;
const COPY_MAX: usize = 264;
const DISTANCE_MAX: usize = 8192;
/// Three bytes of input yield at most `COPY_MAX` bytes of output.
const EXPANSION_MAX: usize = COPY_MAX / 3;
/// The compressor's memory: as many places as the input has bytes, within these bounds.
const PLACES_MIN: usize = 1 << 8;
const PLACES_MAX: usize = 1 << 16;

/// Packs into at most `limit` bytes; None when that is not enough.
#[must_use]
pub fn compress(input: &[u8], limit: usize) -> Option<Vec<u8>> {
    // Positions + 1 of the last occurrence of three bytes, by their hash; 0 is none.
    let mut seen = vec![
        0u32;
        input
            .len()
            .next_power_of_two()
            .clamp(PLACES_MIN, PLACES_MAX)
    ];
    let mut out = Vec::with_capacity(limit.min(input.len()));
    let (mut at, mut literals_from) = (0, 0);
    while at + COPY_MIN <= input.len() && out.len() <= limit {
        let candidate = see(&mut seen, input, at)? as usize;
        let len = if candidate > 0 && at + 1 - candidate <= DISTANCE_MAX {
            common_len(&input[candidate - 1..], &input[at..])
        } else {
            0
        };
        if len < COPY_MIN {
            at += 1;
            continue;
        }
        push_literals(&mut out, &input[literals_from..at]);
        push_copy(&mut out, len, at + 1 - candidate);
        // Remembering all of what was copied takes more time than it is worth; its end repeats.
        for inside in at + len - 2..at + len {
            see(&mut seen, input, inside)?;
        }
        at += len;
        literals_from = at;
    }
    push_literals(&mut out, &input[literals_from..]);
    (out.len() <= limit).then_some(out)
}

/// Unpacks exactly `len` bytes; None when the input is broken or yields another length.
#[must_use]
pub fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len.div_ceil(EXPANSION_MAX) > input.len() {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    let mut rest = input;
    while let Some((&control, tail)) = rest.split_first() {
        rest = tail;
        let high = usize::from(control >> 5);
        if high == 0 {
            let (literals, tail) = rest.split_at_checked(usize::from(control) + 1)?;
            out.extend_from_slice(literals);
            rest = tail;
        } else {
            let mut count = high + 2;
            if high == 7 {
                let (&more, tail) = rest.split_first()?;
                count += usize::from(more);
                rest = tail;
            }
            let (&low, tail) = rest.split_first()?;
            rest = tail;
            let distance = (usize::from(control & 0x1f) << 8 | usize::from(low)) + 1;
            let from = out.len().checked_sub(distance)?;
            copy_within(&mut out, from, count, len)?;
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// Appends `count` bytes from `from` on, which may reach into what is being appended.
fn copy_within(out: &mut Vec<u8>, from: usize, count: usize, len: usize) -> Option<()> {
    if count > len - out.len() {
        return None;
    }
    if from + count <= out.len() {
        out.extend_from_within(from..from + count);
    } else {
        for index in from..from + count {
            out.push(out[index]);
        }
    }
    Some(())
}

/// Notes the three bytes at `at` and returns what was noted for them before; None beyond 4 GiB.
fn see(seen: &mut [u32], input: &[u8], at: usize) -> Option<u32> {
    let Some(&[a, b, c]) = input[at..].first_chunk() else {
        return Some(0);
    };
    let word = u32::from_le_bytes([a, b, c, 0]);
    let place = word.wrapping_mul(0x9e37_79b1) >> (32 - seen.len().ilog2());
    Some(std::mem::replace(
        &mut seen[place as usize],
        u32::try_from(at + 1).ok()?,
    ))
}

fn common_len(earlier: &[u8], now: &[u8]) -> usize {
    now.iter()
        .zip(earlier)
        .take(COPY_MAX)
        .take_while(|(a, b)| a == b)
        .count()
}

fn push_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push(byte(run.len() - 1));
        out.extend_from_slice(run);
    }
}

fn push_copy(out: &mut Vec<u8>, len: usize, distance: usize) {
    let (len, offset) = (len - 2, distance - 1);
    if len < 7 {
        out.push(byte(len << 5 | offset >> 8));
    } else {
        out.extend_from_slice(&[byte(7 << 5 | offset >> 8), byte(len - 7)]);
    }
    out.push(byte(offset & 0xff));
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).expect("control bytes are built from bounded lengths and distances")
}
