//! An attacker who knows every format and rewrites all that follows from a changed line, but has no key.

use event::content_hashes_possible;
use merkle::{Checkpoint, CompactRange, Hash, NoteSigner, TileSet, leaf_hash};
use rusqlite::{Connection, params};

use crate::case::Case;
use crate::sample::{SIGNED, SIZE, Scene};

/// Where the archive ends, and with it what a signed root proves in between.
const PROVEN: Option<u64> = Some(60_000);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::by_rows(
            "rewritten",
            |scene| {
                rewrite(&scene.database());
            },
            &[("root-mismatch", PROVEN)],
        ),
        Case::by_full(
            "rewritten, full",
            |scene| {
                rewrite(&scene.database());
            },
            &[("root-mismatch", PROVEN)],
        ),
        Case::by_rows(
            "rewritten and signed with another key",
            |scene| {
                let root = rewrite(&scene.database());
                let note = forged(root);
                scene.database().execute("UPDATE checkpoint SET note = ?1", params![note]).unwrap();
            },
            &[("checkpoint-signature-invalid", None), ("root-mismatch", PROVEN)],
        ),
        Case::by_rows(
            "rewritten and signed with another key, in the file too",
            |scene| {
                let note = forged(rewrite(&scene.database()));
                scene.database().execute("UPDATE checkpoint SET note = ?1", params![note]).unwrap();
                std::fs::write(scene.checkpoint_file(), note).unwrap();
            },
            &[("checkpoint-signature-invalid", None)],
        ),
        Case::by_rows(
            "cut off at an older checkpoint",
            cut_off,
            &[("log-truncated", Some(62_001)), ("state-mismatch", None)],
        ),
    ]
}

/// Changes one line and all that follows from it; gives the new root of the signed part.
fn rewrite(connection: &Connection) -> Hash {
    let changed = 61_000;
    let select = "SELECT replace(line, 'success', 'failure') FROM entry WHERE seq = ?1";
    let line: String = connection.query_row(select, [changed], |row| row.get(0)).unwrap();
    connection.execute("UPDATE entry SET line = ?2 WHERE seq = ?1", params![changed, line]).unwrap();
    let mut leaves = leaves(connection);
    leaves[changed as usize] = leaf_hash(line.as_bytes());

    let signed = &leaves[..SIGNED as usize];
    let mut tiles = TileSet::new();
    for id in tiles.extend(0, signed).unwrap() {
        let update = "UPDATE tile SET hashes = ?3 WHERE level = ?1 AND number = ?2";
        let bytes = tiles.tile_bytes(&id).unwrap();
        connection.execute(update, params![id.level, id.number as i64, bytes]).unwrap();
    }
    let range = |leaves: &[Hash]| {
        let mut range = CompactRange::new();
        for leaf in leaves {
            range.append(*leaf);
        }
        range
    };
    connection.execute("UPDATE head SET range = ?1", params![range(&leaves).to_bytes()]).unwrap();
    let segment = range(&leaves[..65_536]).root();
    connection.execute("UPDATE segment SET root = ?1", params![segment.0]).unwrap();
    let content = content_hashes_possible(line.as_bytes()).unwrap()[0];
    connection
        .execute("UPDATE event_key SET content = ?2 WHERE seq = ?1", params![changed, content])
        .unwrap();
    // The index: the entry's term of the field goes where the other outcome's would be. There is no other outcome in
    // this segment, so all of the field's blocks are made anew.
    reindex_outcome(connection, changed as u16);
    range(signed).root()
}

/// Every leaf hash: from the tiles where they are signed, from the lines where not.
fn leaves(connection: &Connection) -> Vec<Hash> {
    let mut leaves = Vec::new();
    let mut tiles = connection.prepare("SELECT hashes FROM tile WHERE level = 0 ORDER BY number").unwrap();
    let tiles = tiles.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    for tile in tiles {
        leaves.extend(tile.unwrap().chunks_exact(32).map(|hash| Hash::from_slice(hash).unwrap()));
    }
    assert_eq!(leaves.len() as u64, SIGNED);
    let mut lines = connection.prepare("SELECT line FROM entry WHERE seq >= ?1 ORDER BY seq").unwrap();
    let lines = lines.query_map([SIGNED as i64], |row| row.get::<_, String>(0)).unwrap();
    leaves.extend(lines.map(|line| leaf_hash(line.unwrap().as_bytes())));
    assert_eq!(leaves.len() as u64, SIZE);
    leaves
}

