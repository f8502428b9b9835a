//! The configuration as its users meet it: names and defaults, files, command line, SET, GET,
//! REWRITE.
//!
//! Facts about Redis were recorded from redis-server 7.0.15.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;

/// Files in a map.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<PathBuf, String>,
    input: String,
}

impl Shelf {
    fn with(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_string()))
            .collect();
        Self {
            files,
            input: String::new(),
        }
    }
}

impl Source for Shelf {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self
            .files
            .get(path)
            .ok_or_else(|| io::Error::from_raw_os_error(2))?;
        Ok(text.clone().into_bytes())
    }

    fn names(&self, directory: &Path) -> Vec<String> {
        let below = self
            .files
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok());
        let mut names: Vec<String> = below
            .filter_map(|path| Some(path.iter().next()?.to_str()?.to_string()))
            .collect();
        names.dedup();
        names
    }

    fn standard_input(&self) -> io::Result<Vec<u8>> {
        Ok(self.input.clone().into_bytes())
    }

    fn current_directory(&self) -> PathBuf {
        PathBuf::from("/home")
    }
}

fn start(shelf: &Shelf, args: &[&str]) -> Result<Loaded, String> {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    load_with(shelf, &args).map_err(|error| error.to_string())
}

fn config_of(args: &[&str]) -> Config {
    start(&Shelf::default(), args).unwrap().config
}

fn text(config: &Config, name: &str) -> String {
    config.text(name).unwrap()
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    config.set(&pairs)
}

mod commands;
mod effects;
mod names;
mod starting;
