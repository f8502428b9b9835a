//! The server as a whole: machine, back end, listeners, one thread per shard, signals.
//!
//! Builds what all shards share, starts the shards on their cores and waits for them. After the
//! start it does nothing but wait for signals; all work is the shards'. What the process is to
//! those who started it stands in `server/process.rs`.

#![allow(
    clippy::disallowed_methods,
    reason = "ends the process when a shard has ended badly"
)]

mod check_system;
mod process;

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::base::arena::{Arena, Pages};
use crate::base::fatal::{Fatal, fatal};
use crate::base::{
    self, Endpoint, EpollIo, Io, ShardId, Socket, UringIo, UringOptions, Wakers, log, mesh, probe,
    socket, topology,
};
use crate::config::choice::{HugePages, Placement};
use crate::config::{Config, LoadError, Loaded};
use crate::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS, SHARDS_MAX};
use crate::route::Message;
use crate::shard::{Commands, Identity, Shard, Shared};

pub use check_system::check_system;
use process::Process;

/// A broken shard holds keys and locks of the others: the process ends, in builds that unwind as
/// well.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if log::has_file() {
            log::warning(panic);
        }
        std::process::abort();
    }));
}

/// Runs the server until SHUTDOWN or a signal.
///
/// # Errors
/// When the configuration turns out to be unusable before anything was started.
pub fn serve(loaded: Loaded) -> Result<(), LoadError> {
    end_on_panic();
    let commands = crate::admin::commands(&loaded.renamed_commands)
        .map_err(|refusal| loaded.not_renamed(refusal.line, refusal.reason))?;
    let mut config = loaded.config;
    enter_directory(&config);
    let process = Process::begin(&config)?;
    introduce(loaded.config_file.is_some(), &loaded.notes);
    let machine = topology::Machine::read();
    let plan = plan(&config, &machine);
    let shards = plan.placements.len();
    make_room(&mut config, shards);
    let choice = match config.backend {
        crate::config::choice::Backend::Auto => probe::Choice::Auto,
        crate::config::choice::Backend::Uring => probe::Choice::Uring,
        crate::config::choice::Backend::Epoll => probe::Choice::Epoll,
    };
    let backend = probe::probe(choice).unwrap_or_else(|reason| fatal(&reason));
    let listeners = listen(&config);
    let wakers = Wakers::new(shards)
        .unwrap_or_else(|error| fatal(&Fatal::Resources("wake-up descriptors", error)));
    let mut shared = Shared::new(shards, base::random_seed(), base::now().unix_us, run_id());
    shared.config_file = loaded.config_file;
    shared.machine = describe(&machine, &plan, &backend, shards);
    shared
        .machine
        .push(("huge_pages".to_string(), huge_pages(&config)));
    let shared = Arc::new(shared);
    print_machine(&config, &shared);
    process.initialised();
    log::warning("Server initialized");
    base::signals::install(wakers.clone(), shared.stop.clone());

    let unix_socket = config.unixsocket.clone();
    let start = Start {
        identity: Identity {
            shard: ShardId::FIRST,
            shards,
            shared,
        },
        config: Arc::new(config),
        commands,
        wakers,
        cpu: None,
        listeners: Vec::new(),
        uring: backend.backend == probe::Backend::Uring,
    };
    let threads = start_shards(&start, &plan, &listeners);
    process.ready();
    wait_for_shards(threads, &process);
    base::socket::remove_unix(&unix_socket);
    process.end();
    Ok(())
}

fn wait_for_shards(threads: Vec<JoinHandle<()>>, process: &Process) {
    for (shard, thread) in ShardId::all(threads.len()).zip(threads) {
        if thread.join().is_err() {
            std::process::exit(1);
        }
        if shard == ShardId::FIRST {
            process.stopping();
        }
    }
}

/// Lowers `maxclients` to what the system has descriptors for.
fn make_room(config: &mut Config, shards: usize) {
    let wanted = config.maxclients;
    let room = base::descriptors::make_room(wanted, shards);
    if room == 0 {
        let reserved = base::descriptors::reserved(shards);
        fatal(&Fatal::Descriptors {
            needed: u64::from(wanted) + reserved,
            allowed: reserved,
        });
    }
    let text = room.to_string();
    config
        .set(&[(b"maxclients", text.as_bytes())])
        .expect("it is at least 1 and at most what it was");
}

/// One thread per shard; the first has the listeners.
fn start_shards(
    pattern: &Start,
    plan: &topology::Plan,
    listeners: &[Socket],
) -> Vec<JoinHandle<()>> {
    let shards = plan.placements.len();
    ShardId::all(shards)
        .zip(mesh::<Message>(shards))
        .map(|(shard, endpoint)| {
            let mut start = pattern.clone();
            start.identity.shard = shard;
            start.cpu = plan.pin.then(|| plan.placements[shard.index()].cpu);
            if shard == ShardId::FIRST {
                start.listeners = listeners.to_vec();
            }
            std::thread::Builder::new()
                .name(format!("shard-{shard}"))
                .spawn(move || start.run(endpoint))
                .unwrap_or_else(|error| fatal(&Fatal::Resources("a shard's thread", error)))
        })
        .collect()
}

