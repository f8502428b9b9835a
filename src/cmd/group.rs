//! The families of commands, and what COMMAND DOCS and the ACL categories call them.
//!
//! The one list of them: a new type of value has its line here. Pure data; rows name their family.

/// The family a command belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Geo,
    Hash,
    Hyperloglog,
    List,
    Module,
    Pubsub,
    Scripting,
    Sentinel,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Transactions,
}

impl Group {
    /// The family as COMMAND DOCS names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The ACL category that a family of data types is.
    #[must_use]
    pub const fn category(self) -> Option<&'static str> {
        self.names().1
    }

    const fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Group::Bitmap => ("bitmap", Some("bitmap")),
            Group::Cluster => ("cluster", None),
            Group::Connection => ("connection", None),
            Group::Generic => ("generic", None),
            Group::Geo => ("geo", Some("geo")),
            Group::Hash => ("hash", Some("hash")),
            Group::Hyperloglog => ("hyperloglog", Some("hyperloglog")),
            Group::List => ("list", Some("list")),
            Group::Module => ("module", None),
            Group::Pubsub => ("pubsub", None),
            Group::Scripting => ("scripting", None),
            Group::Sentinel => ("sentinel", None),
            Group::Server => ("server", None),
            Group::Set => ("set", Some("set")),
            Group::SortedSet => ("sorted-set", Some("sortedset")),
            Group::Stream => ("stream", Some("stream")),
            Group::String => ("string", Some("string")),
            Group::Transactions => ("transactions", None),
        }
    }
}
