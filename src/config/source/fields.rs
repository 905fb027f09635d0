//! Typed reading of a tree, one key at a time, by the tables of keys.
//!
//! A `Section` is a mapping whose keys are known: opening it refuses unknown keys and misses required
//! ones. A `Field` is one value with its path; reading it gives the typed value, or nothing and a
//! problem. Absent keys with a default are read from the default's text, so there is one reading for both.

use super::nearest::nearest;
use super::problem::{Diagnosis, Mark, Problem};
use super::text;
use super::tree::{Entry, Node, Value, join};
use crate::config::keys::{Accepts, Key, Presence};
use crate::ran::{Duration, MacAddr};

/// One value, its key and its place.
#[derive(Clone, Debug)]
pub(in crate::config) struct Field<'t> {
    pub(in crate::config) path: String,
    pub(in crate::config) mark: Mark,
    pub(in crate::config) node: &'t Node,
    pub(in crate::config) key: &'static Key,
}

impl<'t> Field<'t> {
    /// The whole file, as the value of `key`.
    pub(in crate::config) fn root(node: &'t Node, key: &'static Key) -> Self {
        Self {
            path: String::new(),
            mark: node.mark,
            node,
            key,
        }
    }

    /// A problem with this value: `what` is wrong, and the key's table says what would be accepted.
    pub(in crate::config) fn problem(&self, what: impl Into<String>) -> Problem {
        Problem::new(self.mark, &self.path, what)
            .found(self.node.describe())
            .accepted(self.key.accepts.to_string())
    }

    fn refuse<T>(&self, what: impl Into<String>, diagnosis: &mut Diagnosis) -> Option<T> {
        diagnosis.refuse(self.problem(what));
        None
    }

