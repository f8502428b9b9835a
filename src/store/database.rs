//! One logical database: a table per slot, in groups that are allocated when first used.
//!
//! Owned by the `Store`, which keeps the wheel in step with it. Groups carry the sums of their
//! tables, so that a random key and the next used slot are found in bounded time. Must not know the
//! wheel or other databases.

use super::bucket::prefetch_line;
use super::entry::Entry;
use super::heavy::Heavy;
use super::slot::Slot;
use super::table::{Table, TableStatistics};
use crate::limits::{EXPIRY_MS_MAX, SLOTS};

/// Tables of a group, and groups of a database: the square root of the slots, so that walks over
/// both are short.
const GROUP_TABLES: usize = 128;
const GROUPS: usize = SLOTS / GROUP_TABLES;
const _: () = assert!(GROUPS * GROUP_TABLES == SLOTS);

type EntryTable = Table<Entry>;

/// The tables of neighbouring slots, and the number of their entries. No tables until the first
/// entry.
#[derive(Default)]
struct Group {
    tables: Vec<EntryTable>,
    len: usize,
}

/// What a database counts about its entries' expiries.
#[derive(Default)]
pub(super) struct ExpiryCount {
    pub entries: usize,
    /// Those that the expiry wheel knows.
    pub timed: usize,
    sum_ms: u128,
}

/// One for an expiry that the wheel has to know.
#[inline]
pub(super) fn timed(expiry: Option<u64>) -> usize {
    usize::from(expiry.is_some_and(|at_ms| at_ms <= EXPIRY_MS_MAX))
}

impl ExpiryCount {
    pub fn change(&mut self, old: Option<u64>, new: Option<u64>) {
        self.timed = self.timed + timed(new) - timed(old);
        if let Some(expiry_ms) = old {
            self.entries -= 1;
            self.sum_ms -= u128::from(expiry_ms);
        }
        if let Some(expiry_ms) = new {
            self.entries += 1;
            self.sum_ms += u128::from(expiry_ms);
        }
    }

    /// Mean time to live from `now_ms` on, milliseconds; 0 without any.
    pub fn average_ttl_ms(&self, now_ms: u64) -> u64 {
        let mean = self.sum_ms.checked_div(self.entries as u128).unwrap_or(0);
        u64::try_from(mean)
            .expect("a mean of u64 fits")
            .saturating_sub(now_ms)
    }
}

/// Tables, how they are spread, and the entries that expire.
#[derive(Default)]
pub(super) struct Database {
    groups: Vec<Group>,
    len: usize,
    pub expiring: ExpiryCount,
}

impl Database {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Asks for the cache line of a slot's table.
    #[inline]
    pub fn prefetch_table(&self, slot: Slot) {
        if let Some(table) = self.table(slot) {
            prefetch_line(std::ptr::from_ref(table).cast());
        }
    }

    #[inline]
    pub fn table(&self, slot: Slot) -> Option<&EntryTable> {
        let slot = slot.index();
        assert!(slot < SLOTS);
        self.groups
            .get(slot / GROUP_TABLES)?
            .tables
            .get(slot % GROUP_TABLES)
    }

    #[inline]
    pub fn table_mut(&mut self, slot: Slot) -> Option<&mut EntryTable> {
        let slot = slot.index();
        assert!(slot < SLOTS);
        self.groups
            .get_mut(slot / GROUP_TABLES)?
            .tables
            .get_mut(slot % GROUP_TABLES)
    }

