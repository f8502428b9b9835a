//! Commands that find keys while they run, on several shards in one thread.
//!
//! SORT asks for all of its keys before it changes any, so the tests bring a harder one: FOLLOW
//! goes from a key to the key that its value names, and marks each before it asks for the next.
//! What an attempt marked must be undone before the next one.

use crate::cmd::keyspec::access;
use crate::cmd::special::PLAIN;
use crate::cmd::{Command, Context, Docs, Group, Key, KeySpec, Lookup, Outcome, Run, flag};
use crate::resp::Args;
use crate::shard::HomeCommand;
use crate::shard::testing::{Peer, Shards};
use crate::store::{Entry, Value, ValueRef};

static COMMANDS: &[HomeCommand] = &[HomeCommand::on_keys(Command {
    name: "follow",
    arity: 2,
    flags: flag::WRITE | flag::FINDS_KEYS,
    categories: 0,
    group: Group::Generic,
    keys: &[KeySpec::one(1, access::RW)],
    docs: &Docs::new("Marks a chain of keys", "0.0.0", "O(N)"),
    special: PLAIN,
    run: Run::Keys(follow),
    subcommands: &[],
})];

fn follow(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut key = args.get(1).to_vec();
    let mut visited = 0;
    let next_of = |entry: Option<&Entry>| match entry?.value() {
        ValueRef::Bytes(next) => Some(next.to_vec()),
        ValueRef::Int(_) | ValueRef::Object(_) => None,
    };
    while let Some(next) = ctx.view(Key::new(&key), Lookup::Write, |entry, _| next_of(entry)) {
        ctx.put_string(Key::new(&key), Value::Bytes(b"seen"), None);
        visited += 1;
        if !ctx.reach(&next) {
            return Ok(());
        }
        key = next;
    }
    ctx.reply.integer(visited);
    Ok(())
}

fn with_follow(count: usize) -> Shards {
    let mut shards = Shards::new(count);
    shards.use_commands(crate::admin::commands_and(COMMANDS));
    shards
}

/// Keys that lead from one to the next, over all shards in turn; the last names one that is not
/// there.
fn chain(shards: &mut Shards, client: Peer, count: usize) -> Vec<String> {
    const LENGTH: usize = 6;
    let keys: Vec<String> = (0..LENGTH)
        .map(|number| shards.key(number % count, number))
        .collect();
    for (number, key) in keys.iter().enumerate() {
        let next = keys.get(number + 1).map_or("nothing", String::as_str);
        shards.call(client, &format!("SET {key} {next}"));
    }
    keys
}

fn all_seen(shards: &mut Shards, client: Peer, keys: &[String]) {
    let reply = shards.call(client, &format!("MGET {}", keys.join(" ")));
    let seen = "$4\r\nseen\r\n".repeat(keys.len());
    assert_eq!(reply, format!("*{}\r\n{seen}", keys.len()));
}

fn restarts(shards: &mut Shards, count: usize) -> u64 {
    let restarts = |shard| shards.core(shard).statistics().restarts;
    (0..count).map(restarts).sum()
}

#[test]
fn each_attempt_knows_one_key_more_and_nothing_is_done_twice() {
    for count in [1, 2, 4] {
        let mut shards = with_follow(count);
        let client = shards.connect(0);
        let keys = chain(&mut shards, client, count);
        let reply = shards.call(client, &format!("FOLLOW {}", keys[0]));
        assert_eq!(reply, ":6\r\n", "{count} shards");
        all_seen(&mut shards, client, &keys);
        assert_eq!(restarts(&mut shards, count), 6);
        let row = shards.core(0).table().find(b"follow").expect("it is there");
        let calls = |shards: &mut Shards, shard| {
            let mut calls = shards.core(shard).metrics.calls().iter();
            calls.nth(usize::from(row)).map_or(0, |calls| calls.calls)
        };
        assert_eq!(
            calls(&mut shards, 0),
            1,
            "a call is one, however often it ran"
        );
        assert_eq!(shards.call(client, "FOLLOW nowhere"), ":0\r\n");
        for shard in 0..count {
            let core = shards.core(shard);
            assert!(
                core.transactions.participants.no_locks()
                    && core.transactions.coordinator.is_empty()
            );
        }
    }
}

#[test]
fn a_transaction_around_it_starts_over_as_a_whole() {
    for (count, aside) in [(1, "INCR n"), (3, "INCR n"), (3, "PING")] {
        let mut shards = with_follow(count);
        let client = shards.connect(0);
        let keys = chain(&mut shards, client, count);
        for line in ["MULTI", "INCR n", &format!("FOLLOW {}", keys[0]), aside] {
            shards.call(client, line);
        }
        let last = if aside == "PING" { "+PONG" } else { ":2" };
        let reply = shards.call(client, "EXEC");
        assert_eq!(reply, format!("*3\r\n:1\r\n:6\r\n{last}\r\n"), "{count}");
        all_seen(&mut shards, client, &keys);
    }
}

#[test]
fn others_may_change_the_way_between_two_attempts() {
    let mut shards = with_follow(2);
    let (client, other) = (shards.connect(0), shards.connect(1));
    let keys = chain(&mut shards, client, 2);
    let mut ended = None;
    shards.send(client, &format!("FOLLOW {}", keys[0]));
    for round in 0..20 {
        shards.tick(round % 2);
        if ended.is_none() && restarts(&mut shards, 2) == 2 {
            shards.send(other, &format!("SET {} nothing", keys[3]));
            ended = Some(round);
        }
    }
    assert!(ended.is_some(), "it was changed under way");
    shards.run();
    assert_eq!(shards.read(client), ":4\r\n");
    let reply = shards.call(client, &format!("GET {}", keys[4]));
    assert_eq!(reply, format!("${}\r\n{}\r\n", keys[5].len(), keys[5]));
}

#[test]
fn a_client_that_leaves_under_way_leaves_nothing_behind() {
    let mut shards = with_follow(2);
    let (client, other) = (shards.connect(0), shards.connect(1));
    let keys = chain(&mut shards, other, 2);
    shards.send(client, &format!("FOLLOW {}", keys[0]));
    for round in 0..4 {
        shards.tick(round % 2);
    }
    shards.core(0).close_now(client.token);
    shards.run();
    assert!(shards.core(0).clients.get(client.token).is_none());
    let reply = shards.call(other, &format!("GET {}", keys[0]));
    assert_eq!(reply, format!("${}\r\n{}\r\n", keys[1].len(), keys[1]));
    for shard in 0..2 {
        let core = shards.core(shard);
        assert!(
            core.transactions.participants.no_locks() && core.transactions.coordinator.is_empty()
        );
    }
}
