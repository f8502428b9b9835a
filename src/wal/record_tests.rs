//! Tests of the record's form: round trips, every prefix, every flipped byte, torn and damaged.
//!
//! Random logs come from seeds. What a real Redis says of such logs is asked in `tests/record.rs`.

use super::*;
use crate::base::sim::Random;
use crate::base::{ShardId, ShardSet};
use crate::limits::{LOG_BLOCK_BYTES, LOG_LINE_BYTES_MAX, SHARDS_MAX};
use crate::resp::write_command;
use crate::store::{Db, Slot};
use crate::wal::record::{Kind, MAGIC, padding_len, padding_line_len, read_hex, write_hex};

const LOG: u32 = 0x00c0_ffee;

/// A record as the tests make it: header, and commands with their databases.
type Told = (Header, Vec<(Db, Vec<Vec<u8>>)>);

fn header(ticket: u64) -> Header {
    Header {
        version: VERSION,
        kind: Kind::Write,
        database: Db::FIRST,
        slot: None,
        ticket,
        shard: ShardId::FIRST,
        participants: ShardSet::only(ShardId::FIRST),
        at_ms: 1_700_000_000_000 + ticket,
    }
}

fn random_record(random: &mut Random, ticket: u64) -> Told {
    let mut participants = ShardSet::default();
    for _ in 0..=random.below(4) {
        participants.insert(ShardId::at(random.below(SHARDS_MAX as u64) as usize));
    }
    let all: Vec<ShardId> = participants.shards().collect();
    let databases = [0, 0, 3, 255].map(Db::new);
    let commands: Vec<(Db, Vec<Vec<u8>>)> = (0..random.below(6))
        .map(|_| (*random.pick(&databases), random_words(random)))
        .collect();
    let header = Header {
        kind: random.pick(&Kind::ALL).0,
        database: commands
            .first()
            .map_or(Db::new(7), |(database, _)| *database),
        slot: (!random.one_in(3)).then(|| Slot::new(random.below(16_384) as u16)),
        shard: *random.pick(&all),
        participants,
        ..header(ticket)
    };
    (header, commands)
}

fn random_words(random: &mut Random) -> Vec<Vec<u8>> {
    let pieces: [&[u8]; 6] = [b"\r\n", b"#CAIRN ", b"*1\r\n", b"\0", b"key", b"#.\n"];
    let mut words = vec![b"SET".to_vec()];
    for _ in 0..random.below(4) {
        let most = if random.one_in(5) { 300 } else { 4 };
        let count = random.below(most);
        let word: Vec<&[u8]> = (0..count).map(|_| *random.pick(&pieces)).collect();
        words.push(word.concat());
    }
    words
}

fn append(encoder: &mut Encoder, out: &mut Vec<u8>, (header, commands): &Told) {
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
        .map(|(database, command)| (*database, command.as_slice()));
    encoder.append(out, header, stretches);
}

