//! The stream of effects: the commands that log and replicas apply, as RESP, one after the other.
//!
//! Encoded once, when a command says what it did; marks tell where each command stands, in which
//! database, and where its keys are. Owned by `Effects`; whoever hands it on empties it. Holds what
//! one shard did since then, never more than a unit of the record.

use super::super::slot::key_slot;
use super::super::table::{Keys, Row};
use crate::limits::EFFECT_BYTES_KEPT;
use crate::resp::{Args, write_arrived, write_bulk, write_count};
use crate::store::{Db, Slot};

/// Where a key stands in the stream's bytes.
#[derive(Debug, Clone, Copy)]
struct KeyAt {
    start: usize,
    len: usize,
}

impl KeyAt {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..][..self.len]
    }
}

/// Where a command of the stream stands.
#[derive(Debug, Clone, Copy)]
struct Mark {
    start: usize,
    /// Its first key among `keys`.
    first_key: usize,
    db: Db,
    cause: Cause,
}

/// Why a command is in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A client asked for it.
    Command,
    /// Its key had expired.
    Expiry,
}

/// What the command that runs has said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Said {
    /// Neither changed anything nor said so.
    #[default]
    Nothing,
    /// Changed something: unless it says more, it goes into the stream as it was sent.
    Changed,
    /// Said what is to be applied instead of it, perhaps nothing.
    Told,
}

/// What remains to be told when a command ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closed {
    Told,
    /// The command, as it was sent.
    AsSent,
    /// The command, as it was sent, if its keys share a slot; else what has become of these keys.
    Apart(Vec<(Db, Box<[u8]>)>),
}

/// Commands for log and replicas, in the order in which they are to be applied.
#[derive(Debug, Clone, Default)]
pub struct EffectStream {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    keys: Vec<KeyAt>,
    said: Said,
    /// Each command is to concern keys of one slot: their owners log apart.
    apart: bool,
    /// Keys that the command that runs has changed, with their database; kept when `apart`.
    changed: Vec<(Db, Box<[u8]>)>,
    /// Commands that are not undone any more.
    kept: usize,
}

/// A command of the stream.
#[derive(Debug, Clone, Copy)]
pub struct Effect<'a> {
    pub db: Db,
    pub cause: Cause,
    /// The command as RESP.
    pub command: &'a [u8],
    start: usize,
    bytes: &'a [u8],
    keys: &'a [KeyAt],
}

impl<'a> Effect<'a> {
    /// Its keys, in the order of its arguments.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.keys.iter().map(move |key| key.of(bytes))
    }

    /// The slot of its keys, if it has keys and they share one.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        shared_slot(self.keys())
    }
}

