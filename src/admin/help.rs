//! The replies of `CONTAINER HELP`: a head, the lines of the subcommands, and HELP itself.
//!
//! Every container's lines stand beside its functions; only the frame is here.

use crate::base::Token;
use crate::shard::{Core, Flow};

/// Replies with the help of a container; `lines` are Redis's: a subcommand, then indented lines
/// about it.
pub(super) fn help(core: &mut Core, token: Token, container: &str, lines: &[&str]) -> Flow {
    let renamed = core.table().top_level().find_map(|row| {
        let row = core.table().row(row);
        let is_it = row.command.name.eq_ignore_ascii_case(container);
        is_it.then(|| row.called.to_uppercase())
    });
    let container = renamed.as_deref().unwrap_or(container);
    let head = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut reply = core.reply(token);
    reply.array(lines.len() + 3);
    reply.simple(&head);
    for line in lines {
        reply.simple(line);
    }
    reply.simple("HELP");
    reply.simple("    Prints this help.");
    Flow::Next
}