/// Rebuilds the blocks of `outcome` with one entry under `failure`.
fn reindex_outcome(connection: &Connection, changed: u16) {
    let field = event::Field::Outcome;
    let mut pairs: Vec<(u64, u16)> = Vec::new();
    {
        let sql = "SELECT body FROM posting WHERE segment = 0 AND field = ?1 ORDER BY block";
        let mut blocks = connection.prepare(sql).unwrap();
        for body in blocks.query_map([field.number()], |row| row.get::<_, Vec<u8>>(0)).unwrap() {
            let body = body.unwrap();
            let mut rest = body.as_slice();
            while !rest.is_empty() {
                let term = u64::from_le_bytes(rest[..8].try_into().unwrap());
                let count = usize::from(u16::from_le_bytes([rest[8], rest[9]]));
                let offsets = rest[10..10 + 2 * count].chunks_exact(2);
                pairs.extend(offsets.map(|pair| (term, u16::from_le_bytes([pair[0], pair[1]]))));
                rest = &rest[10 + 2 * count..];
            }
        }
    }
    let slot = pairs.iter_mut().find(|(_, offset)| *offset == changed).unwrap();
    slot.0 = event::term(field, "failure");
    pairs.sort_unstable();
    connection.execute("DELETE FROM posting WHERE segment = 0 AND field = ?1", [field.number()]).unwrap();
    for (block, pairs) in pairs.chunks(600).enumerate() {
        let body: Vec<u8> = pairs
            .iter()
            .flat_map(|(term, offset)| {
                let (term, offset) = (term.to_le_bytes(), offset.to_le_bytes());
                term.into_iter().chain([1, 0]).chain(offset)
            })
            .collect();
        let id = i64::from(field.number()) * 65_536 + block as i64;
        let insert = "INSERT INTO posting VALUES (?1, 0, ?2, ?3, ?4, ?5)";
        let row = params![id, field.number(), block as i64, pairs[0].0 as i64, body];
        connection.execute(insert, row).unwrap();
    }
}

/// A checkpoint of the same origin by another key.
fn forged(root: Hash) -> String {
    let signer = NoteSigner::generate("example.com/test", &mut rand::rng()).unwrap();
    let origin = "example.com/test".to_owned();
    Checkpoint { origin, size: SIGNED, root, extensions: Vec::new() }.sign(&signer).unwrap()
}

/// Takes rows, tiles, head and checkpoint back to where the older checkpoint was signed, which was before anything was
/// archived; only the pruned entries cannot be put back, so the receipts that stand for them stay.
fn cut_off(scene: &Scene) {
    let connection = scene.database();
    let leaves = &leaves(&connection)[..62_001];
    let mut range = CompactRange::new();
    for leaf in leaves {
        range.append(*leaf);
    }
    let mut tiles = TileSet::new();
    let changed = tiles.extend(0, leaves).unwrap();
    connection.execute("DELETE FROM tile", []).unwrap();
    for id in changed {
        let bytes = tiles.tile_bytes(&id).unwrap();
        let row = params![id.level, id.number as i64, bytes];
        connection.execute("INSERT INTO tile VALUES (?1, ?2, ?3)", row).unwrap();
    }
    connection.execute("DELETE FROM entry WHERE seq >= 62001", []).unwrap();
    connection.execute("DELETE FROM token", []).unwrap();
    connection.execute("DELETE FROM segment", []).unwrap();
    let line: String =
        connection.query_row("SELECT line FROM entry WHERE seq = 62000", [], |row| row.get(0)).unwrap();
    let recorded_at = event::EntryFields::parse(line.as_bytes()).unwrap().recorded_at.micros();
    let head = params![range.to_bytes(), recorded_at];
    connection.execute("UPDATE head SET size = 62001, range = ?1, recorded_at = ?2", head).unwrap();
    let checkpoint = params![scene.older_note];
    connection.execute("UPDATE checkpoint SET size = 62001, note = ?1", checkpoint).unwrap();
}