    /// The text of a scalar.
    pub(in crate::config) fn text(&self, diagnosis: &mut Diagnosis) -> Option<&'t str> {
        match &self.node.value {
            Value::Scalar(text) => Some(text),
            Value::Null => self.refuse("has no value", diagnosis),
            Value::List(_) | Value::Map(_) => self.refuse("is not a single value", diagnosis),
        }
    }

    /// True if the value is the word `none`.
    pub(in crate::config) fn is_none(&self) -> bool {
        matches!(&self.node.value, Value::Scalar(text) if text == "none")
    }

    /// True if the value is neither list nor mapping.
    pub(in crate::config) fn is_single(&self) -> bool {
        matches!(&self.node.value, Value::Scalar(_) | Value::Null)
    }

    /// True if the value is a list.
    pub(in crate::config) fn is_list(&self) -> bool {
        matches!(&self.node.value, Value::List(_))
    }

    /// An integer in the range of the key.
    pub(in crate::config) fn integer<T>(&self, diagnosis: &mut Diagnosis) -> Option<T>
    where
        T: TryFrom<i128>,
    {
        let (min, max) = match self.key.accepts {
            Accepts::Integer { min, max } => (min, max),
            _ => (0, i64::MAX),
        };
        self.within(min, max, diagnosis)
    }

    /// An integer from `min` to `max`.
    pub(in crate::config) fn within<T>(
        &self,
        min: i64,
        max: i64,
        diagnosis: &mut Diagnosis,
    ) -> Option<T>
    where
        T: TryFrom<i128>,
    {
        let text = self.text(diagnosis)?;
        let Some(number) = text::integer(text) else {
            return self.refuse("is not an integer", diagnosis);
        };
        let inside = (i128::from(min)..=i128::from(max)).contains(&number);
        match T::try_from(number) {
            Ok(number) if inside => Some(number),
            _ => self.refuse(format!("is not in {min}..={max}"), diagnosis),
        }
    }

    /// One of the words of the key.
    pub(in crate::config) fn word(&self, diagnosis: &mut Diagnosis) -> Option<&'static str> {
        let text = self.text(diagnosis)?;
        let words = match self.key.accepts {
            Accepts::Words(words) => words,
            _ => &[],
        };
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        let what = with_hint("is not a known word", nearest(text, words.iter().copied()));
        self.refuse(what, diagnosis)
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&self, diagnosis: &mut Diagnosis) -> Option<bool> {
        self.word(diagnosis).map(|word| word == "true")
    }

    /// A duration in the range of the key.
    pub(in crate::config) fn duration(&self, diagnosis: &mut Diagnosis) -> Option<Duration> {
        let Some(duration) = text::duration(self.text(diagnosis)?) else {
            return self.refuse("is not a duration", diagnosis);
        };
        let Accepts::Duration { min_ns, max_ns } = self.key.accepts else {
            return Some(duration);
        };
        if (min_ns..=max_ns).contains(&duration.as_nanos()) {
            return Some(duration);
        }
        self.refuse("is out of range", diagnosis)
    }

    /// The MAC address of one station.
    pub(in crate::config) fn mac(&self, diagnosis: &mut Diagnosis) -> Option<MacAddr> {
        match text::mac(self.text(diagnosis)?) {
            Some(mac) if mac.is_group() => self.refuse("is a group address", diagnosis),
            Some(mac) if mac == MacAddr::default() => self.refuse("is no address", diagnosis),
            Some(mac) => Some(mac),
            None => self.refuse("is not a MAC address", diagnosis),
        }
    }

    /// The position in `names` of the name written here; `kind` says what it is a name of.
    pub(in crate::config) fn reference(
        &self,
        kind: &str,
        names: &[&str],
        diagnosis: &mut Diagnosis,
    ) -> Option<usize> {
        let text = self.text(diagnosis)?;
        if let Some(position) = names.iter().position(|name| *name == text) {
            return Some(position);
        }
        let what = with_hint(
            &format!("names no {kind}"),
            nearest(text, names.iter().copied()),
        );
        diagnosis.refuse(self.problem(what).accepted(listing(names)));
        None
    }

    /// The items of a list.
    pub(in crate::config) fn items(&self, diagnosis: &mut Diagnosis) -> Option<Vec<Field<'t>>> {
        let Value::List(items) = &self.node.value else {
            return self.refuse("is not a list", diagnosis);
        };
        let item = |(index, node): (usize, &'t Node)| Field {
            path: format!("{}[{index}]", self.path),
            mark: self.mark_of(node.mark),
            node,
            key: self.key,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The entries of a mapping whose keys are not ours: names, numbers, dotted counters.
    pub(in crate::config) fn entries(
        &self,
        diagnosis: &mut Diagnosis,
    ) -> Option<Vec<(&'t str, Field<'t>)>> {
        let Value::Map(entries) = &self.node.value else {
            return self.refuse("is not a mapping", diagnosis);
        };
        let field = |entry: &'t Entry| {
            let field = Field {
                path: join(&self.path, &entry.key),
                mark: self.mark_of(entry.place()),
                node: &entry.node,
                key: self.key,
            };
            (entry.key.as_str(), field)
        };
        Some(entries.iter().map(field).collect())
    }

    /// Every item of a list read by `read`; nothing if one of them failed.
    pub(in crate::config) fn list<T>(
        &self,
        diagnosis: &mut Diagnosis,
        mut read: impl FnMut(&Field<'t>, &mut Diagnosis) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.items(diagnosis)?;
        let values: Vec<Option<T>> = items.iter().map(|item| read(item, diagnosis)).collect();
        values.into_iter().collect()
    }

    /// The value under `names`, or the nearest one above that is written.
    pub(in crate::config) fn below(&self, names: &[&str]) -> Field<'t> {
        let mut field = self.clone();
        for name in names {
            let Value::Map(entries) = &field.node.value else {
                return field;
            };
            let Some(entry) = entries.iter().find(|entry| entry.key == *name) else {
                return field;
            };
            field.path = join(&field.path, name);
            field.mark = entry.place();
            field.node = &entry.node;
        }
        field
    }

    /// Values of a default are not in the file: they are where their section is.
    fn mark_of(&self, mark: Mark) -> Mark {
        if self.is_default() { self.mark } else { mark }
    }

    fn is_default(&self) -> bool {
        self.key
            .default_node()
            .is_some_and(|node| std::ptr::eq(node, self.node))
    }
}

/// A mapping whose keys are known.
#[derive(Clone, Debug)]
pub(in crate::config) struct Section<'t> {
    pub(in crate::config) path: String,
    pub(in crate::config) mark: Mark,
    entries: &'t [Entry],
    keys: &'static [Key],
}

