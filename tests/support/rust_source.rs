//! A Rust file as tokens, for tests that judge the source: comments, strings and character literals
//! are blanked out first, so that only code is seen.

/// A Rust file with comments and literals blanked out.
pub(crate) struct Source {
    /// Path from the root of the repository.
    pub(crate) name: String,
    tokens: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let code = blank(text);
        let tokens = numbered(&code).flat_map(|(line, content)| {
            tokens(content).into_iter().map(move |token| (line, token))
        });
        Self {
            name: name.to_owned(),
            tokens: tokens.collect(),
        }
    }

    /// The top-level module that the file belongs to; `None` for the crate roots.
    pub(crate) fn module(&self) -> Option<String> {
        let path = self.name.strip_prefix("src/")?;
        let first = path.split('/').next()?.trim_end_matches(".rs");
        (!matches!(first, "lib" | "main")).then(|| first.to_owned())
    }

    /// Folders from the crate root to the file's module.
    fn depth(&self) -> usize {
        let parts = self.name.split('/').count() - 1;
        parts - usize::from(self.name.ends_with("/mod.rs"))
    }

    /// What follows each `crate::`, and each chain of `super::` that reaches the crate root.
    pub(crate) fn edges(&self, is_top: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
        let word = |at: usize| self.tokens.get(at).map_or("", |(_, token)| token.as_str());
        let mut edges = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let start = at;
            let mut supers = 0;
            while word(at) == "super" && word(at + 1) == "::" {
                supers += 1;
                at += 2;
            }
            let reaches_root = supers >= self.depth() && supers > 0;
            if reaches_root && is_top(word(at)) {
                edges.push((self.tokens[start].0, word(at).to_owned()));
            }
            // `pub(crate)` and `crate` in attributes have no `::` behind them.
            if word(at) == "crate" && word(at + 1) == "::" {
                edges.push((self.tokens[at].0, word(at + 2).to_owned()));
            }
            at += 1;
        }
        edges
    }

    /// Lines where the tokens of `phrase` stand in a row.
    pub(crate) fn lines_with(&self, phrase: &str) -> Vec<usize> {
        let wanted = tokens(phrase);
        self.tokens
            .windows(wanted.len())
            .filter(|window| window.iter().map(|(_, token)| token).eq(wanted.iter()))
            .map(|window| window[0].0)
            .collect()
    }
}

/// Identifiers, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in code.chars() {
        let is_word = c.is_alphanumeric() || c == '_';
        match found.last_mut() {
            Some(last) if is_word && in_word => last.push(c),
            Some(last) if c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => found.push(c.to_string()),
        }
        in_word = is_word;
    }
    found
}

/// `text` with comments, strings and character literals replaced by spaces, line breaks kept.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let skipped = comment(rest).or_else(|| literal(rest));
        let taken = skipped.unwrap_or_else(|| word_or_char(rest));
        let (head, tail) = rest.split_at(taken);
        match skipped {
            Some(_) => out.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
            None => out.push_str(head),
        }
        rest = tail;
    }
    out
}

/// Length of a whole identifier, so that the `r` of `for"` is not taken for a raw string.
fn word_or_char(rest: &str) -> usize {
    let word = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    word.max(rest.chars().next().map_or(1, char::len_utf8))
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        let step = match tail {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            return Some(at);
        }
    }
    Some(rest.len())
}

fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|r| r.starts_with(['"', '#', '\'']))
    })?;
    let body = &rest[prefix.len()..];
    if prefix.contains('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let opened = body[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = opened
            .find(&close)
            .map_or(opened.len(), |at| at + close.len());
        return Some(prefix.len() + hashes + 1 + end);
    }
    if body.starts_with('"') {
        return Some(prefix.len() + quoted(body, '"')?);
    }
    // A lifetime has no closing quote after its first character.
    let inner = body.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    let is_char = first == '\\' || inner[first.len_utf8()..].starts_with('\'');
    if is_char {
        return Some(prefix.len() + quoted(body, '\'')?);
    }
    None
}

/// Length of a literal that starts with `quote`, escapes skipped.
fn quoted(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Lines with their number, from 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}
