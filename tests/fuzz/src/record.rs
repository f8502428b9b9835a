//! The log's records: reading never panics, ends, and depends on nothing behind; what was read can
//! be written and read again.
//!
//! Sums would stop nearly all that mutation makes, so every other input is signed first, by a sum
//! that is computed here bit by bit. The first byte says so.

use cairn::resp::write_command;
use cairn::store::Db;
use cairn::wal::{Decoder, Encoder, Ending, Fault, Header, Stop};

use crate::Target;

const LINE: &[u8] = b"#CAIRN 0001 00000000 0000000025 00c0ffee 0000000000000001 018bcfe56800 000000000000 w 0000 ---- 000 001 00\n";
const LENGTH_AT: usize = 21;
const SUM_AT: usize = 12;

pub const TARGET: Target = Target {
    name: "record",
    check,
    seeds: &[
        b"\x01#CAIRN 0001 00000000 0000000025 00c0ffee 0000000000000001 018bcfe56800 000000000000 w 0000 ---- 000 001 00\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n",
        b"\x01#CAIRN 0001 00000000 000000000e 00c0ffee 0000000000000002 018bcfe56800 000000000000 x 0003 3fff 001 002 0007\n*1\r\n$4\r\nPING\r\n#CAIRN 0001 00000000 0000000000 00c0ffee 0000000000000003 018bcfe56800 000000000080 a 0003 3fff 000 001 ff\n",
        b"\x01#CAIRN 0001 00000000 000000001f 00c0ffee 0000000000000004 018bcfe56800 000000000000 c 00ff ---- 000 001 00\n#=2a310d0a24340d0a50494e470d0a\n",
        b"\x00#CAIRN 0001 6cb7aa28 0000000000 00c0ffee 0000000000000001 018bcfe56800 000000000000 w 0000 ---- 000 001 00\n#..",
    ],
    words: &[
        LINE,
        b"#CAIRN ",
        b"#.\n",
        b"#\n",
        b"#=2a\n",
        b"\0\0\0\0",
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n9\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"0000000000",
        b"ffffffffff",
        b" ---- ",
        b"00c0ffee",
        b"\n",
    ],
};

type Told = (Header, Vec<(Db, Vec<Vec<u8>>)>);

fn check(input: &[u8]) {
    let [flags, rest @ ..] = input else {
        return;
    };
    let mut log = rest.to_vec();
    if flags & 1 == 1 {
        sign(&mut log);
    }
    let (records, ends, ending) = read(&log);
    // Cut anywhere, it is the same up to there.
    for cut in [
        log.len() / 2,
        log.len() * 7 / 8,
        log.len().saturating_sub(1),
    ] {
        let (before, _, _) = read(&log[..cut]);
        let whole = ends.iter().take_while(|end| **end <= cut as u64).count();
        assert_eq!(before.len(), whole, "a prefix of the records");
        assert!(before == records[..whole]);
    }
    assert!(ends.iter().all(|end| *end <= log.len() as u64));
    if let Ending::Torn { stop, .. } | Ending::Damaged(stop) = ending {
        assert!(stop.fault != Fault::End && stop.at <= log.len() as u64);
        assert!(ends.last().is_none_or(|end| *end <= stop.at));
    }
    again(&records);
}

/// The records, where each ends, and the ending.
fn read(log: &[u8]) -> (Vec<Told>, Vec<u64>, Ending) {
    let mut decoder = Decoder::new(log, 0, None);
    let (mut records, mut ends) = (Vec::new(), Vec::new());
    loop {
        match decoder.read() {
            Ok(record) => {
                let mut commands = Vec::new();
                record.each_command(|database, args| {
                    commands.push((database, args.from(0).map(<[u8]>::to_vec).collect()));
                });
                records.push((record.header, commands));
                ends.push(record.end());
            }
            Err(stop) => {
                assert_eq!(decoder.read().err(), Some(stop), "it stays there");
                let ending = decoder.ending(stop);
                let ended = matches!(
                    stop,
                    Stop {
                        fault: Fault::End,
                        ..
                    }
                );
                assert_eq!(ended, ending == Ending::Whole);
                return (records, ends, ending);
            }
        }
    }
}

/// What was read is written, with padding between, and read again.
fn again(records: &[Told]) {
    let mut encoder = Encoder::new(1, 0);
    let mut log = Vec::new();
    for (header, commands) in records {
        let stretches: Vec<(Db, Vec<u8>)> = commands
            .iter()
            .map(|(database, words)| {
                let mut command = Vec::new();
                write_command(&mut command, words.iter().map(Vec::as_slice));
                (*database, command)
            })
            .collect();
        let stretches = stretches
            .iter()
            .map(|(database, command)| (*database, &command[..]));
        encoder.append(&mut log, header, stretches);
        encoder.pad(&mut log);
    }
    let (read, _, ending) = read(&log);
    assert!(read == records, "they read back");
    assert_eq!(ending, Ending::Whole);
}

/// Gives the records that follow each other from the beginning their right sums.
fn sign(log: &mut [u8]) {
    let mut at = 0;
    while log[at..].starts_with(b"#CAIRN ") {
        let record = &log[at..];
        let Some(line_len) = record.iter().position(|byte| *byte == b'\n') else {
            return;
        };
        let length = record.get(LENGTH_AT..LENGTH_AT + 10);
        let length = length.and_then(|text| std::str::from_utf8(text).ok());
        let length = length.and_then(|text| usize::from_str_radix(text, 16).ok());
        let end = length.and_then(|length| (line_len + 1).checked_add(length));
        let Some(end) = end.filter(|end| *end <= record.len() && line_len > SUM_AT + 8) else {
            return;
        };
        let place = (at as u64).to_le_bytes();
        let summed = [&place[..], &record[..SUM_AT], &record[SUM_AT + 8..end]].concat();
        let sum = format!("{:08x}", castagnoli(&summed));
        log[at + SUM_AT..at + SUM_AT + 8].copy_from_slice(sum.as_bytes());
        at += end;
    }
}

/// CRC-32C, bit by bit (RFC 3720, B.4).
fn castagnoli(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), shift)
    })
}
