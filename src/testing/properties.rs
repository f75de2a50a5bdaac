//! Each property of outside input, played over its corpus and over inputs by chance: what the fuzz targets of `tests/fuzz` look for at
//! length, in a second.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use crate::testkit::fuzz::{Property, TARGETS};

/// The most files of a target's corpus, and the most bytes of one.
const FILES_MAX: usize = 120;
const BYTES_MAX: u64 = 8 * 1024;

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// The corpus of a target, by the names of its files.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = fuzz_dir().join("corpus").join(target);
    let read = |name: String| {
        let bytes = std::fs::read(dir.join(&name)).unwrap_or_else(|e| panic!("{target}/{name}: {e}"));
        (name, bytes)
    };
    names_in(&dir).into_iter().map(read).collect()
}

/// A test for each target: its corpus, and so many inputs by chance.
macro_rules! played {
    ($($target:ident: $inputs:literal,)+) => {
        const PLAYED: &[&str] = &[$(stringify!($target)),+];
        $(#[test] fn $target() { play(stringify!($target), $inputs); })+
    };
}

played! {
    airtable_answers: 300,
    airtable_words: 300,
    calendars: 150,
    configuration: 15,
    dispatches: 200,
    feeds: 200,
    mails: 60,
    operator_bodies: 300,
    phone_call_lists: 300,
    phone_words: 100,
    replies: 200,
    report_proofs: 200,
    reports: 150,
    signatures: 200,
    text_answers: 300,
    twilio_answers: 300,
    webhook_forms: 300,
}

/// Holds a target's property against each file of its corpus, then against inputs by chance; what it does not hold of is named.
fn play(target: &str, inputs: u32) {
    let (_, property) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let corpus = corpus(target);
    assert!((1..=FILES_MAX).contains(&corpus.len()), "{} files", corpus.len());
    for (name, bytes) in &corpus {
        assert!(bytes.len() as u64 <= BYTES_MAX, "{name}: {} bytes", bytes.len());
        let held = std::panic::catch_unwind(|| property(bytes));
        assert!(held.is_ok(), "{target}/{name}, as is told above: {:?}", String::from_utf8_lossy(bytes));
    }
    by_chance(*property, corpus, inputs);
}

#[test]
fn every_target_has_its_program_its_corpus_and_its_test_and_there_is_no_other() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(PLAYED, names, "the tests");
    let manifest = std::fs::read_to_string(fuzz_dir().join("Cargo.toml")).expect("the manifest");
    let bins: Vec<&str> = manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|b| b.split('"').next()).collect();
    assert_eq!(bins, names, "the programs of the manifest");
    assert_eq!(names_in(&fuzz_dir().join("corpus")), names, "the corpora");
    let files: Vec<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names_in(&fuzz_dir().join("fuzz_targets")), files, "the programs");
    for (name, file) in names.iter().zip(&files) {
        let text = std::fs::read_to_string(fuzz_dir().join("fuzz_targets").join(file)).expect("a program");
        assert!(text.contains(&format!("hold(\"{name}\", bytes)")), "{file} plays {name}");
    }
}

/// A change of an input, as a fuzzer makes one.
#[derive(Debug, Clone)]
enum Edit {
    Put(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, u8),
    /// What stands in another file of the corpus, from one place on.
    Splice(Index, Index, Index, u8),
    Repeat(Index, u8, u8),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    // Bytes that formats are made of come more often.
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\0\t\n\r \"#%&'+-,./0189:;<=>?@AZ[\\]_az{|}~\x7f\xff".to_vec())
    ];
    let odd = prop::sample::select(vec![
        "\u{feff}", "\u{200b}", "\u{2028}", "\u{fffe}", "\u{ffff}", "é", "🔥", "\u{85}", "\u{202e}",
    ]);
    prop_oneof![
        (index(), byte).prop_map(|(at, byte)| Edit::Put(at, byte)),
        (index(), odd).prop_map(|(at, text)| Edit::Insert(at, text.as_bytes().to_vec())),
        (index(), proptest::collection::vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (index(), any::<u8>()).prop_map(|(at, n)| Edit::Remove(at, n)),
        (index(), index(), index(), any::<u8>()).prop_map(|(at, file, from, n)| Edit::Splice(at, file, from, n)),
        (index(), 1..40_u8, 1..8_u8).prop_map(|(at, n, times)| Edit::Repeat(at, n, times)),
        index().prop_map(Edit::Cut),
    ]
}

fn edited(corpus: &[(String, Vec<u8>)], of: Index, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = corpus[of.index(corpus.len())].1.clone();
    for edit in edits {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match edit {
            Edit::Put(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Edit::Put(..) => {}
            Edit::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Edit::Remove(at, n) => {
                let at = place(at);
                bytes.drain(at..(at + usize::from(*n)).min(bytes.len()));
            }
            Edit::Splice(at, file, from, n) => {
                let at = place(at);
                let other = &corpus[file.index(corpus.len())].1;
                let from = from.index(other.len() + 1);
                bytes.splice(at..at, other.iter().skip(from).take(usize::from(*n)).copied());
            }
            Edit::Repeat(at, n, times) => {
                let at = place(at);
                let piece = bytes[at..(at + usize::from(*n)).min(bytes.len())].repeat(usize::from(*times));
                bytes.splice(at..at, piece);
            }
            Edit::Cut(at) => {
                let at = place(at);
                bytes.truncate(at);
            }
        }
    }
    bytes
}

/// An input, shown as a text.
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

fn by_chance(property: Property, corpus: Vec<(String, Vec<u8>)>, cases: u32) {
    let inputs = prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => "\\PC{0,120}".prop_map(String::into_bytes),
        6 => (any::<Index>(), proptest::collection::vec(edit(), 1..6))
            .prop_map(move |(of, edits)| edited(&corpus, of, &edits)),
    ];
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let held = TestRunner::new(config).run(&inputs.prop_map(Input), |Input(bytes)| {
        property(&bytes);
        Ok(())
    });
    held.unwrap_or_else(|e| panic!("{e}"));
}
