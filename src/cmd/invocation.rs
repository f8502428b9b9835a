//! Commands made from the syntax that their rows carry: what tests play when they want valid ones.
//!
//! Owned by the tests. Chance comes from the caller, so that a seed decides everything. A count
//! of keys is what the key specs say it counts; values are plausible, but mean nothing: what a
//! command says of them is its own affair.

use std::ops::Range;

use super::docs::{Argument, Kind, Repeats};
use super::{Begin, Find, Row, Run};

/// A number below its argument, at random.
pub(crate) type Below<'a> = &'a mut dyn FnMut(usize) -> usize;

/// How often what may be repeated stands at most.
const REPEATED_MAX: usize = 3;
/// Keys in all, and those that a family uses more often.
const KEYS: usize = 12;
const OWN_KEYS: usize = 2;
/// The argument that counts those behind it.
const COUNT_OF_FIELDS: &str = "numfields";
/// Unix seconds around which moments lie: a little after the start of the clock of
/// `shard::testing`.
const MOMENT: usize = 1_700_000_500;

/// The words of a command, its name first.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub words: Vec<String>,
    /// Where the arguments stand that the row's key specs find, with the number of the spec.
    pub keys: Vec<(usize, u8)>,
    /// The first key of the row's family.
    own: usize,
}

/// One valid command of a row.
pub(crate) fn invocation(row: &Row, below: Below<'_>) -> Invocation {
    let mut made = Invocation {
        words: row.full_name.split('|').map(str::to_string).collect(),
        keys: Vec::new(),
        own: row.command.group as usize * OWN_KEYS % KEYS,
    };
    for argument in row.command.docs.arguments {
        made.add(argument, below);
    }
    made.count_keys(row);
    made
}

/// True for what is no command without one of its subcommands.
pub(crate) fn is_container(row: &Row) -> bool {
    matches!(row.command.run, Run::Container)
}

impl Invocation {
    fn add(&mut self, argument: &Argument, below: Below<'_>) {
        if !argument.optional || below(2) == 1 {
            self.add_present(argument, below);
        }
    }

    /// Returns how often it stands there.
    fn add_present(&mut self, argument: &Argument, below: Below<'_>) -> usize {
        let times = match argument.repeats {
            Repeats::Never => 1,
            Repeats::Value | Repeats::WithToken => 1 + below(REPEATED_MAX),
        };
        for time in 0..times {
            if time == 0 || argument.repeats == Repeats::WithToken {
                self.words.extend(argument.token.map(str::to_string));
            }
            self.add_value(argument, below);
        }
        times
    }

    /// Nested arguments, one after the other; a number of fields is the number of those that
    /// follow it.
    fn add_block(&mut self, arguments: &[Argument], below: Below<'_>) {
        let mut count_at = None;
        for argument in arguments {
            if let Some(at) = count_at.take() {
                let times = self.add_present(argument, below);
                self.words[at] = times.to_string();
                continue;
            }
            count_at = (argument.name == COUNT_OF_FIELDS).then_some(self.words.len());
            self.add(argument, below);
        }
    }

    /// What stands behind the token.
    fn add_value(&mut self, argument: &Argument, below: Below<'_>) {
        // A pattern names no key before the command has run.
        let spec = argument
            .key_spec
            .filter(|_| matches!(argument.kind, Kind::Key));
        self.keys.extend(spec.map(|spec| (self.words.len(), spec)));
        let mut one_of = |words: Range<usize>| words.start + below(words.len());
        let word = match argument.kind {
            Kind::PureToken => return,
            Kind::OneOf => {
                let chosen = one_of(0..argument.arguments.len());
                self.add_present(&argument.arguments[chosen], below);
                return;
            }
            // As many keys as there are identifiers.
            Kind::Block if argument.name == "streams" => {
                let times = 1 + below(REPEATED_MAX);
                let all = argument.arguments.iter();
                return all.for_each(|nested| {
                    (0..times).for_each(|_| self.add_value(nested, below));
                });
            }
            Kind::Block => {
                let from = self.words.len();
                self.add_block(argument.arguments, below);
                if argument.arguments[0].name == "numids" {
                    self.words[from] = (self.words.len() - from - 1).to_string();
                }
                return;
            }
            // A family mostly meets its own type, and now and then every other.
            Kind::Key if one_of(0..2) == 0 => {
                format!("k{}", self.own + one_of(0..OWN_KEYS))
            }
            Kind::Key => format!("k{}", one_of(0..KEYS)),
            Kind::String => strings(argument.name)[one_of(0..4)].to_string(),
            Kind::Integer => one_of(1..100).to_string(),
            Kind::Double => format!("0.{:03}", one_of(1..1000)),
            Kind::Pattern => ["*", "k1*", "[a-k]?"][one_of(0..3)].to_string(),
            Kind::UnixTime => (MOMENT + one_of(0..1000)).to_string(),
        };
        self.words.push(word);
    }

