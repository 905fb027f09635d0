//! Server-sent events out of the bytes of a body (WHATWG HTML, 9.2.6): fields by line, a message ends
//! with an empty line, lines that begin with a colon are there to keep the connection alive.

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::cli) struct Message {
    /// `event:`, the kind.
    pub(in crate::cli) event: String,
    /// `data:`.
    pub(in crate::cli) data: String,
}

/// Puts messages together from pieces of a body.
#[derive(Debug, Default)]
pub(super) struct Messages {
    rest: Vec<u8>,
    message: Message,
}

impl Messages {
    /// The messages that end in `piece`.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Vec<Message> {
        let mut whole = Vec::new();
        for byte in piece {
            if *byte != b'\n' {
                self.rest.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.rest).into_owned();
            self.rest.clear();
            whole.extend(self.line(line.trim_end_matches('\r')));
        }
        // No message of ours is that long: whatever this is, it must not fill memory.
        if self.rest.len() > LONGEST_LINE {
            self.rest.clear();
        }
        whole
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return (!message.data.is_empty()).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.event),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

const LONGEST_LINE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ":\n\nid: 7\nevent: lost\ndata: {\"a\":1}\n\n: alive\nevent: mode\r\ndata:one\r\ndata: two\r\n\r\nevent: x\n\ndata: cut";

    #[test]
    fn messages_are_whole_however_the_body_is_cut() {
        for size in 1..STREAM.len() {
            let mut messages = Messages::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let found: Vec<_> = pieces.flat_map(|piece| messages.feed(piece)).collect();
            assert_eq!(found.len(), 2, "pieces of {size}");
            assert_eq!((&*found[0].event, &*found[0].data), ("lost", "{\"a\":1}"));
            assert_eq!((&*found[1].event, &*found[1].data), ("mode", "one\ntwo"));
        }
    }
}
