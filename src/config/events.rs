//! `notify-keyspace-events`: classes of events as a set of bits, written in Redis's letters.
//!
//! The letters and the order in which they print are Redis's; `A` stands for every class but `m`
//! and `n`.

use super::settings::EventClasses;

/// The classes as bits, for those who raise events.
pub const GENERIC: u32 = EventClasses::GENERIC.0;
pub const STRING: u32 = EventClasses::STRING.0;
pub const LIST: u32 = EventClasses::LIST.0;
pub const SET: u32 = EventClasses::SET.0;
pub const STREAM: u32 = EventClasses::STREAM.0;
pub const ZSET: u32 = EventClasses::ZSET.0;
pub const HASH: u32 = EventClasses::HASH.0;
pub const EXPIRED: u32 = EventClasses::EXPIRED.0;
pub const KEY_MISS: u32 = EventClasses::KEY_MISS.0;
pub const NEW: u32 = EventClasses::NEW.0;

impl EventClasses {
    const NONE: Self = Self(0);
    const KEYSPACE: Self = Self(1);
    const KEYEVENT: Self = Self(1 << 1);
    const GENERIC: Self = Self(1 << 2);
    const STRING: Self = Self(1 << 3);
    const LIST: Self = Self(1 << 4);
    pub const SET: Self = Self(1 << 5);
    const HASH: Self = Self(1 << 6);
    const ZSET: Self = Self(1 << 7);
    const EXPIRED: Self = Self(1 << 8);
    const EVICTED: Self = Self(1 << 9);
    const STREAM: Self = Self(1 << 10);
    const KEY_MISS: Self = Self(1 << 11);
    const MODULE: Self = Self(1 << 13);
    const NEW: Self = Self(1 << 14);
    /// What the letter `A` stands for.
    const ALL: Self = Self(0b111_1111_1100 | Self::MODULE.0);

    /// True when every class of `other` is in the set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True when nothing is published.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits of the classes whose events reach a channel: none unless there is a kind of
    /// channel.
    #[must_use]
    pub const fn published(self) -> u32 {
        let channels = Self::KEYSPACE.0 | Self::KEYEVENT.0;
        if self.0 & channels == 0 {
            0
        } else {
            self.0 & !channels
        }
    }

    /// The set that the letters stand for; None at a letter that has no class.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::NONE, |all, letter| {
            let class = match letter {
                'A' => Self::ALL,
                'n' => Self::NEW,
                letter => LETTERS.iter().find(|(_, known)| *known == letter)?.0,
            };
            Some(Self(all.0 | class.0))
        })
    }

    /// The letters of the set, in Redis's order.
    #[must_use]
    pub(super) fn letters(self) -> String {
        let all = self.contains(Self::ALL);
        let mut text = String::new();
        if all {
            text.push('A');
        }
        for (class, letter) in LETTERS {
            // Redis prints `n` only where `A` does not stand in for the data classes.
            let covered = all && (Self::ALL.contains(*class) || *class == Self::NEW);
            if self.contains(*class) && !covered {
                text.push(*letter);
            }
        }
        text
    }
}

/// Classes in the order in which they are printed.
const LETTERS: &[(EventClasses, char)] = &[
    (EventClasses::GENERIC, 'g'),
    (EventClasses::STRING, '$'),
    (EventClasses::LIST, 'l'),
    (EventClasses::SET, 's'),
    (EventClasses::HASH, 'h'),
    (EventClasses::ZSET, 'z'),
    (EventClasses::EXPIRED, 'x'),
    (EventClasses::EVICTED, 'e'),
    (EventClasses::STREAM, 't'),
    (EventClasses::MODULE, 'd'),
    (EventClasses::NEW, 'n'),
    (EventClasses::KEYSPACE, 'K'),
    (EventClasses::KEYEVENT, 'E'),
    (EventClasses::KEY_MISS, 'm'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_as_redis_prints() {
        for (given, printed) in [
            ("", ""),
            ("KEA", "AKE"),
            ("KA", "AK"),
            ("KEg$lszxeth", "g$lshzxetKE"),
            ("g$lshzxetdKE", "AKE"),
            ("AKEmn", "AKEm"),
            ("Elszn", "lsznE"),
        ] {
            assert_eq!(
                EventClasses::parse(given).unwrap().letters(),
                printed,
                "{given}"
            );
        }
        assert_eq!(EventClasses::parse("KEq"), None);
    }
}
