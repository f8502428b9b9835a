//! What `deploy/` hands to a machine: the unit, as systemd itself reads it.
//!
//! Skipped, with a line that says so, where there is no systemd. The sample configuration is
//! started by the wire tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{cairn, fresh_directory, text};

/// What `systemd-analyze verify` complains of in a unit; None where there is no such program.
fn complaints_about(unit: &str, directory: &Path) -> Option<String> {
    let file = directory.join("cairn.service");
    fs::write(&file, unit).expect("the unit is written");
    let verify = Command::new("systemd-analyze")
        .arg("verify")
        .arg("--man=no")
        .arg(&file)
        .output();
    let output = verify.ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let directory = fresh_directory("unit");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/cairn.service");
    let binary = cairn();
    // Where it is installed there is nothing yet.
    let unit = text(&sample).replace(
        "/usr/local/bin/cairn-server",
        binary.to_str().expect("text"),
    );
    assert!(unit.contains("Type=notify") && unit.contains("--supervised systemd"));
    let Some(complaints) = complaints_about(&unit, &directory) else {
        eprintln!("skipped: there is no systemd-analyze here");
        return;
    };
    assert_eq!(complaints, "");
    let wrong = unit.replace("[Service]", "[Service]\nStartLimitIntervalSec=60");
    let complaints = complaints_about(&wrong, &directory).expect("it ran before");
    assert!(
        complaints.contains("Unknown key 'StartLimitIntervalSec'"),
        "the control: {complaints}"
    );
    let _ = fs::remove_dir_all(&directory);
}
