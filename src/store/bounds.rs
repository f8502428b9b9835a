//! The store's own maxima.
//!
//! Owned by the store; on their way into `limits.rs`. Imports nothing.

/// Longest string kept inside its entry, and longest that clients see as `embstr`, bytes.
pub const INLINE_VALUE_BYTES_MAX: usize = 1024;
pub const EMBSTR_BYTES_MAX: usize = 44;
/// Latest expiry, unix milliseconds (the year 144,683); later ones are kept as this one.
pub const EXPIRY_MS_MAX: u64 = (1 << 52) - 1;
/// Stale references the expiry wheel tolerates beyond a quarter of its live ones, and how many
/// references a command that adds one examines while there are more.
pub const STALE_REFERENCES_MAX: usize = 1024;
pub const SWEPT_PER_REFERENCE: usize = 8;
