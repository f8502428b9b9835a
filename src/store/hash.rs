//! Hashes: fields with values, each of which may expire, in one of two forms.
//!
//! A hash changes to the large form when an edit reaches a limit, which comes with each edit, and
//! never back. Who asks ends fields whose time is over (`end_fields`); until then they are there.
//! Owned by an entry; must not know keys, commands or the clock.
//! ```text
//! listpack   field value ...              `hash/packed.rs`, `listpack/exact.rs`
//!            field value expiry ... mark  once a field expires; 0: this one does not
//! hashtable  `hash/table.rs`
//! ```

mod packed;
mod table;

use self::packed::{add_times, drop_times, fields, read, set_packed, stride, time_element};
use self::table::Fields;
use super::content::Content;
use super::listpack::{Element, Exact, Listpack, Needle};
use super::value::{Encoding, FormLimits, Kind};
use crate::limits::COMPACT_BYTES_MAX;

/// How large the compact form may get: `hash-max-listpack-entries` and `hash-max-listpack-value`.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    pub listpack_entries: usize,
    pub listpack_value: usize,
}

impl Default for HashLimits {
    fn default() -> HashLimits {
        HashLimits {
            listpack_entries: 512,
            listpack_value: 64,
        }
    }
}

#[derive(Clone, Debug)]
enum Form {
    Packed(Exact),
    Table(Box<Fields>),
}

/// A field as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: Element<'a>,
    pub value: Element<'a>,
    /// Unix milliseconds.
    pub expiry: Option<u64>,
}

/// Fields with values.
#[derive(Clone, Debug)]
pub struct Hash {
    form: Form,
}

const _: () = assert!(size_of::<Hash>() <= 16);

impl Default for Hash {
    fn default() -> Hash {
        Hash {
            form: Form::Packed(Exact::default()),
        }
    }
}

fn member_field(member: &super::Member) -> Field<'_> {
    Field {
        name: Element::Bytes(member.bytes()),
        value: Element::Bytes(member.value().expect("fields have values")),
        expiry: member.expiry(),
    }
}

impl Hash {
    #[must_use]
    pub fn new() -> Hash {
        Hash::default()
    }

