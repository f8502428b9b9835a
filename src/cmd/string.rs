//! String commands: GET, SET, APPEND, INCR and their kin.
//!
//! Turns parsed arguments into store calls and answers with a reply and what changed. Called by
//! `shard::execute` after every gate has passed. The files: `get` and `set` are the product's hot
//! path, `option` reads what SET, GETEX and MSETEX have in common, `rows` is the table.

mod counter;
mod digest;
mod docs;
mod get;
mod increx;
mod lcs;
mod many;
mod option;
mod range;
mod rows;
mod set;

pub use rows::COMMANDS;

use crate::resp::Error;
use crate::store::{Entry, ValueRef};

/// The text of a string entry; an integer is written into `digits`.
///
/// # Errors
/// WRONGTYPE for any other type.
#[inline]
pub(super) fn text<'a>(entry: &'a Entry, digits: &'a mut itoa::Buffer) -> Result<&'a [u8], Error> {
    match entry.value() {
        ValueRef::Int(value) => Ok(digits.format(value).as_bytes()),
        ValueRef::Bytes(bytes) => Ok(bytes),
        ValueRef::Object(_) => Err(Error::WRONG_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use crate::cmd::fixture::Fixture;
    use crate::cmd::table;

    /// Active as soon as there is another type to refuse.
    #[test]
    fn other_types_are_refused() {
        const WRONG_TYPE: &str =
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        if table().find(b"rpush").is_none() {
            return;
        }
        let mut f = Fixture::new();
        f.check("RPUSH l x", ":1\r\n");
        for command in [
            "GET l",
            "GETDEL l",
            "GETEX l",
            "GETSET l 1",
            "SET l 1 GET",
            "SET l 1 IFEQ 1",
            "STRLEN l",
            "GETRANGE l 0 1",
            "SETRANGE l 0 x",
            "SETRANGE l 0 ''",
            "APPEND l x",
            "INCR l",
            "DECRBY l 3",
            "INCRBYFLOAT l 1",
            "INCREX l",
            "INCREX l BYFLOAT 1",
            "DIGEST l",
            "DELIFEQ l x",
        ] {
            f.check(command, WRONG_TYPE);
        }
        f.check("MGET l", "*1\r\n$-1\r\n");
        f.check(
            "LCS l l",
            "-ERR The specified keys must contain string values\r\n",
        );
        f.check(
            "DELEX l IFEQ x",
            "-ERR Key should be of string type if conditions are specified\r\n",
        );
        f.check("DELEX l", ":1\r\n");
        f.check("RPUSH l x", ":1\r\n");
        f.check("SET l 1", "+OK\r\n");
    }
}