impl EffectStream {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How many commands there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Bytes of the commands.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The commands, one by one.
    pub fn effects(&self) -> impl Iterator<Item = Effect<'_>> {
        (0..self.marks.len()).map(|number| {
            let mark = &self.marks[number];
            let next = self.marks.get(number + 1);
            let end = next.map_or(self.bytes.len(), |next| next.start);
            let keys_end = next.map_or(self.keys.len(), |next| next.first_key);
            Effect {
                db: mark.db,
                cause: mark.cause,
                command: &self.bytes[mark.start..end],
                start: mark.start,
                bytes: &self.bytes,
                keys: &self.keys[mark.first_key..keys_end],
            }
        })
    }

    /// The commands as RESP, those that follow each other in one database together.
    pub fn stretches(&self) -> impl Iterator<Item = (Db, &[u8])> {
        self.marks
            .chunk_by(|left, right| left.db == right.db)
            .scan(0, |next, stretch| {
                let start = stretch[0].start;
                *next += stretch.len();
                let end = self.marks.get(*next);
                let end = end.map_or(self.bytes.len(), |mark| mark.start);
                Some((stretch[0].db, &self.bytes[start..end]))
            })
    }

    /// From here on commands may be undone; those before may not.
    pub fn keep(&mut self) {
        assert!(
            self.said == Said::Nothing,
            "a command is kept as a whole or not at all"
        );
        self.kept = self.marks.len();
    }

    /// Forgets the commands that are not kept: what they did is undone.
    pub fn cut_back(&mut self) {
        assert!(self.kept <= self.marks.len(), "what is kept is there");
        if let Some(mark) = self.marks.get(self.kept) {
            self.bytes.truncate(mark.start);
            self.keys.truncate(mark.first_key);
            self.marks.truncate(self.kept);
        }
        self.said = Said::Nothing;
        self.apart = false;
        self.changed.clear();
    }

    /// Takes the commands that are not kept out, each to the owner of its slot (None: it has no
    /// keys), in their order.
    pub fn divide<O: PartialEq + Copy>(
        &mut self,
        owner: impl Fn(Option<Slot>) -> O,
    ) -> Vec<(O, EffectStream)> {
        assert!(
            self.said == Said::Nothing,
            "what is told is divided between two commands"
        );
        let mut parts: Vec<(O, EffectStream)> = Vec::new();
        for effect in self.effects().skip(self.kept) {
            let owner = owner(effect.slot());
            let known = parts.iter().position(|(other, _)| *other == owner);
            let at = known.unwrap_or_else(|| {
                parts.push((owner, EffectStream::default()));
                parts.len() - 1
            });
            parts[at].1.push(&effect);
        }
        self.cut_back();
        parts
    }

    /// Appends what another stream holds.
    pub fn extend(&mut self, other: &EffectStream) {
        for effect in other.effects() {
            self.push(&effect);
        }
    }

    fn push(&mut self, effect: &Effect<'_>) {
        let start = self.bytes.len();
        let base = effect.start;
        self.marks.push(Mark {
            start,
            first_key: self.keys.len(),
            db: effect.db,
            cause: effect.cause,
        });
        self.bytes.extend_from_slice(effect.command);
        let moved = effect.keys.iter().map(|key| KeyAt {
            start: key.start - base + start,
            len: key.len,
        });
        self.keys.extend(moved);
    }

    /// Empties it for the next unit.
    pub fn clear(&mut self) {
        assert!(
            self.said == Said::Nothing,
            "a unit ends between two commands"
        );
        self.bytes.clear();
        self.marks.clear();
        self.keys.clear();
        self.kept = 0;
        if self.bytes.capacity() > EFFECT_BYTES_KEPT {
            *self = Self::default();
        }
    }

    /// The next command runs over keys of several owners, who log apart: what it tells concerns one
    /// slot at a time.
    pub(super) fn tell_apart(&mut self) {
        assert!(
            self.said == Said::Nothing && !self.apart,
            "it is said before the command runs"
        );
        self.apart = true;
    }

    #[must_use]
    pub(super) fn is_apart(&self) -> bool {
        self.apart
    }

    /// The command that runs has changed something.
    #[inline]
    pub(super) fn changed(&mut self) {
        if self.said == Said::Nothing {
            self.said = Said::Changed;
        }
    }

    /// The command that runs has changed a key.
    pub(super) fn changed_key(&mut self, db: Db, key: &[u8]) {
        self.changed();
        if self.apart
            && !self
                .changed
                .iter()
                .any(|(of, known)| *of == db && **known == *key)
        {
            self.changed.push((db, key.into()));
        }
    }

    /// The command that runs is not to be applied as it was sent.
    pub(super) fn told(&mut self) {
        self.said = Said::Told;
    }

    /// Ends a command.
    pub(super) fn close(&mut self) -> Closed {
        let said = std::mem::take(&mut self.said);
        if !self.apart {
            return match said {
                Said::Nothing | Said::Told => Closed::Told,
                Said::Changed => Closed::AsSent,
            };
        }
        self.apart = false;
        let changed = std::mem::take(&mut self.changed);
        match said {
            Said::Nothing | Said::Told => Closed::Told,
            Said::Changed => Closed::Apart(changed),
        }
    }

    /// Appends a command of words whose first `keys` arguments are keys.
    pub(super) fn append(&mut self, db: Db, keys: usize, words: &[&[u8]]) {
        assert!(keys < words.len(), "the name and the keys are there");
        self.append_words(db, words.iter().copied(), 1..=keys);
    }

    /// Appends a command whose one key is this argument.
    pub(super) fn append_keyed(&mut self, db: Db, at: usize, words: &[&[u8]]) {
        self.append_words(db, words.iter().copied(), [at]);
    }

    /// Appends the end of a key that had expired, or of a part of it.
    pub(super) fn append_expired(&mut self, db: Db, removal: &[&[u8]]) {
        self.append(db, 1, removal);
        let mark = self.marks.last_mut().expect("it was just appended");
        mark.cause = Cause::Expiry;
    }

    /// Appends a command as it was sent, by its row's name whatever clients call it.
    pub(super) fn append_sent(&mut self, row: &Row, db: Db, args: &Args<'_>) {
        if !row.is_renamed && self.append_arrived(row, db, args) {
            return;
        }
        let name = row.full_name.split('|').next().unwrap_or_default();
        let name = match args.get(0) {
            sent if sent.eq_ignore_ascii_case(name.as_bytes()) => sent,
            _ => name.as_bytes(),
        };
        let words = (0..args.len()).map(|at| if at == 0 { name } else { args.get(at) });
        match row.keys {
            Keys::None => self.append_words(db, words, []),
            Keys::One(at) => self.append_words(db, words, [at]),
            Keys::Many => self.append_words(db, words, row.key_positions(args)),
        }
    }

    /// As `append_sent`, in one piece. False: it did not arrive so.
    #[inline]
    fn append_arrived(&mut self, row: &Row, db: Db, args: &Args<'_>) -> bool {
        let start = self.bytes.len();
        let Some(moved) = write_arrived(&mut self.bytes, args) else {
            return false;
        };
        let mark = Mark {
            start,
            first_key: self.keys.len(),
            db,
            cause: Cause::Command,
        };
        let (_, spans) = args.parts();
        let mut push = |at: usize| {
            let start = (spans[at].start as isize + moved) as usize;
            let len = spans[at].len as usize;
            self.keys.push(KeyAt { start, len });
        };
        match row.keys {
            Keys::None => {}
            Keys::One(at) => push(at),
            Keys::Many => row.key_positions(args).into_iter().for_each(push),
        }
        self.push_mark(mark);
        true
    }

    fn append_words<'w>(
        &mut self,
        db: Db,
        words: impl ExactSizeIterator<Item = &'w [u8]>,
        keys: impl IntoIterator<Item = usize>,
    ) {
        let mark = Mark {
            start: self.bytes.len(),
            first_key: self.keys.len(),
            db,
            cause: Cause::Command,
        };
        let mut keys = keys.into_iter();
        let mut next_key = keys.next();
        write_count(&mut self.bytes, words.len());
        for (at, word) in words.enumerate() {
            write_bulk(&mut self.bytes, word);
            if next_key == Some(at) {
                let end = self.bytes.len() - 2;
                let (start, len) = (end - word.len(), word.len());
                self.keys.push(KeyAt { start, len });
                next_key = keys.next();
            }
        }
        assert!(next_key.is_none(), "every key is an argument");
        self.push_mark(mark);
    }

    #[inline]
    fn push_mark(&mut self, mark: Mark) {
        if self.apart {
            let its_keys = self.keys[mark.first_key..].iter();
            let mut its_keys = its_keys.map(|key| key.of(&self.bytes)).peekable();
            assert!(
                its_keys.peek().is_none() || shared_slot(its_keys).is_some(),
                "what is told apart concerns one slot"
            );
        }
        self.marks.push(mark);
    }
}