/// What one shard's thread needs to begin.
#[derive(Clone)]
struct Start {
    identity: Identity,
    config: Arc<Config>,
    commands: &'static Commands,
    wakers: Arc<Wakers>,
    cpu: Option<usize>,
    listeners: Vec<Socket>,
    uring: bool,
}

impl Start {
    /// Pins the thread, gives it its arena, and ticks; in this order, so that all memory is local.
    fn run(self, endpoint: Endpoint<Message>) {
        if let Some(cpu) = self.cpu
            && !topology::pin(cpu)
        {
            log::warning(format_args!(
                "shard {} could not be pinned to processor {cpu}",
                self.identity.shard
            ));
        }
        let pages = match self.config.huge_pages {
            HugePages::Off => Pages::Base,
            _ => Pages::Transparent,
        };
        let shard = self.identity.shard;
        let arena = match Arena::bind_new(pages) {
            Ok(arena) => Some(arena),
            Err(error) => {
                log::warning(format_args!("shard {shard} shares an arena: {error}"));
                None
            }
        };
        if self.uring {
            let io = UringIo::new(self.wakers.clone(), shard.index(), UringOptions::default())
                .unwrap_or_else(|error| fatal(&Fatal::RingSetup(error.to_string())));
            self.tick(io, endpoint, arena);
        } else {
            let io = EpollIo::new(
                self.wakers.clone(),
                shard.index(),
                RECEIVE_BUFFERS,
                RECEIVE_BUFFER_BYTES,
            )
            .unwrap_or_else(|error| fatal(&Fatal::Resources("an epoll descriptor", error)));
            self.tick(io, endpoint, arena);
        }
    }

    fn tick<I: Io>(self, io: I, endpoint: Endpoint<Message>, arena: Option<Arena>) {
        let mut shard = Shard::new(self.identity, self.config, self.commands, io, endpoint);
        for (number, socket) in self.listeners.iter().enumerate() {
            shard.listen(u32::try_from(number).expect("listeners are few"), *socket);
        }
        if self.cpu.is_some() {
            shard.linger_for_answers();
        }
        shard.core.measure_memory(arena);
        shard.run();
    }
}

fn enter_directory(config: &Config) {
    let directory = std::path::PathBuf::from(&config.dir);
    if let Err(error) = std::env::set_current_dir(&directory) {
        if error.kind() == std::io::ErrorKind::NotFound {
            fatal(&Fatal::DirectoryMissing(directory));
        }
        fatal(&Fatal::DirectoryForbidden(directory, error));
    }
}

fn shard_count(config: &Config, machine: &topology::Machine) -> usize {
    let wanted = usize::from(config.shards);
    if wanted > SHARDS_MAX {
        fatal(&Fatal::BadConfiguration(format!(
            "shards must be at most {SHARDS_MAX}"
        )));
    }
    if wanted == 0 {
        machine.cores().clamp(1, SHARDS_MAX)
    } else {
        wanted
    }
}

/// Which shard runs where, by `shards` and `placement`.
fn plan(config: &Config, machine: &topology::Machine) -> topology::Plan {
    let policy = match config.placement {
        Placement::Compact | Placement::None => topology::Policy::Compact,
        Placement::Spread => topology::Policy::Spread,
    };
    let mut plan = machine.place(shard_count(config, machine), policy);
    plan.pin &= config.placement != Placement::None;
    plan
}

/// `--show-placement`: where the shards of this configuration would run, on this machine or a
/// synthetic one.
pub fn show_placement(config: &Config, synthetic: Option<&str>) {
    let machine = synthetic.map_or_else(topology::Machine::read, |description| {
        topology::Machine::synthetic(description).unwrap_or_else(|error| {
            fatal(&Fatal::BadConfiguration(format!(
                "no machine is described by `{description}`: {error}"
            )))
        })
    });
    let plan = plan(config, &machine);
    println!(
        "{} packages, {} NUMA nodes, {} cores, {} hardware threads; {} shards, {}",
        machine.packages(),
        machine.nodes(),
        machine.cores(),
        machine.cpus().len(),
        plan.placements.len(),
        if plan.pin {
            "pinned"
        } else {
            "not pinned: the kernel moves them"
        }
    );
    for (shard, place) in plan.placements.iter().enumerate().filter(|_| plan.pin) {
        let (cpu, core, node) = (place.cpu, place.core, place.node);
        println!("shard {shard:3}  cpu {cpu:3}  core {core:3}  node {node}");
    }
}

