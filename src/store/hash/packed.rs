//! The compact form of a hash: fields, values and perhaps times, one after the other.
//!
//! The mark of the listpack says whether each field has its time behind its value. Owned by `hash`;
//! must not know the large form, nor limits.

use super::Field;
use crate::limits::MEMBER_EXPIRY_MS_MAX;
use crate::store::listpack::{Element, Exact, Needle};

/// Where a field lies in the compact form.
pub(super) struct Place {
    pub name: usize,
    value: usize,
    /// Where its time is; the end, where no field expires.
    pub time: usize,
    pub end: usize,
}

#[inline]
pub(super) fn stride(pack: &Exact) -> usize {
    if pack.is_marked() { 3 } else { 2 }
}

fn time_of(element: Element<'_>) -> Option<u64> {
    match element {
        Element::Int(number) => u64::try_from(number).ok().filter(|&at_ms| at_ms > 0),
        Element::Bytes(_) => None,
    }
}

pub(super) fn time_element(expiry: Option<u64>) -> Element<'static> {
    let at_ms = expiry.unwrap_or(0);
    assert!(at_ms <= MEMBER_EXPIRY_MS_MAX, "callers refuse later ones");
    Element::Int(i64::try_from(at_ms).expect("48 bits fit 63"))
}

/// The field at a position, and where it lies.
#[inline]
pub(super) fn read(pack: &Exact, position: usize) -> (Field<'_>, Place) {
    let (name, value_at) = pack.at(position);
    let (value, time) = pack.at(value_at);
    let (expiry, end) = if pack.is_marked() {
        let (element, end) = pack.at(time);
        (time_of(element), end)
    } else {
        (None, time)
    };
    let place = Place {
        name: position,
        value: value_at,
        time,
        end,
    };
    let field = Field {
        name,
        value,
        expiry,
    };
    (field, place)
}

pub(super) fn fields(pack: &Exact) -> impl Iterator<Item = Field<'_>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        (position < pack.end()).then(|| {
            let (field, place) = read(pack, position);
            position = place.end;
            field
        })
    })
}

pub(super) fn set_packed(pack: &mut Exact, name: &[u8], value: &[u8], keep: bool) -> bool {
    let value = Element::from_text(value);
    match pack.find(&Needle::new(name), stride(pack)) {
        Some(position) => {
            let (field, place) = read(pack, position);
            if field.expiry.is_some() && !keep {
                pack.splice(place.value, place.end, &[value, time_element(None)]);
                drop_times(pack);
            } else {
                pack.splice(place.value, place.time, &[value]);
            }
            false
        }
        None => {
            let end = pack.end();
            let all = [Element::from_text(name), value, time_element(None)];
            pack.splice(end, end, &all[..stride(pack)]);
            true
        }
    }
}

/// From now on each field has its time behind its value.
pub(super) fn add_times(pack: &mut Exact) {
    let mut all = Vec::new();
    for field in fields(pack) {
        all.extend([field.name, field.value, time_element(None)]);
    }
    let mut marked = Exact::default();
    marked.splice(0, 0, &all);
    marked.mark(true);
    assert!(pack.count() / 2 * 3 == marked.count(), "one time a field");
    *pack = marked;
}

/// Leaves the times out once no field expires.
pub(super) fn drop_times(pack: &mut Exact) {
    if !pack.is_marked() || fields(pack).any(|field| field.expiry.is_some()) {
        return;
    }
    let mut all = Vec::new();
    for field in fields(pack) {
        all.extend([field.name, field.value]);
    }
    let mut plain = Exact::default();
    plain.splice(0, 0, &all);
    assert!(plain.count() / 2 * 3 == pack.count(), "fields stay");
    *pack = plain;
}
