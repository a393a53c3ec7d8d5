//! What every backend of the store promises. A backend joins with one line at the end of this file and a function in
//! `backends` that opens an empty store; no behaviour knows which backend it runs on.

mod backends;
mod commit;
mod contents;
mod control_rows;
mod entries;
mod keys;
mod model;
mod postings;
mod prune;
mod restore;
mod samples;
mod segments;
mod tiles;
mod upkeep;

macro_rules! behaviours {
    (
        $backend:ident:
        properties { $($owner:ident::$property:ident),+ $(,)? }
        $($module:ident { $($behaviour:ident),+ $(,)? })+
    ) => {
        mod $backend {
            $(mod $module {
                $(#[tokio::test]
                async fn $behaviour() {
                    let store = crate::backends::$backend().await;
                    crate::$module::$behaviour(&*store).await;
                })+
            })+
            mod properties {
                $(#[test]
                fn $property() {
                    crate::$owner::$property(crate::backends::$backend);
                })+
            }
        }
    };
}

macro_rules! suite {
    ($backend:ident) => {
        behaviours! {
            $backend:
            properties {
                postings::lookups_agree_with_a_brute_force_search,
                control_rows::prefix_pages_agree_with_a_plain_filter,
                model::any_sequence_of_calls_answers_like_the_model,
            }
            commit {
                an_empty_store_has_no_head_and_no_rows,
                a_first_commit_makes_the_head,
                a_first_commit_may_be_empty,
                entries_follow_each_other_over_commits,
                one_commit_does_everything_it_says,
                a_moved_head_refuses_and_leaves_nothing,
                a_first_commit_to_a_ledger_that_exists_is_refused,
                moved_holds_refuse_and_leave_nothing,
                a_known_key_refuses_and_leaves_nothing,
                a_key_twice_in_a_commit_refuses_and_leaves_nothing,
                a_line_that_is_not_utf8_refuses_and_leaves_nothing,
                a_head_that_contradicts_the_lines_is_refused,
                of_commits_at_the_same_size_one_wins,
                commits_apply_in_the_order_they_were_called,
            }
            keys {
                keys_are_answered_in_the_order_asked,
                paging_visits_every_key_once_in_key_order,
                deleted_keys_are_free_again,
                deleting_unknown_keys_is_no_error,
            }
            entries {
                a_scan_is_half_open,
                a_descending_scan_begins_at_the_end,
                rows_bound_a_scan,
                a_scan_stops_after_the_entry_that_reaches_the_bytes,
                a_scan_answers_at_least_one_entry,
                a_scan_of_an_empty_or_far_range_is_empty,
                scanning_page_by_page_reads_everything,
                entries_at_keeps_the_order_asked,
                entries_at_leaves_out_what_is_not_hot,
                lines_come_back_byte_for_byte,
            }
            segments {
                a_sealed_segment_comes_back_as_it_was,
                segments_are_listed_by_number,
                sealing_again_replaces_the_segment_and_its_blocks,
                sealing_again_leaves_other_segments_alone,
                blocks_are_listed_by_field_and_number,
                a_block_of_another_segment_is_refused,
                a_block_twice_is_refused,
                numbers_out_of_bounds_are_refused,
            }
            postings {
                nothing_is_found_without_blocks,
                a_term_before_the_first_block_is_not_found,
                a_term_inside_a_block_finds_that_block,
                a_term_that_begins_a_block_also_finds_the_block_before,
                a_term_over_several_blocks_finds_them_all_in_order,
                a_term_after_the_last_first_term_finds_the_last_block,
                fields_and_segments_do_not_mix,
                segments_are_answered_in_the_order_asked,
                the_largest_terms_and_fields_work,
            }
            prune {
                pruned_ranges_go_and_gaps_stay,
                pruning_twice_is_no_error,
                ranges_may_overlap,
                an_empty_or_endless_range_is_taken_as_it_is,
                a_dropped_segment_loses_its_blocks_and_stays_listed,
                keys_outlive_their_pruned_entries,
                seqs_are_not_used_again_after_pruning_the_end,
                dropping_an_unknown_segment_is_no_error,
                pruning_sees_the_entries_of_its_own_commit,
            }
            restore {
                restored_entries_are_back_as_they_were_and_the_head_stays,
                an_entry_that_is_hot_is_never_replaced,
                what_no_earlier_commit_had_is_not_restored,
                restoring_twice_or_out_of_order_in_one_commit_is_refused,
                a_commit_does_not_restore_and_prune,
                a_restored_segment_has_the_index_that_came_with_it,
                restored_entries_are_pruned_like_others,
                a_bad_index_refuses_and_leaves_nothing,
            }
            tiles {
                tiles_are_answered_in_the_order_asked,
                a_wider_tile_replaces_a_narrower_one,
                a_narrower_tile_does_not_replace_a_wider_one,
                the_newest_checkpoint_is_the_largest,
                a_checkpoint_of_the_same_size_is_replaced,
                tile_keys_are_listed_by_level_and_number,
            }
            control_rows {
                rows_are_put_replaced_and_deleted,
                deleting_a_row_that_is_not_there_is_no_error,
                tables_do_not_mix,
                changes_apply_in_their_order,
                rows_page_in_key_order,
                a_prefix_is_taken_letter_by_letter,
                a_prefix_ends_before_its_successor,
                unicode_keys_sort_by_their_bytes,
                after_bounds_a_prefix_from_both_sides,
                an_empty_key_is_a_key,
                only_transient_tables_take_rows_without_an_entry,
                a_transient_row_is_put_only_where_the_row_is_as_expected,
                of_callers_that_expect_the_same_row_one_puts_its_own,
                a_commit_goes_through_only_where_the_rows_are_as_expected,
                a_commit_without_entries_changes_rows_and_nothing_else,
                transient_rows_go_with_the_entry_of_their_commit_or_stay,
            }
            upkeep {
                recovering_a_healthy_store_changes_nothing,
                reclaiming_changes_no_row,
                a_read_never_sees_half_a_commit,
            }
        }
    };
}

suite!(memory);
suite!(sqlite);
