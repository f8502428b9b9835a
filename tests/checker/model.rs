//! What the commands mean: a plain map, one command after the other.
//!
//! The reference of the searches in `linear` and of the sequential check. Deadlines are only far or
//! near: the near ones pass when the caller says so. Written from the documentation of the
//! commands, without a look at the server's code.

mod sets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::reply::{Reply, Words};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Item {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
}

/// When a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deadline {
    Never,
    Near,
    Far,
}

/// The keyspace.
pub type State = BTreeMap<Vec<u8>, (Item, Deadline)>;

/// Deadlines up to this many milliseconds are near.
const NEAR_MS_MAX: i64 = 100;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

/// Lets the near deadlines pass.
pub fn time_passes(state: &mut State) {
    state.retain(|_, (_, deadline)| *deadline != Deadline::Near);
}

/// Executes one command.
pub fn apply(state: &mut State, words: &Words) -> Reply {
    let name = String::from_utf8_lossy(&words[0]).to_ascii_lowercase();
    let result = match name.as_str() {
        "get" | "set" | "setnx" | "getset" | "getdel" | "append" | "strlen" | "incr" | "incrby"
        | "decrby" => text(state, &name, words),
        "mget" | "mset" | "msetnx" | "del" | "unlink" | "exists" | "touch" | "dbsize" => {
            Ok(many(state, &name, words))
        }
        "rename" | "renamenx" | "copy" => Ok(moved(state, &name, words)),
        "type" | "expire" | "pexpire" | "persist" | "pttl" => Ok(deadlines(state, &name, words)),
        _ if name.starts_with('s') => sets::set(state, &name, words),
        _ => list(state, &name, words),
    };
    result.unwrap_or_else(|text| Reply::Error(text.to_string()))
}

fn integer(word: &[u8]) -> Result<i64, &'static str> {
    let text = std::str::from_utf8(word).map_err(|_| NOT_INTEGER)?;
    text.parse().map_err(|_| NOT_INTEGER)
}

fn get_text<'a>(state: &'a State, key: &[u8]) -> Result<Option<&'a Vec<u8>>, &'static str> {
    match state.get(key) {
        None => Ok(None),
        Some((Item::Text(value), _)) => Ok(Some(value)),
        Some(_) => Err(WRONG_TYPE),
    }
}

fn bulk(value: Option<&Vec<u8>>) -> Reply {
    value.map_or(Reply::Null, |value| Reply::Bulk(value.clone()))
}

fn flag(value: bool) -> Reply {
    Reply::Integer(i64::from(value))
}

fn deadline_of(milliseconds: i64) -> Deadline {
    match milliseconds <= NEAR_MS_MAX {
        true => Deadline::Near,
        false => Deadline::Far,
    }
}

fn text(state: &mut State, name: &str, words: &Words) -> Result<Reply, &'static str> {
    let key = &words[1];
    let fresh = |value: &[u8]| (Item::Text(value.to_vec()), Deadline::Never);
    match name {
        "get" => return get_text(state, key).map(bulk),
        "strlen" => {
            let len = get_text(state, key)?.map_or(0, Vec::len);
            return Ok(Reply::Integer(len as i64));
        }
        "set" => return Ok(set(state, words)),
        "setnx" => {
            let absent = !state.contains_key(key);
            if absent {
                state.insert(key.clone(), fresh(&words[2]));
            }
            return Ok(flag(absent));
        }
        _ => {}
    }
    let old = get_text(state, key)?.cloned();
    let deadline = state
        .get(key)
        .map_or(Deadline::Never, |(_, deadline)| *deadline);
    let (value, reply) = match name {
        "getset" => {
            state.insert(key.clone(), fresh(&words[2]));
            return Ok(bulk(old.as_ref()));
        }
        "getdel" => {
            state.remove(key);
            return Ok(bulk(old.as_ref()));
        }
        "append" => {
            let value = [old.unwrap_or_default(), words[2].clone()].concat();
            let len = value.len() as i64;
            (value, Reply::Integer(len))
        }
        _ => {
            let by = match name {
                "incr" => 1,
                "incrby" => integer(&words[2])?,
                _ => -integer(&words[2])?,
            };
            let value = old.map_or(Ok(0), |old| integer(&old))?.checked_add(by);
            let value = value.ok_or("ERR increment or decrement would overflow")?;
            (value.to_string().into_bytes(), Reply::Integer(value))
        }
    };
    state.insert(key.clone(), (Item::Text(value), deadline));
    Ok(reply)
}

