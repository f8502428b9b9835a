//! DEBUG subcommands that look at this shard's keys or make some: OBJECT, POPULATE, RELOAD,
//! HTSTATS.
//!
//! Each shard answers for its own keys. Nothing here is told to clients that watch or wait, but
//! POPULATE.

use crate::base::Token;
use crate::cmd::{Key, Lookup, form_limits, key_slot, list_limits};
use crate::config::Config;
use crate::rdb;
use crate::resp::{Args, Error, Protocol, parse_i64, parse_u64};
use crate::route::DbKey;
use crate::shard::{Core, Flow, Query};
use crate::store::{Db, Entry, FormLimits, NodeLimits, Object, Slot, Value, ValueRef, View};

const RELOAD_FAILED: Error =
    Error::new("ERR Error trying to load the RDB dump, check server logs.");

/// Integers below this are shared objects in Redis, which DEBUG OBJECT shows.
const SHARED_INTEGERS: i64 = 10_000;

/// A shard makes those of these keys that it owns and does not have yet.
struct Population {
    db: Db,
    count: u64,
    prefix: Vec<u8>,
    /// Bytes of each value; None: as long as its text.
    value_bytes: Option<usize>,
}

impl Population {
    /// None when a number is none.
    fn read(db: Db, args: &Args<'_>) -> Option<Self> {
        Some(Self {
            db,
            count: parse_u64(args.get(2))?,
            prefix: match args.len() > 3 {
                true => args.get(3).to_vec(),
                false => b"key".to_vec(),
            },
            value_bytes: match args.len() > 4 {
                true => Some(parse_u64(args.get(4))? as usize),
                false => None,
            },
        })
    }

    fn key(&self, number: u64) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(format!(":{number}").as_bytes());
        key
    }

    fn value(&self, number: u64) -> Vec<u8> {
        let mut value = format!("value:{number}").into_bytes();
        if let Some(bytes) = self.value_bytes {
            value.resize(bytes, 0);
        }
        value
    }
}

impl Query for Population {
    type Answer = ();

    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) {
        let (id, slots) = (core.id(), core.slots().clone());
        let mut unused = Vec::new();
        core.with_context(self.db, Protocol::Resp2, &mut unused, |ctx| {
            for number in 0..self.count {
                let bytes = self.key(number);
                let key = Key::new(&bytes);
                if slots.owner(key_slot(&bytes)) == id && !ctx.exists(key, Lookup::Peek) {
                    let value = self.value(number);
                    ctx.put_string(key, Value::Bytes(&value), None);
                }
            }
        });
    }
}

/// DEBUG POPULATE.
pub(super) fn populate(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let db = core.client(token).session.db;
    match Population::read(db, args) {
        Some(population) => super::on_all_shards(core, token, population),
        None => {
            let error = Error::new("ERR value is out of range, must be positive");
            super::refuse(core, token, &error)
        }
    }
}

/// What the owner of a key knows about its entry.
struct Describe(DbKey);

impl Query for Describe {
    /// None: there is no such key.
    type Answer = Option<String>;

    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> Option<String> {
        let (db, key) = &self.0;
        let now = core.now();
        let entry = core.store().get(*db, key_slot(key), key)?;
        if entry.is_expired(now.unix_ms()) {
            return None;
        }
        let shared = matches!(entry.value(), ValueRef::Int(0..SHARED_INTEGERS));
        let mut body = Vec::new();
        rdb::write_value(&mut body, entry.value(), core.config().rdbcompression);
        let clock = (now.unix_us / 1_000_000) as u32 & 0x00ff_ffff;
        let age = entry.lru() & 0x00ff_ffff;
        Some(format!(
            "Value at:{:p} refcount:{} encoding:{} serializedlength:{} lru:{age} lru_seconds_idle:{}{}",
            entry.key().as_ptr(),
            if shared { i32::MAX } else { 1 },
            entry.encoding().name(),
            body.len(),
            clock.saturating_sub(age),
            nodes_of(entry.value(), list_limits(core.config())),
        ))
    }
}

/// DEBUG OBJECT.
pub(super) fn object(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let key = args.get(2);
    let owner = core.owner(key_slot(key));
    let describe = Describe((core.client(token).session.db, key.into()));
    core.ask_one(token, owner, describe, |core, token, text| {
        core.complete(token, |reply| match text {
            Some(text) => reply.simple(&text),
            None => reply.error(&Error::NO_SUCH_KEY),
        });
    })
}

