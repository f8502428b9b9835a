//! Directives with a syntax of their own: save, bind, client-output-buffer-limit and their like.
//!
//! Each is one `Special`: read from words, print, and the lines for a config file. Error texts are
//! Redis's.

use super::directive::{How, Special};
use super::line::quote;
use super::memory;
use super::settings::{EventClasses, OutputLimit, OutputLimits, SaveRule, Settings};
use crate::limits::BIND_ADDRESSES_MAX;

const WRONG_NUMBER: &str = "wrong number of arguments";

/// A single empty word stands for an empty list.
fn list<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    if words == [""] { &[] } else { words }
}

fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The text of a list in a config file: `""` when it is empty.
fn or_empty(text: String) -> String {
    if text.is_empty() {
        "\"\"".to_string()
    } else {
        text
    }
}

pub(super) const SAVE: Special = Special {
    default: &["3600", "1", "300", "100", "60", "10000"],
    set: set_save,
    get: |settings| {
        joined(
            settings
                .save
                .iter()
                .map(|rule| format!("{} {}", rule.seconds, rule.changes)),
        )
    },
    lines: |settings| {
        if settings.save.is_empty() {
            return vec![("\"\"".to_string(), true)];
        }
        let lines: Vec<(String, bool)> = settings
            .save
            .iter()
            .map(|rule| (format!("{} {}", rule.seconds, rule.changes), true))
            .collect();
        // Written out, the built-in points would be asked for, and refused at the next start.
        let words = SAVE.default.chunks_exact(2).map(|pair| pair.join(" "));
        if words.eq(lines.iter().map(|(line, _)| line.clone())) {
            return Vec::new();
        }
        lines
    },
};

fn set_save(settings: &mut Settings, words: &[&str], how: How) -> Result<(), String> {
    let erase = words == [""];
    let mut rules = Vec::new();
    let (pairs, rest) = list(words).as_chunks::<2>();
    for [seconds, changes] in pairs {
        let rule =
            |least: u64, word: &str| word.parse::<u64>().ok().filter(|value| *value >= least);
        match (rule(1, seconds), rule(0, changes)) {
            (Some(seconds), Some(changes)) => rules.push(SaveRule { seconds, changes }),
            _ => return Err("Invalid save parameters".to_string()),
        }
    }
    if !rest.is_empty() {
        return Err("Invalid save parameters".to_string());
    }
    if erase || how == How::Replace {
        settings.save.clear();
    }
    settings.save.extend(rules);
    Ok(())
}

pub(super) const BIND: Special = Special {
    default: BIND_DEFAULT,
    set: |settings, words, _| {
        if words.len() > BIND_ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".to_string());
        }
        if !list(words).iter().all(|word| is_host(word)) {
            return Err("Invalid bind address.".to_string());
        }
        settings.bind = list(words).iter().map(ToString::to_string).collect();
        Ok(())
    },
    get: |settings| settings.bind.join(" "),
    lines: |settings| {
        let default = settings.bind == BIND_DEFAULT;
        if default {
            Vec::new()
        } else {
            vec![(or_empty(settings.bind.join(" ")), true)]
        }
    },
};

/// Names and addresses hold no blanks and no quotes, so they can be written to a file as they are.
fn is_host(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\''))
}

const BIND_DEFAULT: &[&str] = &["*", "-::*"];

pub(super) const OUTPUT_LIMITS: Special = Special {
    default: &[
        "normal", "0", "0", "0", "slave", "256mb", "64mb", "60", "pubsub", "32mb", "8mb", "60",
    ],
    set: set_output_limits,
    get: |settings| {
        joined(
            classes(settings.client_output_buffer_limits).map(|(name, limit)| {
                let name = if name == "replica" { "slave" } else { name };
                format!(
                    "{name} {} {} {}",
                    limit.hard_bytes, limit.soft_bytes, limit.soft_seconds
                )
            }),
        )
    },
    lines: |settings| {
        let changed = classes(settings.client_output_buffer_limits)
            .zip(classes(default_output_limits()))
            .map(|((name, limit), (_, default))| {
                let (hard, soft) = (
                    memory::format(limit.hard_bytes),
                    memory::format(limit.soft_bytes),
                );
                (
                    format!("{name} {hard} {soft} {}", limit.soft_seconds),
                    limit != default,
                )
            });
        changed.collect()
    },
};

/// What holds where no line says otherwise.
pub(super) fn default_output_limits() -> OutputLimits {
    let mut defaults = Settings::default();
    set_output_limits(&mut defaults, OUTPUT_LIMITS.default, How::Replace)
        .expect("the default is valid");
    defaults.client_output_buffer_limits
}

fn classes(limits: OutputLimits) -> impl Iterator<Item = (&'static str, OutputLimit)> {
    [
        ("normal", limits.normal),
        ("replica", limits.replica),
        ("pubsub", limits.pubsub),
    ]
    .into_iter()
}

