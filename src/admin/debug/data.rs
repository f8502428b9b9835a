//! DEBUG subcommands that look at this shard's keys or make some: OBJECT, POPULATE, RELOAD, HTSTATS.
//!
//! They run on each shard over its own keys, inside an errand.

use crate::cmd::{key_slot, list_limits};
use crate::config::Config;
use crate::rdb::{self, Loaded};
use crate::resp::{Args, Error, Reply, parse_u64};
use crate::route::Carried;
use crate::shard::Core;
use crate::store::{Entry, NodeLimits, Object, Value, ValueRef, View};

/// Integers below this are shared objects in Redis, which DEBUG OBJECT shows.
const SHARED_INTEGERS: i64 = 10_000;

/// What POPULATE shall make.
struct Population {
    count: u64,
    prefix: Vec<u8>,
    /// Bytes of each value; None: as long as its text.
    value_bytes: Option<usize>,
}

impl Population {
    fn read(args: &Args<'_>) -> Self {
        let number = |index| parse_u64(args.get(index)).expect("the asking shard has checked it");
        Self {
            count: number(2),
            prefix: if args.len() > 3 {
                args.get(3).to_vec()
            } else {
                b"key".to_vec()
            },
            value_bytes: (args.len() > 4).then(|| number(4) as usize),
        }
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

impl Core {
    /// Makes the keys of POPULATE that are ours and are not there yet.
    pub fn populate_here(&mut self, carried: &Carried) {
        let population = Population::read(&carried.args());
        let slots = self.slots.clone();
        let id = self.id();
        let mut unused = Vec::new();
        self.with_context(carried.head.db, carried.head.protocol, &mut unused, |ctx| {
            for number in 0..population.count {
                let key = population.key(number);
                if slots.owner(key_slot(&key)) == id && !ctx.exists(&key) {
                    let value = population.value(number);
                    ctx.put_string(&key, Value::Bytes(&value), None);
                    ctx.modified(&key);
                }
            }
        });
    }

    /// Writes the body of OBJECT's reply.
    pub fn describe_here(&mut self, carried: &Carried, reply: &mut Reply<'_>) {
        let args = carried.args();
        let key = args.get(2);
        let now_ms = self.now().unix_ms();
        let found = self
            .store
            .get(usize::from(carried.head.db), key_slot(key), key)
            .filter(|entry| entry.expiry().is_none_or(|at_ms| at_ms > now_ms));
        let Some(entry) = found else {
            return reply.error(&Error::NO_SUCH_KEY);
        };
        let shared = matches!(entry.value(), ValueRef::Int(0..SHARED_INTEGERS));
        let mut body = Vec::new();
        rdb::write_value(&mut body, entry.value(), self.config().rdbcompression);
        let clock = (self.now().unix_us / 1_000_000) as u32 & 0x00ff_ffff;
        let age = entry.lru() & 0x00ff_ffff;
        reply.simple(&format!(
            "Value at:{:p} refcount:{} encoding:{} serializedlength:{} lru:{age} lru_seconds_idle:{}{}",
            entry.key().as_ptr(),
            if shared { i32::MAX } else { 1 },
            entry.encoding().name(),
            body.len(),
            clock.saturating_sub(age),
            nodes_of(entry.value(), list_limits(self.config())),
        ));
    }

    /// Writes and reads back every value, as a restart from a snapshot would. False when one does not come back.
    pub fn reload_here(&mut self) -> bool {
        let now_ms = self.now().unix_ms();
        for db in 0..self.store.databases() {
            let mut keys: Vec<(u16, Vec<u8>)> = Vec::with_capacity(self.store.len(db));
            self.store
                .for_each(db, |slot, entry| keys.push((slot, entry.key().to_vec())));
            for (slot, key) in keys {
                let entry = self
                    .store
                    .get(db, slot, &key)
                    .expect("nothing runs between the list and the look-up");
                if entry.expiry().is_some_and(|at_ms| at_ms <= now_ms) {
                    self.store.take(db, slot, &key);
                    continue;
                }
                let Some(reloaded) = reloaded(entry, self.config()) else {
                    return false;
                };
                self.store.insert(db, slot, reloaded);
            }
        }
        true
    }

    /// The tables' figures of one database.
    pub fn table_statistics_here(&self, db: usize) -> Vec<u8> {
        let statistics = self.store.statistics(db);
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
            self.store.expires(db),
            self.store.wheel_bytes(),
        )
        .into_bytes()
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

/// The entry after a way through the snapshot's form; age and expiry stay.
fn reloaded(entry: &Entry, config: &Config) -> Option<Entry> {
    let payload = rdb::dump(entry.value(), config.rdbcompression);
    let mut fresh = match rdb::restore(&payload, list_limits(config)).ok()? {
        Loaded::Text(text) => Entry::new(entry.key(), Value::from_text(&text), entry.expiry()),
        Loaded::Object(object) => Entry::new(entry.key(), Value::Object(object), entry.expiry()),
    };
    fresh.set_lru(entry.lru());
    Some(fresh)
}
