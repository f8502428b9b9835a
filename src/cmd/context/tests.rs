//! Looking and changing, on a store of their own: what is told of a change, and of none.
//!
//! The handlers' tests see the same through their commands; here stands what every one of them may
//! rely on, mistakes of a handler included. No command is run but to set the stage.

use super::{Key, Lookup};
use crate::cmd::fixture::Fixture;
use crate::config::events;
use crate::resp::{Args, Error, Span};
use crate::store::{Db, End, List, NodeLimits, Object, Value};

/// What an edit of `key` leaves: changes counted, keys told of, events.
fn told(
    fixture: &mut Fixture,
    key: &[u8],
    change: impl FnOnce(&mut super::Edit<'_>),
) -> (u64, usize, Vec<String>) {
    fixture.forget();
    fixture.with(&mut Vec::new(), |ctx| {
        ctx.edit(Key::new(key), |edit, _| change(edit))
    });
    let effects = &fixture.effects;
    assert!(effects.modified.iter().all(|(_, told)| **told == *key));
    let (dirty, modified) = (effects.dirty, effects.modified.len());
    (dirty, modified, fixture.events())
}

fn list_of(texts: &[&[u8]]) -> Value<'static> {
    let mut list = List::new();
    list.push_all(End::Back, texts.iter().copied(), NodeLimits::default());
    Value::Object(Object::List(Box::new(list)))
}

#[test]
fn looking_tells_nobody() {
    let mut fixture = Fixture::new();
    fixture.run("set a 1");
    for key in [&b"a"[..], b"nothing"] {
        let seen = told(&mut fixture, key, |edit| {
            assert_eq!(edit.entry().is_some(), key == b"a");
        });
        assert_eq!(seen, (0, 0, vec![]));
    }
}

#[test]
fn a_change_is_told_though_its_handler_fails() {
    let mut fixture = Fixture::new();
    fixture.run("set a 1");
    fixture.forget();
    let result = fixture.with(&mut Vec::new(), |ctx| {
        ctx.edit(Key::new(b"a"), |edit, _| {
            edit.write().set_int(2);
            Err::<(), _>(Error::SYNTAX)
        })
    });
    assert!(result.is_err());
    assert_eq!(
        (fixture.effects.dirty, fixture.effects.modified.len()),
        (1, 1)
    );
    assert_eq!(fixture.run("get a"), "$1\r\n2\r\n");
}

#[test]
fn a_handler_says_how_much_has_changed() {
    let mut fixture = Fixture::new();
    fixture.run("set a 1");
    let many = told(&mut fixture, b"a", |edit| {
        edit.write();
        edit.write();
        edit.counts(3);
    });
    assert_eq!(many, (3, 1, vec![]));
    let uncounted = told(&mut fixture, b"a", |edit| {
        edit.write();
        edit.counts(0);
    });
    assert_eq!(uncounted, (0, 1, vec![]));
    let nothing = told(&mut fixture, b"a", |edit| {
        edit.write();
        edit.unchanged();
    });
    assert_eq!(nothing, (0, 0, vec![]));
}

#[test]
fn what_is_made_is_new_and_young() {
    let mut fixture = Fixture::new();
    let made = told(&mut fixture, b"a", |edit| {
        edit.put(Value::Bytes(b"x"));
        edit.notify(events::STRING, "append");
        edit.write().string_mut(2)[1] = b'y';
    });
    assert_eq!(made, (1, 1, vec!["new a".into(), "append a".into()]));
    assert_eq!(fixture.run("get a"), "$2\r\nxy\r\n");
    fixture.now_ms += 3000;
    assert_eq!(fixture.run("object idletime a"), ":3\r\n");
    let again = told(&mut fixture, b"a", |edit| edit.put(Value::Int(5)));
    assert_eq!(again, (1, 1, vec![]));
    assert_eq!(fixture.run("object idletime a"), ":0\r\n");
}

#[test]
fn a_key_goes_with_its_last_element_behind_the_event() {
    let mut fixture = Fixture::new();
    told(&mut fixture, b"list", |edit| edit.put(list_of(&[b"x"])));
    let popped = told(&mut fixture, b"list", |edit| {
        let Some(Object::List(list)) = edit.write().object_mut() else {
            panic!("a list was put")
        };
        list.drop_elements(End::Front, 1, NodeLimits::default());
        edit.notify(events::LIST, "lpop");
    });
    assert_eq!(popped, (1, 1, vec!["lpop list".into(), "del list".into()]));
    assert!(fixture.store.is_empty());
}