    /// Before these fields and values are set: as in Redis, one that is too long, or more fields
    /// at once than the compact form may have, end it.
    pub fn expect<'a>(
        &mut self,
        texts: impl ExactSizeIterator<Item = &'a [u8]>,
        limits: &FormLimits,
    ) {
        let Form::Packed(pack) = &self.form else {
            return;
        };
        let too_many = texts.len() / 2 > limits.hashes.listpack_entries;
        let (mut bytes, mut too_long) = (pack.entry_bytes(), false);
        for text in texts {
            too_long |= text.len() > limits.hashes.listpack_value;
            bytes += text.len();
        }
        if too_many || too_long || bytes > COMPACT_BYTES_MAX {
            self.enlarge(limits);
        }
    }

    /// Makes it a hash table.
    fn enlarge(&mut self, limits: &FormLimits) {
        let Form::Packed(pack) = &self.form else {
            return;
        };
        let mut table = Fields::new(limits.hash);
        for field in fields(pack) {
            field.name.with_text(|name| {
                field
                    .value
                    .with_text(|value| table.insert_new(name, value, field.expiry));
            });
        }
        assert!(
            table.elements().len() == fields(pack).count(),
            "a hash has each field once"
        );
        self.form = Form::Table(Box::new(table));
    }

    /// Fields, also those whose time is over; a walk in the compact form.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(pack) => pack.count() / stride(pack),
            Form::Table(table) => table.elements().len(),
        }
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.form {
            Form::Packed(pack) => pack.is_empty(),
            Form::Table(table) => table.elements().is_empty(),
        }
    }

    #[inline]
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        match &self.form {
            Form::Packed(pack) => {
                let position = pack.find(&Needle::new(name), stride(pack))?;
                Some(read(pack, position).0)
            }
            Form::Table(table) => table.elements().get(name).map(member_field),
        }
    }

    /// Gives a field this value; true when it is new. An expiry that it has stays only if `keep`.
    #[inline]
    pub fn set(&mut self, name: &[u8], value: &[u8], keep: bool, limits: &FormLimits) -> bool {
        let longest = name.len().max(value.len());
        if longest > limits.hashes.listpack_value {
            self.enlarge(limits);
        }
        match &mut self.form {
            Form::Table(table) => table.set(name, value, keep),
            Form::Packed(pack) => {
                let is_new = set_packed(pack, name, value, keep);
                if is_new {
                    self.bound(limits);
                }
                is_new
            }
        }
    }

    /// After a field was added to the compact form.
    fn bound(&mut self, limits: &FormLimits) {
        let Form::Packed(pack) = &self.form else {
            return;
        };
        // A field takes four bytes at least: most hashes need no walk.
        let surely = pack.entry_bytes() / 4 <= limits.hashes.listpack_entries;
        let fits = surely || self.len() <= limits.hashes.listpack_entries;
        if !fits || pack.entry_bytes() > COMPACT_BYTES_MAX {
            self.enlarge(limits);
        }
    }

    /// Gives a field, which is there, an expiry of at most `MEMBER_EXPIRY_MS_MAX`, or takes it
    /// away.
    pub fn set_expiry(&mut self, name: &[u8], expiry: Option<u64>) {
        match &mut self.form {
            Form::Table(table) => table.set_expiry(name, expiry),
            Form::Packed(pack) => {
                if !pack.is_marked() && expiry.is_some() {
                    add_times(pack);
                }
                let position = pack.find(&Needle::new(name), stride(pack));
                let position = position.expect("only a field that is there expires");
                let (_, place) = read(pack, position);
                if place.time < place.end {
                    pack.splice(place.time, place.end, &[time_element(expiry)]);
                    drop_times(pack);
                }
            }
        }
    }

    /// Removes a field; false when it is not there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match &mut self.form {
            Form::Table(table) => table.remove(name),
            Form::Packed(pack) => {
                let Some(position) = pack.find(&Needle::new(name), stride(pack)) else {
                    return false;
                };
                let (_, place) = read(pack, position);
                pack.splice(place.name, place.end, &[]);
                drop_times(pack);
                true
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let (packed, table) = match &self.form {
            Form::Packed(pack) => (Some(fields(pack)), None),
            Form::Table(table) => (None, Some(table.elements().iter().map(member_field))),
        };
        packed
            .into_iter()
            .flatten()
            .chain(table.into_iter().flatten())
    }

    /// A random field, all nearly equally likely; None when there is none.
    #[must_use]
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<Field<'_>> {
        match &self.form {
            Form::Packed(_) => {
                let len = self.len() as u64;
                let index = random().checked_rem(len)?;
                self.iter().nth(index as usize)
            }
            Form::Table(table) => table.elements().random(random).map(member_field),
        }
    }

    /// Whether `random` finds a field without walking over others.
    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.form, Form::Table(_))
    }

    /// One step of HSCAN; the compact form is seen in one.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Field<'a>)) -> u64 {
        match &self.form {
            Form::Table(table) => table
                .elements()
                .scan(cursor, count, |member| visit(member_field(member))),
            Form::Packed(pack) => {
                fields(pack).for_each(visit);
                0
            }
        }
    }

    /// Whether any field expires.
    #[must_use]
    pub fn expires(&self) -> bool {
        match &self.form {
            Form::Packed(pack) => pack.is_marked(),
            Form::Table(table) => table.expiring() > 0,
        }
    }

    /// A time no later than that of the first field to expire.
    #[inline]
    #[must_use]
    pub fn next_expiry(&self) -> Option<u64> {
        match &self.form {
            Form::Packed(pack) if pack.is_marked() => {
                fields(pack).filter_map(|field| field.expiry).min()
            }
            Form::Packed(_) => None,
            Form::Table(table) => table.next_expiry(),
        }
    }

    /// Removes fields that have expired at `now_ms` and returns them: about `budget`, in the order
    /// of their ends in the large form.
    pub fn end_fields(&mut self, now_ms: u64, budget: usize) -> Vec<Vec<u8>> {
        let pack = match &mut self.form {
            Form::Table(table) => return table.end_fields(now_ms, budget),
            Form::Packed(pack) => pack,
        };
        let ended: Vec<Vec<u8>> = fields(pack)
            .filter(|field| field.expiry.is_some_and(|at_ms| at_ms <= now_ms))
            .take(budget)
            .map(|field| field.name.with_text(<[u8]>::to_vec))
            .collect();
        for name in &ended {
            let removed = self.remove(name);
            assert!(removed, "it was just seen");
        }
        assert!(ended.len() <= budget, "no more were taken");
        ended
    }

    /// The compact form as Redis keeps it; None for the large one, and where fields expire.
    #[must_use]
    pub fn framed(&self) -> Option<Vec<u8>> {
        match &self.form {
            Form::Packed(pack) if !pack.is_marked() => Some(pack.framed()),
            _ => None,
        }
    }

    /// From a listpack of fields and values; None when it is empty, odd or has a field twice.
    #[must_use]
    pub fn from_listpack(pack: &Listpack, limits: &FormLimits) -> Option<Hash> {
        let names: std::collections::HashSet<_> = pack
            .iter()
            .step_by(2)
            .map(|element| element.with_text(<[u8]>::to_vec))
            .collect();
        if pack.is_empty() || names.len() * 2 != pack.len() {
            return None;
        }
        let mut hash = Hash {
            form: Form::Packed(Exact::from(pack)),
        };
        let mut too_long = false;
        for element in pack.iter() {
            too_long |= element.with_text(|text| text.len() > limits.hashes.listpack_value);
        }
        if too_long || names.len() > limits.hashes.listpack_entries {
            hash.enlarge(limits);
        }
        assert!(hash.len() == names.len(), "each field was read");
        Some(hash)
    }
}

impl Content for Hash {
    fn kind(&self) -> Kind {
        Kind::Hash
    }

    fn encoding(&self) -> Encoding {
        match self.form {
            Form::Packed(_) => Encoding::Listpack,
            Form::Table(_) => Encoding::Hashtable,
        }
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn is_emptied(&self) -> bool {
        self.is_empty()
    }

    fn wake_ms(&self) -> Option<u64> {
        self.next_expiry()
    }

    fn pieces(&self) -> usize {
        match &self.form {
            Form::Table(table) => table.elements().pieces(),
            Form::Packed(_) => 1,
        }
    }

    fn free_pieces(&mut self, budget: usize) -> usize {
        match &mut self.form {
            Form::Table(table) => table.free_pieces(budget.min(table.elements().pieces() - 1)),
            Form::Packed(_) => 0,
        }
    }

    fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(pack) => pack.heap_bytes(),
            Form::Table(table) => super::size_class(size_of::<Fields>()) + table.heap_bytes(),
        }
    }
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
