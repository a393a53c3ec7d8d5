//! Everything a store holds, as its calls answer it: to compare before with after, or one store with another.

use store::{
    Checkpoint, Entry, EntryScan, Head, KeyRow, Order, PostingBlock, Row, Segment, Store, Table, TileKey,
};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) head: Option<Head>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) keys: Vec<KeyRow>,
    pub(crate) rows: Vec<(Table, Vec<Row>)>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) blocks: Vec<PostingBlock>,
    pub(crate) tiles: Vec<(TileKey, Option<Vec<u8>>)>,
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl Contents {
    pub(crate) async fn of(store: &dyn Store) -> Self {
        let mut rows = Vec::new();
        for table in Table::ALL {
            rows.push((table, store.rows(table, "", None, usize::MAX).await.expect("rows")));
        }
        let segments = store.segments().await.expect("segments");
        let mut blocks = Vec::new();
        for segment in &segments {
            blocks.extend(store.posting_blocks(segment.number).await.expect("posting_blocks"));
        }
        let tile_keys = store.tile_keys().await.expect("tile_keys");
        let tiles = store.tiles(tile_keys.clone()).await.expect("tiles");
        Self {
            head: store.head().await.expect("head"),
            entries: scan(store, 0, u64::MAX, Order::Ascending).await,
            keys: store.keys_after(None, usize::MAX).await.expect("keys_after"),
            rows,
            segments,
            blocks,
            tiles: tile_keys.into_iter().zip(tiles).collect(),
            checkpoint: store.checkpoint().await.expect("checkpoint"),
        }
    }
}

/// All hot entries of a range.
pub(crate) async fn scan(store: &dyn Store, start: u64, end: u64, order: Order) -> Vec<Entry> {
    let scan = EntryScan { range: start..end, order, rows_max: usize::MAX, bytes_max: usize::MAX };
    store.entries(scan).await.expect("entries")
}

/// The seqs of all hot entries, ascending.
pub(crate) async fn hot(store: &dyn Store) -> Vec<u64> {
    scan(store, 0, u64::MAX, Order::Ascending).await.into_iter().map(|entry| entry.seq).collect()
}
