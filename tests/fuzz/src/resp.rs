//! The RESP parser: never panics, never looks outside its input, and does not depend on packet
//! borders.
//!
//! A stream is parsed whole, then again in random pieces, unfinished arrays from where the last
//! attempt stopped: commands and the ending must be the same. The commands written as multibulk
//! must parse back to themselves.

use cairn::resp::{Args, Limits, Parsed, Span, Violation, parse, resume};

use crate::Target;

pub const TARGET: Target = Target {
    name: "resp",
    check,
    seeds: &[
        b"\x01\x07*1\r\n$4\r\nPING\r\n",
        b"\x01\x01*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
        b"\x01\x02PING\r\nSET a \"b c\" 'd\\'e'\r\n\r\n*0\r\n*-1\r\nGET \"\\x41\\n\"\r\n",
        b"\x00\x03*2\r\n$4\r\nAUTH\r\n$20000\r\n",
        b"\x01\x04*12\r\n$1\r\na\r\n$0\r\n\r\n$10\r\n0123456789\r\n",
    ],
    words: &[
        b"\r\n",
        b"*",
        b"$",
        b"*1\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"*1048577\r\n",
        b"$536870913\r\n",
        b"$99999999999\r\n",
        b"*-2147483648\r\n",
        b"\"",
        b"'",
        b"\\x",
        b"\\",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"*01\r\n",
        b"$+1\r\n",
    ],
};

type Command = Vec<Vec<u8>>;

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// So many bytes are left over, waiting for more.
    Waiting(usize),
    Violated(Violation),
}

fn check(input: &[u8]) {
    let [flags, seed, stream @ ..] = input else {
        return;
    };
    let limits = Limits {
        bulk_bytes_max: 1 << (10 + flags % 20),
        authenticated: flags & 1 == 1,
    };
    let whole = read(stream, limits, |_, len| len);
    let mut state = u64::from(*seed) + 1;
    let pieces = read(stream, limits, |at, len| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let most = if state >> 63 == 0 { 3 } else { 1 + len / 4 };
        at + 1 + usize::try_from(state >> 33).expect("31 bits") % most
    });
    assert_eq!(whole, pieces, "packet borders changed the outcome");
    again(&whole.0);
}

/// Feeds the stream up to the positions that `next(position, length)` gives and collects the
/// commands.
fn read(
    stream: &[u8],
    limits: Limits,
    mut next: impl FnMut(usize, usize) -> usize,
) -> (Vec<Command>, Ending) {
    let (mut spans, mut unescaped) = (Vec::new(), Vec::new());
    let (mut commands, mut from, mut arrived) = (Vec::new(), 0, 0);
    let mut unfinished = false;
    loop {
        arrived = next(arrived, stream.len()).clamp(arrived, stream.len());
        loop {
            let bytes = &stream[from..arrived];
            let parsed = if std::mem::take(&mut unfinished) {
                resume(bytes, limits, &mut spans)
            } else {
                parse(bytes, limits, &mut spans, &mut unescaped)
            };
            match parsed {
                Parsed::Command { consumed } => {
                    assert!(
                        consumed > 0 && consumed <= bytes.len(),
                        "a command consumes what is there"
                    );
                    let source = if unescaped.is_empty() {
                        bytes
                    } else {
                        &unescaped
                    };
                    commands.push(words(source, &spans));
                    from += consumed;
                }
                Parsed::Nothing { consumed } => {
                    assert!(
                        consumed > 0 && consumed <= bytes.len(),
                        "nothing consumes what is there"
                    );
                    from += consumed;
                }
                Parsed::Incomplete { needed } => {
                    assert!(
                        needed > bytes.len(),
                        "incomplete asks for more than is there"
                    );
                    unfinished = !spans.is_empty();
                    break;
                }
                Parsed::Violation(violation) => {
                    assert!(violation.text().starts_with("ERR Protocol error: "));
                    return (commands, Ending::Violated(violation));
                }
            }
        }
        if arrived == stream.len() {
            return (commands, Ending::Waiting(stream.len() - from));
        }
    }
}

fn words(bytes: &[u8], spans: &[Span]) -> Command {
    let args = Args::new(bytes, spans);
    assert!(!args.is_empty(), "a command has a name");
    args.from(0).map(<[u8]>::to_vec).collect()
}

/// The commands as multibulk parse back to themselves.
fn again(commands: &[Command]) {
    let mut stream = Vec::new();
    for command in commands {
        stream.extend(format!("*{}\r\n", command.len()).bytes());
        for word in command {
            stream.extend(format!("${}\r\n", word.len()).bytes());
            stream.extend_from_slice(word);
            stream.extend_from_slice(b"\r\n");
        }
    }
    let limits = Limits {
        bulk_bytes_max: usize::MAX >> 1,
        authenticated: true,
    };
    let (parsed, ending) = read(&stream, limits, |_, len| len);
    assert_eq!(parsed, commands);
    assert_eq!(ending, Ending::Waiting(0));
}
