//! Turns: nobody holds up the others by sending much.
//!
//! In one tick a client gets as much done as an ordinary pipeline asks for, as soon as it arrives.
//! Whoever wants more keeps it unparsed and takes turns with its like, and the turns of one tick
//! are bounded together. So a tick stays short, and whoever asks little is served in the tick in
//! which it asks, whatever the others have sent.

use super::Core;
use crate::base::Token;
use crate::conn::{State, Turn};

impl Core {
    /// What the client has set to work in this tick, and the bytes of reply it is owed.
    #[inline]
    pub fn turn(&self, token: Token) -> (Turn, usize) {
        let tick = self.metrics.counters().ticks as u32;
        let fresh = Turn { tick, work: 0 };
        let Some(client) = self.clients.get(token) else {
            return (fresh, 0);
        };
        let turn = if client.turn.tick == tick {
            client.turn
        } else {
            fresh
        };
        (turn, client.replies.owed_bytes())
    }

    /// The client goes on when those who wait for a turn already have had theirs.
    pub(super) fn await_turn(&mut self, token: Token) {
        let client = self.client(token);
        assert!(
            client.state == State::Running,
            "only who may run waits for a turn"
        );
        if !client.awaits_turn {
            client.awaits_turn = true;
            self.ready.push_turn(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Peer, Shards};
    use crate::limits::{RECEIVE_BUFFER_BYTES, TURN_WORK_MAX, TURNS_WORK_PER_TICK};

    /// What one rusher sends, in pieces as they are received.
    fn rush(shards: &mut Shards, peer: Peer, commands: usize) {
        let bytes = format!("NOSUCH {}\r\n", "y".repeat(100)).repeat(commands);
        for piece in bytes.as_bytes().chunks(RECEIVE_BUFFER_BYTES) {
            shards.feed(peer, piece);
        }
    }

    fn answers(shards: &mut Shards, peer: Peer) -> usize {
        shards.read(peer).lines().count()
    }

    #[test]
    fn a_probe_behind_a_rush_is_served_in_the_same_tick() {
        const RUSHERS: usize = 20;
        const COMMANDS: usize = 5000;
        let mut shards = Shards::new(1);
        let probe = shards.connect(0);
        let rushers: Vec<Peer> = (0..RUSHERS).map(|_| shards.connect(0)).collect();
        for &rusher in &rushers {
            rush(&mut shards, rusher, COMMANDS);
        }
        for round in 0..10 {
            let before = shards.core(0).statistics().error_replies;
            shards.feed(probe, b"PING\r\n");
            shards.tick(0);
            assert_eq!(shards.read(probe), "+PONG\r\n", "round {round}");
            let errors = shards.core(0).statistics().error_replies - before;
            let most = u64::from(TURNS_WORK_PER_TICK + TURN_WORK_MAX);
            assert!(0 < errors && errors <= most, "{errors} errors in a tick");
        }
        // Pausing their sockets is all that is done about what else they send.
        let paused = |shards: &mut Shards, peer: Peer| {
            let client = shards.core(0).client(peer.token);
            client.receive_paused
        };
        assert!(rushers.iter().all(|&it| paused(&mut shards, it)));
        shards.run();
        for &rusher in &rushers {
            assert_eq!(answers(&mut shards, rusher), COMMANDS);
            assert!(!paused(&mut shards, rusher));
            assert!(shards.core(0).client(rusher.token).input.is_empty());
        }
    }

    #[test]
    fn all_get_their_turn() {
        let mut shards = Shards::new(1);
        let rushers: Vec<Peer> = (0..9).map(|_| shards.connect(0)).collect();
        for &rusher in &rushers {
            rush(&mut shards, rusher, 5000);
        }
        for _ in 0..rushers.len() {
            shards.tick(0);
        }
        let answered: Vec<usize> = rushers
            .iter()
            .map(|&rusher| answers(&mut shards, rusher))
            .collect();
        let (least, most) = (answered.iter().min(), answered.iter().max());
        let (least, most) = (*least.unwrap(), *most.unwrap());
        assert!(
            least > 0 && most - least <= TURN_WORK_MAX as usize,
            "{answered:?}"
        );
    }

    #[test]
    fn an_ordinary_pipeline_is_served_at_once() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        for _ in 0..3 {
            shards.feed(client, "SET key 0123456789\r\n".repeat(100).as_bytes());
            assert!(!shards.core(0).ready.has_turns());
            assert!(shards.core(0).client(client.token).input.is_empty());
            shards.tick(0);
            assert_eq!(answers(&mut shards, client), 100);
        }
    }

    #[test]
    fn replies_keep_their_order_over_turns_and_shards() {
        let mut shards = Shards::new(3);
        let client = shards.connect(0);
        let keys: Vec<String> = (0..3).map(|shard| shards.key(shard, 0)).collect();
        let mut number = 0;
        for round in 0..2 {
            let (mut sent, mut wanted) = (String::new(), String::new());
            for _ in 0..1000 {
                number += 1;
                for key in &keys {
                    sent.push_str(&format!("INCR {key}\r\n"));
                    wanted.push_str(&format!(":{number}\r\n"));
                }
                sent.push_str("NOSUCH\r\n");
                let error = "-ERR unknown command 'NOSUCH', with args beginning with: \r\n";
                wanted.push_str(error);
            }
            for piece in sent.as_bytes().chunks(RECEIVE_BUFFER_BYTES) {
                shards.feed(client, piece);
            }
            // In the first round the answers of other shards are what it waits for.
            assert_eq!(!shards.core(0).ready.has_turns(), round == 0);
            shards.run();
            assert!(shards.read(client) == wanted, "all answers, in order");
        }
    }

    #[test]
    fn replies_behind_a_slow_shard_are_bounded() {
        const VALUE_BYTES: usize = 100_000;
        let mut shards = Shards::new(2);
        let client = shards.connect(0);
        let (here, there) = (shards.key(0, 0), shards.key(1, 0));
        shards.call(client, &format!("SET {here} {}", "x".repeat(VALUE_BYTES)));
        let mut sent = format!("GET {there}\r\n");
        sent.push_str(&format!("GET {here}\r\n").repeat(1000));
        for piece in sent.as_bytes().chunks(RECEIVE_BUFFER_BYTES) {
            shards.feed(client, piece);
            // The other shard does not answer.
            shards.tick(0);
        }
        for _ in 0..1000 {
            shards.tick(0);
        }
        let kept = shards.core(0).client(client.token).replies.held_bytes();
        let most = crate::limits::OUTPUT_PAUSE_BYTES + VALUE_BYTES + 100;
        assert!(0 < kept && kept <= most, "{kept} bytes are held");
        shards.run();
        let one = VALUE_BYTES + format!("${VALUE_BYTES}\r\n\r\n").len();
        assert_eq!(shards.read(client).len(), "$-1\r\n".len() + 1000 * one);
    }

    #[test]
    fn who_hangs_up_has_all_its_commands_executed() {
        let mut shards = Shards::new(1);
        let client = shards.connect(0);
        let other = shards.connect(0);
        shards.feed(client, "INCR key\r\n".repeat(5000).as_bytes());
        shards.hang_up(client);
        shards.run();
        assert_eq!(shards.call(other, "GET key"), "$4\r\n5000\r\n");
        assert_eq!(answers(&mut shards, client), 5000);
        assert!(shards.core(0).clients.get(client.token).is_none());
    }

    #[test]
    fn the_end_of_a_turn_keeps_what_is_found_of_an_unfinished_command() {
        let mut shards = Shards::new(1);
        let (client, other) = (shards.connect(0), shards.connect(0));
        let pairs = "$1\r\nk\r\n$1\r\nv\r\n".repeat(100);
        let command = format!("*201\r\n$4\r\nMSET\r\n{pairs}");
        let (begin, end) = command.split_at(1000);
        let before = "PING\r\n".repeat(TURN_WORK_MAX as usize - 1);
        shards.feed(client, format!("{before}{begin}").as_bytes());
        let found = &shards.core(0).client(client.token).unfinished;
        assert!(found.is_some(), "the command has begun");
        shards.feed(client, &end.as_bytes()[..10]);
        assert!(shards.core(0).client(client.token).awaits_turn);
        assert_eq!(shards.call(other, "ECHO between"), "$7\r\nbetween\r\n");
        shards.feed(client, &end.as_bytes()[10..]);
        shards.run();
        assert!(shards.read(client).ends_with("+PONG\r\n+OK\r\n"));
    }
}
