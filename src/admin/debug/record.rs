//! DEBUG RECORD: the record of what changed, kept on every shard until somebody takes it.
//!
//! For tests and for those who wonder what log and replicas would be told. Shards begin and end one
//! after the other: a transaction that is under way meanwhile may be there in part.

use super::refuse;
use crate::base::{ShardId, Token};
use crate::resp::{Args, Error, Reply};
use crate::shard::{Core, Flow, Kept, Query, UnitPart};

/// Parts are kept from now on, or not.
struct Keep(bool);

impl Query for Keep {
    type Answer = ();
    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) {
        core.keep_record(self.0);
    }
}

/// What a shard has kept; None: it keeps nothing.
struct Take;

impl Query for Take {
    type Answer = Option<Kept>;
    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> Option<Kept> {
        core.take_record()
    }
}

pub(super) fn record(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    if args.is(2, "take") {
        return core.ask_all(token, Take, |core, token, answers| {
            core.complete(token, |reply| reply_kept(&answers, reply));
        });
    }
    if !args.is(2, "on") && !args.is(2, "off") {
        return refuse(core, token, &Error::SYNTAX);
    }
    super::on_all_shards(core, token, Keep(args.is(2, "on")))
}

/// For each shard, what it had to let go and its parts.
fn reply_kept(answers: &[Option<Kept>], reply: &mut Reply<'_>) {
    if answers.iter().any(Option::is_none) {
        return reply.error(&Error::new("ERR DEBUG RECORD is off"));
    }
    reply.array(answers.len());
    for (shard, kept) in ShardId::all(answers.len()).zip(answers.iter().flatten()) {
        reply.array(2);
        reply.integer(kept.lost as i64);
        reply.array(kept.parts.len());
        for part in &kept.parts {
            reply_part(shard, part, reply);
        }
    }
}

/// Ticket, kind, clock in unix milliseconds, the shards that have parts, and the commands: each its
/// database and what it is as RESP.
fn reply_part(shard: ShardId, part: &UnitPart, reply: &mut Reply<'_>) {
    let header = part.header(shard);
    reply.array(5);
    reply.integer(header.ticket as i64);
    reply.bulk(header.kind.name().as_bytes());
    reply.integer(header.at_ms as i64);
    reply.array(header.participants.count());
    for shard in header.participants.shards() {
        reply.integer(i64::from(shard.number()));
    }
    reply.array(part.effects.len());
    for effect in part.effects.effects() {
        reply.array(2);
        reply.integer(i64::from(effect.db.number()));
        reply.bulk(effect.command);
    }
}
