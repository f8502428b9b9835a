//! Parts of a command's reply, made by several shards, become one.
//!
//! Parts are encoded replies. An error in any part is the reply. Pure functions.

use smallvec::SmallVec;

use crate::cmd::Merge;
use crate::limits::AHEAD_MAX;
use crate::resp::{Error, Reply, element_len, parse_i64};

/// What one shard replied to its part of a command.
#[derive(Debug, Clone, Copy)]
pub struct ReplyPart<'a> {
    /// The positions of its keys among the command's keys.
    pub ordinals: &'a [usize],
    /// Encoded.
    pub reply: &'a [u8],
}

/// The code of the error that the merged reply will be, if one part is one.
pub fn error_code<'a>(parts: &[ReplyPart<'a>]) -> Option<&'a str> {
    parts.iter().find_map(|part| Error::code_of(part.reply))
}

/// Writes the merged reply.
pub fn merge(how: Merge, parts: &[ReplyPart<'_>], reply: &mut Reply<'_>) {
    let is_error = |part: &&ReplyPart<'_>| part.reply.first() == Some(&b'-');
    if let Some(error) = parts.iter().find(is_error) {
        return reply.encoded(error.reply);
    }
    match how {
        Merge::Ok | Merge::Once => reply.ok(),
        Merge::Sum => reply.integer(parts.iter().map(|part| integer(part.reply)).sum()),
        Merge::ByKey => by_key(parts, reply),
        Merge::Concat => {
            let bodies: Vec<(usize, &[u8])> = parts.iter().map(|part| array(part.reply)).collect();
            reply.array(bodies.iter().map(|(count, _)| count).sum());
            for (_, body) in bodies {
                reply.encoded(body);
            }
        }
    }
}

fn integer(part: &[u8]) -> i64 {
    part.strip_prefix(b":")
        .and_then(|rest| rest.strip_suffix(b"\r\n"))
        .and_then(parse_i64)
        .expect("a part of a sum is an integer")
}

/// The element count and the encoded elements of an array.
fn array(part: &[u8]) -> (usize, &[u8]) {
    let end = memchr::memchr(b'\n', part).expect("an encoded array has a head");
    let count = parse_i64(&part[1..end - 1]).and_then(|count| usize::try_from(count).ok());
    (
        count.expect("an encoded array has a count"),
        &part[end + 1..],
    )
}

fn by_key(parts: &[ReplyPart<'_>], reply: &mut Reply<'_>) {
    let keys = parts.iter().map(|part| part.ordinals.len()).sum();
    let mut elements: SmallVec<[&[u8]; AHEAD_MAX]> = SmallVec::from_elem(&[][..], keys);
    for part in parts {
        let (count, mut body) = array(part.reply);
        assert!(
            count == part.ordinals.len(),
            "a part has one element per key"
        );
        for &ordinal in part.ordinals {
            let (element, rest) = body.split_at(element_len(body));
            elements[ordinal] = element;
            body = rest;
        }
    }
    reply.array(keys);
    for element in elements {
        reply.encoded(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Protocol;

    fn merged(how: Merge, parts: &[(&[usize], &[u8])]) -> String {
        let parts: Vec<ReplyPart> = parts
            .iter()
            .map(|&(ordinals, reply)| ReplyPart { ordinals, reply })
            .collect();
        let mut out = Vec::new();
        merge(how, &parts, &mut Reply::new(&mut out, Protocol::Resp2));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn parts_become_one_reply() {
        assert_eq!(
            merged(Merge::Sum, &[(&[], b":2\r\n"), (&[], b":3\r\n")]),
            ":5\r\n"
        );
        assert_eq!(
            merged(
                Merge::Concat,
                &[(&[], b"*1\r\n$1\r\na\r\n"), (&[], b"*0\r\n")]
            ),
            "*1\r\n$1\r\na\r\n"
        );
        let by_key = merged(
            Merge::ByKey,
            &[
                (&[0, 2], b"*2\r\n$1\r\na\r\n$-1\r\n"),
                (&[1], b"*1\r\n$2\r\nbb\r\n"),
            ],
        );
        assert_eq!(by_key, "*3\r\n$1\r\na\r\n$2\r\nbb\r\n$-1\r\n");
        assert_eq!(
            merged(Merge::Sum, &[(&[], b":2\r\n"), (&[], b"-ERR x\r\n")]),
            "-ERR x\r\n"
        );
    }
}
