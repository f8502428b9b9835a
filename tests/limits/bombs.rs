//! Protocol bombs: what is declared is never allocated, and what arrives is read once.
//!
//! Requirement R9. Texts and closings are in `tests/wire`; here are memory and time.

use cairn::resp::{Limits, Parsed, Span, parse, resume};

use crate::growth::thread_us;
use crate::harness::client::{Client, Value};
use crate::harness::server::Server;
use crate::{alone, connect, figure, load, must_fail, process, start};

const CONNECTIONS: usize = 100;
/// Resident memory that one unfinished command may cost.
const BYTES_EACH_MAX: usize = 64 * 1024;

/// Opens connections that each send this behind an answered PING; the growth per connection.
fn cost(server: &Server, bomb: &[u8]) -> usize {
    let before = server.resident_bytes();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = connect(server);
        client.send(b"*1\r\n$4\r\nPING\r\n").expect("sent");
        // Errors are answers, too: a server that wants a password has read the bomb as well.
        client.read().expect("a reply");
        // A violation may close the connection while the rest is still being sent.
        let _ = client.send(bomb);
        held.push(client);
    }
    settled(&mut connect(server));
    server.resident_bytes().saturating_sub(before) / CONNECTIONS
}

/// Answers after everything that was sent before has been read.
fn settled(client: &mut Client) {
    for _ in 0..20 {
        client.call(&["PING"]).expect("others are served");
    }
}

fn bounded(bytes_each: usize) -> Result<(), String> {
    if bytes_each <= BYTES_EACH_MAX {
        return Ok(());
    }
    Err(format!("{bytes_each} bytes a connection"))
}

#[test]
fn protocol_bombs_cost_little_memory() {
    let _alone = alone();
    let bombs: [&[u8]; 9] = [
        b"*1000000000\r\n",
        b"*1048576\r\n$4\r\nMSET\r\n",
        b"*2147483647\r\n$4\r\nMSET\r\n$1\r\nk\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n",
        b"*2\r\n$536870912\r\n",
        &vec![b'x'; 30_000],
        &b"*0\r\n".repeat(100_000),
        b"*11\r\n$4\r\nAUTH\r\n",
        b"*2\r\n$4\r\nAUTH\r\n$16384\r\nx",
    ];
    for back_end in ["uring", "epoll"] {
        for password in ["", "secret"] {
            let arguments = ["--shards", "2", "--backend", back_end];
            let guarded = [&arguments[..], &["--requirepass", password]].concat();
            let server = start(&guarded);
            // The first connections also pay for what the server keeps: buffers, slabs.
            cost(&server, b"");
            let mut most = 0;
            for bomb in bombs {
                let bytes = cost(&server, bomb);
                let shown = String::from_utf8_lossy(&bomb[..bomb.len().min(30)]);
                bounded(bytes).unwrap_or_else(|reason| panic!("{back_end}: {shown:?}: {reason}"));
                most = most.max(bytes);
            }
            let what = format!("{back_end}, password {password:?}, most bytes a connection");
            figure("bombs", &what, most);
        }
    }
    // The control: what really arrives is kept, and must be seen.
    let server = start(&["--shards", "2"]);
    let mut real = b"*2\r\n$4\r\nECHO\r\n$400000\r\n".to_vec();
    real.resize(200_000, b'x');
    must_fail("bombs", &bounded(cost(&server, &real)));
}

/// An unfinished array of small arguments, as it arrives in pieces; the time until the last has
/// been parsed.
fn parse_in_pieces(arguments: usize, restart: bool) -> f64 {
    const PIECE: usize = 700;
    let limits = Limits {
        bulk_bytes_max: 1 << 29,
        authenticated: true,
    };
    let mut stream = format!("*{}\r\n", arguments + 1).into_bytes();
    stream.extend(b"$1\r\nx\r\n".repeat(arguments));
    let (mut spans, mut unescaped) = (Vec::<Span>::new(), Vec::new());
    let began = thread_us();
    for end in (PIECE..stream.len()).step_by(PIECE).chain([stream.len()]) {
        let parsed = if restart || spans.is_empty() {
            parse(&stream[..end], limits, &mut spans, &mut unescaped)
        } else {
            resume(&stream[..end], limits, &mut spans)
        };
        assert!(matches!(parsed, Parsed::Incomplete { .. }));
    }
    assert_eq!(spans.len(), arguments);
    (thread_us() - began) as f64
}

/// Eight times the arguments must not cost more than 24 times the time.
fn linear(measure: impl Fn(usize) -> f64) -> Result<(), String> {
    let mut ratio = f64::MAX;
    for _ in 0..3 {
        let (small, large) = (measure(4_000), measure(32_000));
        ratio = ratio.min(large / small.max(1.0));
    }
    if ratio <= 24.0 {
        return Ok(());
    }
    Err(format!(
        "8 times the arguments took {ratio:.0} times as long"
    ))
}

#[test]
fn an_unfinished_array_is_parsed_once() {
    let _alone = alone();
    linear(|arguments| parse_in_pieces(arguments, false)).expect("linear");
    must_fail(
        "bombs",
        &linear(|arguments| parse_in_pieces(arguments, true)),
    );
    // Over the wire: a command that comes in small packets.
    let server = start(&["--shards", "1"]);
    let mut client = connect(&server);
    let arguments = load(50_000, 1_000_000);
    let before = process::cpu_seconds(&server);
    client
        .send(format!("*{}\r\n$3\r\nDEL\r\n", arguments + 1).as_bytes())
        .expect("sent");
    for _ in 0..arguments / 50 {
        client.send(&b"$1\r\nx\r\n".repeat(50)).expect("sent");
    }
    assert_eq!(client.read().expect("a reply"), Value::Integer(0));
    let each = (process::cpu_seconds(&server) - before) * 1e9 / arguments as f64;
    figure(
        "bombs",
        "an argument in small packets, ns",
        format!("{each:.0}"),
    );
    assert!(each < 5_000.0, "{each:.0} ns an argument");
}
