//! The example of one cell, edited as text, for tests of the lab.

use std::path::Path;

/// `configs/one-cell-two-dus.yaml` with every occurrence of each first text replaced by the second.
pub(crate) fn edited(edits: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/one-cell-two-dus.yaml");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "the example holds no {from:?}");
        text = text.replace(from, to);
    }
    text
}
