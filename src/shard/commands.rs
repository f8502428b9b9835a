//! The commands of a server: the table, and beside each row that needs its client the function.
//!
//! The functions stand in `admin`, which the shard never sees: they are handed in at start. A
//! function replies directly (`Flow::Next`), or asks other shards and completes later
//! (`Flow::Stop`). It runs alone in its client's pipeline, so replies are in order by themselves. A
//! row without its function does not compile.

use super::{Core, Flow};
use crate::base::Token;
use crate::cmd::special::assert_consistent;
use crate::cmd::{Command, NotRenamed, Renamed, Run, Table, TopLevel};
use crate::resp::Args;
use crate::store::Db;

/// A home command's function.
pub type HomeFunction = fn(&mut Core, Token, &Args<'_>) -> Flow;

/// The database that a command's arguments name, of so many.
pub type DatabaseFunction = fn(&Args<'_>, u16) -> Option<Db>;

/// A command that runs with its client at hand: the row and its function, or its subcommands.
#[derive(Debug)]
pub struct HomeCommand {
    row: Command,
    function: HomeFunction,
    /// The database in which it leaves its client, for what MULTI queues behind it.
    moves_to: Option<DatabaseFunction>,
    subcommands: &'static [&'static [HomeCommand]],
}

impl HomeCommand {
    /// A row and what it runs.
    #[must_use]
    pub const fn new(function: HomeFunction, row: Command) -> Self {
        assert_consistent(&row);
        assert!(
            matches!(row.run, Run::Home(_)),
            "a row with a home function runs at home"
        );
        Self {
            row,
            function,
            moves_to: None,
            subcommands: &[],
        }
    }

    /// A row that only runs through its subcommands.
    #[must_use]
    pub const fn container(row: Command, subcommands: &'static [&'static [HomeCommand]]) -> Self {
        assert!(
            matches!(row.run, Run::Container) && row.arity <= -2,
            "a container's arity asks for a subcommand"
        );
        Self {
            row,
            function: no_function,
            moves_to: None,
            subcommands,
        }
    }

    /// A subcommand on keys, of a container whose others need their client.
    #[must_use]
    pub const fn on_keys(row: Command) -> Self {
        assert_consistent(&row);
        assert!(
            matches!(row.run, Run::Keys(_)),
            "what runs at home has a function"
        );
        Self {
            row,
            function: no_function,
            moves_to: None,
            subcommands: &[],
        }
    }

    /// The command leaves its client in the database that this finds, if it runs without an error.
    #[must_use]
    pub const fn moving_to(mut self, database: DatabaseFunction) -> Self {
        self.moves_to = Some(database);
        self
    }

    /// The command has these subcommands besides.
    #[must_use]
    pub const fn with(mut self, subcommands: &'static [&'static [HomeCommand]]) -> Self {
        self.subcommands = subcommands;
        self
    }

    fn subcommands(&'static self) -> impl Iterator<Item = &'static HomeCommand> {
        self.subcommands.iter().copied().flatten()
    }
}

fn no_function(_core: &mut Core, _token: Token, _args: &Args<'_>) -> Flow {
    panic!("only home commands are run with their client")
}

/// Everything that clients may call.
#[derive(Debug)]
pub struct Commands {
    pub table: Table,
    /// By row number.
    functions: Vec<HomeFunction>,
    /// Row numbers of those that move their clients to other databases.
    moving: Vec<(u16, DatabaseFunction)>,
}

impl Commands {
    /// The families' commands and these, called as `renamed` says.
    ///
    /// # Errors
    /// The line that cannot be carried out.
    pub fn new(home: &[&'static [HomeCommand]], renamed: &[Renamed]) -> Result<Self, NotRenamed> {
        let home: Vec<&'static HomeCommand> = home.iter().copied().flatten().collect();
        let top_level = home.iter().map(|command| TopLevel {
            command: &command.row,
            subcommands: command.subcommands().map(|sub| &sub.row).collect(),
        });
        let table = Table::new(top_level.collect(), renamed)?;
        let subcommands = home.iter().flat_map(|command| command.subcommands());
        let all: Vec<&'static HomeCommand> = home.iter().copied().chain(subcommands).collect();
        let found = |number: u16| {
            let row = table.row(number).command;
            all.iter()
                .find(|command| std::ptr::eq(&raw const command.row, row))
        };
        let rows = 0..u16::try_from(table.len()).expect("the table numbers its rows with 16 bits");
        let function =
            |number| found(number).map_or(no_function as HomeFunction, |command| command.function);
        let moving = |number| {
            let moves_to = found(number).and_then(|command| command.moves_to);
            moves_to.map(|database| (number, database))
        };
        assert!(
            rows.clone().all(|number| {
                let home = matches!(table.row(number).command.run, Run::Home(_));
                !home || found(number).is_some()
            }),
            "a command that needs its client has its function"
        );
        Ok(Self {
            functions: rows.clone().map(function).collect(),
            moving: rows.filter_map(moving).collect(),
            table,
        })
    }

    /// The database in which a command leaves its client; None: where it is.
    #[must_use]
    pub(super) fn moves_to(&self, row: u16, args: &Args<'_>, databases: u16) -> Option<Db> {
        let moving = self.moving.iter().find(|(number, _)| *number == row);
        moving.and_then(|(_, database)| database(args, databases))
    }

    fn function(&self, row: u16) -> HomeFunction {
        self.functions[usize::from(row)]
    }
}

impl Core {
    /// Runs a home command.
    pub(super) fn run_home(&mut self, token: Token, row: u16, args: &Args<'_>) -> Flow {
        let start = self.client(token).replies.sink().len();
        let flow = self.call_home(token, row, args);
        if flow == Flow::Next {
            self.mute(token, start);
        }
        flow
    }

    /// The same with whatever it replies, also to a client that wants no replies.
    pub(super) fn call_home(&mut self, token: Token, row: u16, args: &Args<'_>) -> Flow {
        let started = self.metrics.reading();
        let asked = self.queries.asked();
        let before = self.metrics.unattributed_errors();
        let flow = self.settings.commands.function(row)(self, token, args);
        self.metrics.attribute_errors(row, before);
        self.time_home(token, row, args, started, asked);
        flow
    }
}
