//! What fuzzing found interesting, or broken once, stays as it was left: `fuzz/corpus`.

use crate::play::play;

#[test]
fn the_corpus_of_the_fuzzer_breaks_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/connection");
    let mut scripts = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        play(&std::fs::read(entry.unwrap().path()).unwrap());
        scripts += 1;
    }
    assert!(scripts > 0, "the corpus is empty");
}
