//! Directives as a running server takes them: which start, which are refused, which are named in
//! the log.
//!
//! The table itself is walked by unit tests in `src/config/tests/`; here the process must say what
//! they promise. redis-server 7.0.15 is right where both have the directive.

use std::fs;
use std::path::Path;

use super::harness::client::{Client, Value};
use super::harness::server::Server;
use super::{cairn, client, fresh_directory, run, scratch, start, text};

/// Some value that a directive takes and that is not its present one, if one of these is.
fn change(client: &mut Client, name: &str, present: &str) -> bool {
    const VALUES: [&str; 12] = [
        "yes",
        "no",
        "1",
        "2000000",
        "warning",
        "strict",
        "AKE",
        "allkeys-lru",
        "always",
        "60 1",
        "replica 1 2 3",
        "x",
    ];
    let ok = Value::Simple("OK".into());
    let different = VALUES.iter().filter(|value| **value != present);
    let mut set = |value: &&&str| client.call(&["CONFIG", "SET", name, value]).unwrap() == ok;
    different.clone().any(|value| set(&value))
}

#[test]
fn config_set_answers_ok_only_to_what_has_an_effect_or_is_named_in_the_log() {
    use cairn::config::{Effect, find};
    let server = start(&["--logfile", "server.log"]);
    let log = server.directory().join("server.log");
    let mut client = client(&server);
    let Value::Array(pairs) = client.call(&["CONFIG", "GET", "*"]).unwrap() else {
        panic!("CONFIG GET answers with a list")
    };
    let text_of = |value: &Value| match value {
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{other:?}"),
    };
    let (mut changed, mut named) = (0, 0);
    for pair in pairs.chunks_exact(2) {
        let (name, present) = (text_of(&pair[0]), text_of(&pair[1]));
        // What would end this client or move the server.
        if matches!(&*name, "maxclients" | "maxmemory-clients" | "dir") {
            continue;
        }
        let row = find(&name).expect("what is printed is known");
        let before = text(&log).len();
        if !change(&mut client, &name, &present) {
            continue;
        }
        changed += 1;
        let lines = text(&log)[before..].to_string();
        let is_named = lines.contains(&format!(" # `{}` ", row.name));
        named += usize::from(is_named);
        assert!(
            is_named || matches!(row.effect, Effect::Works),
            "{name}: {lines}"
        );
        let back = client.call(&["CONFIG", "SET", &name, &present]).unwrap();
        assert_eq!(back, Value::Simple("OK".into()), "{name} {present}");
    }
    assert!(
        changed > 100 && named > 60 && named < changed,
        "{changed} {named}"
    );
    let reply = client
        .call(&["CONFIG", "SET", "appendonly", "yes"])
        .unwrap();
    let Value::Error(refusal) = reply else {
        panic!("{reply:?}")
    };
    assert!(
        refusal.contains("this is not supported: there is no append log yet"),
        "{refusal}"
    );
}

/// Files that people have: the stock ones start, those that ask for what is not there do not.
#[test]
fn what_is_not_supported_stops_the_start_unless_it_may_be_ignored() {
    let output = run(&["--port", "0", "--appendonly", "yes"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        errors.contains("\n*** FATAL CONFIG FILE ERROR (Cairn "),
        "{errors}"
    );
    assert!(
        errors.contains(">>> 'appendonly \"yes\"'\nThis is not supported: "),
        "{errors}"
    );
    let server = start(&["--appendonly", "yes", "--ignore-unsupported", "yes"]);
    assert!(
        server.output().contains(" # `appendonly` has no effect: "),
        "{}",
        server.output()
    );

    let stock = Path::new("/etc/redis/redis.conf");
    let Ok(stock_text) = fs::read_to_string(stock) else {
        eprintln!("skipped: there is no readable {}", stock.display());
        return;
    };
    let directory = fresh_directory("stock");
    let place = directory.to_str().expect("text");
    let conf = directory.join("redis.conf");
    // Where it writes needs rights that a test has not.
    let moved = stock_text
        .replace("/var/lib/redis", place)
        .replace("/var/log/redis", place)
        .replace("/run/redis", place);
    fs::write(&conf, moved).expect("a copy");
    let conf = conf.to_str().expect("text");
    let server = Server::start(
        &cairn(),
        &[conf, "--daemonize", "no", "--shards", "1"],
        scratch(),
    );
    let server = server.unwrap_or_else(|reason| panic!("{reason}"));
    let log = text(&directory.join("redis-server.log"));
    let named: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("has no effect"))
        .collect();
    assert!(named.len() == 1 && named[0].contains("`save`"), "{log}");
    drop(server);
    let _ = fs::remove_dir_all(&directory);
}

/// The same server twice: ours and redis-server, with the same arguments.
pub fn both(arguments: &[&str]) -> [(Server, Client); 2] {
    let ours = start(arguments);
    let stock = [&["--save", ""], arguments].concat();
    let stock = Server::start(Path::new("redis-server"), &stock, scratch());
    let stock = stock.expect("redis-server starts");
    [ours, stock].map(|server| {
        let client = client(&server);
        (server, client)
    })
}

