//! Commands that run with their client at hand: connection, server and transaction commands.
//!
//! Each file holds rows, their functions, what they ask of other shards and how the answers become
//! a reply. `server` hands the whole list to the shards at start; the shards never see this module.

mod client;
mod client_line;
mod clients;
mod command;
mod config;
mod connection;
mod debug;
mod describe;
mod docs;
mod document;
mod hello;
mod help;
mod info;
mod latency;
mod memory;
mod monitor;
mod pause;
mod scan;
#[cfg(test)]
mod scan_tests;
mod server;
mod shutdown;
mod slowlog;
mod sparkline;
mod transactions;

#[cfg(test)]
pub(crate) use debug::value_digest;

use crate::cmd::{NotRenamed, Renamed};
use crate::shard::{Commands, HomeCommand};

/// The commands of all files, in the order COMMAND lists them.
static FAMILIES: &[&[HomeCommand]] = &[
    scan::COMMANDS,
    info::COMMANDS,
    config::COMMANDS,
    command::COMMANDS,
    memory::COMMANDS,
    shutdown::COMMANDS,
    debug::COMMANDS,
    latency::COMMANDS,
    slowlog::COMMANDS,
    server::COMMANDS,
    monitor::COMMANDS,
    connection::COMMANDS,
    hello::COMMANDS,
    client::COMMANDS,
    transactions::COMMANDS,
];

/// Everything that clients may call, as `rename-command` has it. It lives as long as the process.
///
/// # Errors
/// The line that cannot be carried out.
pub fn commands(renamed: &[Renamed]) -> Result<&'static Commands, NotRenamed> {
    Ok(Box::leak(Box::new(Commands::new(FAMILIES, renamed)?)))
}

/// The server's commands and a test's own.
#[cfg(test)]
pub fn commands_and(more: &'static [HomeCommand]) -> &'static Commands {
    let families: Vec<&'static [HomeCommand]> = FAMILIES.iter().copied().chain([more]).collect();
    let commands = Commands::new(&families, &[]).expect("nothing is renamed");
    Box::leak(Box::new(commands))
}

/// The server's commands, for tests: made once.
#[cfg(test)]
pub fn standard() -> &'static Commands {
    static STANDARD: std::sync::OnceLock<&'static Commands> = std::sync::OnceLock::new();
    STANDARD.get_or_init(|| commands_and(&[]))
}

#[cfg(test)]
mod tests;
