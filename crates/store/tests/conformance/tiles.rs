//! Tiles and checkpoints.

use store::{Checkpoint, Store, Tile, TileKey};

fn tile(key: TileKey, hashes: usize) -> Tile {
    Tile { key, hashes: vec![hashes as u8; hashes * 32] }
}

fn checkpoint(size: u64, note: &str) -> Checkpoint {
    Checkpoint { size, note: note.into() }
}

async fn publish(store: &dyn Store, tiles: Vec<Tile>, size: u64) {
    store.publish(tiles, checkpoint(size, "note")).await.unwrap();
}

pub(crate) async fn tiles_are_answered_in_the_order_asked(store: &dyn Store) {
    publish(store, vec![tile((0, 0), 256), tile((0, 1), 4), tile((1, 0), 1)], 260).await;
    let found = store.tiles(vec![(1, 0), (0, 7), (0, 1), (2, 0), (0, 0)]).await.unwrap();
    let expected = [Some(tile((1, 0), 1)), None, Some(tile((0, 1), 4)), None, Some(tile((0, 0), 256))];
    assert_eq!(found, expected.map(|tile| tile.map(|tile| tile.hashes)));
    assert_eq!(store.tiles(Vec::new()).await.unwrap(), Vec::<Option<Vec<u8>>>::new());
}

pub(crate) async fn a_wider_tile_replaces_a_narrower_one(store: &dyn Store) {
    publish(store, vec![tile((0, 0), 3)], 3).await;
    publish(store, vec![tile((0, 0), 9)], 9).await;
    assert_eq!(store.tiles(vec![(0, 0)]).await.unwrap(), [Some(tile((0, 0), 9).hashes)]);
}

pub(crate) async fn a_narrower_tile_does_not_replace_a_wider_one(store: &dyn Store) {
    publish(store, vec![tile((0, 0), 9)], 9).await;
    publish(store, vec![tile((0, 0), 3), tile((0, 1), 1)], 3).await;
    assert_eq!(store.tiles(vec![(0, 0)]).await.unwrap(), [Some(tile((0, 0), 9).hashes)]);
    assert_eq!(store.tile_keys().await.unwrap(), [(0, 0), (0, 1)]);
}

pub(crate) async fn the_newest_checkpoint_is_the_largest(store: &dyn Store) {
    assert_eq!(store.checkpoint().await.unwrap(), None);
    for (size, newest) in [(3, 3), (10, 10), (7, 10), (11, 11)] {
        publish(store, vec![], size).await;
        assert_eq!(store.checkpoint().await.unwrap(), Some(checkpoint(newest, "note")));
    }
}

pub(crate) async fn a_checkpoint_of_the_same_size_is_replaced(store: &dyn Store) {
    store.publish(vec![], checkpoint(5, "one key")).await.unwrap();
    store.publish(vec![], checkpoint(5, "two keys — both signed\n")).await.unwrap();
    assert_eq!(store.checkpoint().await.unwrap(), Some(checkpoint(5, "two keys — both signed\n")));
}

pub(crate) async fn tile_keys_are_listed_by_level_and_number(store: &dyn Store) {
    let keys = [(0, 0), (0, 2), (0, 1 << 40), (1, 1), (63, 0)];
    publish(store, keys.iter().rev().map(|key| tile(*key, 1)).collect(), 1).await;
    assert_eq!(store.tile_keys().await.unwrap(), keys);
}
