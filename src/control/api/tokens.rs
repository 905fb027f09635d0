//! The file of tokens: who may read and who may operate, and by what name that is told.
//!
//! Lines of NAME ROLE SECRET; a word that begins with `#` begins a comment. Compared by hash and in constant time; never
//! logged. A file that others can read is refused.

use ring::digest::{SHA256, digest};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use subtle::{ConditionallySelectable, ConstantTimeEq};

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
    name: Arc<str>,
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
        let mut tokens: Vec<Token> = Vec::new();
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
            if tokens.iter().any(|token| *token.name == **name) {
                return Err(refuse("this name has a token already"));
            }
            if OURS.contains(name) {
                return Err(refuse("this name stands for whoever needs no token"));
            }
            let role = match *role {
                "read" => Role::Read,
                "operate" => Role::Operate,
                _ => return Err(refuse("the role is neither read nor operate")),
            };
            let hash = hash(secret).map_err(refuse)?;
            let name = (*name).into();
            tokens.push(Token { name, role, hash });
        }
        if tokens.is_empty() {
            return Err("no token in it: add a line NAME ROLE SECRET".to_owned());
        }
        Ok(Self(tokens))
    }

    /// Name and role of a presented secret. Takes the same time whichever token it is, or none; of two with
    /// one secret it is the one that may operate.
    pub(super) fn holder(&self, presented: &[u8]) -> Option<(Arc<str>, Role)> {
        let presented = digest(&SHA256, presented);
        let (mut read, mut operate) = (u64::MAX, u64::MAX);
        for (place, token) in (0u64..).zip(&self.0) {
            let same = token.hash.ct_eq(presented.as_ref());
            match token.role {
                Role::Read => read.conditional_assign(&place, same),
                Role::Operate => operate.conditional_assign(&place, same),
            }
        }
        let token = |place: u64| self.0.get(usize::try_from(place).ok()?);
        let found = token(operate).or_else(|| token(read))?;
        Some((Arc::clone(&found.name), found.role))
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

/// Who is named in an event without a token.
const OURS: [&str; 2] = ["local", "SIGHUP"];

const SHORTEST: usize = 16;

/// Bytes of a file of tokens.
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn role(tokens: &Tokens, presented: &[u8]) -> Option<Role> {
        tokens.holder(presented).map(|(_, role)| role)
    }

    const FILE: &str = "
# who may what
ann operate correct-horse-battery
bob read    another-long-secret   # on the wall
";

    #[test]
    fn a_secret_gives_the_role_of_its_line_and_nothing_else_does() {
        let tokens = Tokens::parse(FILE).ok().unwrap();
        assert_eq!(role(&tokens, b"correct-horse-battery"), Some(Role::Operate));
        assert_eq!(role(&tokens, b"another-long-secret"), Some(Role::Read));
        for wrong in ["", "ann", "correct-horse-batter", "correct-horse-battery "] {
            assert_eq!(role(&tokens, wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_sign_within_a_secret_is_a_part_of_it() {
        let tokens = Tokens::parse("ann read correct-horse-battery#staple # on the wall");
        let tokens = tokens.ok().unwrap();
        let whole = b"correct-horse-battery#staple";
        assert_eq!(role(&tokens, whole), Some(Role::Read));
        assert_eq!(role(&tokens, b"correct-horse-battery"), None);
    }

    #[test]
    fn the_name_of_a_token_is_that_of_its_line() {
        let tokens = Tokens::parse(FILE).ok().unwrap();
        let name = |secret: &[u8]| tokens.holder(secret).map(|(name, _)| name.to_string());
        assert_eq!(name(b"correct-horse-battery").as_deref(), Some("ann"));
        assert_eq!(name(b"another-long-secret").as_deref(), Some("bob"));
        assert_eq!(name(b"correct"), None);
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
        assert_eq!(
            role(&tokens, b"a secret nobody wrote down"),
            Some(Role::Read)
        );
        assert_eq!(role(&tokens, format!("sha256:{hex}").as_bytes()), None);
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_line_and_without_its_secret() {
        let wrong = [
            ("ann operate", "line 1: expected"),
            ("\nann admin correct-horse-battery", "line 2: the role"),
            ("ann read short", "at least 16"),
            (
                "local read correct-horse-battery",
                "line 1: this name stands",
            ),
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