/// Binds every address of `bind` and the unix socket; an address behind `-` may be missing.
fn listen(config: &Config) -> Vec<Socket> {
    let options = socket::ListenOptions {
        backlog: i32::try_from(config.tcp_backlog).unwrap_or(i32::MAX),
        keepalive_s: config.tcp_keepalive,
        shared: false,
    };
    let mut listeners = Vec::new();
    if config.port != 0 {
        for address in &config.bind {
            let (optional, address) = match address.strip_prefix('-') {
                Some(address) => (true, address),
                None => (false, address.as_str()),
            };
            match socket::listen_tcp(address, config.port, options) {
                Ok(socket) => listeners.push(socket),
                Err(error) if optional && !error.is_taken() => log::warning(error),
                Err(error) => {
                    log::warning(format_args!(
                        "Failed listening on port {} (TCP), aborting.",
                        config.port
                    ));
                    fatal(&Fatal::from_listen(error));
                }
            }
        }
    }
    if !config.unixsocket.is_empty() {
        let path = std::path::Path::new(&config.unixsocket);
        let mode = (config.unixsocketperm != 0).then_some(config.unixsocketperm);
        let listening = socket::listen_unix(path, mode, options.backlog);
        listeners.push(listening.unwrap_or_else(|error| fatal(&Fatal::from_listen(error))));
    }
    if listeners.is_empty() {
        fatal(&Fatal::BadConfiguration(
            "neither a port nor a unix socket to listen on".into(),
        ));
    }
    listeners
}

fn describe(
    machine: &topology::Machine,
    plan: &topology::Plan,
    backend: &probe::Capabilities,
    shards: usize,
) -> Vec<(String, String)> {
    let cores: Vec<String> = plan
        .placements
        .iter()
        .map(|place| place.cpu.to_string())
        .collect();
    let mut lines = vec![
        ("shards".to_string(), shards.to_string()),
        ("cores".to_string(), machine.cores().to_string()),
        ("numa_nodes".to_string(), machine.nodes().to_string()),
        (
            "shard_cpus".to_string(),
            if plan.pin {
                cores.join(",")
            } else {
                "not pinned".to_string()
            },
        ),
        ("backend".to_string(), backend.backend.name().to_string()),
        ("backend_reason".to_string(), backend.reason.clone()),
    ];
    lines.extend(
        backend
            .features
            .iter()
            .map(|(name, state)| (field_of(name), support(state))),
    );
    lines
}

/// The field of INFO about a feature: names of fields have no blanks.
fn field_of(feature: &str) -> String {
    format!("feature_{}", feature.replace(' ', "_"))
}

/// What the shards' memory is made of, and what stands in the way.
fn huge_pages(config: &Config) -> String {
    let kernel = base::huge_pages::kernel_setting();
    match config.huge_pages {
        HugePages::Off => "off".to_string(),
        _ if kernel == "never" || kernel == "unknown" => {
            format!("off (the kernel's transparent_hugepage/enabled is {kernel})")
        }
        HugePages::Transparent => "transparent".to_string(),
        HugePages::TwoMegabytes | HugePages::OneGigabyte => {
            "transparent (reserved pages of 2 MB or 1 GB are not there yet)".to_string()
        }
    }
}

fn support(support: &probe::Support) -> String {
    match support {
        probe::Support::Present => "yes".to_string(),
        probe::Support::Missing { why, cost } => format!("no ({why}); {cost}"),
    }
}

/// 40 hex digits that name this run of the server.
fn run_id() -> String {
    let words = [
        base::random_seed(),
        base::random_seed(),
        base::random_seed(),
    ];
    words
        .iter()
        .map(|word| format!("{word:016x}"))
        .collect::<String>()[..40]
        .to_string()
}

/// The first lines of the log.
fn introduce(has_file: bool, notes: &[String]) {
    let (version, id) = (env!("CARGO_PKG_VERSION"), std::process::id());
    log::warning(format_args!("Cairn {version} starts, PID: {id}"));
    if has_file {
        log::warning("Configuration loaded");
    } else {
        log::warning(
            "No config file, the defaults and the command line hold. To name one: cairn-server /path/to/cairn.conf",
        );
    }
    notes.iter().for_each(log::warning);
}

fn print_machine(config: &Config, shared: &Shared) {
    for (name, value) in &shared.machine {
        log::notice(format_args!("{name}: {value}"));
    }
    log::notice(format_args!(
        "Running mode=standalone, port={}.",
        config.port
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_info_have_no_blanks() {
        let machine = topology::Machine::synthetic("core:2 pu:1").expect("two cores");
        let plan = machine.place(2, topology::Policy::Compact);
        let backend = probe::Capabilities {
            backend: probe::Backend::Uring,
            features: vec![("deferred task work", probe::Support::Present)],
            reason: "a test".to_string(),
        };
        let lines = describe(&machine, &plan, &backend, 2);
        let told = ("feature_deferred_task_work".to_string(), "yes".to_string());
        assert!(lines.contains(&told), "{lines:?}");
        assert!(lines.iter().all(|(name, _)| !name.contains(' ')));
    }
}
