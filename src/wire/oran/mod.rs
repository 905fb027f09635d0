//! O-RAN WG4 CUS: the radio header of both planes, C-plane, U-plane, and compressed sizes.

pub mod compression;
pub mod cplane;
pub mod emit;
pub mod extension;
pub mod header;
pub mod restrict;
pub mod uplane;

/// Writes sectionId (the low 12 bits of `id`) of the section at `offset`: same place in both planes.
fn set_section_id(message: &mut [u8], offset: usize, id: u16) {
    if let Some([high, low]) = message
        .get_mut(offset..)
        .and_then(|section| section.first_chunk_mut())
    {
        *high = (id >> 4) as u8;
        *low = (*low & 0x0f) | (id << 4) as u8;
    }
}
