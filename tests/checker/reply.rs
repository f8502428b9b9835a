//! Replies of RESP2, decoded from a growing buffer.
//!
//! Decodes whole replies only; what is unfinished stays in the buffer. Encodes commands. No I/O.

/// A decoded reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Reply>),
}

/// A command's arguments.
pub type Words = Vec<Vec<u8>>;

/// A command from text, split at blanks.
pub fn words(text: &str) -> Words {
    text.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// The command as an array of bulk strings.
pub fn encode(words: &[Vec<u8>], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

impl Reply {
    /// The first whole reply of `bytes` and its length; None when it is not complete.
    pub fn decode(bytes: &[u8]) -> Option<(Reply, usize)> {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&bytes[1..end]).expect("a reply's head is text");
        let mut at = end + 2;
        let number = || -> i64 { line.parse().expect("a count or an integer") };
        let reply = match bytes[0] {
            b'+' => Reply::Simple(line.to_string()),
            b'-' => Reply::Error(line.to_string()),
            b':' => Reply::Integer(number()),
            b'$' | b'*' if number() < 0 => Reply::Null,
            b'$' => {
                let len = number() as usize;
                let value = bytes.get(at..at + len)?.to_vec();
                assert_eq!(bytes.get(at + len..at + len + 2)?, b"\r\n");
                at += len + 2;
                Reply::Bulk(value)
            }
            b'*' => {
                let mut items = Vec::new();
                for _ in 0..number() {
                    let (item, len) = Reply::decode(&bytes[at..])?;
                    items.push(item);
                    at += len;
                }
                Reply::Array(items)
            }
            other => panic!("a reply does not begin with {:?}", char::from(other)),
        };
        Some((reply, at))
    }

    pub fn ok() -> Reply {
        Reply::Simple("OK".to_string())
    }
}