/// A log of random records, the places where they end, and what is in it. All but the last write is
/// durable before the next.
fn random_log(seed: u64, records: u64) -> (Vec<u8>, Vec<usize>, Vec<Told>) {
    let mut random = Random::new(seed);
    let mut encoder = Encoder::new(LOG, 0);
    let (mut out, mut ends, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for ticket in 1..=records {
        let record = random_record(&mut random, ticket);
        append(&mut encoder, &mut out, &record);
        ends.push(out.len());
        told.push(record);
        if random.one_in(3) {
            encoder.pad(&mut out);
            encoder.durable(out.len() as u64);
        }
    }
    assert_eq!(encoder.position(), out.len() as u64);
    (out, ends, told)
}

fn tell(record: &Record<'_>) -> Told {
    let mut commands = Vec::new();
    record.each_command(|database, args| {
        commands.push((database, args.from(0).map(<[u8]>::to_vec).collect()));
    });
    (record.header, commands)
}

/// All that is read, and what the end of it means.
fn read_all(bytes: &[u8], log: Option<u32>) -> (Vec<Told>, Ending) {
    let mut decoder = Decoder::new(bytes, 0, log);
    let mut told = Vec::new();
    loop {
        match decoder.read() {
            Ok(record) => told.push(tell(&record)),
            Err(stop) => {
                assert_eq!(decoder.read(), Err(stop), "it stays where it stopped");
                return (told, decoder.ending(stop));
            }
        }
    }
}

#[test]
fn what_is_written_reads_back() {
    for seed in 0..200 {
        let (bytes, _, told) = random_log(seed, 20);
        let log = (seed % 2 == 0).then_some(LOG);
        assert_eq!(read_all(&bytes, log), (told, Ending::Whole), "seed {seed}");
    }
}

#[test]
fn a_record_looks_as_drawn() {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(0xabc, 0);
    let set = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n".as_slice();
    let told = Header {
        database: Db::new(9),
        slot: Some(Slot::new(15_495)),
        participants: {
            let mut both = ShardSet::only(ShardId::new(2));
            both.insert(ShardId::new(200));
            both
        },
        shard: ShardId::new(200),
        ..header(77)
    };
    encoder.append(
        &mut out,
        &told,
        [(Db::new(9), set), (Db::new(9), set), (Db::new(1), set)],
    );
    let text = String::from_utf8(out.clone()).unwrap();
    let (line, body) = text.split_once('\n').unwrap();
    let (first, behind) = line.split_at(12);
    let (sum, behind) = behind.split_at(8);
    assert_eq!(first, "#CAIRN 0001 ");
    assert_eq!(
        behind,
        " 000000007f 00000abc 000000000000004d 018bcfe5684d 000000000000 w 0009 3c87 001 002 02c8"
    );
    let select = |number: &str| format!("*2\r\n$6\r\nSELECT\r\n$1\r\n{number}\r\n");
    let set = std::str::from_utf8(set).unwrap();
    assert_eq!(body, [&select("9"), set, set, &select("1"), set].concat());
    // CRC-32C of offset, header without the sum, and body, as anybody computes it.
    let summed = [
        &[0; 8],
        first.as_bytes(),
        behind.as_bytes(),
        b"\n",
        body.as_bytes(),
    ]
    .concat();
    assert_eq!(sum, format!("{:08x}", crc32c::crc32c(&summed)));
    assert_eq!(
        crc32c::crc32c(b"123456789"),
        0xe306_9283,
        "Castagnoli's polynomial"
    );
}

#[test]
fn select_stands_only_where_the_database_changes() {
    let mut encoder = Encoder::new(LOG, 0);
    let mut out = Vec::new();
    let del = b"*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n".as_slice();
    let selects = |out: &[u8]| memchr::memmem::find_iter(out, b"SELECT").count();
    let mut counts = Vec::new();
    for (database, kind) in [
        (0, Kind::Write),
        (0, Kind::Write),
        (4, Kind::Write),
        (5, Kind::Control),
        (4, Kind::Expiry),
        (0, Kind::Write),
    ] {
        let database = Db::new(database);
        let told = Header {
            kind,
            database,
            ..header(1)
        };
        encoder.append(&mut out, &told, [(database, del)]);
        counts.push(selects(&out));
    }
    assert_eq!(counts, [1, 1, 2, 2, 2, 3]);
    // Who goes on with a log does not know what was selected.
    Encoder::new(LOG, out.len() as u64).append(&mut out, &header(2), [(Db::FIRST, del)]);
    assert_eq!(selects(&out), 4);
}

#[test]
fn every_prefix_is_a_prefix_of_the_records() {
    for seed in 0..2 {
        let (bytes, ends, told) = random_log(seed, 12);
        for len in 0..bytes.len() {
            let whole = ends.iter().take_while(|end| **end <= len).count();
            let (read, ending) = read_all(&bytes[..len], Some(LOG));
            assert_eq!(read, told[..whole], "seed {seed}, {len} bytes");
            let last = if whole == 0 { 0 } else { ends[whole - 1] };
            let padded = last + padding_len(last as u64);
            match ending {
                Ending::Whole => assert!(len == last || len == padded, "{len}"),
                Ending::Torn { stop, records: 0 } => {
                    assert!(stop.at == last as u64 || stop.at == padded as u64, "{len}");
                    assert!(matches!(stop.fault, Fault::Missing(_)), "{stop:?}");
                }
                other => panic!("{len} bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn what_is_missing_is_counted() {
    let mut encoder = Encoder::new(LOG, 0);
    let mut out = Vec::new();
    let set = b"*2\r\n$3\r\nDEL\r\n$4\r\n1234\r\n".as_slice();
    encoder.append(&mut out, &header(1), [(Db::FIRST, set)]);
    let record = out.len();
    encoder.pad(&mut out);
    let missing = |len: usize| match Decoder::new(&out[..len], 0, None).read() {
        Err(Stop {
            at: 0,
            fault: Fault::Missing(bytes),
        }) => bytes as usize,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(record - 1), 1);
    assert_eq!(missing(record - 20), 20);
    assert!(missing(50) > 50);
    let mut decoder = Decoder::new(&out[..record + 1000], 0, None);
    decoder.read().expect("the record is whole");
    let stop = Stop {
        at: record as u64,
        fault: Fault::Missing((LOG_BLOCK_BYTES - record - 1000) as u64),
    };
    assert_eq!(decoder.read(), Err(stop));
}

#[test]
fn every_flipped_byte_is_noticed() {
    let (bytes, ends, told) = random_log(5, 14);
    assert!(bytes.len() > 8000, "{}", bytes.len());
    let mut flipped = bytes.clone();
    for at in 0..bytes.len() {
        let before = ends.iter().take_while(|end| **end <= at).count();
        // Every bit of a header or two; elsewhere one of each byte.
        let bits = if at < 400 { 0..8 } else { at % 8..at % 8 + 1 };
        for bit in bits {
            flipped[at] ^= 1 << bit;
            let (read, ending) = read_all(&flipped, Some(LOG));
            assert_eq!(read, told[..before], "byte {at}, bit {bit}");
            assert_ne!(ending, Ending::Whole, "byte {at}, bit {bit}");
            flipped[at] = bytes[at];
        }
    }
}

/// Three writes of one record each; the first `durable` of them were when the last was written.
fn three_writes(durable: usize) -> Vec<u8> {
    let mut encoder = Encoder::new(LOG, 0);
    let mut out = Vec::new();
    for ticket in 1..=3 {
        if ticket == 3 {
            encoder.durable((durable * LOG_BLOCK_BYTES) as u64);
        }
        append(
            &mut encoder,
            &mut out,
            &(header(ticket), vec![(Db::FIRST, vec![b"PING".to_vec()])]),
        );
        encoder.pad(&mut out);
    }
    assert_eq!(out.len(), 3 * LOG_BLOCK_BYTES);
    out
}

#[test]
fn lost_blocks_are_torn_until_they_were_durable() {
    for durable in 0..=2 {
        for lost in 0..3 {
            let mut bytes = three_writes(durable);
            bytes[lost * LOG_BLOCK_BYTES..][..LOG_BLOCK_BYTES].fill(0);
            let (read, ending) = read_all(&bytes, Some(LOG));
            assert_eq!(read.len(), lost);
            let stop = Stop {
                at: (lost * LOG_BLOCK_BYTES) as u64,
                fault: Fault::Foreign,
            };
            let expected = if lost < durable {
                Ending::Damaged(stop)
            } else {
                Ending::Torn {
                    stop,
                    records: 2 - lost,
                }
            };
            assert_eq!(ending, expected, "{durable} durable, {lost} lost");
        }
    }
}

#[test]
fn a_record_counts_only_where_it_was_written() {
    let bytes = three_writes(0);
    // The second write's block in the first's place, and the other way round.
    let (first, second) = bytes.split_at(LOG_BLOCK_BYTES);
    let swapped = [&second[..LOG_BLOCK_BYTES], first].concat();
    let (read, ending) = read_all(&swapped, None);
    let stop = Stop {
        at: 0,
        fault: Fault::Sum,
    };
    assert_eq!((read.len(), ending), (0, Ending::Torn { stop, records: 0 }));
    // A block of another log at the same offset.
    let stop = Stop {
        at: 0,
        fault: Fault::OtherLog(LOG),
    };
    let (read, ending) = read_all(&bytes, Some(LOG + 1));
    assert_eq!((read.len(), ending), (0, Ending::Damaged(stop)));
    // A piece of a log is read from its own offset.
    let mut piece = Decoder::new(second, LOG_BLOCK_BYTES as u64, Some(LOG));
    assert_eq!(piece.read().map(|record| record.header.ticket), Ok(2));
}

#[test]
fn a_value_that_looks_like_records_is_a_value() {
    let inner = three_writes(2);
    let mut encoder = Encoder::new(LOG, 0);
    let mut out = Vec::new();
    let set = vec![b"SET".to_vec(), b"x".to_vec(), inner];
    append(&mut encoder, &mut out, &(header(1), vec![(Db::FIRST, set)]));
    out[200] ^= 1;
    let (read, ending) = read_all(&out, Some(LOG));
    let stop = Stop {
        at: 0,
        fault: Fault::Sum,
    };
    assert_eq!((read.len(), ending), (0, Ending::Torn { stop, records: 0 }));
}

/// A record of these bytes with a right sum.
fn signed(mut record: Vec<u8>) -> Vec<u8> {
    let sum = record::sum(0, &record);
    let mut digits = Vec::new();
    write_hex(&mut digits, u64::from(sum), 8);
    record[12..20].copy_from_slice(&digits);
    record
}

#[test]
fn a_right_sum_alone_makes_no_record() {
    let mut good = Vec::new();
    let command = b"*1\r\n$4\r\nPING\r\n".as_slice();
    Encoder::new(LOG, 0).append(&mut good, &header(1), [(Db::FIRST, command)]);
    assert_eq!(signed(good.clone()), good);
    let fault = |at: usize, text: &[u8]| {
        let mut record = good.clone();
        record[at..at + text.len()].copy_from_slice(text);
        Decoder::new(&signed(record), 0, None)
            .read()
            .unwrap_err()
            .fault
    };
    assert_eq!(fault(7, b"0002"), Fault::Version(2));
    for (at, text) in [
        (7, b"0000".as_slice()),
        (84, b"z"),
        (86, b"0100"),
        (86, b"0001"),
        (91, b"4000"),
        (91, b"-001"),
        (96, b"001"),
        (100, b"002"),
        (104, b"0g"),
        (83, b"0"),
        (103, b"-"),
        (107, b"PING\r\n"),
        (107, b"#"),
        (107, b"*3"),
        (107, b"*0"),
        (111, b"$5"),
    ] {
        assert_eq!(
            fault(at, text),
            Fault::Senseless,
            "{at}: {}",
            text.escape_ascii()
        );
    }
    let (read, ending) = read_all(&signed([&good[..7], b"0002", &good[11..]].concat()), None);
    assert!(read.is_empty() && matches!(ending, Ending::Damaged(_)));
}

/// Without the sum, a flipped byte of a value would pass.
#[test]
fn it_is_the_sum_that_notices() {
    let set = |value: &str| {
        let words = ["SET", "k", value].map(|word| word.as_bytes().to_vec());
        (header(1), vec![(Db::FIRST, words.to_vec())])
    };
    let mut out = Vec::new();
    append(&mut Encoder::new(LOG, 0), &mut out, &set("a"));
    let at = out.len() - 3;
    out[at] ^= b'a' ^ b'b';
    assert!(read_all(&out, None).0.is_empty());
    assert_eq!(
        read_all(&signed(out), None),
        (vec![set("b")], Ending::Whole)
    );
}

#[test]
fn a_hidden_record_shows_redis_nothing() {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(LOG, 0);
    let told = Header {
        kind: Kind::Control,
        ..header(1)
    };
    let words = vec![b"CUT".to_vec(), vec![b'\n'; 3000]];
    append(
        &mut encoder,
        &mut out,
        &(
            told,
            vec![(Db::FIRST, words), (Db::new(2), vec![b"X".to_vec()])],
        ),
    );
    for line in out.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.starts_with(b"#") && line.len() <= LOG_LINE_BYTES_MAX);
    }
    assert_eq!(read_all(&out, None).0[0].1.len(), 2);
}

#[test]
fn padding_comes_to_a_block_in_short_lines() {
    for offset in 0..=LOG_BLOCK_BYTES as u64 {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(LOG, offset);
        encoder.pad(&mut out);
        assert_eq!(out.len(), padding_len(offset));
        assert!(out.len() <= LOG_BLOCK_BYTES + 1);
        for line in out.split_inclusive(|byte| *byte == b'\n') {
            assert!(line.starts_with(b"#") && line.ends_with(b"\n"), "{offset}");
            assert!((2..=LOG_LINE_BYTES_MAX).contains(&line.len()), "{offset}");
        }
    }
    assert_eq!(
        padding_line_len(LOG_LINE_BYTES_MAX + 1),
        LOG_LINE_BYTES_MAX - 1
    );
}

#[test]
fn the_search_for_records_behind_is_bounded() {
    // Headers that each claim all that follows: summing each would be quadratic.
    let mut claim = Vec::new();
    Encoder::new(LOG, 0).append(&mut claim, &header(1), []);
    let count = 2000;
    let mut bytes = b"#CAIRN ".to_vec();
    for left in (0..count).rev() {
        let start = bytes.len();
        bytes.extend_from_slice(&claim);
        let mut len = Vec::new();
        write_hex(&mut len, (left * claim.len()) as u64, 10);
        bytes[start + 21..start + 31].copy_from_slice(&len);
    }
    let (read, ending) = read_all(&bytes, Some(LOG));
    assert!(read.is_empty());
    assert!(
        matches!(ending, Ending::Damaged(_)),
        "who cannot tell says damaged: {ending:?}"
    );
    // Claims of another log cost nothing.
    let other = memchr::memmem::find_iter(&bytes, MAGIC).collect::<Vec<_>>();
    for at in &other[1..] {
        bytes[at + 39] = b'0';
    }
    assert!(matches!(
        read_all(&bytes, Some(LOG)).1,
        Ending::Torn { records: 0, .. }
    ));
}

#[test]
fn numbers_have_one_spelling() {
    let mut out = Vec::new();
    write_hex(&mut out, 0xdead_beef, 8);
    write_hex(&mut out, u64::MAX, 16);
    assert_eq!(out, b"deadbeefffffffffffffffff");
    assert_eq!(read_hex(b"0f"), Some(15));
    for bad in [b"0F", b"+1", b" 1", b"0x"] {
        assert_eq!(read_hex(bad), None);
    }
}

#[test]
fn participants_are_counted_and_ordered() {
    let mut all = ShardSet::default();
    ShardId::all(SHARDS_MAX)
        .rev()
        .for_each(|shard| all.insert(shard));
    let [low, high, last] = [3, 70, 255].map(ShardId::new);
    assert_eq!((all.count(), all.place_of(last)), (256, 255));
    let mut out = Vec::new();
    let told = Header {
        participants: all,
        shard: ShardId::new(255),
        ..header(1)
    };
    Encoder::new(LOG, 0).append(&mut out, &told, []);
    assert!(out.len() <= LOG_LINE_BYTES_MAX);
    assert_eq!(read_all(&out, None), (vec![(told, vec![])], Ending::Whole));
    let mut some = ShardSet::only(high);
    some.insert(low);
    assert_eq!(some.shards().collect::<Vec<_>>(), [low, high]);
    assert_eq!((some.place_of(low), some.place_of(high)), (0, 1));
    assert!(!some.contains(ShardId::new(4)) && !some.contains(last));
}
