//! DEBUG PROTOCOL: one reply of each kind, for the tests of client libraries.
//!
//! The values are Redis's.

use crate::base::Token;
use crate::resp::{Args, Error, Protocol, Reply};
use crate::shard::{Core, Flow};

/// Replies with a value of the kind asked for.
pub fn protocol(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let resp3 = core.client(token).session.protocol == Protocol::Resp3;
    if args.is(2, "push") && !resp3 {
        let error = Error::new("ERR RESP2 is not supported by this command");
        core.error(token, &error);
        return Flow::Next;
    }
    let kind = String::from_utf8_lossy(args.get(2)).to_ascii_lowercase();
    if !write(&kind, &mut core.reply(token)) {
        let error = Error::new(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        );
        core.error(token, &error);
    }
    Flow::Next
}

/// False for a kind that does not exist.
fn write(kind: &str, reply: &mut Reply<'_>) -> bool {
    match kind {
        "string" => reply.bulk(b"Hello World"),
        "integer" => reply.integer(12345),
        // Redis answers these digits; they are no constant of mathematics.
        "double" => reply.double(3141.0 / 1000.0),
        "bignum" => reply.big_number("1234567999999999999999999999999999999"),
        "null" => reply.null(),
        "array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        "set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        "map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        "attrib" => {
            if reply.protocol() == Protocol::Resp3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        "push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            // A client that discards pushes still gets the reply it waits for.
            reply.bulk(b"Some real reply following the push reply");
        }
        "true" => reply.boolean(true),
        "false" => reply.boolean(false),
        "verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        _ => return false,
    }
    true
}
