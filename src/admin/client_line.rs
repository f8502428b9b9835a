//! One client as CLIENT LIST and CLIENT INFO print it.
//!
//! Field names, their order and the letters are Redis's. Reads a client, changes nothing but what
//! is noted about the command that asks.

use crate::base::Token;
use crate::conn::{Client, State};
use crate::limits::RECEIVE_BUFFER_BYTES;
use crate::resp::{Args, Protocol};
use crate::shard::Core;

/// What CLIENT LIST and INFO say about the bytes of the very command that asks.
pub(super) fn note_own_bytes(core: &mut Core, token: Token, args: &Args<'_>) {
    let digits = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let arguments: usize = args.from(0).map(<[u8]>::len).sum();
    let framing: usize = args.from(0).map(|word| digits(word.len()) + 5).sum();
    let own = arguments + framing + digits(args.len()) + 3;
    core.client(token).own_bytes = (own, arguments);
}

/// One line of CLIENT LIST, without the line end.
pub(super) fn client_line(core: &Core, token: Token) -> String {
    let now_us = core.now().monotonic_us;
    let client = core.clients().get(token).expect("the caller has found it");
    let session = &client.session;
    let seconds = |since_us: u64| now_us.saturating_sub(since_us) / 1_000_000;
    let command = client
        .last_row
        .map_or("NULL", |row| core.table().row(row).full_name.as_str());
    let transaction = client.transaction.as_deref();
    let multi = transaction
        .filter(|transaction| transaction.open)
        .map_or(-1, |transaction| transaction.queued.len() as i64);
    let multi_bytes = transaction.map_or(0, |transaction| transaction.queued.bytes());
    let (own, arguments) = client.own_bytes;
    let unsent = client.replies.ready_bytes();
    let buffer = client.reply_buffer.bytes();
    let peak = client.reply_buffer.peak_bytes();
    // The command that asks lies in a buffer of the shard's.
    let input_free = match own {
        0 => client.input.capacity() - client.input.len(),
        _ => RECEIVE_BUFFER_BYTES.saturating_sub(own),
    };
    let sending = client.sending.unwrap_or(0);
    let total = client.memory_bytes() + own + if own > 0 { input_free } else { 0 };
    let resp = match session.protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    };
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 \
         multi={multi} qbuf={} qbuf-free={} argv-mem={arguments} multi-mem={multi_bytes} rbs={buffer} \
         rbp={peak} obl={unsent} oll={} omem={sending} tot-mem={total} events={} cmd={command} user={} \
         redir=-1 resp={resp} lib-name={} lib-ver={}",
        client.id,
        client.address,
        client.local_address,
        client.descriptor,
        session.name,
        seconds(client.created_us),
        seconds(client.active_us),
        flags(client),
        session.db,
        client.input.len() + own,
        input_free,
        usize::from(sending > 0),
        events(client),
        session.user,
        session.library_name,
        session.library_version,
    )
}

/// Redis's letters for a client's state.
fn flags(client: &Client) -> String {
    let session = &client.session;
    let letters: String = [
        (session.monitor, 'O'),
        (client.in_multi(), 'x'),
        (matches!(client.state, State::Blocked | State::Paused), 'b'),
        (client.state == State::Closing || client.doomed, 'c'),
        (client.address.starts_with('/'), 'U'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ]
    .into_iter()
    .filter_map(|(set, letter)| set.then_some(letter))
    .collect();
    if letters.is_empty() {
        "N".to_string()
    } else {
        letters
    }
}

/// What is awaited of the socket: `r`eadable, `w`ritable.
fn events(client: &Client) -> &'static str {
    match (!client.receive_paused, client.sending.is_some()) {
        (true, true) => "rw",
        (true, false) => "r",
        (false, true) => "w",
        (false, false) => "",
    }
}
