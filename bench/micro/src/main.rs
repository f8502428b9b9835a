//! What the primitives cost, one file per primitive.
//!
//! `micro [--quick] [NAME...]` measures those whose name contains one of the words, or all. Prints
//! a Markdown table: median nanoseconds per operation, the spread (half the distance between the
//! quartiles, percent of the median) and the fastest sample. No criterion: its dependencies would
//! be most of the build, and median and quartiles of timed batches are all that is wanted of it.

mod encode;
mod hop;
mod insert;
mod keys;
mod locks;
mod lookup;
mod measure;
mod parse;
mod record;
mod slot;

use measure::Bench;

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    words.retain(|word| !word.starts_with("--"));
    let mut bench = Bench::new(quick, words);
    slot::run(&mut bench);
    parse::run(&mut bench);
    encode::run(&mut bench);
    lookup::run(&mut bench);
    insert::run(&mut bench);
    record::run(&mut bench);
    locks::run(&mut bench);
    hop::run(&mut bench);
}