impl<'t> Section<'t> {
    /// The mapping in `field`, its keys checked against `keys`; unknown and missing ones are refused.
    pub(in crate::config) fn open(
        field: &Field<'t>,
        keys: &'static [Key],
        diagnosis: &mut Diagnosis,
    ) -> Option<Self> {
        let Value::Map(entries) = &field.node.value else {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            let accepted = format!("a mapping of {}", listing(&names));
            diagnosis.refuse(field.problem("is not a mapping").accepted(accepted));
            return None;
        };
        let section = Self {
            path: field.path.clone(),
            mark: field.mark,
            entries,
            keys,
        };
        section.refuse_unknown(diagnosis);
        section.refuse_missing(diagnosis);
        Some(section)
    }

    fn refuse_unknown(&self, diagnosis: &mut Diagnosis) {
        let known = || self.keys.iter().map(|key| key.name);
        for entry in self.entries {
            if known().any(|name| name == entry.key) {
                continue;
            }
            let what = with_hint("is not a known key", nearest(&entry.key, known()));
            let accepted = listing(&known().collect::<Vec<_>>());
            let path = join(&self.path, &entry.key);
            diagnosis.refuse(Problem::new(entry.mark, &path, what).accepted(accepted));
        }
    }

    fn refuse_missing(&self, diagnosis: &mut Diagnosis) {
        for key in self.keys {
            if matches!(key.presence, Presence::Required) && !self.has(key.name) {
                let path = join(&self.path, key.name);
                let problem = Problem::new(self.mark, &path, "is missing");
                diagnosis.refuse(problem.accepted(key.accepts.to_string()));
            }
        }
    }

    /// True if the key is written in the file.
    pub(in crate::config) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name)
    }

    /// True if a key was refused as unknown.
    pub(in crate::config) fn has_unknown(&self) -> bool {
        let known = |entry: &Entry| self.keys.iter().any(|key| key.name == entry.key);
        !self.entries.iter().all(known)
    }

    /// The value of a key, or its default.
    pub(in crate::config) fn field(&self, name: &str) -> Option<Field<'t>> {
        let key = self.keys.iter().find(|key| key.name == name);
        debug_assert!(key.is_some(), "{name} is in the table of keys");
        let key = key?;
        let path = join(&self.path, name);
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == name) {
            let (mark, node) = (entry.place(), &entry.node);
            return Some(Field {
                path,
                mark,
                node,
                key,
            });
        }
        let (mark, node) = (self.mark, key.default_node()?);
        Some(Field {
            path,
            mark,
            node,
            key,
        })
    }

    /// The value of a key, or its default, read by `read`.
    pub(in crate::config) fn read<T>(
        &self,
        name: &str,
        diagnosis: &mut Diagnosis,
        read: impl FnOnce(&Field<'t>, &mut Diagnosis) -> Option<T>,
    ) -> Option<T> {
        read(&self.field(name)?, diagnosis)
    }

    /// Refuses the value of a key, for a reason found after it was read.
    pub(in crate::config) fn refuse(
        &self,
        name: &str,
        diagnosis: &mut Diagnosis,
        problem: impl FnOnce(&Field<'t>) -> Problem,
    ) {
        if let Some(field) = self.field(name) {
            diagnosis.refuse(problem(&field));
        }
    }

    /// The value of a key that may be absent: nothing if it is wrong, `Some(None)` if it is absent.
    pub(in crate::config) fn optional<T>(
        &self,
        name: &str,
        diagnosis: &mut Diagnosis,
        read: impl FnOnce(&Field<'t>, &mut Diagnosis) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.field(name) {
            Some(field) => read(&field, diagnosis).map(Some),
            None => Some(None),
        }
    }
}

/// `what`, and the name that was probably meant.
pub(in crate::config) fn with_hint(what: &str, near: Option<&str>) -> String {
    match near {
        Some(near) => format!("{what}: did you mean {near}?"),
        None => what.to_owned(),
    }
}

/// Names in one line, the first few of many.
pub(in crate::config) fn listing(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing, as none is configured".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        return format!("{} and {more} more", shown.join(", "));
    }
    shown.join(", ")
}

/// Names that a problem lists: a section with the most keys shows all of them.
const SHOWN: usize = 24;