/// A shard writes every value and reads it back, as a restart from a snapshot would.
struct Reload;

impl Query for Reload {
    /// False when one does not come back.
    type Answer = bool;

    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> bool {
        let now_ms = core.now().unix_ms();
        let config = core.config().clone();
        let store = core.store_mut();
        let limits = form_limits(&config, store.key_hash());
        for db in store.databases() {
            let mut keys: Vec<(Slot, Vec<u8>)> = Vec::with_capacity(store.len(db));
            store.for_each(db, |slot, entry| keys.push((slot, entry.key().to_vec())));
            for (slot, key) in keys {
                let entry = store
                    .get(db, slot, &key)
                    .expect("nothing runs between the list and the look-up");
                if entry.is_expired(now_ms) {
                    store.take(db, slot, &key);
                    continue;
                }
                let Some(reloaded) = reloaded(entry, &config, limits) else {
                    return false;
                };
                store.insert(db, slot, reloaded);
            }
        }
        true
    }
}

/// DEBUG RELOAD and LOADAOF.
pub(super) fn reload(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    for option in 2..args.len() {
        if args.is(option, "nosave") {
            let error = Error::new("ERR There is no saved data set to load.");
            return super::refuse(core, token, &error);
        }
        if !args.is(option, "merge") && !args.is(option, "noflush") {
            let error =
                Error::new("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return super::refuse(core, token, &error);
        }
    }
    core.ask_all(token, Reload, |core, token, reloaded| {
        core.complete(token, |reply| match reloaded.contains(&false) {
            false => reply.ok(),
            true => reply.error(&RELOAD_FAILED),
        });
    })
}

/// The figures of a shard's tables of one database.
struct Tables(Db);

impl Query for Tables {
    type Answer = String;

    const NEEDS_KEYS: bool = true;

    fn answer(&self, core: &mut Core) -> String {
        let statistics = core.store().statistics(self.0);
        let sums = statistics.sums;
        format!(
            " tables: {}\n number of elements: {}\n buckets: {}\n overflow nodes: {}\n \
             max chain length: {}\n bytes: {}\n header bytes: {}\n elements with expiry: {}\n \
             expiry wheel bytes: {}\n",
            statistics.tables,
            sums.elements,
            sums.buckets,
            sums.overflow_nodes,
            sums.longest_chain,
            sums.bytes,
            statistics.header_bytes,
            core.store().expires(self.0),
            core.store().wheel_bytes(),
        )
    }
}

/// What DEBUG OBJECT says of a quicklist's nodes.
fn nodes_of(value: ValueRef<'_>, limits: NodeLimits) -> String {
    let ValueRef::Object(Object::List(list)) = value else {
        return String::new();
    };
    if list.is_listpack() {
        return String::new();
    }
    let bytes = |view: View<'_>| match view {
        View::Packed(pack) => pack.framed_bytes(),
        View::Plain(text) => text.len(),
    };
    let nodes = list.nodes();
    format!(
        " ql_nodes:{} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{} ql_uncompressed_size:{}",
        nodes.len(),
        list.len() as f64 / nodes.len() as f64,
        limits.fill,
        u8::from(limits.compress_depth != 0),
        nodes.map(bytes).sum::<usize>(),
    )
}

/// DEBUG HTSTATS.
pub(super) fn table_statistics(core: &mut Core, token: Token, args: &Args<'_>) -> Flow {
    let db = parse_i64(args.get(2)).and_then(|db| usize::try_from(db).ok());
    let databases = usize::from(core.config().databases);
    let Some(db) = db.and_then(|db| Db::among(db, databases)) else {
        return super::refuse(core, token, &Error::new("ERR Out of range database"));
    };
    core.ask_all(token, Tables(db), |core, token, parts| {
        let mut text = String::from("[Dictionary HT]\n");
        for (shard, part) in parts.iter().enumerate() {
            text.push_str(&format!("Shard {shard}:\n{part}"));
        }
        core.complete(token, |reply| reply.verbatim("txt", text.as_bytes()));
    })
}

/// The entry after a way through the snapshot's form; age and expiry stay.
fn reloaded(entry: &Entry, config: &Config, limits: FormLimits) -> Option<Entry> {
    let payload = rdb::dump(entry.value(), config.rdbcompression);
    let loaded = rdb::restore(&payload, limits).ok()?;
    let mut fresh = loaded.into_entry(entry.key(), entry.expiry());
    fresh.set_lru(entry.lru());
    Some(fresh)
}