/// SET with at most one of NX, XX and PX.
fn set(state: &mut State, words: &Words) -> Reply {
    let (key, option) = (
        &words[1],
        words.get(3).map(|word| word.to_ascii_lowercase()),
    );
    let exists = state.contains_key(key);
    let mut deadline = Deadline::Never;
    match option.as_deref() {
        Some(b"nx") if exists => return Reply::Null,
        Some(b"xx") if !exists => return Reply::Null,
        Some(b"px") => deadline = deadline_of(integer(&words[4]).expect("tests send numbers")),
        _ => {}
    }
    state.insert(key.clone(), (Item::Text(words[2].clone()), deadline));
    Reply::ok()
}

fn many(state: &mut State, name: &str, words: &Words) -> Reply {
    let keys = &words[1..];
    let count = |count: usize| Reply::Integer(count as i64);
    match name {
        "mget" => Reply::Array(
            keys.iter()
                .map(|key| bulk(get_text(state, key).unwrap_or(None)))
                .collect(),
        ),
        "msetnx" if keys.chunks(2).any(|pair| state.contains_key(&pair[0])) => flag(false),
        "mset" | "msetnx" => {
            for pair in keys.chunks(2) {
                state.insert(
                    pair[0].clone(),
                    (Item::Text(pair[1].clone()), Deadline::Never),
                );
            }
            if name == "mset" {
                Reply::ok()
            } else {
                flag(true)
            }
        }
        "del" | "unlink" => count(
            keys.iter()
                .filter(|key| state.remove(*key).is_some())
                .count(),
        ),
        "dbsize" => count(state.len()),
        _ => count(keys.iter().filter(|key| state.contains_key(*key)).count()),
    }
}

fn moved(state: &mut State, name: &str, words: &Words) -> Reply {
    let (from, to) = (&words[1], &words[2]);
    let taken = state.contains_key(to);
    if name == "copy" {
        if from == to {
            return Reply::Error("ERR source and destination objects are the same".to_string());
        }
        let Some(item) = state
            .get(from)
            .cloned()
            .filter(|_| !taken || words.len() > 3)
        else {
            return flag(false);
        };
        state.insert(to.clone(), item);
        return flag(true);
    }
    let Some(item) = state.get(from).cloned() else {
        return Reply::Error("ERR no such key".to_string());
    };
    if name == "renamenx" && taken {
        return flag(false);
    }
    state.remove(from);
    state.insert(to.clone(), item);
    if name == "rename" {
        Reply::ok()
    } else {
        flag(true)
    }
}

fn deadlines(state: &mut State, name: &str, words: &Words) -> Reply {
    let Some((item, deadline)) = state.get_mut(&words[1]) else {
        return match name {
            "type" => Reply::Simple("none".to_string()),
            "pttl" => Reply::Integer(-2),
            _ => flag(false),
        };
    };
    match name {
        "type" => Reply::Simple(
            match item {
                Item::Text(_) => "string",
                Item::List(_) => "list",
                Item::Set(_) => "set",
            }
            .to_string(),
        ),
        // How much is left is not the model's business: 1 stands for any time.
        "pttl" => Reply::Integer(if *deadline == Deadline::Never { -1 } else { 1 }),
        "persist" => {
            let had = std::mem::replace(deadline, Deadline::Never);
            flag(had != Deadline::Never)
        }
        _ => {
            let unit = if name == "expire" { 1000 } else { 1 };
            *deadline = deadline_of(unit * integer(&words[2]).expect("tests send numbers"));
            flag(true)
        }
    }
}

