//! A port's device string: a PCI address, or a virtual device of a driver with its arguments.

/// What a port is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Device {
    /// A NIC by its address, `0000:3b:00.1`.
    Pci(String),
    /// A virtual device.
    Virtual {
        /// Its driver: the device's name without number.
        driver: String,
        /// `NAME=VALUE` arguments in order; without `=` the value is empty.
        arguments: Vec<(String, String)>,
    },
}

impl Device {
    /// Reads a device string as EAL does: name first, arguments behind commas.
    pub(super) fn read(text: &str) -> Self {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        if let Some(address) = pci_address(name) {
            return Self::Pci(address);
        }
        let argument = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), value.to_owned())
        };
        Self::Virtual {
            driver: name
                .trim_end_matches(|letter: char| letter.is_ascii_digit())
                .to_owned(),
            arguments: parts.map(argument).collect(),
        }
    }

    /// An argument's value.
    pub(super) fn argument(&self, name: &str) -> Option<&str> {
        let Self::Virtual { arguments, .. } = self else {
            return None;
        };
        let found = arguments.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The driver of a virtual device.
    pub(super) fn driver(&self) -> Option<&str> {
        match self {
            Self::Virtual { driver, .. } => Some(driver),
            Self::Pci(_) => None,
        }
    }
}

/// The full address, domain 0000 if none is written; `None` if it is none.
fn pci_address(text: &str) -> Option<String> {
    let text = text.strip_prefix("pci:").unwrap_or(text).to_lowercase();
    let (place, function) = text.split_once('.')?;
    let parts: Vec<&str> = place.split(':').collect();
    let (domain, bus, device) = match parts.as_slice() {
        [domain, bus, device] => (*domain, *bus, *device),
        [bus, device] => ("0000", *bus, *device),
        _ => return None,
    };
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let function_ok = matches!(function.as_bytes(), [b'0'..=b'7']);
    let whole = hex(domain, 4) && hex(bus, 2) && hex(device, 2) && function_ok;
    whole.then(|| format!("{domain}:{bus}:{device}.{function}"))
}
