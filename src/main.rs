//! The program: command line to configuration, then the server until it is told to stop.
//!
//! Everything of substance is in the library; here only the process begins and ends.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use cairn::base::fatal::{Fatal, fatal};
use cairn::config::{Action, LoadError, load, usage, version};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let loaded = match load(&arguments) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&error),
    };
    match loaded.action {
        Action::Version => print!("{}", version()),
        Action::Help => print!("{}", usage()),
        Action::CheckSystem => {
            return match cairn::server::check_system() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            };
        }
        Action::Check(_) => fatal(&Fatal::BadConfiguration(
            "--check needs a server with a log".into(),
        )),
        Action::ShowPlacement(synthetic) => {
            cairn::server::show_placement(&loaded.config, synthetic.as_deref());
        }
        Action::Serve => {
            if let Err(error) = cairn::server::serve(loaded) {
                return refuse(&error);
            }
        }
    }
    ExitCode::SUCCESS
}

/// A configuration that the server cannot start with.
fn refuse(error: &LoadError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
