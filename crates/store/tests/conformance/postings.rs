//! Finding the index blocks of a term.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use store::{PostingBlock, Store};

use crate::backends::Backend;
use crate::model::{config, runtime};
use crate::samples::{block, segment};

/// The field's blocks begin with these terms.
async fn seal(store: &dyn Store, number: u64, field: u8, first_terms: &[u64]) {
    let blocks = first_terms.iter().zip(0..).map(|(term, position)| block(number, field, position, *term));
    store.seal(segment(number), blocks.collect()).await.unwrap();
}

/// Which blocks are found, as "segment/field/block".
async fn found(store: &dyn Store, field: u8, term: u64, segments: &[u64]) -> Vec<String> {
    let postings = store.postings(field, term, segments.to_vec()).await.unwrap();
    let names = postings.into_iter().map(|posting| {
        let name = String::from_utf8(posting.body).unwrap();
        assert!(name.starts_with(&format!("{}/", posting.segment)));
        name
    });
    names.collect()
}

pub(crate) async fn nothing_is_found_without_blocks(store: &dyn Store) {
    assert!(found(store, 0, 5, &[0, 1]).await.is_empty());
    seal(store, 0, 0, &[]).await;
    assert!(found(store, 0, 5, &[0, 1]).await.is_empty());
    assert!(found(store, 0, 5, &[]).await.is_empty());
}

pub(crate) async fn a_term_before_the_first_block_is_not_found(store: &dyn Store) {
    seal(store, 0, 0, &[10, 20]).await;
    assert!(found(store, 0, 0, &[0]).await.is_empty());
    assert!(found(store, 0, 9, &[0]).await.is_empty());
    assert_eq!(found(store, 0, 10, &[0]).await, ["0/0/0"]);
}

pub(crate) async fn a_term_inside_a_block_finds_that_block(store: &dyn Store) {
    seal(store, 0, 0, &[10, 20, 30]).await;
    assert_eq!(found(store, 0, 15, &[0]).await, ["0/0/0"]);
    assert_eq!(found(store, 0, 29, &[0]).await, ["0/0/1"]);
}

pub(crate) async fn a_term_that_begins_a_block_also_finds_the_block_before(store: &dyn Store) {
    seal(store, 0, 0, &[10, 20, 30]).await;
    assert_eq!(found(store, 0, 20, &[0]).await, ["0/0/0", "0/0/1"]);
}

pub(crate) async fn a_term_over_several_blocks_finds_them_all_in_order(store: &dyn Store) {
    seal(store, 0, 0, &[10, 20, 20, 20, 30]).await;
    assert_eq!(found(store, 0, 20, &[0]).await, ["0/0/0", "0/0/1", "0/0/2", "0/0/3"]);
    assert_eq!(found(store, 0, 21, &[0]).await, ["0/0/3"]);
    seal(store, 1, 0, &[20, 20]).await;
    assert_eq!(found(store, 0, 20, &[1]).await, ["1/0/0", "1/0/1"]);
}

pub(crate) async fn a_term_after_the_last_first_term_finds_the_last_block(store: &dyn Store) {
    seal(store, 0, 0, &[10, 20]).await;
    assert_eq!(found(store, 0, 1 << 62, &[0]).await, ["0/0/1"]);
}

pub(crate) async fn fields_and_segments_do_not_mix(store: &dyn Store) {
    let blocks = vec![block(0, 1, 0, 50), block(0, 2, 0, 10), block(0, 3, 0, 5)];
    store.seal(segment(0), blocks).await.unwrap();
    seal(store, 1, 2, &[10]).await;
    assert_eq!(found(store, 2, 60, &[0]).await, ["0/2/0"]);
    assert!(found(store, 1, 10, &[0]).await.is_empty());
    assert!(found(store, 1, 60, &[1]).await.is_empty());
    assert!(found(store, 4, 60, &[0, 1]).await.is_empty());
}

pub(crate) async fn segments_are_answered_in_the_order_asked(store: &dyn Store) {
    for number in 0..4 {
        seal(store, number, 0, &[10, 10]).await;
    }
    assert_eq!(found(store, 0, 10, &[3, 0, 9]).await, ["3/0/0", "3/0/1", "0/0/0", "0/0/1"]);
}

pub(crate) async fn the_largest_terms_and_fields_work(store: &dyn Store) {
    let largest = (1 << 63) - 1;
    let blocks = vec![block(0, 255, 0, 0), block(0, 255, 1, largest), block(0, 255, 65_535, largest)];
    store.seal(segment(0), blocks).await.unwrap();
    assert_eq!(found(store, 255, largest, &[0]).await, ["0/255/0", "0/255/1", "0/255/65535"]);
    assert_eq!(found(store, 255, 0, &[0]).await, ["0/255/0"]);
    // No block can hold these.
    assert!(found(store, 255, 1 << 63, &[0]).await.is_empty());
    assert!(found(store, 255, u64::MAX, &[0]).await.is_empty());
}

/// The sorted terms of one field of one segment, cut into blocks of `per_block`.
#[derive(Debug, Clone)]
struct Indexed {
    terms: Vec<u64>,
    per_block: usize,
}

impl Indexed {
    fn cut(&self) -> impl Iterator<Item = &[u64]> {
        self.terms.chunks(self.per_block)
    }

    /// The blocks that can hold the term, as far as the first terms tell: those that begin no later and whose next
    /// block does not begin earlier.
    fn may_hold(&self, term: u64) -> Vec<usize> {
        let cut: Vec<&[u64]> = self.cut().collect();
        let next_is_no_earlier = |position: usize| cut.get(position + 1).is_none_or(|next| next[0] >= term);
        let (found, others): (Vec<usize>, Vec<usize>) =
            (0..cut.len()).partition(|position| cut[*position][0] <= term && next_is_no_earlier(*position));
        assert!(others.iter().all(|position| !cut[*position].contains(&term)), "no block is missed");
        found
    }

    fn blocks(&self, number: u64, field: u8) -> Vec<PostingBlock> {
        self.cut().zip(0..).map(|(terms, position)| block(number, field, position, terms[0])).collect()
    }
}

fn indexed() -> impl Strategy<Value = Indexed> {
    // Few different terms, so that many run over the end of a block.
    (vec(0..12_u64, 0..40), 1..6_usize).prop_map(|(mut terms, per_block)| {
        terms.sort_unstable();
        Indexed { terms, per_block }
    })
}

pub(crate) fn lookups_agree_with_a_brute_force_search<F: Future<Output = Backend>>(open: fn() -> F) {
    let runtime = runtime();
    let store = runtime.block_on(open());
    TestRunner::new(config(48))
        .run(&vec(vec(indexed(), 2), 3), |segments| {
            runtime.block_on(async {
                for (fields, number) in segments.iter().zip(0..) {
                    let blocks = fields.iter().zip(0..).flat_map(|(field, id)| field.blocks(number, id));
                    store.seal(segment(number), blocks.collect()).await.unwrap();
                }
                for (field, term) in (0..2_u8).flat_map(|field| (0..13_u64).map(move |term| (field, term))) {
                    let answer = found(&*store, field, term, &[2, 0, 1]).await;
                    let mut expected = Vec::new();
                    for number in [2, 0, 1_u64] {
                        let positions = segments[number as usize][usize::from(field)].may_hold(term);
                        expected
                            .extend(positions.iter().map(|position| format!("{number}/{field}/{position}")));
                    }
                    prop_assert_eq!(answer, expected, "field {}, term {}", field, term);
                }
                Ok(())
            })
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
