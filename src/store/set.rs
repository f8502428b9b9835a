//! Sets: members without order, each once, in one of three forms.
//!
//! Integers alone are an intset, few short members a listpack, all others a hash table. A set
//! changes to a larger form when an edit reaches a limit, which comes with each edit, and never
//! back. Owned by an entry; must not know keys, commands or the clock.
//! ```text
//! intset     integers in ascending order, one width      `set/intset.rs`
//! listpack   members as they came                        `listpack.rs`
//! hashtable  one allocation a member, 8 bytes a bucket   `elements.rs`, `member.rs`
//! ```

mod form;
mod intset;

use self::form::{EitherOf, Form};
use self::intset::Intset;
use super::content::Content;
use super::elements::Elements;
use super::listpack::{Element, Listpack, Needle};
use super::value::{Encoding, FormLimits, Kind, canonical_i64};

/// How large the compact forms may get: `set-max-intset-entries`, `set-max-listpack-entries` and
/// `set-max-listpack-value`.
#[derive(Clone, Copy, Debug)]
pub struct SetLimits {
    pub intset_entries: usize,
    pub listpack_entries: usize,
    pub listpack_value: usize,
}

impl Default for SetLimits {
    fn default() -> SetLimits {
        SetLimits {
            intset_entries: 512,
            listpack_entries: 128,
            listpack_value: 64,
        }
    }
}

