//! Who may connect: the checks on a client that has just come.
//!
//! A refused client is told why, in Redis's words, and closed. Decides by the configuration and the
//! client's address alone; what a client may do afterwards is decided per command, in `gates`.

use std::sync::atomic::Ordering;

use super::Core;
use crate::base::Token;
use crate::resp::{Error, Protocol, Reply};

const TOO_MANY: Error = Error::new("ERR max number of clients reached");
const PROTECTED: Error = Error::new(
    "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for \
     the default user. In this mode connections are only accepted from the loopback interface. If you want \
     to connect from external computers to Redis you may adopt one of the following solutions: 1) Just \
     disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface \
     by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not \
     publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) \
     Alternatively you can just disable the protected mode by editing the Redis configuration file, and \
     setting the protected mode option to 'no', and then restarting the server. 3) If you started the \
     server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an \
     authentication password for the default user. NOTE: You only need to do one of the above things in \
     order for the server to start accepting connections from the outside.",
);

impl Core {
    /// Refuses a new client that may not stay.
    pub(super) fn admit(&mut self, token: Token) {
        let clients = self.identity.shared.clients.load(Ordering::Relaxed);
        let most = usize::try_from(self.settings.config.maxclients).unwrap_or(usize::MAX);
        let open = self.settings.config.protected_mode && !self.asks_for_password();
        let refusal = if clients > most {
            TOO_MANY
        } else if open && !self.is_local(token) {
            PROTECTED
        } else {
            return;
        };
        self.metrics.count().rejected_connections += 1;
        let sink = self.client(token).replies.sink();
        assert!(sink.is_empty(), "nothing has been said to who is refused");
        Reply::new(sink, Protocol::Resp2).error(&refusal);
        self.close_after_replies(token);
    }

    /// True for a client over loopback or the unix socket, whose address is a path and no number.
    pub fn is_local(&mut self, token: Token) -> bool {
        let config = self.settings.config.clone();
        let address = &self.client(token).address;
        let host = address
            .rsplit_once(':')
            .map_or(&**address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<std::net::IpAddr>() {
            Ok(_) => matches!(host, "127.0.0.1" | "::1"),
            Err(_) => host.starts_with('/') || host == config.unixsocket,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::shard::testing::Shards;

    #[test]
    fn clients_beyond_the_maximum_are_told_and_closed() {
        let mut shards = Shards::with(2, &[("maxclients", "2")]);
        let (first, _second) = (shards.connect(0), shards.connect(1));
        let third = shards.connect(0);
        assert_eq!(shards.read(third), "-ERR max number of clients reached\r\n");
        assert!(shards.closed(third));
        assert_eq!(shards.core(0).statistics().rejected_connections, 1);
        shards.hang_up(first);
        shards.run();
        let next = shards.connect(1);
        assert_eq!(shards.call(next, "PING"), "+PONG\r\n");
    }

    #[test]
    fn strangers_are_denied_while_there_is_no_password() {
        let connect = |directives: &[(&str, &str)]| {
            let mut shards = Shards::with(1, directives);
            let friend = shards.connect(0);
            shards.address(0, 1, "192.0.2.1:40000");
            let stranger = shards.connect(0);
            assert_ne!(shards.call(friend, "PING"), "");
            (shards.read(stranger), shards.closed(stranger))
        };
        let (text, closed) = connect(&[]);
        assert!(text.starts_with("-DENIED Redis is running in protected mode because "));
        assert!(text.ends_with(" from the outside.\r\n") && !text.contains("  ") && closed);
        assert_eq!(connect(&[("protected-mode", "no")]), (String::new(), false));
        assert_eq!(connect(&[("requirepass", "x")]), (String::new(), false));
    }
}
