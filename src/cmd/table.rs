//! The command table: all rows in one list, found by name.
//!
//! Built once from the families' rows, read by every shard. A command's index in the table is its name
//! on the mesh and in the statistics. Subcommands have rows and indices of their own (`client|kill`).

use std::sync::OnceLock;

use super::{Command, Run, flag};
use crate::resp::Args;

/// The families' rows, in the order COMMAND lists them.
static FAMILIES: &[&[Command]] = &[
    super::string::COMMANDS,
    super::bitmap::COMMANDS,
    super::list::COMMANDS,
    super::keys::COMMANDS,
    super::keys::expiry::COMMANDS,
    super::keys::rename::COMMANDS,
    super::keys::dump::COMMANDS,
    super::keys::scan::COMMANDS,
    super::keys::database::COMMANDS,
    super::server::COMMANDS,
    super::connection::COMMANDS,
    super::transactions::COMMANDS,
];

/// Longest command name that is looked up, bytes.
const NAME_BYTES_MAX: usize = 32;

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
}

/// The one table.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::build(&[]))
}

impl Table {
    /// All families, and commands of a test's own.
    pub(crate) fn build(more: &'static [Command]) -> Self {
        let families = FAMILIES.iter().chain([&more]);
        let top: Vec<&'static Command> = families.flat_map(|family| family.iter()).collect();
        let mut rows: Vec<Row> = top
            .iter()
            .map(|command| row(command, command.name.to_string(), None))
            .collect();
        for (number, command) in top.iter().enumerate() {
            let start = row_number(rows.len());
            for sub in command.subcommands {
                let full_name = format!("{}|{}", command.name, sub.name);
                rows.push(row(sub, full_name, Some(row_number(number))));
            }
            rows[number].subcommands = start..row_number(rows.len());
        }
        let mut index = vec![0u16; (top.len() * 4).next_power_of_two()];
        for (number, command) in top.iter().enumerate() {
            let mut at = name_hash(command.name.as_bytes()) & (index.len() - 1);
            while index[at] != 0 {
                let other = rows[usize::from(index[at] - 1)].command.name;
                assert!(other != command.name, "command {other} has two rows");
                at = (at + 1) & (index.len() - 1);
            }
            index[at] = row_number(number + 1);
        }
        Self {
            rows,
            index,
            top_level: row_number(top.len()),
        }
    }

    /// The row of a top-level command, by name in any case.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<u16> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return None;
        }
        let mask = self.index.len() - 1;
        let mut at = name_hash(name) & mask;
        loop {
            let row = self.index[at].checked_sub(1)?;
            if self.rows[usize::from(row)]
                .command
                .name
                .as_bytes()
                .eq_ignore_ascii_case(name)
            {
                return Some(row);
            }
            at = (at + 1) & mask;
        }
    }

    /// The row that these arguments run: the command's, or its subcommand's. `Err(container)` when the
    /// container is known and the subcommand is not.
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

    /// Numbers of the top-level rows.
    #[must_use]
    pub fn top_level(&self) -> std::ops::Range<u16> {
        0..self.top_level
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
        full_name,
        container,
        keys: keys_of(command),
        subcommands: 0..0,
    }
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

/// True when replicas may have to hear of the command: it writes, or is passed on although it does not.
#[must_use]
pub fn may_replicate(row: &Row) -> bool {
    row.has(flag::WRITE | flag::MAY_REPLICATE)
}

/// What a transaction must hold of a command's keys: `Shared` when it only reads them.
#[must_use]
pub fn changes_keys(row: &Row) -> bool {
    use super::keyspec::access::{OW, RM, RW};
    row.command
        .keys
        .iter()
        .any(|spec| spec.access & (RW | OW | RM) != 0)
}

/// True for commands that run at the client's home shard.
#[must_use]
pub fn is_home(row: &Row) -> bool {
    matches!(row.command.run, Run::Home)
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

    /// The lines between README's marks: every family with its commands, subcommands in brackets.
    fn listed() -> String {
        let table = table();
        let mut families: Vec<(String, Vec<String>)> = Vec::new();
        for number in table.top_level() {
            let row = table.row(number);
            let mut subcommands: Vec<String> = row
                .subcommands
                .clone()
                .map(|sub| table.row(sub).command.name.to_uppercase())
                .collect();
            subcommands.sort();
            let mut shown = row.full_name.to_uppercase();
            if !subcommands.is_empty() {
                shown.push_str(&format!(" ({})", subcommands.join(", ")));
            }
            let family = format!("{:?}", row.command.group);
            match families.iter_mut().find(|(name, _)| *name == family) {
                Some((_, commands)) => commands.push(shown),
                None => families.push((family, vec![shown])),
            }
        }
        let mut text = String::from("| family | commands |\n|---|---|\n");
        for (family, mut commands) in families {
            commands.sort();
            text.push_str(&format!("| {family} | {} |\n", commands.join(", ")));
        }
        text
    }

    /// `UPDATE_README=1 cargo test --lib readme` writes the list.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "reads and writes the README")]
    fn readme_lists_all_commands() {
        const BEGIN: &str = "<!-- commands: generated, see src/cmd/table.rs -->\n";
        const END: &str = "<!-- end of commands -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let page = std::fs::read_to_string(path).expect("there is a README");
        let (before, rest) = page.split_once(BEGIN).expect("the list's begin is marked");
        let (there, after) = rest.split_once(END).expect("the list's end is marked");
        let wanted = listed();
        if std::env::var_os("UPDATE_README").is_some() {
            let page = format!("{before}{BEGIN}{wanted}{END}{after}");
            return std::fs::write(path, page).expect("the README is written");
        }
        assert!(
            there == wanted,
            "stale: UPDATE_README=1 cargo test --lib readme\n{wanted}"
        );
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
}
