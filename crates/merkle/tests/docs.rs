//! The examples in `docs/formats/tree.md` are what the code computes, signs and verifies.

use std::path::{Path, PathBuf};

use merkle::{
    Checkpoint, Hash, KeyRing, NoteSigner, TileSet, TlogProof, VerifierKey, leaf_hash, verify_inclusion,
};

/// The entry whose proof the page shows.
const PROVEN_SEQ: u64 = 1;

fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(page)
}

fn read(page: &str) -> String {
    std::fs::read_to_string(path(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// Where the named example stands in a page: the bytes between its fences.
fn place(page: &str, name: &str) -> std::ops::Range<usize> {
    let marker = format!("<!-- example: {name} -->\n```\n");
    let start = page.find(&marker).unwrap_or_else(|| panic!("no example {name}")) + marker.len();
    start..start + page[start..].find("```").expect("the end of the example")
}

fn example<'p>(page: &'p str, name: &str) -> &'p str {
    &page[place(page, name)]
}

/// The leaf hashes of the lines in `line.md`.
fn leaves() -> Vec<Hash> {
    let page = read("line.md");
    let leaves: Vec<Hash> = example(&page, "lines").lines().map(|line| leaf_hash(line.as_bytes())).collect();
    assert_eq!(leaves.len(), 3, "the lines have gone");
    leaves
}

/// `STRONGROOM_WRITE_EXAMPLES=1` writes the page instead of comparing it.
#[test]
fn the_examples_of_the_page_are_what_is_computed() {
    let mut page = read("tree.md");
    let signer = NoteSigner::from_secret(example(&page, "secret").trim_end()).unwrap();
    let (leaves, mut tiles) = (leaves(), TileSet::new());
    tiles.extend(0, &leaves).unwrap();
    let size = leaves.len() as u64;
    let root = tiles.root(size).unwrap();
    let origin = signer.name().to_owned();
    let checkpoint = Checkpoint { origin, size, root, extensions: Vec::new() }.sign(&signer).unwrap();
    let hashes = tiles.inclusion_proof(PROVEN_SEQ, size).unwrap();
    let proof = TlogProof { index: PROVEN_SEQ, hashes, extra: None, checkpoint: checkpoint.clone() };
    let leaf_lines: Vec<String> =
        leaves.iter().enumerate().map(|(seq, leaf)| format!("{seq}     {leaf}\n")).collect();
    let examples = [
        ("hashes", format!("{}root  {root}\n", leaf_lines.concat())),
        ("vkey", format!("{}\n", signer.verifier())),
        ("keys", format!("# one key so far\n{}", KeyRing::single(signer.verifier()))),
        ("checkpoint", checkpoint),
        ("proof", proof.to_string()),
    ];
    let written = page.clone();
    for (name, text) in &examples {
        let place = place(&page, name);
        page.replace_range(place, text);
    }
    if std::env::var_os("STRONGROOM_WRITE_EXAMPLES").is_some() {
        std::fs::write(path("tree.md"), page).unwrap();
    } else {
        assert!(written == page, "docs/formats/tree.md should read:\n{page}");
    }
}

/// What a reader of the page does with it, from its texts alone.
#[test]
fn the_checkpoint_and_the_proof_of_the_page_verify_with_its_keys() {
    let page = read("tree.md");
    let key = VerifierKey::parse(example(&page, "vkey").trim_end()).unwrap();
    let keys = KeyRing::parse(example(&page, "keys")).unwrap();
    assert_eq!(keys.keys_for(3).first(), Some(&key));
    let checkpoint = Checkpoint::open(example(&page, "checkpoint").as_bytes(), &[key]).unwrap();
    assert_eq!(checkpoint.size, 3);

    let leaf = leaves()[PROVEN_SEQ as usize];
    let proof = TlogProof::parse(example(&page, "proof")).unwrap();
    assert_eq!(proof.index, PROVEN_SEQ);
    assert_eq!(proof.verify_with_ring(&leaf, &keys), Ok(checkpoint.clone()));
    assert_eq!(verify_inclusion(&leaf, PROVEN_SEQ, 3, &proof.hashes, &checkpoint.root), Ok(()));
}