#[test]
#[should_panic = "what is made has something in it"]
fn nothing_empty_is_made() {
    told(&mut Fixture::new(), b"list", |edit| edit.put(list_of(&[])));
}

#[test]
fn an_edit_finds_an_expired_key_gone() {
    let mut fixture = Fixture::new();
    fixture.run("set a 1 px 10");
    fixture.now_ms += 10;
    let made = told(&mut fixture, b"a", |edit| {
        assert!(edit.entry().is_none());
        edit.put(Value::Int(5));
    });
    assert_eq!(made, (1, 2, vec!["expired a".into(), "new a".into()]));
    assert_eq!(fixture.effects.expired, 1);
    assert_eq!(fixture.run("ttl a"), ":-1\r\n");
}

#[test]
fn an_expiry_comes_and_a_key_goes_when_the_edit_ends() {
    let mut fixture = Fixture::new();
    let at_ms = fixture.now_ms + 7000;
    let made = told(&mut fixture, b"a", |edit| {
        edit.put(Value::Int(1));
        edit.set_expiry(Some(at_ms));
    });
    assert_eq!(made, (1, 1, vec!["new a".into()]));
    assert_eq!(fixture.expiry("a"), Some(at_ms));
    told(&mut fixture, b"a", |edit| edit.set_expiry(None));
    assert_eq!(fixture.expiry("a"), None);
    let removed = told(&mut fixture, b"a", |edit| edit.remove());
    assert_eq!(removed, (1, 1, vec!["del a".into()]));
    assert!(fixture.store.is_empty());
    assert_eq!(fixture.store.expires(Db::FIRST), 0);
}

#[test]
fn each_look_leaves_its_own_trace() {
    let mut fixture = Fixture::new();
    fixture.run("set a 1");
    let expected = [
        (Lookup::Read, (1, 1), 1, 0),
        (Lookup::Observe, (1, 1), 1, 5),
        (Lookup::Write, (0, 0), 0, 0),
        (Lookup::Peek, (0, 0), 0, 5),
    ];
    for (lookup, counted, missed, idle_s) in expected {
        fixture.run("touch a");
        fixture.now_ms += 5000;
        fixture.forget();
        fixture.with(&mut Vec::new(), |ctx| {
            assert!(ctx.exists(Key::new(b"a"), lookup));
            assert!(!ctx.exists(Key::new(b"nothing"), lookup));
        });
        let effects = &fixture.effects;
        assert_eq!((effects.hits, effects.misses), counted, "{lookup:?}");
        assert_eq!(fixture.events().len(), missed, "{lookup:?}");
        let reply = fixture.run("object idletime a");
        assert_eq!(reply, format!(":{idle_s}\r\n"), "{lookup:?}");
    }
}

#[test]
fn keys_come_in_the_order_of_the_arguments_each_with_its_slot() {
    let text = b"MSET";
    for (len, step) in [(1, 1), (2, 1), (17, 1), (18, 1), (34, 1), (36, 2), (81, 2)] {
        let words: Vec<Vec<u8>> = (0..len).map(|at| format!("w{at}").into_bytes()).collect();
        let mut bytes = text.to_vec();
        let mut spans = vec![Span { start: 0, len: 4 }];
        for word in &words[1..] {
            let start = u32::try_from(bytes.len()).expect("a short command");
            let len = u32::try_from(word.len()).expect("a short word");
            bytes.extend_from_slice(word);
            spans.push(Span { start, len });
        }
        let args = Args::new(&bytes, &spans);
        let seen = Fixture::new().with(&mut Vec::new(), |ctx| {
            let mut keys = ctx.keys(&args, 1, step);
            std::iter::from_fn(|| keys.next(ctx)).collect::<Vec<_>>()
        });
        let expected: Vec<_> = (1..len)
            .step_by(step)
            .map(|at| (at, Key::new(&words[at])))
            .collect();
        assert_eq!(seen, expected, "{len} words");
    }
}

/// What a command said while nobody wanted it does not stand for the next one.
#[test]
fn who_begins_to_listen_hears_the_next_command() {
    let mut fixture = Fixture::new();
    fixture.run("RPUSH l a b");
    fixture.stream();
    fixture.effects.wants.stream = false;
    fixture.run("LTRIM l 0 -1");
    fixture.run("GETEX s EX 10");
    fixture.run("SET s v");
    assert!(fixture.stream().is_empty(), "nobody wants it");
    fixture.effects.wants.stream = true;
    fixture.run("APPEND s w");
    assert_eq!(fixture.stream(), ["APPEND s w"]);
}
