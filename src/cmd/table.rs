//! The command table: all rows in one list, found by name.
//!
//! Built at start from the families' rows here and those that `admin` hands in, read by every
//! shard. A command's index in the table is its name on the mesh and in the statistics. Subcommands
//! have rows and indices of their own (`client|kill`). What `rename-command` changes is only how
//! clients call a command.

use super::{Command, Run, flag};
use crate::resp::Args;

/// The families' rows, in the order COMMAND lists them.
static FAMILIES: &[&[Command]] = &[
    super::string::COMMANDS,
    super::bitmap::COMMANDS,
    super::hyperloglog::COMMANDS,
    super::list::COMMANDS,
    super::set::COMMANDS,
    super::stream::COMMANDS,
    super::zset::COMMANDS,
    super::zset::OF_SEVERAL,
    super::hash::COMMANDS,
    super::keys::COMMANDS,
    super::sort::COMMANDS,
    super::keys::expiry::COMMANDS,
    super::keys::rename::COMMANDS,
    super::keys::dump::COMMANDS,
    super::keys::scan::COMMANDS,
    super::keys::database::COMMANDS,
];

/// The families' rows have no client at hand; this does not compile when one asks for it.
static CHECKED: () = check(FAMILIES);

const fn check(families: &[&[Command]]) {
    let mut family = 0;
    while family < families.len() {
        let mut at = 0;
        while at < families[family].len() {
            let command = &families[family][at];
            assert!(
                !matches!(command.run, Run::Home(_)),
                "a home command stands beside its function, in `admin`"
            );
            super::special::assert_consistent(command);
            check(&[command.subcommands]);
            at += 1;
        }
        family += 1;
    }
}

/// Where a command's keys are, as far as routing can know without looking at its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// It has none.
    None,
    /// Exactly one, at this argument.
    One(usize),
    /// To be found through its key specs.
    Many,
}

/// A row as the server uses it.
#[derive(Debug)]
pub struct Row {
    pub command: &'static Command,
    /// `get` or `client|kill`.
    pub full_name: String,
    /// What clients call a top-level command; empty when none may.
    pub called: Box<str>,
    /// Clients call it, or its container, by another name than its own.
    pub is_renamed: bool,
    /// The row of the container of a subcommand.
    pub container: Option<u16>,
    pub keys: Keys,
    /// The rows of this command's subcommands.
    pub subcommands: std::ops::Range<u16>,
}

impl Row {
    /// True when the number of arguments (with the names) suits the command.
    #[inline]
    #[must_use]
    pub fn arity_fits(&self, count: usize) -> bool {
        let arity = self.command.arity;
        let wanted = arity.unsigned_abs() as usize;
        if arity >= 0 {
            count == wanted
        } else {
            count >= wanted
        }
    }

    /// Where the keys of a command stand that has run, in ascending order.
    #[must_use]
    pub(super) fn key_positions(&self, args: &Args<'_>) -> Vec<usize> {
        let mut positions = Vec::new();
        for spec in self.command.keys {
            let found = spec.positions(args, &mut positions);
            assert!(found.is_ok(), "a command that ran has its keys");
        }
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// True when any of these flags is set.
    #[inline]
    #[must_use]
    pub fn has(&self, flags: u32) -> bool {
        self.command.flags & flags != 0
    }
}

/// All rows.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    /// Open addressing over the top-level names; 0 is empty, else row + 1.
    index: Vec<u16>,
    top_level: u16,
    /// The longest name that a client may call.
    name_bytes_max: usize,
}

/// A top-level command with all its subcommands, from wherever they stand.
#[derive(Debug)]
pub struct TopLevel {
    pub command: &'static Command,
    pub subcommands: Vec<&'static Command>,
}

/// What `rename-command` asks for: the old name and the new one, which is empty for a command that
/// nobody may call.
pub type Renamed = (String, String);

/// Why commands cannot be renamed as asked: which of the lines, from 0, and Redis's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRenamed {
    pub line: usize,
    pub reason: &'static str,
}

