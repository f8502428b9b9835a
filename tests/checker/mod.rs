//! Judges recorded histories: was there an order of all transactions that explains every reply?
//!
//! Shared by the simulator's tests and the consistency test over the wire. `linear` searches an
//! order for small histories against a model of the commands, `cycle` finds contradictions in long
//! ones, `bank` checks sums. Each has histories with known faults as its positive controls. Knows
//! nothing of sockets.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary uses another part"
)]

pub mod bank;
pub mod cycle;
pub mod linear;
pub mod model;
pub mod reply;
pub mod workload;