/// The slot that all keys have, if there are any.
fn shared_slot<'k>(mut keys: impl Iterator<Item = &'k [u8]>) -> Option<Slot> {
    let first = key_slot(keys.next()?);
    keys.all(|key| key_slot(key) == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Commands;

    fn words(command: &[u8]) -> String {
        let mut commands = Commands::new(command);
        let args = commands.next().expect("a whole command");
        let words: Vec<_> = args.from(0).map(String::from_utf8_lossy).collect();
        let text = words.join(" ");
        assert_eq!(commands.position(), command.len());
        text
    }

    fn filled() -> EffectStream {
        let mut stream = EffectStream::default();
        stream.append(Db::FIRST, 1, &[b"SET", b"a", b"x"]);
        stream.append(Db::FIRST, 2, &[b"RPOPLPUSH", b"{t}1", b"{t}2"]);
        stream.append(Db::new(3), 2, &[b"DEL", b"a", b"b"]);
        stream.append(Db::FIRST, 0, &[b"FLUSHALL"]);
        stream
    }

    #[test]
    fn commands_have_marks() {
        let stream = filled();
        let seen: Vec<_> = stream
            .effects()
            .map(|effect| {
                let keys: Vec<_> = effect.keys().map(String::from_utf8_lossy).collect();
                let keys = keys.join(",");
                (effect.db, words(effect.command), effect.slot(), keys)
            })
            .collect();
        let slot = |key: &str| Some(key_slot(key.as_bytes()));
        let expected = [
            (Db::FIRST, "SET a x", slot("a"), "a"),
            (Db::FIRST, "RPOPLPUSH {t}1 {t}2", slot("t"), "{t}1,{t}2"),
            (Db::new(3), "DEL a b", None, "a,b"),
            (Db::FIRST, "FLUSHALL", None, ""),
        ];
        let expected = expected.map(|(db, text, slot, keys)| (db, text.into(), slot, keys.into()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn neighbours_in_a_database_are_one_stretch() {
        let stream = filled();
        let stretches: Vec<_> = stream.stretches().collect();
        let databases: Vec<Db> = stretches.iter().map(|(db, _)| *db).collect();
        assert_eq!(databases, [Db::FIRST, Db::new(3), Db::FIRST]);
        let all: Vec<u8> = stretches
            .iter()
            .flat_map(|(_, bytes)| bytes.to_vec())
            .collect();
        let commands: Vec<u8> = stream
            .effects()
            .flat_map(|effect| effect.command.to_vec())
            .collect();
        assert_eq!(all, commands);
        assert_eq!(EffectStream::default().stretches().count(), 0);
    }

    #[test]
    fn what_is_undone_is_cut_back() {
        let mut stream = filled();
        stream.keep();
        stream.append(Db::new(7), 1, &[b"DEL", b"z"]);
        stream.changed();
        assert_eq!(stream.len(), 5);
        stream.cut_back();
        assert_eq!((stream.len(), stream.stretches().count()), (4, 3));
        assert_eq!(
            stream.close(),
            Closed::Told,
            "what changed is undone as well"
        );
        stream.append(Db::new(7), 1, &[b"DEL", b"y"]);
        let last = stream.effects().last().expect("there are five");
        assert_eq!((last.db, last.keys().next()), (Db::new(7), Some(&b"y"[..])));
        stream.clear();
        stream.append(Db::new(7), 1, &[b"DEL", b"x"]);
        stream.cut_back();
        assert!(stream.is_empty());
    }

    #[test]
    #[should_panic(expected = "between two commands")]
    fn a_unit_does_not_end_within_a_command() {
        let mut stream = EffectStream::default();
        stream.changed();
        stream.clear();
    }
}
