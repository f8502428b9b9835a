//! The model: what a command costs on n shards, and what n cores would do.
//!
//! Cost = local + hops * hop + extra rounds * round. `local` is the one-shard server's; the two
//! other constants are the least relative squares over rows of the real table. A round beyond those
//! of one shard is what a message brings along: bell, wake, system call, and on few cores a switch.

use crate::real::Spent;

/// Microseconds: of a hopping command, and of a round more than one shard needs.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    pub hop_us: f64,
    pub round_us: f64,
    /// How far off it is, root of the mean square, as part of the cost.
    pub off: f64,
}

impl Model {
    /// Fits rows, each with the one-shard row of its shape.
    pub fn fit(rows: &[(Spent, Spent)]) -> Self {
        // In parts of what the row costs: else the dear rows alone would decide.
        let points: Vec<(f64, f64, f64)> = rows
            .iter()
            .map(|(spent, alone)| {
                let rounds = spent.rounds - alone.rounds;
                let more_us = spent.cpu_us - alone.cpu_us;
                let cpu_us = spent.cpu_us;
                (spent.hops / cpu_us, rounds / cpu_us, more_us / cpu_us)
            })
            .collect();
        assert!(points.len() > 2, "two constants want more than two rows");
        let sum = |of: fn(&(f64, f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
        let (hh, rr) = (sum(|p| p.0 * p.0), sum(|p| p.1 * p.1));
        let (hr, hy, ry) = (sum(|p| p.0 * p.1), sum(|p| p.0 * p.2), sum(|p| p.1 * p.2));
        let determinant = hh * rr - hr * hr;
        let hop_us = (hy * rr - ry * hr) / determinant;
        let round_us = (ry * hh - hy * hr) / determinant;
        let missed = |p: &(f64, f64, f64)| (p.2 - hop_us * p.0 - round_us * p.1).powi(2);
        let missed: f64 = points.iter().map(missed).sum();
        Self {
            hop_us,
            round_us,
            off: (missed / points.len() as f64).sqrt(),
        }
    }

    /// Microseconds per command.
    pub fn cost_us(&self, local_us: f64, hops: f64, more_rounds: f64) -> f64 {
        local_us + self.hop_us * hops + self.round_us * more_rounds
    }
}

/// Messages per command that batches of so many explain: each goes to as many other shards as its
/// random keys name, and every parcel comes home.
pub fn expected_messages(shards: usize, batch: f64, keys: f64) -> f64 {
    let shards = shards as f64;
    let reached = (shards - 1.0) * (1.0 - (1.0 - 1.0 / shards).powf(batch * keys));
    2.0 * reached / batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_finds_the_constants_that_made_the_rows() {
        let row = |hops: f64, rounds: f64| Spent {
            cpu_us: 1.0 + 0.5 * hops + 2.0 * rounds,
            hops,
            rounds,
            ..Spent::default()
        };
        let alone = row(0.0, 0.0);
        let rows = [(0.5, 0.1), (0.75, 0.4), (0.9, 1.5), (0.95, 0.2)];
        let rows = rows.map(|(hops, rounds)| (row(hops, rounds), alone));
        let model = Model::fit(&rows);
        assert!((model.hop_us - 0.5).abs() < 1e-9 && (model.round_us - 2.0).abs() < 1e-9);
        assert!(model.off < 1e-9);
    }

    #[test]
    fn large_batches_reach_every_shard_and_single_commands_one() {
        assert!((expected_messages(2, 1.0, 1.0) - 1.0).abs() < 1e-9);
        assert!((expected_messages(64, 1e6, 1.0) - 126.0 / 1e6).abs() < 1e-9);
        assert_eq!(expected_messages(1, 5.0, 1.0), 0.0);
    }
}
