//! The glommio twin: GET, SET and PING over glommio's streams and one hash map per core.
//!
//! The yardstick for Cairn's reactor: the same protocol, pipelining and hash, with a general
//! runtime below. It answers only what a benchmark sends. With several executors each has its own
//! map and no key travels between cores, so its figures with more than one core flatter it. Not a
//! server to use.

mod protocol;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{CpuSet, LocalExecutorPoolBuilder, PoolPlacement};

/// Bytes that one read may bring; as large as one of Cairn's receive buffers.
const READ_BYTES: usize = 16 * 1024;

type Map = HashMap<Box<[u8]>, Box<[u8]>, foldhash::fast::RandomState>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut port = 7002_u16;
    let mut executors = 1_usize;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or("every option has a value")?;
        match word.as_str() {
            "--port" => port = value.parse()?,
            "--executors" => executors = value.parse()?,
            _ => return Err(format!("unknown option {word}; known: --port, --executors").into()),
        }
    }
    let placement = PoolPlacement::MaxSpread(executors, Some(CpuSet::online()?));
    let pool = LocalExecutorPoolBuilder::new(placement)
        .name("twin")
        .on_all_shards(move || async move {
            if let Err(error) = listen(port).await {
                eprintln!("port {port}: {error}");
            }
        })?;
    pool.join_all();
    Ok(())
}

/// Accepts for ever; every executor listens on the same port and the kernel spreads the
/// connections.
async fn listen(port: u16) -> glommio::Result<(), ()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let map = Rc::new(RefCell::new(Map::default()));
    loop {
        let stream = listener.accept().await?;
        let map = Rc::clone(&map);
        // A client that goes away ends its task with an error, which concerns nobody.
        glommio::spawn_local(async move {
            let _ = serve(stream, map).await;
        })
        .detach();
    }
}

/// Answers one client until it goes: all complete commands of a read with one write.
async fn serve(mut stream: TcpStream, map: Rc<RefCell<Map>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input: Vec<u8> = Vec::with_capacity(READ_BYTES);
    let mut output: Vec<u8> = Vec::with_capacity(READ_BYTES);
    let mut chunk = vec![0; READ_BYTES];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        let whole = match input.is_empty() {
            true => &chunk[..count],
            false => {
                input.extend_from_slice(&chunk[..count]);
                &input[..]
            }
        };
        let consumed = {
            let mut map = map.borrow_mut();
            protocol::answer(whole, &mut map, &mut output)
        };
        let rest = whole[consumed..].to_vec();
        input = rest;
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
    }
}