impl Table {
    /// The families' commands, then these; called as `renamed` says, one line after the other.
    ///
    /// # Errors
    /// The line that cannot be carried out.
    pub fn new(more: Vec<TopLevel>, renamed: &[Renamed]) -> Result<Self, NotRenamed> {
        let () = CHECKED;
        let families = FAMILIES.iter().flat_map(|family| family.iter());
        let mut top: Vec<TopLevel> = families
            .map(|command| TopLevel {
                command,
                subcommands: Vec::new(),
            })
            .collect();
        top.extend(more);
        let mut rows: Vec<Row> = top
            .iter()
            .map(|top| row(top.command, top.command.name.to_string(), None))
            .collect();
        for (number, top) in top.iter().enumerate() {
            let start = row_number(rows.len());
            for sub in top
                .command
                .subcommands
                .iter()
                .chain(top.subcommands.iter().copied())
            {
                let full_name = format!("{}|{}", top.command.name, sub.name);
                rows.push(row(sub, full_name, Some(row_number(number))));
            }
            rows[number].subcommands = start..row_number(rows.len());
        }
        for (line, (old, new)) in renamed.iter().enumerate() {
            rename(&mut rows[..top.len()], old, new)
                .map_err(|reason| NotRenamed { line, reason })?;
        }
        for number in 0..rows.len() {
            let top = rows[number].container.map_or(number, usize::from);
            rows[number].is_renamed = *rows[top].called != *rows[top].command.name;
        }
        let lengths = rows[..top.len()].iter().map(|row| row.called.len());
        Ok(Self {
            name_bytes_max: lengths.max().unwrap_or(0),
            index: index(&rows[..top.len()]),
            rows,
            top_level: row_number(top.len()),
        })
    }

    /// The row of a top-level command, by name in any case.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<u16> {
        if name.is_empty() || name.len() > self.name_bytes_max {
            return None;
        }
        let mask = self.index.len() - 1;
        let mut at = name_hash(name) & mask;
        loop {
            let row = self.index[at].checked_sub(1)?;
            let called = &self.rows[usize::from(row)].called;
            if called.as_bytes().eq_ignore_ascii_case(name) {
                return Some(row);
            }
            at = (at + 1) & mask;
        }
    }

    /// The row that these arguments run: the command's, or its subcommand's. `Err(container)` when
    /// the container is known and the subcommand is not.
    ///
    /// # Errors
    /// `None`: no such command. `Some(row)`: no such subcommand of that row.
    #[inline]
    pub fn resolve(&self, args: &Args<'_>) -> Result<u16, Option<u16>> {
        let number = self.find(args.get(0)).ok_or(None)?;
        let row = self.row(number);
        if row.subcommands.is_empty() || args.len() < 2 {
            return Ok(number);
        }
        let word = args.get(1);
        row.subcommands
            .clone()
            .find(|&sub| {
                self.row(sub)
                    .command
                    .name
                    .as_bytes()
                    .eq_ignore_ascii_case(word)
            })
            .ok_or(Some(number))
    }

    /// A row by number.
    #[inline]
    #[must_use]
    pub fn row(&self, number: u16) -> &Row {
        &self.rows[usize::from(number)]
    }

    /// By full name: `get`, `client|kill`; any case.
    #[must_use]
    pub fn find_full(&self, name: &[u8]) -> Option<u16> {
        if let Some(split) = memchr::memchr(b'|', name) {
            let container = self.find(&name[..split])?;
            return self.row(container).subcommands.clone().find(|&sub| {
                self.row(sub)
                    .command
                    .name
                    .as_bytes()
                    .eq_ignore_ascii_case(&name[split + 1..])
            });
        }
        self.find(name)
    }

    /// Numbers of the top-level rows that clients may call.
    pub fn top_level(&self) -> impl Iterator<Item = u16> {
        (0..self.top_level).filter(|&number| !self.row(number).called.is_empty())
    }

    /// How many rows there are, subcommands included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: the table has rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

fn row(command: &'static Command, full_name: String, container: Option<u16>) -> Row {
    Row {
        command,
        called: full_name.as_str().into(),
        is_renamed: false,
        full_name,
        container,
        keys: keys_of(command),
        subcommands: 0..0,
    }
}

/// Carries out one line of `rename-command`.
fn rename(top: &mut [Row], old: &str, new: &str) -> Result<(), &'static str> {
    let find = |name: &str| {
        top.iter()
            .position(|row| !name.is_empty() && row.called.eq_ignore_ascii_case(name))
    };
    let at = find(old).ok_or("No such command in rename-command")?;
    if find(new).is_some_and(|other| other != at) {
        return Err("Target command name already exists");
    }
    top[at].called = new.to_ascii_lowercase().into();
    Ok(())
}

