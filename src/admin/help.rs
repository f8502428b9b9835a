//! The replies of `CONTAINER HELP`: a head, the lines of the subcommands, and HELP itself.
//!
//! Every container's lines stand beside its functions; only the frame is here.

use crate::base::Token;
use crate::shard::{Core, Flow};

/// Replies with the help of a container; `lines` are Redis's: a subcommand, then indented lines about it.
pub fn help(core: &mut Core, token: Token, container: &str, lines: &[&str]) -> Flow {
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
