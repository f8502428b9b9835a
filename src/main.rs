//! The program: command line to configuration, then the server until it is told to stop.
//!
//! Everything of substance is in the library; here only the process begins and ends.

use cairn::base::fatal::{Fatal, fatal};
use cairn::config::{Action, load, usage, version};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let loaded = load(&arguments).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1);
    });
    match loaded.action {
        Action::Version => println!("{}", version()),
        Action::Help => println!("{}", usage()),
        Action::Check(_) => fatal(&Fatal::BadConfiguration(
            "--check needs a server with a log".into(),
        )),
        Action::Serve => cairn::server::serve(loaded),
    }
}
