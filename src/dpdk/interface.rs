//! What the kernel says of an interface in this process's network namespace.

use rustix::net::{AddressFamily, SocketType, socket};
use std::os::fd::AsRawFd;

/// The MTU of the interface called `name`; `None` if there is none of this name.
pub(super) fn mtu(name: &str) -> Option<u32> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    // SAFETY: all fields are plain numbers and arrays, for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return None;
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte.cast_signed();
    }
    // SAFETY: the request is writable and its name ends with a zero.
    let code = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU, &mut request) };
    if code != 0 {
        return None;
    }
    // SAFETY: this request fills this member.
    u32::try_from(unsafe { request.ifr_ifru.ifru_mtu }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_does_not_exist_has_no_mtu() {
        assert_eq!(mtu("nonesuch0"), None);
        assert_eq!(mtu("a-name-that-is-too-long-for-the-kernel"), None);
    }
}