/// A set as it is kept, for those who write it.
#[derive(Clone, Debug)]
pub enum SetView<'a> {
    /// Framed as Redis keeps it.
    Intset(Vec<u8>),
    Listpack(&'a Listpack),
    Table(&'a Elements),
}

/// Members without order.
#[derive(Clone, Debug)]
pub struct Set {
    form: Form,
}

impl Set {
    /// An empty set in the form for `count` members like this first one.
    #[must_use]
    pub fn for_members(first: &[u8], count: usize, limits: &FormLimits) -> Set {
        let form = if canonical_i64(first).is_some() && count <= limits.set.intset_entries {
            Form::Intset(Intset::new())
        } else if count <= limits.set.listpack_entries {
            Form::Listpack(Listpack::new())
        } else {
            Form::table(limits)
        };
        Set { form }
    }

    /// An empty set that is to take whatever comes: an intset at first.
    #[must_use]
    pub fn new() -> Set {
        Set {
            form: Form::Intset(Intset::new()),
        }
    }

    /// An empty set for more members than a compact form may have.
    #[must_use]
    pub fn large(limits: &FormLimits) -> Set {
        Set {
            form: Form::table(limits),
        }
    }

    /// Before so many members are added to those that are there: as in Redis, more at once than a
    /// compact form may have end it.
    pub fn expect(&mut self, count: usize, limits: &FormLimits) {
        let most = match self.form {
            Form::Intset(_) => limits.set.intset_entries,
            Form::Listpack(_) => limits.set.listpack_entries,
            Form::Table(_) => return,
        };
        if count > most {
            self.form.enlarge(limits);
        }
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Intset(ints) => ints.len(),
            Form::Listpack(pack) => pack.len(),
            Form::Table(elements) => elements.len(),
        }
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a member; false when it is there already.
    #[inline]
    pub fn add(&mut self, text: &[u8], limits: &FormLimits) -> bool {
        match &mut self.form {
            Form::Table(elements) => elements.add(text),
            _ => self.add_compactly(text, limits),
        }
    }

    fn add_compactly(&mut self, text: &[u8], limits: &FormLimits) -> bool {
        let number = canonical_i64(text);
        let before = self.len();
        match (&mut self.form, number) {
            (Form::Intset(ints), Some(number)) => {
                if !ints.add(number) {
                    return false;
                }
                if ints.len() > limits.intset_entries() {
                    self.form.enlarge(limits);
                }
            }
            (Form::Intset(ints), None) => {
                if form::takes_text(ints, text, limits) {
                    self.form = Form::Listpack(form::pack_of(ints, text));
                } else {
                    self.form.enlarge(limits).add(text);
                }
            }
            (Form::Listpack(pack), _) => {
                if form::find(pack, &Needle::new(text)).is_some() {
                    return false;
                }
                if form::takes(pack, text, limits) {
                    pack.push_back(Element::from_text(text));
                } else {
                    self.form.enlarge(limits).add(text);
                }
            }
            (Form::Table(_), _) => unreachable!("compact forms come here"),
        }
        assert!(self.len() == before + 1, "one member was added");
        true
    }

    /// As `add`, for a member as another set keeps it.
    pub fn add_element(&mut self, element: Element<'_>, limits: &FormLimits) -> bool {
        element.with_text(|text| self.add(text, limits))
    }

    /// Removes a member; false when it is not there.
    pub fn remove(&mut self, text: &[u8]) -> bool {
        match &mut self.form {
            Form::Intset(ints) => canonical_i64(text).is_some_and(|number| ints.remove(number)),
            Form::Listpack(pack) => match form::find(pack, &Needle::new(text)) {
                Some(position) => {
                    pack.remove(position);
                    true
                }
                None => false,
            },
            Form::Table(elements) => elements.remove(text).is_some(),
        }
    }

    #[inline]
    #[must_use]
    pub fn contains(&self, text: &[u8]) -> bool {
        match &self.form {
            Form::Intset(ints) => canonical_i64(text).is_some_and(|number| ints.contains(number)),
            Form::Listpack(pack) => form::find(pack, &Needle::new(text)).is_some(),
            Form::Table(elements) => elements.get(text).is_some(),
        }
    }

    /// As `contains`, for a member as another set keeps it.
    #[inline]
    #[must_use]
    pub fn contains_element(&self, element: Element<'_>) -> bool {
        match (&self.form, element) {
            (Form::Intset(ints), Element::Int(number)) => ints.contains(number),
            _ => element.with_text(|text| self.contains(text)),
        }
    }

    /// All members: integers ascending, those of a listpack as they came.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        match &self.form {
            Form::Intset(ints) => EitherOf::First(ints.iter().map(Element::Int)),
            Form::Listpack(pack) => EitherOf::Second(pack.iter()),
            Form::Table(elements) => {
                EitherOf::Third(elements.iter().map(|member| Element::Bytes(member.bytes())))
            }
        }
    }

    /// A random member, all nearly equally likely; None when there is none.
    #[must_use]
    pub fn random(&self, random: &mut impl FnMut() -> u64) -> Option<Element<'_>> {
        if self.is_empty() {
            return None;
        }
        let mut below = |len: usize| (random() % len as u64) as usize;
        Some(match &self.form {
            Form::Intset(ints) => Element::Int(ints.get(below(ints.len()))),
            Form::Listpack(pack) => pack.at(pack.position(below(pack.len()))).0,
            Form::Table(elements) => Element::Bytes(elements.random(random)?.bytes()),
        })
    }

    /// Whether `random` finds a member without walking over others.
    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.form, Form::Table(_))
    }

    /// One step of SSCAN; the compact forms are seen in one.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'a>),
    ) -> u64 {
        if let Form::Table(elements) = &self.form {
            return elements.scan(cursor, count, |member| {
                visit(Element::Bytes(member.bytes()));
            });
        }
        self.iter().for_each(visit);
        0
    }

    #[must_use]
    pub fn view(&self) -> SetView<'_> {
        match &self.form {
            Form::Intset(ints) => SetView::Intset(ints.framed()),
            Form::Listpack(pack) => SetView::Listpack(pack),
            Form::Table(elements) => SetView::Table(elements),
        }
    }

    /// From what Redis keeps as an intset; None when it is none, or empty.
    #[must_use]
    pub fn from_intset(framed: &[u8], limits: &FormLimits) -> Option<Set> {
        let ints = Intset::from_framed(framed).filter(|ints| ints.len() > 0)?;
        let too_many = ints.len() > limits.intset_entries();
        let mut form = Form::Intset(ints);
        if too_many {
            form.enlarge(limits);
        }
        Some(Set { form })
    }

    /// From a listpack; None when it is empty or has a member twice.
    #[must_use]
    pub fn from_listpack(pack: Listpack, limits: &FormLimits) -> Option<Set> {
        let members: std::collections::HashSet<_> = pack
            .iter()
            .map(|element| element.with_text(<[u8]>::to_vec))
            .collect();
        if pack.is_empty() || members.len() != pack.len() {
            return None;
        }
        let too_many = pack.len() > limits.set.listpack_entries;
        let mut form = Form::Listpack(pack);
        if too_many {
            form.enlarge(limits);
        }
        Some(Set { form })
    }
}

impl Default for Set {
    fn default() -> Set {
        Set::new()
    }
}

impl Content for Set {
    fn kind(&self) -> Kind {
        Kind::Set
    }

    fn encoding(&self) -> Encoding {
        match self.form {
            Form::Intset(_) => Encoding::Intset,
            Form::Listpack(_) => Encoding::Listpack,
            Form::Table(_) => Encoding::Hashtable,
        }
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn pieces(&self) -> usize {
        match &self.form {
            Form::Table(elements) => elements.pieces(),
            _ => 1,
        }
    }

    fn free_pieces(&mut self, budget: usize) -> usize {
        match &mut self.form {
            Form::Table(elements) => elements.free_pieces(budget.min(elements.pieces() - 1)),
            _ => 0,
        }
    }

    fn heap_bytes(&self) -> usize {
        let form = match &self.form {
            Form::Intset(ints) => ints.heap_bytes(),
            Form::Listpack(pack) => pack.heap_bytes(),
            Form::Table(elements) => {
                super::size_class(size_of::<Elements>()) + elements.heap_bytes()
            }
        };
        super::size_class(size_of::<Set>()) + form
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
