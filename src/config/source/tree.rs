//! YAML to a tree in which every key and value knows its line and column.
//!
//! Built from parser events on a stack of our own, so that depth costs no call stack. Refused: what a
//! configuration has no use for and what could hide a mistake or explode: anchors and aliases, tags,
//! several documents in one file, keys that are not plain words, duplicate keys, deep nesting.

use super::problem::{Diagnosis, Mark, Problem};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};
use std::collections::HashMap;

/// A value and where it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct Node {
    pub(in crate::config) mark: Mark,
    pub(in crate::config) value: Value,
}

/// The three shapes of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// Anything else that is neither list nor mapping; its key says how to read it.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct Entry {
    pub(in crate::config) key: String,
    pub(in crate::config) mark: Mark,
    pub(in crate::config) node: Node,
}

impl Node {
    /// The value in a few words, for a problem.
    pub(in crate::config) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => shorten(text),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(entries) => format!("a mapping of {}", entries.len()),
        }
    }
}

impl Entry {
    /// Where a problem with the value is shown: at the value, or at the key of a list or mapping,
    /// which may begin lines below.
    pub(in crate::config) fn place(&self) -> Mark {
        match self.node.value {
            Value::Scalar(_) => self.node.mark,
            Value::Null | Value::List(_) | Value::Map(_) => self.mark,
        }
    }
}

/// At most `LONGEST` characters of `text`, on one line, control characters made visible.
pub(in crate::config) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).flat_map(visible).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push_str("...");
    }
    format!("\"{short}\"")
}

fn visible(character: char) -> impl Iterator<Item = char> {
    let escape = character.is_control().then(|| character.escape_default());
    let plain = (!character.is_control()).then_some(character);
    escape.into_iter().flatten().chain(plain)
}

/// The tree of `text`; `None` if it is no usable YAML. Duplicate keys are refused, the first stays.
pub(in crate::config) fn parse(text: &str, diagnosis: &mut Diagnosis) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    match builder.build(Parser::new_from_str(text), diagnosis) {
        Ok(root) => root.or_else(|| {
            let whole = Problem::new(Mark::default(), "", "the file is empty");
            diagnosis.refuse(whole.accepted("a mapping with the keys of the reference"));
            None
        }),
        Err(problem) => {
            diagnosis.refuse(problem);
            None
        }
    }
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
}

/// A list or mapping that has not ended.
struct Open {
    mark: Mark,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashMap<String, Mark>,
        key: Option<(String, Mark)>,
    },
}

impl Builder {
    fn build(
        &mut self,
        mut parser: Parser<'_, StrInput<'_>>,
        diagnosis: &mut Diagnosis,
    ) -> Result<Option<Node>, Problem> {
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                Problem::new(mark(error.marker()), &self.path(), error.info())
                    .accepted("well-formed YAML")
            })?;
            self.take(event, span, diagnosis)?;
        }
        Ok(self.root.take())
    }

    fn take(
        &mut self,
        event: Event<'_>,
        span: Span,
        diagnosis: &mut Diagnosis,
    ) -> Result<(), Problem> {
        let at = mark(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at)?;
                self.scalar(&text, style, at, diagnosis);
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at)?;
                self.open(Kind::List(Vec::new()), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at)?;
                let (entries, seen) = (Vec::new(), HashMap::new());
                let key = None;
                self.open(Kind::Map { entries, seen, key }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(diagnosis),
            Event::Alias(_) => return Err(self.unsupported(at, "an alias")),
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(Problem::new(at, "", "a second document starts here")
                    .accepted("one document in a file"));
            }
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => {}
        }
        Ok(())
    }

    fn refuse_extras(&self, anchor: usize, tagged: bool, at: Mark) -> Result<(), Problem> {
        if tagged {
            return Err(self.unsupported(at, "a tag"));
        }
        if anchor > 0 {
            return Err(self.unsupported(at, "an anchor"));
        }
        Ok(())
    }

    fn unsupported(&self, at: Mark, what: &str) -> Problem {
        Problem::new(at, &self.path(), format!("{what} is not supported"))
            .accepted("the value itself, written out")
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Mark, diagnosis: &mut Diagnosis) {
        if let Some(Kind::Map { key, .. }) = self.open.last_mut().map(|open| &mut open.kind)
            && key.is_none()
        {
            *key = Some((text.to_owned(), at));
            return;
        }
        let nothing = ["", "~", "null", "Null", "NULL"].contains(&text);
        let value = if style == ScalarStyle::Plain && nothing {
            Value::Null
        } else {
            Value::Scalar(text.to_owned())
        };
        self.place(Node { mark: at, value }, diagnosis);
    }

    fn open(&mut self, kind: Kind, at: Mark) -> Result<(), Problem> {
        if let Some(Kind::Map { key: None, .. }) = self.open.last().map(|open| &open.kind) {
            return Err(Problem::new(at, &self.path(), "a key is a list or mapping")
                .accepted("a word as key"));
        }
        if self.open.len() == DEEPEST {
            let what = format!("nested more than {DEEPEST} levels deep");
            return Err(Problem::new(at, &self.path(), what));
        }
        self.open.push(Open { mark: at, kind });
        Ok(())
    }

    fn close(&mut self, diagnosis: &mut Diagnosis) {
        let Some(Open { mark, kind }) = self.open.pop() else {
            return;
        };
        let value = match kind {
            Kind::List(items) => Value::List(items),
            Kind::Map { entries, .. } => Value::Map(entries),
        };
        self.place(Node { mark, value }, diagnosis);
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, diagnosis: &mut Diagnosis) {
        let path = self.path();
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(Kind::List(items)) => items.push(node),
            Some(Kind::Map { entries, seen, key }) => {
                let Some((key, mark)) = key.take() else {
                    return;
                };
                if let Some(first) = seen.get(&key) {
                    let what = format!("is written twice, first in line {}", first.line);
                    diagnosis.refuse(Problem::new(mark, &path, what).accepted("each key once"));
                    return;
                }
                seen.insert(key.clone(), mark);
                entries.push(Entry { key, mark, node });
            }
        }
    }

    /// The dotted path of the value that would come next.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match &open.kind {
                Kind::List(items) => path.push_str(&format!("[{}]", items.len())),
                Kind::Map {
                    key: Some((key, _)),
                    ..
                } => path = join(&path, key),
                Kind::Map { key: None, .. } => {}
            }
        }
        path
    }
}

/// `path.key`, or `key` at the top; a key that is no name is shortened and quoted.
pub(in crate::config) fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let key = if key.len() <= LONGEST && !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        shorten(key)
    };
    if path.is_empty() {
        return key;
    }
    format!("{path}.{key}")
}

fn mark(marker: &Marker) -> Mark {
    Mark {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// Far deeper than any key of ours.
const DEEPEST: usize = 32;

/// Characters of a value that a problem shows.
const LONGEST: usize = 60;