#[test]
fn renamed_commands_answer_to_their_new_names_as_in_redis() {
    let secret = "b840fc02d524045429941cc15f59e41cb7be6c52";
    let renames = [
        ["--rename-command", "FLUSHALL", ""],
        ["--rename-command", "CONFIG", secret],
        ["--rename-command", "get", "Fetch"],
        ["--rename-command", "SET", "get"],
        ["--rename-command", "get", "PUT"],
    ];
    let mut servers = both(&renames.concat());
    for line in [
        "FLUSHALL",
        "flushall async",
        "CONFIG GET hz",
        "GET k",
        "SET k v",
        "put k v EX 100",
        "PUT k v",
        "fetch k",
        "FETCH k x",
        "B840FC02D524045429941CC15F59E41CB7BE6C52 GET hz",
        "b840fc02d524045429941cc15f59e41cb7be6c52 nosuch",
        "b840fc02d524045429941cc15f59e41cb7be6c52 help",
        "COMMAND INFO flushall get set config config|get",
        "COMMAND GETKEYS put k v",
        "COMMAND GETKEYS set k v",
        "COMMAND LIST FILTERBY PATTERN flushall",
        "COMMAND LIST FILTERBY PATTERN set",
        "COMMAND DOCS flushall",
        "MULTI",
        "FLUSHALL",
        "EXEC",
        "MULTI",
        "fetch k",
        "EXEC",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let [ours, stock] = servers
            .each_mut()
            .map(|(_, client)| client.call(&words).unwrap());
        assert_eq!(ours, stock, "{line}");
    }
    let described = |client: &mut Client, name: &str| client.call(&["COMMAND", "INFO", name]);
    let [(_, ours), _] = &mut servers;
    assert_eq!(
        described(ours, "set").unwrap(),
        Value::Array(vec![Value::Null])
    );
    let put = format!("{:?}", described(ours, "put").unwrap());
    assert!(
        put.starts_with(&format!("Array([Array([{:?}", Value::Bulk("set".into()))),
        "{put}"
    );
    let docs = format!("{:?}", ours.call(&["COMMAND", "DOCS", "fetch"]).unwrap());
    assert!(
        docs.contains(&format!("{:?}", Value::Bulk("get".into()))),
        "{docs}"
    );
    let statistics = ours.call(&["INFO", "commandstats"]).unwrap();
    let Value::Bulk(statistics) = statistics else {
        panic!("INFO is a text")
    };
    let statistics = String::from_utf8_lossy(&statistics).into_owned();
    assert!(statistics.contains("cmdstat_get:calls=2,"), "{statistics}");
    assert!(!statistics.contains("fetch"), "{statistics}");
}

#[test]
fn renames_that_make_no_sense_stop_the_start_as_in_redis() {
    for lines in [
        "hz 20\nrename-command NOPE x\n",
        "rename-command get set\n",
        "rename-command get \"\"\nrename-command GET a\n",
        "rename-command get\n",
    ] {
        let directory = fresh_directory("rename");
        let file = directory.join("conf");
        fs::write(&file, lines).expect("a file");
        let file = file.to_str().expect("text");
        let ours = run(&[file, "--port", "0"]);
        let stock = std::process::Command::new("redis-server")
            .args([file, "--port", "0"])
            .output();
        let stock = stock.expect("redis-server runs");
        let words = |output: &std::process::Output| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let (_, behind_head) = text.split_once(") ***").expect("the head");
            behind_head.trim_end().to_string()
        };
        assert_eq!(words(&ours), words(&stock), "{lines}");
        assert!(!ours.status.success() && !stock.status.success());
        let _ = fs::remove_dir_all(&directory);
    }
}

/// A server whose shell has lowered the limits of descriptors, soft and hard.
fn limited(binary: &Path, soft: &str, hard: &str, arguments: &[&str]) -> Server {
    let directory = fresh_directory(&format!("limit-{soft}-{hard}"));
    let script = directory.join("server");
    // The privilege to raise the hard limit goes where there is one.
    let text = format!(
        "#!/bin/sh\nulimit -Sn {soft}; ulimit -Hn {hard}\nexec setpriv --bounding-set=-sys_resource \
         --inh-caps=-sys_resource {} \"$@\"\n",
        binary.display()
    );
    fs::write(&script, text).expect("a script");
    let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, runnable).expect("it may be run");
    let server = Server::start(&script, &[&["--save", ""], arguments].concat(), scratch());
    let server = server.unwrap_or_else(|reason| panic!("{reason}"));
    let _ = fs::remove_dir_all(&directory);
    server
}

/// What a CONFIG command answers, as one text.
fn config(client: &mut Client, words: &[&str]) -> String {
    format!("{:?}", client.call(&[&["CONFIG"], words].concat()).unwrap())
}

#[test]
fn maxclients_is_what_the_system_has_descriptors_for() {
    // One shard: 32 + 4 descriptors are not clients', in redis-server 32.
    for (binary, arguments, room) in [
        (cairn(), &["--shards", "1"][..], 1024 - 36),
        (std::path::PathBuf::from("redis-server"), &[], 1024 - 32),
    ] {
        let server = limited(&binary, "512", "1024", arguments);
        let mut client = client(&server);
        let log = server.output();
        let wanted = 10_000 + (1024 - room);
        for line in [
            format!(
                "# You requested maxclients of 10000 requiring at least {wanted} max file descriptors."
            ),
            format!(
                "# Server can't set maximum open files to {wanted} because of OS error: Operation not permitted."
            ),
            format!(
                "# Current maximum open files is 1024. maxclients has been reduced to {room} to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
            ),
        ] {
            assert!(log.contains(&line), "{}: {line}\n{log}", binary.display());
        }
        let shown = config(&mut client, &["GET", "maxclients"]);
        assert!(
            shown.contains(&format!("{:?}", Value::Bulk(room.to_string().into()))),
            "{shown}"
        );
        let refused = config(&mut client, &["SET", "maxclients", "10000000"]);
        let expected = format!(
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not \
             able to handle the specified number of clients, try with {room}"
        );
        assert_eq!(refused, format!("{:?}", Value::Error(expected)));
        let ok = format!("{:?}", Value::Simple("OK".into()));
        for fine in ["100", &room.to_string()] {
            assert_eq!(
                config(&mut client, &["SET", "maxclients", fine]),
                ok,
                "{fine}"
            );
        }
    }
}