    /// The entry that `matches` together with the counts of expiries, for changing both.
    #[inline]
    pub fn find_mut(
        &mut self,
        slot: Slot,
        hash: u64,
        matches: impl FnMut(&Entry) -> bool,
    ) -> Option<(&mut Entry, &mut ExpiryCount)> {
        let slot = slot.index();
        assert!(slot < SLOTS);
        let group = self.groups.get_mut(slot / GROUP_TABLES)?;
        let entry = group
            .tables
            .get_mut(slot % GROUP_TABLES)?
            .find_mut(hash, matches)?;
        Some((entry, &mut self.expiring))
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert_new(
        &mut self,
        slot: Slot,
        hash: u64,
        entry: Entry,
        hash_of: impl Fn(&Entry) -> u64,
    ) {
        let slot = slot.index();
        assert!(slot < SLOTS);
        if self.groups.is_empty() {
            self.groups.resize_with(GROUPS, Group::default);
        }
        let group = &mut self.groups[slot / GROUP_TABLES];
        if group.tables.is_empty() {
            group.tables.reserve_exact(GROUP_TABLES);
            group.tables.resize_with(GROUP_TABLES, Table::new);
        }
        self.expiring.change(None, entry.expiry());
        group.tables[slot % GROUP_TABLES].insert_new(hash, entry, hash_of);
        group.len += 1;
        self.len += 1;
    }

    pub fn remove(
        &mut self,
        slot: Slot,
        hash: u64,
        matches: impl FnMut(&Entry) -> bool,
    ) -> Option<Entry> {
        let entry = self.table_mut(slot)?.remove(hash, matches)?;
        self.expiring.change(entry.expiry(), None);
        let group = &mut self.groups[slot.index() / GROUP_TABLES];
        assert!(
            (1..=self.len).contains(&group.len),
            "groups count the entries of their tables, the database those of its groups"
        );
        group.len -= 1;
        self.len -= 1;
        let ExpiryCount { timed, entries, .. } = self.expiring;
        assert!(timed <= entries && entries <= self.len);
        Some(entry)
    }

    /// The first slot from `from` on that has entries.
    pub fn next_used_slot(&self, from: Slot) -> Option<Slot> {
        let mut slot = from.index();
        while slot < SLOTS {
            let group = self.groups.get(slot / GROUP_TABLES)?;
            let rest = if group.len == 0 {
                &[]
            } else {
                &group.tables[slot % GROUP_TABLES..]
            };
            if let Some(step) = rest.iter().position(|table| !table.is_empty()) {
                return Slot::at(slot + step);
            }
            slot = (slot / GROUP_TABLES + 1) * GROUP_TABLES;
        }
        None
    }

    /// A random entry: the table in proportion to its length, then one of the table's.
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<&Entry> {
        if self.len == 0 {
            return None;
        }
        let mut rank = (random() % self.len as u64) as usize;
        for group in &self.groups {
            if rank >= group.len {
                rank -= group.len;
                continue;
            }
            for table in &group.tables {
                if rank < table.len() {
                    return table.random(random);
                }
                rank -= table.len();
            }
        }
        unreachable!("groups count the entries of their tables")
    }

    /// All tables that have entries, with their slots.
    pub fn used_tables(&self) -> impl Iterator<Item = (Slot, &EntryTable)> {
        let slots = std::iter::successors(self.next_used_slot(Slot::FIRST), |slot| {
            self.next_used_slot(slot.next()?)
        });
        slots.filter_map(|slot| Some((slot, self.table(slot)?)))
    }

    pub fn statistics(&self) -> DatabaseStatistics {
        let mut statistics = DatabaseStatistics::default();
        for (_, table) in self.used_tables() {
            statistics.add(&table.statistics());
        }
        assert!(statistics.sums.elements == self.len);
        let headers: usize = self
            .groups
            .iter()
            .map(|group| group.tables.capacity() * size_of::<EntryTable>())
            .sum();
        statistics.header_bytes = headers + self.groups.capacity() * size_of::<Group>();
        statistics
    }
}

/// Sums over a database's tables, for DEBUG HTSTATS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseStatistics {
    pub tables: usize,
    pub sums: TableStatistics,
    /// Bytes of the tables' own headers.
    pub header_bytes: usize,
}

impl DatabaseStatistics {
    fn add(&mut self, table: &TableStatistics) {
        self.tables += 1;
        self.sums.elements += table.elements;
        self.sums.buckets += table.buckets;
        self.sums.overflow_nodes += table.overflow_nodes;
        self.sums.longest_chain = self.sums.longest_chain.max(table.longest_chain);
        self.sums.bytes += table.bytes;
    }
}

/// The entries of a database that was cleared, to be freed piece by piece.
pub struct Cleared {
    groups: Vec<Group>,
    len: usize,
    heavy: Heavy,
}

impl std::fmt::Debug for Cleared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Cleared({})", self.len)
    }
}

impl Cleared {
    pub(super) fn new(database: Database) -> Cleared {
        let counted: usize = database.groups.iter().map(|group| group.len).sum();
        assert!(counted == database.len);
        Cleared {
            groups: database.groups,
            len: database.len,
            heavy: Heavy::default(),
        }
    }

    /// Entries the database had.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Frees about `budget` entries, or pieces of large ones; true when nothing is left.
    pub fn drop_some(&mut self, budget: usize) -> bool {
        let mut freed = self.heavy.free_some(budget);
        while freed < budget {
            let Some(group) = self.groups.last_mut() else {
                return self.heavy.is_empty();
            };
            let Some(table) = group.tables.last_mut() else {
                self.groups.pop();
                continue;
            };
            let heavy = &mut self.heavy;
            let wanted = budget - freed;
            let cost = table.discard(wanted, |mut entry| {
                heavy.relieve(&mut entry);
                1 + entry.object_mut().map_or(0, |object| object.pieces())
            });
            freed += cost;
            if cost < wanted {
                let emptied = group.tables.pop();
                assert!(emptied.is_some_and(|table| table.is_empty()));
            }
        }
        false
    }
}
