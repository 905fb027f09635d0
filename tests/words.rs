//! One word for one thing: the command line, the API's document, the configuration file, the metrics
//! and the dashboard against the glossary in `docs/glossary.md`.
//!
//! What the glossary says is not said is said nowhere; what the program can say of roles, causes, events
//! and labels has its row there. `docs/words.md` lists which surface uses which word, so that a new word
//! for an old thing shows in its diff; with RANSHIFT_REGENERATE set (`make fixtures`) it is written anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/surfaces.rs"]
mod surfaces;

use ranshift::control::tidings;
use ranshift::dataplane::mailbox::{Cause, EventKind};
use ranshift::dataplane::observation::Role;
use ranshift::telemetry::registry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use surfaces::{Surface, surfaces, words};

#[test]
fn nothing_says_what_the_glossary_says_is_not_said() {
    let glossary = Glossary::read();
    let mut found = Vec::new();
    for surface in surfaces() {
        found.extend(glossary.offences(&surface));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_forbidden_word_is_found_in_each_surface_wherever_it_stands() {
    let glossary = Glossary::read();
    for surface in surfaces() {
        for (planted, word) in [
            ("the primary member", "primary"),
            ("ranshift_handovers_total", "handovers"),
            ("--takeover", "takeover"),
            ("masterDu", "master"),
            ("will hand over to", "hand over"),
            ("BLOCKED", "blocked"),
        ] {
            let text = format!("{} {planted}", surface.text);
            let sick = Surface {
                text,
                ..surface.clone()
            };
            let found = glossary.offences(&sick);
            assert!(
                found
                    .iter()
                    .any(|offence| offence.contains(&format!("`{word}`"))),
                "{}: {planted}: {found:?}",
                surface.name
            );
        }
    }
}

#[test]
fn a_word_that_only_holds_a_forbidden_one_is_not_one() {
    let glossary = Glossary::read();
    let text = "masters of none take over packetised blockings".to_owned();
    let mild = Surface {
        name: "test",
        text,
        names: BTreeSet::new(),
    };
    let found = glossary.offences(&mild);
    assert_eq!(found.len(), 1, "`masters` alone is one: {found:?}");
}

#[test]
fn every_role_cause_event_and_metric_label_has_its_row_in_the_glossary() {
    let glossary = Glossary::read();
    let roles = Role::ALL.iter().map(|role| role.label());
    let causes = [Cause::Start, Cause::Command, Cause::Failover];
    let causes = causes.iter().map(|cause| cause.label());
    let labels = registry::metrics().flat_map(|metric| metric.labels.iter().copied());
    let said = roles
        .chain(causes)
        .chain(EventKind::LABELS)
        .chain(tidings::KINDS)
        .chain(labels);
    let missing: BTreeSet<_> = said
        .filter(|word| !glossary.terms.contains(*word))
        .collect();
    assert!(missing.is_empty(), "docs/glossary.md lacks {missing:?}");
}

#[test]
fn an_object_has_one_name_in_metrics_and_in_the_api() {
    let surfaces = surfaces();
    let api = surfaces
        .iter()
        .find(|surface| surface.name == "API")
        .unwrap();
    for label in [
        "cell", "member", "role", "port", "peer", "lcore", "mempool", "event",
    ] {
        let in_metrics = registry::metrics().any(|metric| metric.labels.contains(&label));
        assert!(in_metrics && api.names.contains(label), "{label}");
    }
}

#[test]
fn the_page_of_words_is_what_the_surfaces_say() {
    let page = root().join("docs/words.md");
    let expected = page_of_words();
    if std::env::var_os("RANSHIFT_REGENERATE").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    let found = fs::read_to_string(&page).unwrap_or_default();
    let differing: Vec<_> = differing(&found, &expected).collect();
    assert!(
        differing.is_empty(),
        "{differing:#?}\nIs a new word here the second one for something that has one already? \
         If not, run `make fixtures`."
    );
}

#[test]
fn a_new_word_makes_the_page_of_words_stale() {
    let page = page_of_words();
    let mut surfaces = surfaces();
    surfaces[0].names.insert("grobnitz".to_owned());
    assert_eq!(
        differing(&page, &written(&surfaces)).collect::<Vec<_>>(),
        [format!("+ | grobnitz | {} |", surfaces[0].name)]
    );
}

/// Terms, and what is not said with the word that is said instead.
struct Glossary {
    terms: BTreeSet<String>,
    forbidden: BTreeMap<Vec<String>, String>,
}

impl Glossary {
    fn read() -> Self {
        let page = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
        let mut glossary = Self {
            terms: BTreeSet::new(),
            forbidden: BTreeMap::new(),
        };
        for row in page.lines().filter(|line| line.starts_with("| **")) {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
            let term = cells[0].trim().trim_matches('*').to_owned();
            let not_said = cells.get(2).copied().unwrap_or_default();
            for phrase in not_said
                .split(',')
                .map(words)
                .filter(|words| !words.is_empty())
            {
                glossary.forbidden.insert(phrase, term.clone());
            }
            assert!(glossary.terms.insert(term.clone()) || EventKind::LABELS.contains(&&*term));
        }
        assert!(glossary.terms.len() > 50 && glossary.forbidden.len() > 30);
        glossary
    }

    /// What `surface` says and should not, each with its place and the word to say instead.
    fn offences(&self, surface: &Surface) -> Vec<String> {
        let mut found = Vec::new();
        for line in surface.text.lines() {
            let said = words(line);
            for (phrase, term) in &self.forbidden {
                for here in said.windows(phrase.len()) {
                    let same = here
                        .iter()
                        .zip(phrase)
                        .all(|(word, not)| is_form(word, not));
                    if same {
                        let here = here.join(" ");
                        let line = line.trim();
                        found.push(format!("{}: `{here}`: say {term}: {line}", surface.name));
                    }
                }
            }
        }
        found
    }
}

/// The word itself or its plural.
fn is_form(word: &str, of: &str) -> bool {
    word.strip_prefix(of)
        .is_some_and(|rest| matches!(rest, "" | "s" | "es"))
}

fn page_of_words() -> String {
    written(&surfaces())
}

fn written(surfaces: &[Surface]) -> String {
    let mut used: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for surface in surfaces {
        for word in surface.names.iter().flat_map(|name| words(name)) {
            if word.chars().all(|c| c.is_ascii_digit()) {
                continue;
            }
            used.entry(word).or_default().insert(surface.name);
        }
    }
    let mut page = String::from(
        "# Words of names\n\nGenerated by `make fixtures`; do not edit. Every word of a name that a user meets, \
         and where: commands and\noptions, keys of the file, paths and properties of the API, metrics and labels. \
         What the important ones mean is in\nthe [glossary](glossary.md).\n\n| word | in |\n|---|---|\n",
    );
    for (word, places) in used {
        let places: Vec<_> = places.into_iter().collect();
        page.push_str(&format!("| {word} | {} |\n", places.join(", ")));
    }
    page
}

/// Lines that only one of both pages has.
fn differing<'a>(found: &'a str, expected: &'a str) -> impl Iterator<Item = String> + use<'a> {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) =
        (found.lines().collect(), expected.lines().collect());
    let gone: Vec<_> = old
        .difference(&new)
        .map(|line| format!("- {line}"))
        .collect();
    let come: Vec<_> = new
        .difference(&old)
        .map(|line| format!("+ {line}"))
        .collect();
    gone.into_iter().chain(come)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
