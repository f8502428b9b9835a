//! Commands packed up with their arguments: to wait, to travel, to be one of many.
//!
//! A `Carried` is one command, a `Batch` any number in the same three vectors, so that a
//! transaction of many commands costs no more allocations than one of one, and none at all when its
//! batch is used again.

use crate::limits::PART_COMMAND_BYTES;
use crate::resp::{Args, Protocol, Span};
use crate::store::{Db, Slot};

/// What a command is told besides its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub row: u16,
    pub db: Db,
    pub protocol: Protocol,
    pub no_touch: bool,
    /// Slot of the first key, and the argument that holds it; the first one and 0 where nobody has
    /// looked.
    pub slot: Slot,
    pub key_at: u16,
}

impl Head {
    /// A command whose keys nobody has looked for.
    #[inline]
    #[must_use]
    pub fn new(row: u16, db: Db, protocol: Protocol, no_touch: bool) -> Self {
        Self {
            row,
            db,
            protocol,
            no_touch,
            slot: Slot::FIRST,
            key_at: 0,
        }
    }

    /// The same with the slot of its first key and the argument that holds it.
    #[inline]
    #[must_use]
    pub fn with_key(self, (slot, key_at): (Slot, u16)) -> Self {
        Self {
            slot,
            key_at,
            ..self
        }
    }
}

/// One command with its arguments, owned.
#[derive(Debug, Clone)]
pub struct Carried {
    pub head: Head,
    pub bytes: Vec<u8>,
    pub spans: Vec<Span>,
}

impl Carried {
    /// Copies a command.
    #[must_use]
    pub fn new(head: Head, args: &Args<'_>) -> Self {
        let mut carried = Self {
            head,
            bytes: Vec::with_capacity(args.bytes()),
            spans: Vec::with_capacity(args.len()),
        };
        pack(args.from(0), &mut carried.bytes, &mut carried.spans);
        carried
    }

    /// Copies a command of words.
    #[must_use]
    pub fn of<'w>(head: Head, words: impl Iterator<Item = &'w [u8]>) -> Self {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        pack(words, &mut bytes, &mut spans);
        Self { head, bytes, spans }
    }

    /// Copies some arguments of a command, in the order of `positions`.
    #[must_use]
    pub fn part(head: Head, args: &Args<'_>, positions: impl Iterator<Item = usize>) -> Self {
        let mut part = Self {
            head,
            bytes: Vec::with_capacity(PART_COMMAND_BYTES),
            spans: Vec::with_capacity(PART_COMMAND_BYTES / size_of::<Span>()),
        };
        let chosen = positions.map(|position| args.get(position));
        pack(chosen, &mut part.bytes, &mut part.spans);
        part
    }

    /// The arguments.
    #[must_use]
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }
}

/// Commands in order, with their arguments in common buffers.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with the end of its spans.
    heads: Vec<(Head, u32)>,
    spans: Vec<Span>,
    bytes: Vec<u8>,
}

impl Batch {
    /// Just this command.
    #[must_use]
    pub fn of(head: Head, args: &Args<'_>) -> Self {
        let mut batch = Self {
            heads: Vec::with_capacity(1),
            spans: Vec::with_capacity(args.len()),
            bytes: Vec::with_capacity(args.bytes()),
        };
        batch.push(head, args);
        batch
    }

    /// Copies a command behind the others.
    pub fn push(&mut self, head: Head, args: &Args<'_>) {
        pack(args.from(0), &mut self.bytes, &mut self.spans);
        self.heads.push((head, count(self.spans.len())));
    }

    /// How many commands there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of all arguments.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of the buffers that are in use.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.bytes.len()
            + self.spans.len() * size_of::<Span>()
            + self.heads.len() * size_of::<(Head, u32)>()
    }

    /// Bytes that the buffers can hold.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.heads.capacity() * size_of::<(Head, u32)>()
    }

    /// The command at this place.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> (Head, Args<'_>) {
        let start = match index {
            0 => 0,
            _ => self.heads[index - 1].1 as usize,
        };
        let (head, end) = self.heads[index];
        (
            head,
            Args::new(&self.bytes, &self.spans[start..end as usize]),
        )
    }

    /// The commands in order.
    pub fn iter(&self) -> impl Iterator<Item = (Head, Args<'_>)> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// A copy of the command at this place.
    #[must_use]
    pub fn carried(&self, index: usize) -> Carried {
        let (head, args) = self.get(index);
        Carried::new(head, &args)
    }

    /// Forgets the commands and keeps the memory.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.spans.clear();
        self.bytes.clear();
    }
}

/// A length in the 32 bits that spans have.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).expect("what is packed up is bounded far below 4 GiB")
}

/// Copies arguments behind others.
pub(super) fn pack<'a>(
    args: impl Iterator<Item = &'a [u8]>,
    bytes: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) {
    for argument in args {
        spans.push(Span {
            start: count(bytes.len()),
            len: count(argument.len()),
        });
        bytes.extend_from_slice(argument);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_put_in() {
        let mut batch = Batch::default();
        let commands: [&[&[u8]]; 3] = [&[b"SET", b"k", b""], &[b"PING"], &[b"GET", b"k"]];
        for _ in 0..2 {
            for (row, command) in commands.iter().enumerate() {
                let (mut bytes, mut spans) = (Vec::new(), Vec::new());
                pack(command.iter().copied(), &mut bytes, &mut spans);
                let head = Head::new(row as u16, Db::new(3), Protocol::Resp2, false);
                batch.push(head, &Args::new(&bytes, &spans));
            }
            assert_eq!(batch.len(), commands.len());
            for (row, (head, args)) in batch.iter().enumerate() {
                assert_eq!((head.row, head.db), (row as u16, Db::new(3)));
                assert!(args.from(0).eq(commands[row].iter().copied()));
            }
            let last = batch.carried(2);
            assert_eq!(last.args().get(1), b"k");
            batch.clear();
            assert!(batch.is_empty() && batch.bytes() == 0);
        }
    }
}
