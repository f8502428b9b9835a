//! One command as COMMAND INFO prints it.
//!
//! Everything comes from the row; nothing is looked up elsewhere. The nesting is Redis's. COMMAND
//! DOCS stands in `document.rs`. Writes replies, nothing else.

use crate::cmd::keyspec::{Begin, Find, KeySpec, access};
use crate::cmd::{InMulti, Table, category, flag};
use crate::resp::Reply;

/// Flags as they are printed, in Redis's order; `movablekeys` may also follow from the key specs.
static FLAGS: &[(u32, &str)] = &[
    (flag::WRITE, "write"),
    (flag::READONLY, "readonly"),
    (flag::DENYOOM, "denyoom"),
    (flag::ADMIN, "admin"),
    (flag::PUBSUB, "pubsub"),
    (flag::NOSCRIPT, "noscript"),
    (flag::BLOCKING, "blocking"),
    (flag::LOADING, "loading"),
    (flag::STALE, "stale"),
    (flag::SKIP_MONITOR, "skip_monitor"),
    (flag::SKIP_SLOWLOG, "skip_slowlog"),
    (flag::ASKING, "asking"),
    (flag::FAST, "fast"),
    (flag::NO_AUTH, "no_auth"),
    (flag::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (flag::NO_ASYNC_LOADING, "no_async_loading"),
    (flag::NO_MULTI, "no_multi"),
    (flag::MOVABLEKEYS, "movablekeys"),
    (flag::ALLOW_BUSY, "allow_busy"),
];

/// What happens to a key, as it is printed.
static ACCESS: &[(u32, &str)] = &[
    (access::RO, "RO"),
    (access::RW, "RW"),
    (access::OW, "OW"),
    (access::RM, "RM"),
    (access::ACCESS, "access"),
    (access::UPDATE, "update"),
    (access::INSERT, "insert"),
    (access::DELETE, "delete"),
    (access::NOT_KEY, "not_key"),
    (access::INCOMPLETE, "incomplete"),
    (access::VARIABLE_FLAGS, "variable_flags"),
];

/// The names of the bits that are set.
fn names(bits: u32, known: &[(u32, &str)], reply: &mut Reply<'_>) {
    let set = known.iter().filter(|(bit, _)| bits & bit != 0);
    reply.set(set.clone().count());
    set.for_each(|(_, name)| reply.simple(name));
}

/// The flags of a key's access.
pub(super) fn access_flags(bits: u32, reply: &mut Reply<'_>) {
    names(bits, ACCESS, reply);
}

/// The keys as clients before key specs understood them: first, last, step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: i64,
    last: i64,
    step: i64,
}

/// The one range of arguments that the specs amount to, and whether it leaves keys out.
fn legacy_range(specs: &[KeySpec]) -> (Option<Range>, bool) {
    let plain = |spec: &KeySpec| match (spec.begin, spec.find) {
        (Begin::Index(first), Find::Range { last, step, .. }) => {
            let first = first as i64;
            let last = i64::from(last);
            let last = if last >= 0 { last + first } else { last };
            let step = step as i64;
            Some(Range { first, last, step })
        }
        _ => None,
    };
    let incomplete = |spec: &KeySpec| spec.access & access::INCOMPLETE != 0;
    if let [only] = specs
        && let Some(range) = plain(only)
    {
        return (Some(range), incomplete(only));
    }
    let mut movable = false;
    let mut joined: Option<Range> = None;
    for spec in specs {
        let range = plain(spec).filter(|range| {
            let follows = joined.is_none_or(|before| before.last == range.first - 1);
            range.step == 1 && follows
        });
        let Some(range) = range else {
            movable = true;
            continue;
        };
        movable |= incomplete(spec);
        joined = Some(match joined {
            Some(before) => Range {
                last: range.last,
                ..before
            },
            None => range,
        });
    }
    (joined, movable)
}

/// One element of COMMAND INFO.
pub fn info(table: &Table, number: u16, reply: &mut Reply<'_>) {
    let row = table.row(number);
    let command = row.command;
    let (range, movable) = legacy_range(command.keys);
    let Range { first, last, step } = range.unwrap_or(Range {
        first: 0,
        last: 0,
        step: 0,
    });
    let mut derived = if movable { flag::MOVABLEKEYS } else { 0 };
    if command.special.in_multi == InMulti::Refused {
        derived |= flag::NO_MULTI;
    }
    reply.array(10);
    reply.bulk(row.full_name.as_bytes());
    reply.integer(i64::from(command.arity));
    names(command.flags | derived, FLAGS, reply);
    for position in [first, last, step] {
        reply.integer(position);
    }
    let categories = category::of(command);
    reply.set(categories.count_ones() as usize);
    for (at, name) in category::NAMES.iter().enumerate() {
        if categories & 1 << at != 0 {
            reply.simple(&format!("@{name}"));
        }
    }
    reply.set(command.docs.tips.len());
    for tip in command.docs.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(command.keys.len());
    for spec in command.keys {
        key_spec(spec, reply);
    }
    // Redis calls nothing a set, and something an array.
    match row.subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    for sub in row.subcommands.clone() {
        info(table, sub, reply);
    }
}

fn key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(3 + usize::from(!spec.notes.is_empty()));
    if !spec.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(spec.notes.as_bytes());
    }
    reply.bulk(b"flags");
    access_flags(spec.access, reply);
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => typed("index", &[("index", index as i64)], reply),
        Begin::Keyword { word, from } => {
            head("keyword", 2, reply);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            reply.bulk(b"startfrom");
            reply.integer(i64::from(from));
        }
        Begin::Options(_) => typed("unknown", &[], reply),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        _ if matches!(spec.begin, Begin::Options(_)) => typed("unknown", &[], reply),
        Find::Range { last, step, limit } => typed(
            "range",
            &[
                ("lastkey", i64::from(last)),
                ("keystep", step as i64),
                ("limit", limit as i64),
            ],
            reply,
        ),
        Find::Count {
            count_at,
            first,
            step,
        } => typed(
            "keynum",
            &[
                ("keynumidx", count_at as i64),
                ("firstkey", first as i64),
                ("keystep", step as i64),
            ],
            reply,
        ),
    }
}

fn head(kind: &str, fields: usize, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields);
}

fn typed(kind: &str, fields: &[(&str, i64)], reply: &mut Reply<'_>) {
    head(kind, fields.len(), reply);
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.integer(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_become_one_range_where_they_can() {
        let one = |index| KeySpec::one(index, access::RW);
        let range = |first, last, step| Some(Range { first, last, step });
        assert_eq!(legacy_range(&[]), (None, false));
        assert_eq!(legacy_range(&[one(2)]), (range(2, 2, 1), false));
        assert_eq!(legacy_range(&[one(1), one(2)]), (range(1, 2, 1), false));
        assert_eq!(legacy_range(&[one(1), one(3)]), (range(1, 1, 1), true));
        let pairs = KeySpec::range(1, -1, 2, access::OW);
        assert_eq!(legacy_range(&[pairs]), (range(1, -1, 2), false));
        let counted = KeySpec::counted(2, 1, access::RO);
        assert_eq!(legacy_range(&[one(1), counted]), (range(1, 1, 1), true));
        assert_eq!(legacy_range(&[counted]), (None, true));
    }
}