fn get_list<'a>(
    state: &'a mut State,
    key: &[u8],
) -> Result<Option<&'a mut VecDeque<Vec<u8>>>, &'static str> {
    match state.get_mut(key) {
        None => Ok(None),
        Some((Item::List(list), _)) => Ok(Some(list)),
        Some(_) => Err(WRONG_TYPE),
    }
}

fn list(state: &mut State, name: &str, words: &Words) -> Result<Reply, &'static str> {
    let key = &words[1];
    match name {
        "llen" => Ok(Reply::Integer(
            get_list(state, key)?.map_or(0, |list| list.len()) as i64,
        )),
        "lrange" => {
            let list = get_list(state, key)?;
            let items = list.into_iter().flatten().map(|item| item.clone());
            Ok(Reply::Array(items.map(Reply::Bulk).collect()))
        }
        "lpush" | "rpush" => {
            get_list(state, key)?;
            for value in &words[2..] {
                push(state, key, value.clone(), name == "lpush");
            }
            Ok(Reply::Integer(
                get_list(state, key)?.map_or(0, |list| list.len()) as i64,
            ))
        }
        "lpop" | "rpop" => {
            let value = pop(state, key, name == "lpop")?;
            Ok(bulk(value.as_ref()))
        }
        // Whoever waited in vain found nothing when the command began.
        "blpop" | "brpop" => {
            for key in &words[1..words.len() - 1] {
                if let Some(value) = pop(state, key, name == "blpop")? {
                    let pair = [key.clone(), value].map(Reply::Bulk);
                    return Ok(Reply::Array(pair.to_vec()));
                }
            }
            Ok(Reply::Null)
        }
        "lmove" | "blmove" => {
            let (from_left, to_left) = (words[3] == b"LEFT", words[4] == b"LEFT");
            if get_list(state, key)?.is_none() {
                return Ok(Reply::Null);
            }
            get_list(state, &words[2])?;
            let value = pop(state, key, from_left)?;
            if let Some(value) = &value {
                push(state, &words[2], value.clone(), to_left);
            }
            Ok(bulk(value.as_ref()))
        }
        other => panic!("the model does not know {other}"),
    }
}

fn push(state: &mut State, key: &[u8], value: Vec<u8>, left: bool) {
    let empty = || (Item::List(VecDeque::new()), Deadline::Never);
    let (item, _) = state.entry(key.to_vec()).or_insert_with(empty);
    match item {
        Item::List(list) if left => list.push_front(value),
        Item::List(list) => list.push_back(value),
        Item::Text(_) | Item::Set(_) => panic!("the type was checked before"),
    }
}

fn pop(state: &mut State, key: &[u8], left: bool) -> Result<Option<Vec<u8>>, &'static str> {
    let Some(list) = get_list(state, key)? else {
        return Ok(None);
    };
    let value = if left {
        list.pop_front()
    } else {
        list.pop_back()
    };
    if list.is_empty() {
        state.remove(key);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::reply::words;
    use super::*;

    #[test]
    fn the_model_answers_as_documented() {
        let mut state = State::new();
        for (command, reply) in [
            ("set a 5", Reply::ok()),
            ("incrby a 3", Reply::Integer(8)),
            ("append a x", Reply::Integer(2)),
            ("incr a", Reply::Error(NOT_INTEGER.to_string())),
            ("rename a b", Reply::ok()),
            (
                "mget a b",
                Reply::Array(vec![Reply::Null, Reply::Bulk(b"8x".to_vec())]),
            ),
            ("msetnx a 1 b 2", Reply::Integer(0)),
            ("copy b c", Reply::Integer(1)),
            ("rpush l 1 2", Reply::Integer(2)),
            ("get l", Reply::Error(WRONG_TYPE.to_string())),
            ("lmove l m LEFT RIGHT", Reply::Bulk(b"1".to_vec())),
            ("pexpire m 5", Reply::Integer(1)),
            ("del b c nothing", Reply::Integer(2)),
            ("dbsize", Reply::Integer(2)),
        ] {
            assert_eq!(apply(&mut state, &words(command)), reply, "{command}");
        }
        time_passes(&mut state);
        assert_eq!(apply(&mut state, &words("exists l m")), Reply::Integer(1));
    }
}
