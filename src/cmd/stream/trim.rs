//! How a stream is to be cut, as XADD and XTRIM write it, and XTRIM itself.
//!
//! What is cut approximately reaches the log as an exact cut to the same effect, so that it does
//! not hang on how entries lie in nodes.

use super::super::{Context, Outcome};
use super::{IdText, changed, id, known, seen};
use crate::limits::{TRIMMED_AT_ONCE, TRIMMED_AT_ONCE_MAX, TRIMMED_NODES};
use crate::resp::{Args, Error, parse_i64};
use crate::store::{References, Stream, StreamId, Threshold, Trim, Trimmed};

const TWO_STRATEGIES: Error =
    Error::new("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
const LIMIT_ALONE: Error =
    Error::new("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const LIMIT_EXACT: Error =
    Error::new("ERR syntax error, LIMIT cannot be used without the special ~ option");
const NO_STRATEGY: Error =
    Error::new("ERR syntax error, XTRIM must be called with a trimming strategy");

/// The words of a command that say how to cut, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    threshold: Option<Threshold>,
    approximate: bool,
    limit: Option<i64>,
    pub references: Option<References>,
}

/// KEEPREF, DELREF or ACKED.
pub(super) fn references(args: &Args<'_>, at: usize) -> Option<References> {
    [
        ("keepref", References::Keep),
        ("delref", References::Delete),
        ("acked", References::Acked),
    ]
    .into_iter()
    .find_map(|(word, references)| args.is(at, word).then_some(references))
}

impl Options {
    /// Reads the option at `at`; where the next argument stands, None when it is none of these.
    pub(super) fn read(&mut self, args: &Args<'_>, at: usize) -> Result<Option<usize>, Error> {
        let more = args.len() - 1 - at;
        let by_length = args.is(at, "maxlen");
        if more > 0 && (by_length || args.is(at, "minid")) {
            if self.threshold.is_some() {
                return Err(TWO_STRATEGIES);
            }
            self.approximate = more > 1 && args.get(at + 1) == b"~";
            let exact = more > 1 && args.get(at + 1) == b"=";
            let at = at + 1 + usize::from(self.approximate || exact);
            self.threshold = Some(if by_length {
                let most = parse_i64(args.get(at)).ok_or(Error::NOT_INTEGER)?;
                let most = u64::try_from(most)
                    .map_err(|_| Error::new("ERR The MAXLEN argument must be >= 0."))?;
                Threshold::Length(most)
            } else {
                Threshold::Id(id::strict(args.get(at), 0)?)
            });
            return Ok(Some(at + 1));
        }
        if more > 0 && args.is(at, "limit") {
            let limit = parse_i64(args.get(at + 1)).ok_or(Error::NOT_INTEGER)?;
            if limit < 0 {
                return Err(Error::new("ERR The LIMIT argument must be >= 0."));
            }
            self.limit = Some(limit);
            return Ok(Some(at + 2));
        }
        if let Some(references) = references(args, at) {
            if self.references.is_some() {
                return Err(Error::SYNTAX);
            }
            self.references = Some(references);
            return Ok(Some(at + 1));
        }
        Ok(None)
    }

    /// What they say together.
    pub(super) fn trim(&self, ctx: &Context<'_>) -> Result<Option<Trim>, Error> {
        let Some(threshold) = self.threshold else {
            return match self.limit {
                Some(1..) => Err(LIMIT_ALONE),
                _ => Ok(None),
            };
        };
        let limit = match (self.limit, self.approximate) {
            (Some(_), false) => return Err(LIMIT_EXACT),
            (Some(limit), true) => limit.cast_unsigned(),
            (None, true) => match ctx.config.stream_node_max_entries {
                0 => TRIMMED_AT_ONCE,
                entries => entries
                    .saturating_mul(TRIMMED_NODES)
                    .min(TRIMMED_AT_ONCE_MAX),
            },
            (None, false) => 0,
        };
        Ok(Some(Trim {
            threshold,
            approximate: self.approximate,
            limit,
            references: self.references.unwrap_or_default(),
        }))
    }
}

/// Words for the log that cut a stream as it was just cut.
pub(super) fn exactly(trim: &Trim, trimmed: Trimmed, stream: &Stream) -> Vec<Vec<u8>> {
    let word = |text: &str| text.as_bytes().to_vec();
    let by_id = |id: StreamId| [word("MINID"), word("="), IdText::new(id).bytes().to_vec()];
    let by_length = |len: u64| [word("MAXLEN"), word("="), len.to_string().into_bytes()];
    let mut words = match (trim.approximate, trim.references, trim.threshold) {
        (false, _, Threshold::Length(most)) => by_length(most),
        (false, _, Threshold::Id(least)) => by_id(least),
        (true, References::Keep, Threshold::Length(_)) => by_length(stream.len()),
        (true, References::Keep, Threshold::Id(_)) => by_id(stream.first_id()),
        (true, ..) => by_id(trimmed.looked_below),
    }
    .to_vec();
    match trim.references {
        References::Keep => {}
        References::Delete => words.push(word("DELREF")),
        References::Acked => words.push(word("ACKED")),
    }
    words
}

pub(super) fn xtrim(ctx: &mut Context<'_>, args: &Args<'_>) -> Outcome {
    let mut options = Options::default();
    let mut at = 2;
    while at < args.len() {
        at = options.read(args, at)?.ok_or(Error::SYNTAX)?;
    }
    let trim = options.trim(ctx)?.ok_or(NO_STRATEGY)?;
    ctx.edit(ctx.key(args, 1), |edit, reply| {
        if seen(edit)?.is_none() {
            reply.integer(0);
            return Ok(());
        }
        let stream = known(edit);
        let trimmed = stream.trim(&trim);
        reply.integer(trimmed.deleted.cast_signed());
        if trimmed.deleted == 0 {
            edit.unchanged();
            return Ok(());
        }
        if trim.approximate {
            let words = exactly(&trim, trimmed, stream);
            let words = words.iter().map(Vec::as_slice);
            let told: Vec<&[u8]> = [b"XTRIM", args.get(1)].into_iter().chain(words).collect();
            edit.propagate(&told);
        }
        changed(edit, "xtrim", trimmed.deleted);
        Ok(())
    })
}
