//! One version of Redis everywhere: clients choose commands by what they are told.
//!
//! What the server prints, answers and promises is compared with each other, not with a number
//! written here.

use std::path::Path;
use std::process::Command;

use super::{cairn, scratch};
use crate::harness::client::{Client, Value};
use crate::harness::server::Server;

fn text(value: Value) -> String {
    match value {
        Value::Bulk(bytes) | Value::Verbatim(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

/// The word behind a mark.
fn behind<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).expect(mark);
    let end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
}

#[test]
fn one_version_is_told_everywhere() {
    let server = Server::start(&cairn(), &["--shards", "1"], scratch()).expect("the server starts");
    let mut client = Client::new(server.connect().expect("a connection")).expect("a client");
    let mut ask = |words: &[&str]| text(client.call(words).expect("a reply"));
    let info = ask(&["INFO", "server"]);
    let told = behind(&info, "redis_version:");
    assert!(told.split('.').count() == 3, "{told}");
    assert_eq!(behind(&ask(&["LOLWUT"]), "Redis ver. "), told);
    let Value::Array(hello) = client.call(&["HELLO"]).expect("a reply") else {
        panic!("HELLO answers with an array");
    };
    let version = hello
        .iter()
        .position(|word| text(word.clone()) == "version");
    let version = version.expect("HELLO names a version") + 1;
    assert_eq!(text(hello[version].clone()), told);
    let printed = Command::new(cairn()).arg("--version").output();
    let printed = String::from_utf8_lossy(&printed.expect("it runs").stdout).into_owned();
    assert_eq!(behind(&printed, "redis="), told);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md can be read");
    assert_eq!(behind(&readme, "behaviour is that of Redis "), told);
}
