//! One direction of a simulated connection: bytes that travel and arrive in pieces.
//!
//! A pipe holds at most `capacity` bytes that nobody has read, as a socket's buffers do; what does
//! not fit stays with the sender. Pieces arrive in order, each at its own time, cut anywhere.

use std::collections::VecDeque;

use super::random::Random;

/// How the network behaves.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Longest travel of one piece, microseconds.
    pub delay_us_max: u64,
    /// Most bytes of one piece; 1 cuts everything to single bytes.
    pub piece_bytes_max: usize,
    /// Bytes that one direction holds.
    pub capacity_bytes: usize,
}

#[derive(Debug)]
struct Piece {
    at_us: u64,
    bytes: Vec<u8>,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pieces: VecDeque<Piece>,
    held_bytes: usize,
    /// When the sender's end of file arrives.
    end_at_us: Option<u64>,
    last_at_us: u64,
}

impl Pipe {
    /// Takes as many bytes as fit; returns how many.
    pub(super) fn write(
        &mut self,
        bytes: &[u8],
        now_us: u64,
        weather: Weather,
        random: &mut Random,
    ) -> usize {
        let room = weather.capacity_bytes.saturating_sub(self.held_bytes);
        let taken = bytes.len().min(room);
        let mut rest = &bytes[..taken];
        while !rest.is_empty() {
            let most = rest.len().min(weather.piece_bytes_max);
            // Mostly whole, often cut: a cut must be able to fall anywhere.
            let len = match random.one_in(2) {
                true => most,
                false => 1 + random.below(most as u64) as usize,
            };
            let (piece, behind) = rest.split_at(len);
            let at_us = self.arrival(now_us, weather, random);
            self.pieces.push_back(Piece {
                at_us,
                bytes: piece.to_vec(),
            });
            rest = behind;
        }
        self.held_bytes += taken;
        taken
    }

    fn arrival(&mut self, now_us: u64, weather: Weather, random: &mut Random) -> u64 {
        let at_us = now_us + random.below(weather.delay_us_max + 1);
        self.last_at_us = self.last_at_us.max(at_us);
        self.last_at_us
    }

    /// The sender sends no more.
    pub(super) fn end(&mut self, now_us: u64, weather: Weather, random: &mut Random) {
        if self.end_at_us.is_none() {
            self.end_at_us = Some(self.arrival(now_us, weather, random));
        }
    }

    /// What has arrived, at most `most` bytes of one piece.
    pub(super) fn read(&mut self, now_us: u64, most: usize) -> Vec<u8> {
        let Some(piece) = self
            .pieces
            .front_mut()
            .filter(|piece| piece.at_us <= now_us)
        else {
            return Vec::new();
        };
        let len = piece.bytes.len().min(most);
        let rest = piece.bytes.split_off(len);
        let read = std::mem::replace(&mut piece.bytes, rest);
        if piece.bytes.is_empty() {
            self.pieces.pop_front();
        }
        self.held_bytes -= read.len();
        read
    }

    /// Bytes have arrived and are not read.
    pub(super) fn has_bytes(&self, now_us: u64) -> bool {
        self.pieces
            .front()
            .is_some_and(|piece| piece.at_us <= now_us)
    }

    /// Everything was read and the end of file has arrived.
    pub(super) fn ended(&self, now_us: u64) -> bool {
        self.pieces.is_empty() && self.end_at_us.is_some_and(|at_us| at_us <= now_us)
    }

    /// True when another byte fits.
    pub(super) fn has_room(&self, weather: Weather) -> bool {
        self.held_bytes < weather.capacity_bytes
    }

    /// Drops what is under way.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.held_bytes = 0;
    }

    /// When the next piece, or the end, arrives; only times after `now_us`.
    pub(super) fn next_arrival(&self, now_us: u64) -> Option<u64> {
        let piece = self.pieces.iter().map(|piece| piece.at_us);
        piece
            .chain(self.end_at_us)
            .find(|&at_us| at_us > now_us)
            .filter(|_| !self.has_bytes(now_us))
    }
}
