//! Rings written down by what is in them: how long they are, and the entries that differ from an empty
//! one. For `serde(with)` on state that a recording keeps.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest ring that is read back: far beyond any cell's.
const LONGEST: usize = 1 << 24;

#[derive(Serialize, Deserialize)]
struct Sparse<T> {
    len: usize,
    entries: Vec<(usize, T)>,
}

/// Writes the entries that are not empty.
pub(super) fn serialize<T, S>(ring: &[T], serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + Default + PartialEq,
    S: Serializer,
{
    let empty = T::default();
    let filled = ring
        .iter()
        .enumerate()
        .filter(|(_, entry)| **entry != empty);
    Sparse {
        len: ring.len(),
        entries: filled.collect(),
    }
    .serialize(serializer)
}

/// Reads them back into a ring of the same length.
pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Box<[T]>, D::Error>
where
    T: DeserializeOwned + Default + Clone,
    D: Deserializer<'de>,
{
    let Sparse { len, entries } = Sparse::<T>::deserialize(deserializer)?;
    if len > LONGEST {
        return Err(D::Error::custom("the ring is too long"));
    }
    let mut ring = vec![T::default(); len].into_boxed_slice();
    for (at, entry) in entries {
        let place = ring.get_mut(at);
        *place.ok_or_else(|| D::Error::custom("an entry lies outside its ring"))? = entry;
    }
    Ok(ring)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Ring(#[serde(with = "super")] Box<[u64]>);

    #[test]
    fn a_ring_comes_back_as_it_was_and_empty_entries_take_no_room() {
        let mut ring = vec![0; 1000].into_boxed_slice();
        (ring[3], ring[999]) = (7, u64::MAX);
        let text = serde_json::to_string(&Ring(ring.clone())).unwrap();
        assert!(text.len() < 80, "{text}");
        assert_eq!(serde_json::from_str::<Ring>(&text).unwrap().0, ring);
    }

    #[test]
    fn an_entry_outside_the_ring_is_refused() {
        assert!(serde_json::from_str::<Ring>(r#"{"len":2,"entries":[[2,1]]}"#).is_err());
        assert!(serde_json::from_str::<Ring>(r#"{"len":99999999999,"entries":[]}"#).is_err());
    }
}
