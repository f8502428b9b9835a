//! Commands that run with their client at hand: connection, server and transaction commands.
//!
//! Their rows are in `cmd`; here the functions are found by the row's full name. A function replies directly
//! (`Flow::Next`), or asks other shards and completes later (`Flow::Stop`). It runs alone in its client's
//! pipeline, so replies are in order by themselves.

mod client;
mod clients;
mod command;
mod config;
mod connection;
mod debug;
mod describe;
pub mod hello;
mod help;
mod info;
mod latency;
mod memory;
pub mod monitor;
mod pause;
mod scan;
mod server;
mod shutdown;
mod slowlog;
mod sparkline;

use std::sync::Arc;

use super::Core;
use super::input::Flow;
use crate::base::Token;
use crate::cmd::{Run, Table};
use crate::resp::{Args, Error};
use crate::route::{Answer, Errand};

/// A home command's function.
pub type HomeFunction = fn(&mut Core, Token, &Args<'_>) -> Flow;

/// The families' functions, by full name.
static FAMILIES: &[&[(&str, HomeFunction)]] = &[
    connection::FUNCTIONS,
    config::FUNCTIONS,
    debug::FUNCTIONS,
    info::FUNCTIONS,
    latency::FUNCTIONS,
    memory::FUNCTIONS,
    scan::FUNCTIONS,
    server::FUNCTIONS,
    client::FUNCTIONS,
    clients::FUNCTIONS,
    command::FUNCTIONS,
    hello::FUNCTIONS,
    monitor::FUNCTIONS,
    pause::FUNCTIONS,
    shutdown::FUNCTIONS,
    slowlog::FUNCTIONS,
    TRANSACTIONS,
];

static TRANSACTIONS: &[(&str, HomeFunction)] = &[
    ("multi", |core, token, _| core.multi(token)),
    ("exec", |core, token, _| core.exec(token)),
    ("discard", |core, token, _| core.discard(token)),
    ("watch", |core, token, args| core.watch(token, args)),
    ("unwatch", |core, token, _| core.unwatch(token)),
];

/// The functions, by row number.
pub struct HomeCommands {
    functions: Vec<Option<HomeFunction>>,
    /// DEBUG PAUSE-CRON.
    pub expiry_paused: bool,
    /// The replication id, once DEBUG has changed it.
    pub replication_id: Option<Arc<str>>,
}

impl HomeCommands {
    /// Finds the function of every home row.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let mut functions = vec![None; table.len()];
        for (name, function) in FAMILIES.iter().flat_map(|family| family.iter()) {
            let row = table
                .find_full(name.as_bytes())
                .expect("a home function has its row");
            functions[usize::from(row)] = Some(*function);
        }
        Self {
            functions,
            expiry_paused: false,
            replication_id: None,
        }
    }

    /// Home rows without a function; empty in a complete server.
    #[must_use]
    pub fn missing(&self, table: &Table) -> Vec<String> {
        (0..table.len())
            .map(|number| {
                (
                    number,
                    table.row(u16::try_from(number).expect("rows are few")),
                )
            })
            .filter(|(number, row)| {
                matches!(row.command.run, Run::Home) && self.functions[*number].is_none()
            })
            .filter(|(_, row)| row.subcommands.is_empty())
            .map(|(_, row)| row.full_name.clone())
            .collect()
    }
}

impl Core {
    /// Runs a home command.
    pub fn run_home(&mut self, token: Token, row: u16, args: &Args<'_>) -> Flow {
        let started = self.metrics.reading();
        let first_errand = self.next_errand;
        let start = self.client(token).replies.sink().len();
        let flow = match self.home.functions[usize::from(row)] {
            Some(function) => function(self, token, args),
            None => {
                let name = &self.table.row(row).full_name;
                let error = Error::from(format!(
                    "ERR command '{name}' is not available in this version"
                ));
                self.error(token, &error);
                Flow::Next
            }
        };
        self.time_home(token, row, args, started, first_errand);
        if flow == Flow::Next {
            self.mute(token, start);
        }
        flow
    }

    /// This shard's answer to an errand.
    pub fn run_errand(&mut self, errand: &Errand) -> Answer {
        match errand {
            Errand::SetConfig(change) => self.set_config(change),
            Errand::Configure { version, config } => {
                self.configure(*version, config.clone());
                Answer::Done
            }
            Errand::Scan {
                cursor,
                count,
                args,
            } => self.scan_here(*cursor, *count, args),
            Errand::RandomKey { db } => self.random_key_here(*db),
            Errand::Info => Answer::Statistics(Box::new(self.statistics_now())),
            Errand::ResetStatistics => {
                self.reset_statistics();
                Answer::Done
            }
            Errand::Debug(carried) => self.debug_here(carried),
            Errand::SlowLog { reset } => self.slow_log_here(*reset),
            Errand::Latency { forget } => self.latency_here(forget.as_deref()),
            Errand::Histograms => self.histograms_here(),
            Errand::ReplicationId(id) => {
                self.home.replication_id = Some(id.clone());
                Answer::Done
            }
            Errand::ClientList(filter) => self.list_clients_here(filter),
            Errand::ClientKill(filter) => self.kill_clients_here(filter),
            Errand::ClientUnblock { id, error } => self.unblock_client_here(*id, *error),
            Errand::Pause { until_ms, all } => self.pause_here(*until_ms, *all),
            Errand::Monitor {
                home,
                client,
                token,
            } => self.monitor_here(*home, *client, *token),
            _ => Answer::Done,
        }
    }
}

#[cfg(test)]
mod tests;
