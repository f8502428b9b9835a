//! What the set commands mean: sets of the standard library.
//!
//! Part of the model. The workloads' members are single digits, so their order as texts is the one
//! in which a set of integers is shown.

use std::collections::BTreeSet;

use super::{Deadline, Item, State, WRONG_TYPE, flag};
use crate::checker::reply::{Reply, Words};

type Members = BTreeSet<Vec<u8>>;

fn members(state: &State, key: &[u8]) -> Result<Members, &'static str> {
    match state.get(key) {
        None => Ok(Members::new()),
        Some((Item::Set(set), _)) => Ok(set.clone()),
        Some(_) => Err(WRONG_TYPE),
    }
}

/// Gives a key these members; its deadline stays where it has one and `keeps`.
fn put(state: &mut State, key: &[u8], members: Members, keeps: bool) {
    let deadline = state
        .get(key)
        .filter(|_| keeps)
        .map(|(_, deadline)| *deadline);
    if members.is_empty() {
        state.remove(key);
    } else {
        let item = (Item::Set(members), deadline.unwrap_or(Deadline::Never));
        state.insert(key.to_vec(), item);
    }
}

fn shown(members: Members) -> Reply {
    Reply::Array(members.into_iter().map(Reply::Bulk).collect())
}

/// One set of several.
fn combined(state: &State, name: &str, keys: &[Vec<u8>]) -> Result<Members, &'static str> {
    let sets: Result<Vec<Members>, _> = keys.iter().map(|key| members(state, key)).collect();
    let one = sets?.into_iter().reduce(|one, other| match &name[..3] {
        "sin" => &one & &other,
        "sun" => &one | &other,
        _ => &one - &other,
    });
    Ok(one.expect("there is a key"))
}

/// Executes a set command.
pub(super) fn set(state: &mut State, name: &str, words: &Words) -> Result<Reply, &'static str> {
    let key = &words[1];
    match name {
        "sadd" | "srem" => {
            let mut set = members(state, key)?;
            let changed = words[2..].iter().filter(|member| match name {
                "sadd" => set.insert((*member).clone()),
                _ => set.remove(*member),
            });
            let changed = changed.count();
            put(state, key, set, true);
            Ok(Reply::Integer(changed as i64))
        }
        "sismember" => Ok(flag(members(state, key)?.contains(&words[2]))),
        "scard" => Ok(Reply::Integer(members(state, key)?.len() as i64)),
        "smembers" => Ok(shown(members(state, key)?)),
        "smove" => {
            if !state.contains_key(key) {
                return Ok(flag(false));
            }
            let mut from = members(state, key)?;
            members(state, &words[2])?;
            if *key == words[2] || !from.remove(&words[3]) {
                return Ok(flag(*key == words[2] && from.contains(&words[3])));
            }
            put(state, key, from, true);
            let mut to = members(state, &words[2])?;
            to.insert(words[3].clone());
            put(state, &words[2], to, true);
            Ok(flag(true))
        }
        "sinter" | "sunion" | "sdiff" => Ok(shown(combined(state, name, &words[1..])?)),
        "sinterstore" | "sunionstore" | "sdiffstore" => {
            let result = combined(state, name, &words[2..])?;
            let len = result.len() as i64;
            put(state, key, result, false);
            Ok(Reply::Integer(len))
        }
        other => panic!("the model does not know {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::reply::words;
    use super::super::apply;
    use super::*;

    #[test]
    fn the_model_answers_as_documented() {
        let mut state = State::new();
        let array = |members: &[&str]| {
            let bulks = members.iter().map(|m| Reply::Bulk(m.as_bytes().to_vec()));
            Reply::Array(bulks.collect())
        };
        for (command, reply) in [
            ("sadd a 1 2 2", Reply::Integer(2)),
            ("sadd b 2 3", Reply::Integer(2)),
            ("sinter a b", array(&["2"])),
            ("sdiff a b nothing", array(&["1"])),
            ("sunionstore c a b", Reply::Integer(3)),
            ("smove a b 1", Reply::Integer(1)),
            ("smove a b 9", Reply::Integer(0)),
            ("smembers b", array(&["1", "2", "3"])),
            ("srem a 2", Reply::Integer(1)),
            ("exists a", Reply::Integer(0)),
            ("type b", Reply::Simple("set".to_string())),
            ("get b", Reply::Error(WRONG_TYPE.to_string())),
        ] {
            assert_eq!(apply(&mut state, &words(command)), reply, "{command}");
        }
    }
}
