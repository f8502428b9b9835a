//! Files that a command writes: the client waits until the tick has done it through `Io`.
//!
//! Whole files only, replaced at once or not at all.

use std::path::PathBuf;

use super::core::IoRequest;
use super::{Core, Flow};
use crate::base::Token;
use crate::resp::Error;

impl Core {
    /// Replaces the configuration file; its client has the reply when that is done.
    pub fn replace_file(&mut self, token: Token, path: PathBuf, content: Vec<u8>) -> Flow {
        let client = self.client(token);
        client.wait();
        let request = IoRequest::ReplaceFile {
            path,
            content,
            token,
            client: client.id,
        };
        self.requests.push(request);
        Flow::Stop
    }

    /// A file that a client's command asked for has been written, or not.
    pub fn file_replaced(&mut self, token: Token, client: u64, result: &std::io::Result<()>) {
        if self.clients.of(token, client).is_none() {
            return;
        }
        self.complete(token, |reply| match result {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(&Error::from(format!("ERR Rewriting config file: {error}"))),
        });
    }
}
