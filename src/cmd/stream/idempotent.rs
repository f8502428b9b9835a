//! Messages that are sent twice and added once: XADD's IDMP and IDMPAUTO, XCFGSET, XIDMPRECORD.
//!
//! How long a name is known is set by XCFGSET; a log repeats what was recorded by XIDMPRECORD.

use super::super::{Context, Outcome};
use super::{changed, id, known, seen};
use crate::limits::{IDEMPOTENCE_NAMES_MAX, IDEMPOTENCE_S_MAX};
use crate::resp::{Args, Error, parse_i64};
use sha1::{Digest as _, Sha1};

/// Who sends an entry, and how the message is named.
pub(super) struct Sender<'a> {
    producer: &'a [u8],
    /// None: it is named by what is in it.
    name: Option<&'a [u8]>,
}

impl<'a> Sender<'a> {
    /// Reads the option at `at`, with where the next argument stands; None when it is another one.
    pub(super) fn read(args: &Args<'a>, at: usize) -> Result<Option<(Sender<'a>, usize)>, Error> {
        let more = args.len() - 1 - at;
        let sender = if args.is(at, "idmpauto") && more > 0 {
            Sender {
                producer: args.get(at + 1),
                name: None,
            }
        } else if args.is(at, "idmp") && more > 1 {
            Sender {
                producer: args.get(at + 1),
                name: Some(args.get(at + 2)),
            }
        } else {
            return Ok(None);
        };
        let next = at + 2 + usize::from(sender.name.is_some());
        if sender.producer.is_empty() || sender.name.is_some_and(<[u8]>::is_empty) {
            return Err(Error::new(
                "ERR IDMP producer ID and idempotent ID must not be empty",
            ));
        }
        Ok(Some((sender, next)))
    }

    /// The producer, and the message's name: given, or made of its fields and values.
    pub(super) fn name<'w>(&self, words: impl Iterator<Item = &'w [u8]>) -> (&'a [u8], Vec<u8>) {
        let name = self.name.map_or_else(
            || {
                let mut hash = Sha1::new();
                for word in words {
                    hash.update((word.len() as u64).to_le_bytes());
                    hash.update(word);
                }
                hash.finalize().to_vec()
            },
            <[u8]>::to_vec,
        );
        (self.producer, name)
    }
}

pub(super) fn xcfgset(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let within = |at: usize, most: u64, error: &'static str| {
        let number = parse_i64(args.get(at)).and_then(|number| u64::try_from(number).ok());
        let number = number.filter(|number| (1..=most).contains(number));
        number.ok_or(Error::new(error))
    };
    let (mut duration_s, mut names_max) = (None, None);
    for at in (2..args.len()).step_by(2) {
        if at + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        if args.is(at, "idmp-duration") {
            let error = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
            duration_s = Some(within(at + 1, IDEMPOTENCE_S_MAX, error)?);
        } else if args.is(at, "idmp-maxsize") {
            let error = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
            names_max = Some(within(at + 1, IDEMPOTENCE_NAMES_MAX, error)?);
        } else {
            return Err(Error::SYNTAX);
        }
    }
    if duration_s.is_none() && names_max.is_none() {
        return Err(Error::new("ERR At least one parameter must be specified"));
    }
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        seen(edit)?.ok_or(Error::NO_SUCH_KEY)?;
        let known = known(edit).idempotence_mut();
        let names_max = names_max.map_or(known.names_max, |most| most as usize);
        known.configure(duration_s.unwrap_or(known.duration_s), names_max);
        changed(edit, "xcfgset", 1);
        reply.ok();
        Ok(())
    })
}

pub(super) fn xidmprecord(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let (producer, name) = (args.get(2), args.get(3));
    if producer.is_empty() || name.is_empty() {
        return Err(Error::new(
            "ERR IDMP producer ID and idempotent ID must not be empty",
        ));
    }
    let id = id::strict(args.get(4), 0)?;
    let now_ms = ctx.now_ms;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        let stream = seen(edit)?.ok_or(Error::NO_SUCH_KEY)?;
        if stream.get(id).is_none() {
            return Err(Error::new("ERR The stream has no such entry"));
        }
        let known = known(edit).idempotence_mut();
        match known.find(producer, name, now_ms) {
            Some(other) if other > id => {
                edit.unchanged();
                return Err(Error::new(
                    "ERR The idempotent ID belongs to another entry of the stream",
                ));
            }
            Some(other) if other == id => edit.unchanged(),
            // One that was forgotten where the message came again.
            _ => known.record(producer, name, id, now_ms),
        }
        reply.ok();
        Ok(())
    })
}
