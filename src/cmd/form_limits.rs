//! How large the compact form of each type may get, as the configuration says.
//!
//! Commands pass it to the store with each edit and to `rdb` with each payload, so a changed
//! directive holds at once. A new type has its line here and its field in `store::FormLimits`.

use crate::config::Config;
use crate::store::{FormLimits, NodeLimits};

/// The limits of all types.
#[must_use]
pub fn form_limits(config: &Config) -> FormLimits {
    FormLimits {
        list: NodeLimits {
            fill: config.list_max_listpack_size,
            compress_depth: config.list_compress_depth,
            ..NodeLimits::default()
        },
    }
}
