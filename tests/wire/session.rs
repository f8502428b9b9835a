//! The README's first session is true: each of its commands answers what the page shows.
//!
//! Lines that begin with `$` are run by a shell against a fresh server, in order; what follows up
//! to the next one is what must be printed. Left out where there is no redis-cli.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{cairn, scratch};
use crate::harness::server::Server;

/// The section that holds the session.
const HEADING: &str = "## A first session";

/// Commands and what the page shows of their output.
fn steps(page: &str) -> Vec<(String, String)> {
    let section = page.split(HEADING).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in section.lines().filter_map(|line| line.strip_prefix("    ")) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_string(), String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    steps
}

/// What a line of the shell prints, redis-cli as on a terminal.
fn printed(port: u16, command: &str) -> String {
    let line = command.replace("redis-cli", &format!("redis-cli --no-raw -p {port}"));
    let output = Command::new("sh")
        .args(["-c", &line])
        .stderr(Stdio::inherit())
        .output()
        .expect("there is a shell");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_first_session_of_the_readme_is_true() {
    let found = Command::new("redis-cli").arg("--version").output();
    if found.is_err() {
        println!("no redis-cli: not tried");
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let steps = steps(&std::fs::read_to_string(page).expect("there is a README"));
    assert!(steps.len() > 5, "the session is found");
    let server = Server::start(&cairn(), &["--save", "", "--shards", "2"], scratch());
    let server = server.unwrap_or_else(|reason| panic!("{reason}"));
    for (command, wanted) in &steps {
        let got = printed(server.port(), command);
        assert_eq!(&got, wanted, "{command}");
    }
    // The control: what the page does not show is noticed.
    assert_ne!(
        printed(server.port(), "redis-cli GET greeting"),
        printed(server.port(), "redis-cli GET nothing")
    );
}
