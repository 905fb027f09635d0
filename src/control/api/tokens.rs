//! The file of tokens: who may read and who may operate.
//!
//! Lines of NAME ROLE SECRET; a word that begins with `#` begins a comment. Compared by hash and in constant time; never
//! logged. A file that others can read is refused.

use ring::digest::{SHA256, digest};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use subtle::{Choice, ConstantTimeEq};

/// What the holder of a token may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// See.
    Read,
    /// See and command.
    Operate,
}

/// The tokens of a file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tokens(Vec<Token>);

#[derive(Clone, PartialEq, Eq)]
struct Token {
    role: Role,
    hash: [u8; 32],
}

impl Tokens {
    /// The tokens in `path`.
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        let refuse =
            |why: String| io::Error::other(format!("api.tokens {}: {why}", path.display()));
        let file = fs::File::open(path).map_err(|error| refuse(error.to_string()))?;
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(refuse(format!(
                "anybody on this machine can use it (mode {:o}): chmod 640 {}",
                mode & 0o777,
                path.display()
            )));
        }
        let mut text = String::new();
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| refuse(error.to_string()))?;
        Self::parse(&text).map_err(refuse)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut names = Vec::new();
        let mut tokens = Vec::new();
        for (number, line) in text.lines().enumerate() {
            // Within a word it is a part of the secret.
            let words = line.split_whitespace();
            let words: Vec<&str> = words.take_while(|word| !word.starts_with('#')).collect();
            if words.is_empty() {
                continue;
            }
            let refuse = |why: &str| format!("line {}: {why}", number + 1);
            let [name, role, secret] = words.as_slice() else {
                return Err(refuse("expected NAME ROLE SECRET"));
            };
            if names.contains(name) {
                return Err(refuse("this name has a token already"));
            }
            names.push(name);
            let role = match *role {
                "read" => Role::Read,
                "operate" => Role::Operate,
                _ => return Err(refuse("the role is neither read nor operate")),
            };
            let hash = hash(secret).map_err(refuse)?;
            tokens.push(Token { role, hash });
        }
        if tokens.is_empty() {
            return Err("no token in it: add a line NAME ROLE SECRET".to_owned());
        }
        Ok(Self(tokens))
    }

    /// The role of a presented secret. Takes the same time whichever token it is, or none.
    pub(super) fn role(&self, presented: &[u8]) -> Option<Role> {
        let presented = digest(&SHA256, presented);
        let mut found = (Choice::from(0), Choice::from(0));
        for token in &self.0 {
            let same = token.hash.ct_eq(presented.as_ref());
            match token.role {
                Role::Read => found.0 |= same,
                Role::Operate => found.1 |= same,
            }
        }
        match (bool::from(found.0), bool::from(found.1)) {
            (_, true) => Some(Role::Operate),
            (true, false) => Some(Role::Read),
            (false, false) => None,
        }
    }
}

fn hash(secret: &str) -> Result<[u8; 32], &'static str> {
    let Some(hexadecimal) = secret.strip_prefix("sha256:") else {
        if secret.len() < SHORTEST {
            return Err("a secret has at least 16 characters");
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        return Ok(hash);
    };
    let wrong = "sha256: is followed by 64 hexadecimal digits";
    let mut hash = [0; 32];
    let digits = hexadecimal.bytes().all(|digit| digit.is_ascii_hexdigit());
    if hexadecimal.len() != 64 || !digits {
        return Err(wrong);
    }
    for (place, pair) in hash.iter_mut().zip(hexadecimal.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong)?;
        *place = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
    }
    Ok(hash)
}

const SHORTEST: usize = 16;

/// Bytes of a file of tokens.
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
# who may what
ann operate correct-horse-battery
bob read    another-long-secret   # on the wall
";

    #[test]
    fn a_secret_gives_the_role_of_its_line_and_nothing_else_does() {
        let tokens = Tokens::parse(FILE).ok().unwrap();
        assert_eq!(tokens.role(b"correct-horse-battery"), Some(Role::Operate));
        assert_eq!(tokens.role(b"another-long-secret"), Some(Role::Read));
        for wrong in ["", "ann", "correct-horse-batter", "correct-horse-battery "] {
            assert_eq!(tokens.role(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_sign_within_a_secret_is_a_part_of_it() {
        let tokens = Tokens::parse("ann read correct-horse-battery#staple # on the wall");
        let tokens = tokens.ok().unwrap();
        let whole = b"correct-horse-battery#staple";
        assert_eq!(tokens.role(whole), Some(Role::Read));
        assert_eq!(tokens.role(b"correct-horse-battery"), None);
    }

    #[test]
    fn a_hash_stands_for_its_secret() {
        let hash = digest(&SHA256, b"a secret nobody wrote down");
        let hex: String = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let tokens = Tokens::parse(&format!("ann read sha256:{hex}"))
            .ok()
            .unwrap();
        assert_eq!(tokens.role(b"a secret nobody wrote down"), Some(Role::Read));
        assert_eq!(tokens.role(format!("sha256:{hex}").as_bytes()), None);
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_line_and_without_its_secret() {
        let wrong = [
            ("ann operate", "line 1: expected"),
            ("\nann admin correct-horse-battery", "line 2: the role"),
            ("ann read short", "at least 16"),
            ("ann read sha256:12", "64 hexadecimal"),
            (
                "ann read sha256:+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f+f",
                "64 hexadecimal",
            ),
            (
                "a read correct-horse-battery\na read correct-horse-batterz",
                "line 2: this name",
            ),
            ("# nobody\n", "no token"),
        ];
        for (text, said) in wrong {
            let why = Tokens::parse(text).err().unwrap();
            assert!(why.contains(said), "{why}");
            assert!(!why.contains("horse"), "{why}");
        }
    }
}