fn set_output_limits(settings: &mut Settings, words: &[&str], _: How) -> Result<(), String> {
    let (groups, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_string());
    }
    let bytes = |word: &str| u64::try_from(memory::parse(word)?).ok();
    let mut limits = settings.client_output_buffer_limits;
    for [class, hard, soft, seconds] in groups {
        let limit = match class.to_ascii_lowercase().as_str() {
            "normal" => &mut limits.normal,
            "slave" | "replica" => &mut limits.replica,
            "pubsub" => &mut limits.pubsub,
            _ => {
                return Err(
                    "Invalid client class specified in buffer limit configuration.".to_string(),
                );
            }
        };
        let seconds = seconds
            .parse::<i32>()
            .ok()
            .and_then(|seconds| u64::try_from(seconds).ok());
        *limit =
            match (bytes(hard), bytes(soft), seconds) {
                (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) => OutputLimit {
                    hard_bytes,
                    soft_bytes,
                    soft_seconds,
                },
                _ => return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration."
                        .to_string(),
                ),
            };
    }
    settings.client_output_buffer_limits = limits;
    Ok(())
}

pub(super) const NOTIFY: Special = Special {
    default: &[""],
    set: |settings, words, _| {
        let [word] = words else {
            return Err(WRONG_NUMBER.to_string());
        };
        settings.notify_keyspace_events = EventClasses::parse(word)
            .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        Ok(())
    },
    get: |settings| settings.notify_keyspace_events.letters(),
    lines: |settings| {
        let classes = settings.notify_keyspace_events;
        vec![(quote(classes.letters().as_bytes()), !classes.is_empty())]
    },
};

pub(super) const OOM_VALUES: Special = Special {
    default: &["0", "200", "800"],
    set: |settings, words, _| {
        let words: [&str; 3] = words.try_into().map_err(|_| WRONG_NUMBER)?;
        let mut values = [0; 3];
        for (value, word) in values.iter_mut().zip(words) {
            *value = word
                .parse::<i32>()
                .ok()
                .filter(|value| (-2000..=2000).contains(value))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        settings.oom_score_adj_values = values;
        Ok(())
    },
    get: |settings| joined(settings.oom_score_adj_values),
    lines: |settings| {
        let values = settings.oom_score_adj_values;
        vec![(joined(values), values != [0, 200, 800])]
    },
};

pub(super) const REPLICAOF: Special = Special {
    default: &["no", "one"],
    set: |settings, words, _| {
        let [host, port] = words else {
            return Err(WRONG_NUMBER.to_string());
        };
        let stops = host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one");
        if !is_host(host) {
            return Err("Invalid master host".to_string());
        }
        settings.replicaof = if stops {
            None
        } else {
            Some((
                (*host).to_string(),
                port.parse().map_err(|_| "Invalid master port")?,
            ))
        };
        Ok(())
    },
    get: |settings| {
        settings
            .replicaof
            .as_ref()
            .map_or_else(String::new, |(host, port)| format!("{host} {port}"))
    },
    lines: |settings| {
        settings
            .replicaof
            .iter()
            .map(|(host, port)| (format!("{host} {port}"), true))
            .collect()
    },
};

pub(super) const PERCENTILES: Special = Special {
    default: &["50", "99", "99.9"],
    set: |settings, words, _| {
        let mut percentiles = Vec::new();
        for word in list(words) {
            let value = crate::resp::parse_f64(word.as_bytes())
                .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&value) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                        .to_string(),
                );
            }
            percentiles.push(value);
        }
        settings.latency_tracking_info_percentiles = percentiles;
        Ok(())
    },
    get: percentiles,
    lines: |settings| vec![(or_empty(percentiles(settings)), true)],
};

fn percentiles(settings: &Settings) -> String {
    joined(
        settings
            .latency_tracking_info_percentiles
            .iter()
            .map(|value| {
                let text = format!("{value:.6}");
                text.trim_end_matches('0').trim_end_matches('.').to_string()
            }),
    )
}

/// Relative paths are resolved against the directory in force, as a change of directory would.
pub(super) const DIR: Special = Special {
    default: &["."],
    set: |settings, words, _| {
        let [word] = words else {
            return Err(WRONG_NUMBER.to_string());
        };
        let joined = std::path::Path::new(&settings.dir).join(word);
        // `components` drops `.` and doubled slashes; `..` stays for the system, which knows links.
        let clean: std::path::PathBuf = joined.components().collect();
        settings.dir = clean.to_str().ok_or("the path is not UTF-8")?.to_string();
        Ok(())
    },
    get: |settings| settings.dir.clone(),
    lines: |settings| vec![(quote(settings.dir.as_bytes()), true)],
};