    /// Puts the number of keys where a key spec looks for it.
    fn count_keys(&mut self, row: &Row) {
        for (number, spec) in (0..).zip(row.command.keys) {
            let (Begin::Index(begin), Find::Count { count_at, .. }) = (spec.begin, spec.find)
            else {
                continue;
            };
            let keys = self.keys.iter().filter(|(_, found_by)| *found_by == number);
            self.words[begin + count_at] = keys.count().to_string();
        }
    }
}

/// What stands for a string. Some are words of a language that the syntax does not tell.
fn strings(name: &str) -> [&'static str; 4] {
    match name {
        // Of BITOP; NOT takes one key only.
        "operation" => ["AND", "or", "XOR", "xor"],
        // Of BITFIELD.
        "encoding" => ["u8", "i16", "u63", "i5"],
        // Of PFDEBUG.
        "subcommand" => ["TODENSE", "todense", "getreg", "decode"],
        // Of streams.
        "id" | "ID" | "start" | "end" | "stream-id" | "lastid" | "last-id" => {
            ["1-1", "2-1", "3", "12-7"]
        }
        "threshold" => ["1", "2", "3", "12"],
        _ => ["v", "hello", "12", "a longer value"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin;
    use crate::cmd::Random;
    use crate::resp::{Args, Span};

    /// Invocations of every row.
    const EACH: usize = 200;
    /// Rows whose documentation, which is Redis's, leaves out arguments that their arity asks for.
    const UNDOCUMENTED: [&str; 3] = ["debug", "command|getkeys", "command|getkeysandflags"];

    fn with_args<T>(words: &[String], call: impl FnOnce(&Args<'_>) -> T) -> T {
        let bytes = words.concat();
        let mut start = 0;
        let spans = words.iter().map(|word| {
            let len = u32::try_from(word.len()).expect("words are short");
            start += len;
            Span {
                start: start - len,
                len,
            }
        });
        let spans: Vec<Span> = spans.collect();
        call(&Args::new(bytes.as_bytes(), &spans))
    }

    /// The syntax, the arity and the key specs of a row say the same.
    #[test]
    fn syntax_arity_and_key_specs_agree() {
        let mut random = Random::new(1);
        let mut below = |bound: usize| (random.next_u64() >> 11) as usize % bound;
        let table = &admin::standard().table;
        for number in 0..table.len() {
            let row = table.row(u16::try_from(number).expect("rows have 16 bits"));
            let (name, specs) = (&row.full_name, row.command.keys);
            if is_container(row) {
                continue;
            }
            for _ in 0..EACH {
                let made = invocation(row, &mut below);
                let words = &made.words;
                let fits = row.arity_fits(words.len());
                assert_eq!(
                    fits,
                    !UNDOCUMENTED.contains(&name.as_str()),
                    "{name}: {words:?}"
                );
                let mut found = Vec::new();
                for (spec, number) in specs.iter().zip(0..) {
                    let mut positions = Vec::new();
                    with_args(words, |args| spec.positions(args, &mut positions))
                        .unwrap_or_else(|_| panic!("{name}: no keys in {words:?}"));
                    found.extend(positions.into_iter().map(|at| (at, number)));
                }
                let mut keys = made.keys;
                keys.sort_unstable();
                found.sort_unstable();
                assert_eq!(keys, found, "{name}: {words:?}");
            }
        }
    }

    #[test]
    fn invocations_differ() {
        let table = &admin::standard().table;
        let row = table.row(table.find(b"set").expect("there is SET"));
        let mut random = Random::new(2);
        let mut below = |bound: usize| (random.next_u64() >> 11) as usize % bound;
        let lines: Vec<String> = (0..EACH)
            .map(|_| invocation(row, &mut below).words.join(" "))
            .collect();
        for part in [" NX", " XX", " GET", " EX ", " PXAT ", " KEEPTTL"] {
            let with = lines.iter().filter(|line| line.contains(part)).count();
            assert!((1..EACH).contains(&with), "{part}: {with} of {EACH}");
        }
    }
}
