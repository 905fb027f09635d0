//! Chains of small values in one array: made once, never allocated again.

/// A chain of nodes of one pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) head: u16,
    tail: u16,
}

impl Default for List {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
        }
    }
}

/// No node.
pub(super) const NONE: u16 = u16::MAX;

/// Nodes in chains, those that are free in a chain of their own.
#[derive(Debug)]
pub(super) struct Pool<T> {
    nodes: Vec<(T, u16)>,
    free: u16,
    /// Nodes that are free.
    pub(super) left: u16,
}

impl<T: Copy> Pool<T> {
    /// So many nodes, all free.
    pub(super) fn new(count: u16, empty: T) -> Self {
        let next = |index| if index + 1 < count { index + 1 } else { NONE };
        Self {
            nodes: (0..count).map(|index| (empty, next(index))).collect(),
            free: if count > 0 { 0 } else { NONE },
            left: count,
        }
    }

    /// What a node holds, and the node after it.
    pub(super) fn node(&self, at: u16) -> Option<(T, u16)> {
        self.nodes.get(usize::from(at)).copied()
    }

    /// The same, to be changed.
    pub(super) fn node_mut(&mut self, at: u16) -> Option<(&mut T, u16)> {
        let (value, next) = self.nodes.get_mut(usize::from(at))?;
        Some((value, *next))
    }

    /// What a chain holds, in order.
    pub(super) fn iter(&self, list: List) -> impl Iterator<Item = &T> + '_ {
        let mut next = list.head;
        std::iter::from_fn(move || {
            let (value, after) = self.nodes.get(usize::from(next))?;
            next = *after;
            Some(value)
        })
    }

    /// A node of its own, if one is free.
    fn obtain(&mut self, value: T) -> u16 {
        let at = self.free;
        if let Some(node) = self.nodes.get_mut(usize::from(at)) {
            self.free = node.1;
            self.left -= 1;
            *node = (value, NONE);
        }
        at
    }

    /// A node of a chain that is no more.
    pub(super) fn release(&mut self, at: u16) {
        if let Some((_, next)) = self.nodes.get_mut(usize::from(at)) {
            *next = self.free;
            self.free = at;
            self.left += 1;
        }
    }

    /// At the end of a chain.
    pub(super) fn append(&mut self, list: &mut List, value: T) {
        let at = self.obtain(value);
        let one = List { head: at, tail: at };
        self.concatenate(list, one);
    }

    /// One chain behind another.
    pub(super) fn concatenate(&mut self, list: &mut List, more: List) {
        if more.head == NONE {
            return;
        }
        match self.nodes.get_mut(usize::from(list.tail)) {
            Some((_, next)) => *next = more.head,
            None => list.head = more.head,
        }
        list.tail = more.tail;
    }

    /// Before the first node for which `is_later` holds; pieces mostly come in order, so the end is looked
    /// at first.
    pub(super) fn insert_before(
        &mut self,
        list: &mut List,
        value: T,
        is_later: impl Fn(&T) -> bool,
    ) {
        let last = self.nodes.get(usize::from(list.tail));
        if last.is_none_or(|(last, _)| !is_later(last)) {
            return self.append(list, value);
        }
        let (mut before, mut next) = (NONE, list.head);
        while let Some((there, after)) = self.node(next)
            && !is_later(&there)
        {
            (before, next) = (next, after);
        }
        let at = self.obtain(value);
        if let Some((_, after)) = self.nodes.get_mut(usize::from(at)) {
            *after = next;
        }
        match self.nodes.get_mut(usize::from(before)) {
            Some((_, after)) => *after = at,
            None => list.head = at,
        }
    }
}
