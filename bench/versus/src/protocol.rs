//! As much of the Redis protocol as a benchmark speaks: arrays of bulk strings in, replies out.
//!
//! Parses in place and copies only what SET keeps. Input that is not of this form is answered with
//! an error and skipped: no benchmark sends it.

use crate::Map;

/// Most arguments of a command that is understood.
const ARGUMENTS_MAX: usize = 8;

/// Answers every complete command in `input`; the number of bytes that are done with.
pub fn answer(input: &[u8], map: &mut Map, output: &mut Vec<u8>) -> usize {
    let mut position = 0;
    let mut arguments: [&[u8]; ARGUMENTS_MAX] = [&[]; ARGUMENTS_MAX];
    while position < input.len() {
        match command(&input[position..], &mut arguments) {
            Command::Whole { count, consumed } => {
                execute(&arguments[..count], map, output);
                position += consumed;
            }
            Command::Incomplete => break,
            Command::Bad => {
                output.extend_from_slice(b"-ERR the twin does not understand\r\n");
                return input.len();
            }
        }
    }
    position
}

enum Command {
    Whole { count: usize, consumed: usize },
    Incomplete,
    Bad,
}

fn command<'a>(input: &'a [u8], arguments: &mut [&'a [u8]; ARGUMENTS_MAX]) -> Command {
    let Some((count, mut position)) = number(input, b'*') else {
        return incomplete_or_bad(input);
    };
    if count == 0 || count > ARGUMENTS_MAX {
        return Command::Bad;
    }
    for argument in &mut arguments[..count] {
        let rest = &input[position..];
        let Some((len, head)) = number(rest, b'$') else {
            return incomplete_or_bad(rest);
        };
        let start = position + head;
        if input.len() < start + len + 2 {
            return Command::Incomplete;
        }
        *argument = &input[start..start + len];
        position = start + len + 2;
    }
    Command::Whole {
        count,
        consumed: position,
    }
}

/// The number of a line `<kind><digits>\r\n` and the line's length.
fn number(input: &[u8], kind: u8) -> Option<(usize, usize)> {
    if *input.first()? != kind {
        return None;
    }
    let mut value = 0_usize;
    for (index, byte) in input.iter().enumerate().skip(1) {
        match byte {
            b'0'..=b'9' => {
                value = value
                    .checked_mul(10)?
                    .checked_add(usize::from(byte - b'0'))?
            }
            b'\r' if input.get(index + 1) == Some(&b'\n') && index > 1 => {
                return Some((value, index + 2));
            }
            _ => return None,
        }
    }
    None
}

/// A line without its end may still become good.
fn incomplete_or_bad(rest: &[u8]) -> Command {
    match rest.contains(&b'\n') || !matches!(rest.first(), None | Some(b'*' | b'$')) {
        true => Command::Bad,
        false => Command::Incomplete,
    }
}

fn execute(arguments: &[&[u8]], map: &mut Map, output: &mut Vec<u8>) {
    let name = arguments[0];
    match arguments {
        [_, key] if name.eq_ignore_ascii_case(b"GET") => match map.get(*key) {
            Some(value) => {
                output.push(b'$');
                output.extend_from_slice(value.len().to_string().as_bytes());
                output.extend_from_slice(b"\r\n");
                output.extend_from_slice(value);
                output.extend_from_slice(b"\r\n");
            }
            None => output.extend_from_slice(b"$-1\r\n"),
        },
        [_, key, value] if name.eq_ignore_ascii_case(b"SET") => {
            map.insert((*key).into(), (*value).into());
            output.extend_from_slice(b"+OK\r\n");
        }
        [_] if name.eq_ignore_ascii_case(b"PING") => output.extend_from_slice(b"+PONG\r\n"),
        // A benchmark asks for CONFIG before it begins and accepts that there is none.
        _ => output.extend_from_slice(b"-ERR unknown command\r\n"),
    }
}
