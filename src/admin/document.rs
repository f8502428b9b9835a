//! One command as COMMAND DOCS prints it, the tree of its arguments included.
//!
//! Everything comes from the row; nothing is looked up elsewhere. The order of the fields, and
//! which of them are sets, is Redis's. Writes replies, nothing else.

use std::ops::Range;

use crate::cmd::docs::{Argument, Kind, Repeats};
use crate::cmd::{Row, Table, flag};
use crate::resp::Reply;

/// What stands behind a field's name.
enum Value {
    Text(&'static str),
    Number(i64),
    /// A set of words.
    Flags(Vec<&'static str>),
    /// A set of pairs.
    History(&'static [(&'static str, &'static str)]),
    Arguments(&'static [Argument]),
    /// Rows of the table.
    Subcommands(Range<u16>),
}

type Field = (&'static str, Value);

/// One command of COMMAND DOCS: its name and what is known of it.
pub(super) fn docs(table: &Table, number: u16, reply: &mut Reply<'_>) {
    let row = table.row(number);
    reply.bulk(row.full_name.as_bytes());
    print(table, &fields_of_command(row), reply);
}

fn print(table: &Table, fields: &[Field], reply: &mut Reply<'_>) {
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        match value {
            Value::Text(text) => reply.bulk(text.as_bytes()),
            Value::Number(number) => reply.integer(*number),
            Value::Flags(names) => {
                reply.set(names.len());
                for name in names {
                    reply.simple(name);
                }
            }
            Value::History(changes) => {
                reply.set(changes.len());
                for (since, change) in *changes {
                    reply.array(2);
                    reply.bulk(since.as_bytes());
                    reply.bulk(change.as_bytes());
                }
            }
            Value::Arguments(arguments) => {
                reply.array(arguments.len());
                for argument in *arguments {
                    print(table, &fields_of_argument(argument), reply);
                }
            }
            Value::Subcommands(rows) => {
                reply.map(rows.len());
                rows.clone().for_each(|number| docs(table, number, reply));
            }
        }
    }
}

fn fields_of_command(row: &Row) -> Vec<Field> {
    let docs = row.command.docs;
    let flags = names([
        (docs.deprecated.is_some(), "deprecated"),
        (row.has(flag::SYSTEM), "syscmd"),
    ]);
    let deprecated = docs.deprecated.as_ref();
    let optional = [
        text("complexity", Some(docs.complexity)),
        flags.map(|flags| ("doc_flags", flags)),
        text("deprecated_since", deprecated.map(|it| it.since)),
        text("replaced_by", deprecated.map(|it| it.replaced_by)),
        (!docs.history.is_empty()).then_some(("history", Value::History(docs.history))),
        (!docs.arguments.is_empty()).then_some(("arguments", Value::Arguments(docs.arguments))),
        (!row.subcommands.is_empty())
            .then(|| ("subcommands", Value::Subcommands(row.subcommands.clone()))),
    ];
    let mut fields = vec![
        ("summary", Value::Text(docs.summary)),
        ("since", Value::Text(docs.since)),
        ("group", Value::Text(row.command.group.name())),
    ];
    fields.extend(optional.into_iter().flatten());
    fields
}

fn fields_of_argument(argument: &Argument) -> Vec<Field> {
    let repeats = argument.repeats;
    let flags = names([
        (argument.optional, "optional"),
        (repeats != Repeats::Never, "multiple"),
        (repeats == Repeats::WithToken, "multiple_token"),
    ]);
    let key_spec = argument.key_spec.map(i64::from);
    let nested = matches!(argument.kind, Kind::OneOf | Kind::Block);
    let optional = [
        key_spec.map(|number| ("key_spec_index", Value::Number(number))),
        text("token", argument.token),
        text("since", argument.since),
        text("deprecated_since", argument.deprecated_since),
        flags.map(|flags| ("flags", flags)),
        nested.then_some(("arguments", Value::Arguments(argument.arguments))),
    ];
    let mut fields = vec![
        ("name", Value::Text(argument.name)),
        ("type", Value::Text(argument.kind.name())),
    ];
    fields.extend(optional.into_iter().flatten());
    fields
}

/// A text that is there and not empty.
fn text(name: &'static str, text: Option<&'static str>) -> Option<Field> {
    let text = text.filter(|text| !text.is_empty())?;
    Some((name, Value::Text(text)))
}

/// The names of what is set, when something is.
fn names<const N: usize>(known: [(bool, &'static str); N]) -> Option<Value> {
    let set = known.into_iter().filter(|(set, _)| *set);
    let names: Vec<&'static str> = set.map(|(_, name)| name).collect();
    (!names.is_empty()).then_some(Value::Flags(names))
}
