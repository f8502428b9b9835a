//! Samples as a picture of four text rows, the graph of LATENCY GRAPH, character for character as
//! Redis draws it.
//!
//! A pure function of its samples: it reads no clock and knows no event.

/// Rows of a picture; each holds as many steps of height as there are `STEPS`.
const ROWS: usize = 4;
/// What a row shows when a sample ends in it, lowest first; below its end a sample is `BODY`.
const STEPS: [char; 3] = ['_', 'o', '#'];
const BODY: char = '|';

/// A value, and what stands below it, from top to bottom.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub value: u64,
    pub label: String,
}

/// Pictures of `columns` samples each, one below the other with an empty line between.
#[must_use]
pub(super) fn draw(samples: &[Sample], columns: usize) -> String {
    let low = samples.iter().map(|sample| sample.value).min().unwrap_or(0);
    let high = samples.iter().map(|sample| sample.value).max().unwrap_or(0);
    let range = Range { low, high };
    let pictures = samples.chunks(columns).map(|chunk| range.picture(chunk));
    pictures.collect::<Vec<String>>().join("\n")
}

/// The values of all samples; the lowest is drawn one step high, not none.
struct Range {
    low: u64,
    high: u64,
}

impl Range {
    /// The step a value reaches, from 0.
    fn step(&self, value: u64) -> usize {
        let steps = (ROWS * STEPS.len()) as u64;
        let width = (self.high - self.low).max(1);
        let step = (value - self.low).saturating_mul(steps) / width;
        usize::try_from(step.min(steps - 1)).expect("there are twelve steps")
    }

    fn picture(&self, samples: &[Sample]) -> String {
        let mut text = String::new();
        for row in (0..ROWS).rev() {
            let bottom = row * STEPS.len();
            text.extend(samples.iter().map(|sample| {
                let step = self.step(sample.value);
                match step.checked_sub(bottom) {
                    Some(above) => STEPS.get(above).copied().unwrap_or(BODY),
                    None => ' ',
                }
            }));
            text.push('\n');
        }
        let labels = samples.iter().map(|sample| sample.label.len());
        // One empty row between the picture and its labels.
        text.push_str(&" ".repeat(samples.len()));
        text.push('\n');
        for row in 0..labels.max().unwrap_or(0) {
            let label = |sample: &Sample| sample.label.as_bytes().get(row).copied();
            text.extend(samples.iter().map(|sample| {
                let byte = label(sample);
                byte.map_or(' ', char::from)
            }));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[(u64, &str)]) -> Vec<Sample> {
        let sample = |(value, label): &(u64, &str)| Sample {
            value: *value,
            label: (*label).to_string(),
        };
        values.iter().map(sample).collect()
    }

    /// What redis-server 7.0.15 drew of these latencies.
    #[test]
    fn heights_are_redis_s() {
        let values = [
            (20, "7s"),
            (50, "6s"),
            (100, "4s"),
            (40, "3s"),
            (130, "2s"),
            (25, "1s"),
        ];
        assert_eq!(
            draw(&samples(&values), 80),
            "    # \n  # | \n _| | \n_||#|_\n      \n764321\nssssss\n"
        );
    }

    #[test]
    fn labels_of_different_lengths_hang_from_the_top() {
        let values = [(7, "12m"), (7, "0s")];
        assert_eq!(
            draw(&samples(&values), 80),
            "  \n  \n  \n__\n  \n10\n2s\nm \n"
        );
    }

    #[test]
    fn more_samples_than_columns_become_further_pictures() {
        let values = [(0, "a"), (12, "b"), (3, "c")];
        assert_eq!(
            draw(&samples(&values), 2),
            " #\n |\n |\n_|\n  \nab\n\n \n \n_\n|\n \nc\n"
        );
        assert_eq!(draw(&[], 80), "");
    }
}