/// Open addressing over what clients call the commands.
fn index(top: &[Row]) -> Vec<u16> {
    let mut index = vec![0u16; (top.len() * 4).next_power_of_two()];
    for (number, row) in top.iter().enumerate() {
        if row.called.is_empty() {
            continue;
        }
        let mut at = name_hash(row.called.as_bytes()) & (index.len() - 1);
        while index[at] != 0 {
            let other = &top[usize::from(index[at] - 1)].called;
            assert!(*other != row.called, "command {other} has two rows");
            at = (at + 1) & (index.len() - 1);
        }
        index[at] = row_number(number + 1);
    }
    index
}

fn keys_of(command: &Command) -> Keys {
    use super::keyspec::{Begin, Find};
    match command.keys {
        // Which they are turns out while it runs.
        _ if command.flags & flag::FINDS_KEYS != 0 => Keys::Many,
        [] => Keys::None,
        [only] => match (only.begin, only.find) {
            (Begin::Index(index), Find::Range { last: 0, .. }) => Keys::One(index),
            _ => Keys::Many,
        },
        _ => Keys::Many,
    }
}

fn row_number(number: usize) -> u16 {
    u16::try_from(number).expect("the table has far fewer than 65,536 rows")
}

/// Mixes the first eight bytes (case folded), the last byte and the length; names are short.
#[inline]
fn name_hash(name: &[u8]) -> usize {
    let mut word = [0u8; 8];
    let len = name.len().min(8);
    word[..len].copy_from_slice(&name[..len]);
    let folded = u64::from_le_bytes(word) | 0x2020_2020_2020_2020;
    let last = u64::from(name[name.len() - 1] | 0x20);
    let mixed = (folded ^ (last << 56).rotate_left(9) ^ name.len() as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

/// True when replicas may have to hear of the command: it writes, or is passed on although it does
/// not.
#[must_use]
pub fn may_replicate(row: &Row) -> bool {
    row.has(flag::WRITE | flag::MAY_REPLICATE)
}

/// What a transaction must hold of a command's keys: `Shared` when it only reads them.
#[must_use]
pub fn changes_keys(row: &Row) -> bool {
    use super::keyspec::access::{OW, RM, RW};
    // Also where it says that it reads them: XREADGROUP changes what groups know.
    row.has(flag::WRITE)
        || row
            .command
            .keys
            .iter()
            .any(|spec| spec.access & (RW | OW | RM) != 0)
}

/// The server's table, for tests.
#[cfg(test)]
pub fn table() -> &'static Table {
    &crate::admin::standard().table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name() {
        let table = table();
        for number in table.top_level() {
            let name = table.row(number).command.name;
            assert_eq!(
                table.find(name.to_uppercase().as_bytes()),
                Some(number),
                "{name}"
            );
            assert_eq!(name, name.to_lowercase());
        }
        assert_eq!(table.find(b"nosuchcommand"), None);
        assert_eq!(table.find(&[b'x'; 100]), None);
    }

    #[test]
    fn arities_cover_the_keys() {
        for row in &table().rows {
            if let Keys::One(index) = row.keys {
                assert!(
                    row.command.arity.unsigned_abs() as usize > index,
                    "{}",
                    row.full_name
                );
            }
        }
    }

    fn renamed(lines: &[(&str, &str)]) -> Result<Table, NotRenamed> {
        let lines: Vec<Renamed> = lines
            .iter()
            .map(|(old, new)| (old.to_string(), new.to_string()))
            .collect();
        Table::new(Vec::new(), &lines)
    }

    #[test]
    fn commands_are_called_as_renamed() {
        let secret = "b840fc02d524045429941cc15f59e41cb7be6c52";
        let lines = [
            ("FLUSHALL", ""),
            ("get", secret),
            ("SET", "Get"),
            ("get", "PUT"),
        ];
        let table = renamed(&lines).expect("each line is right when its turn comes");
        assert_eq!(table.find(b"flushall"), None);
        assert_eq!(table.find(b"get"), None);
        let row = |name: &str| {
            table
                .find(name.as_bytes())
                .map(|at| &*table.row(at).full_name)
        };
        assert_eq!(row(secret), Some("get"));
        assert_eq!(row("put"), Some("set"));
        let plain = renamed(&[]).expect("nothing is renamed");
        assert_eq!(table.top_level().count(), plain.top_level().count() - 1);
        for (lines, wrong) in [
            (&[("nosuch", "a")][..], "No such command in rename-command"),
            (
                &[("get", ""), ("get", "a")],
                "No such command in rename-command",
            ),
            (&[("get", "SET")], "Target command name already exists"),
        ] {
            let refusal = renamed(lines).expect_err("the last line is wrong");
            assert_eq!((refusal.line, refusal.reason), (lines.len() - 1, wrong));
        }
    }
}
