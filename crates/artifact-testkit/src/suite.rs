//! The list of every case of every suite, once. What is not listed here runs nowhere, so a test
//! compares the list with the sources.

/// Runs the contract of [`BlobStore`](artifact_domain::port::BlobStore), one test per case.
///
/// `open` is the path of an `async fn() -> Subject<dyn BlobStore>` that gives a fresh, empty store
/// each time, or of an `Option` of it: none where what it needs is left out, which it says. The tests
/// stand where the macro stands; a second implementation goes into a module of its own.
#[macro_export]
macro_rules! blob_store_contract {
    ($open:path) => {
        $crate::contract_cases! { $open, blob_store:
            put {
                a_blob_is_read_as_it_was_put,
                an_empty_blob_is_a_blob,
                chunks_of_any_size_are_joined_in_order,
                five_thousand_tiny_chunks_are_one_blob,
                a_stream_of_20_mb_goes_through_whole,
                a_slow_source_is_waited_for,
                a_put_replaces_the_blob_that_was_there,
                the_same_put_again_leaves_the_same_blob,
                a_hint_at_the_size_changes_no_byte,
                a_media_type_may_be_given,
                what_is_derived_is_put_like_the_rest,
                what_is_known_of_a_blob_agrees_everywhere,
            }
            local_copy {
                a_blob_outlives_its_local_copy,
                a_local_copy_may_be_written_meanwhile,
                a_local_copy_may_be_missing,
                a_failed_put_leaves_its_local_copy,
            }
            atomicity {
                an_error_of_the_stream_comes_back_and_leaves_no_blob,
                an_error_of_the_stream_leaves_an_older_blob,
                a_failed_put_can_be_repeated,
                a_dropped_put_leaves_no_blob,
                a_put_under_way_is_not_seen,
            }
            get {
                a_range_gives_exactly_its_bytes,
                a_range_of_no_bytes_gives_none,
                a_range_over_the_end_is_an_integrity_error_at_the_end,
                a_range_beyond_the_end_is_an_integrity_error,
                what_is_not_there_is_not_found_at_once,
                a_stream_survives_the_delete_of_its_blob,
                a_stream_survives_the_replacement_of_its_blob,
                a_stream_of_a_range_survives_too,
                a_stream_can_be_dropped_at_any_time,
            }
            list {
                a_prefix_selects_all_a_spec_or_a_task,
                the_metadata_of_a_task_is_listed_with_it,
                names_that_begin_alike_are_not_mixed_up,
                an_empty_prefix_gives_nothing,
                what_was_deleted_is_not_listed,
                thousands_of_blobs_are_listed_exactly_once,
                changes_meanwhile_hide_nothing,
                a_listing_can_be_dropped,
            }
            delete {
                what_was_deleted_is_gone,
                what_is_not_there_counts_as_deleted,
                nothing_can_be_deleted,
                thousands_are_deleted_in_one_call,
                a_deleted_key_can_be_put_again,
                a_put_beside_a_delete_succeeds,
            }
            keys {
                odd_names_are_told_apart,
                the_longest_names_are_kept,
                a_file_and_a_folder_of_one_name_live_together,
                every_part_of_a_key_counts,
            }
            concurrency {
                puts_to_different_keys_do_not_disturb_each_other,
                of_puts_to_one_key_one_wins_whole,
                the_last_put_to_end_wins,
                readers_see_one_version_whole,
            }
            sweep {
                an_empty_store_has_nothing_to_sweep,
                leftovers_are_counted_before_they_are_swept,
                leftovers_are_swept_once,
                what_is_younger_is_left_alone,
                blobs_are_never_swept,
                a_put_under_way_survives_a_sweep,
            }
            capabilities {
                capabilities_do_not_change,
                presigning_is_declared_or_unsupported,
                tiers_are_declared_or_unsupported,
                restoring_is_declared_or_unsupported,
                reading_copying_and_restoring_agree,
            }
        }
    };
}

/// Runs the contract of [`ArtifactIndex`](artifact_domain::port::ArtifactIndex), one test per
/// case, and random operations against a model.
///
/// `open` is the path of an `async fn() -> Subject<dyn ArtifactIndex>` that gives a fresh, empty
/// index each time. How many random sequences are played is said by `PROPTEST_CASES`, 64 if by
/// nobody.
#[macro_export]
macro_rules! artifact_index_contract {
    ($open:path) => {
        $crate::contract_cases! { $open, index:
            begin {
                versions_are_counted_from_one,
                every_coordinate_counts_for_itself,
                every_state_counts,
                a_version_that_was_removed_does_not_count,
                the_record_of_an_upload_says_all_that_was_known,
                an_id_that_is_known_already_exists,
                an_upload_on_its_way_is_not_visible,
            }
            renew {
                a_renewal_changes_the_lease_alone,
                a_renewed_upload_is_not_abandoned,
                an_ended_lease_can_be_renewed,
                what_is_not_known_cannot_be_renewed,
                what_is_no_upload_cannot_be_renewed,
            }
            reserve {
                a_reservation_is_counted_until_the_commit,
                an_upload_that_is_given_up_gives_back,
                what_does_not_fit_does_not_begin,
                what_is_deleted_counts_until_it_is_removed,
                a_reservation_grows_and_shrinks,
                what_is_no_upload_reserves_nothing,
                an_update_leaves_a_reservation_as_it_is,
                of_many_at_once_only_as_many_fit_as_there_is_room,
            }
            recount {
                an_index_that_is_sound_has_no_drift,
                a_repair_of_what_is_sound_changes_nothing,
            }
            commit {
                a_commit_makes_an_upload_visible,
                a_commit_keeps_changes_made_meanwhile,
                the_same_commit_again_changes_nothing,
                other_content_is_a_conflict,
                a_reaped_upload_cannot_be_committed,
                an_attempt_that_was_replaced_cannot_commit,
                an_ended_lease_does_not_forbid_a_commit,
                commits_come_in_any_order,
            }
            supersede {
                older_live_versions_are_superseded,
                with_versioning_on_nothing_is_superseded,
                what_is_held_or_not_live_is_not_superseded,
                other_coordinates_are_not_superseded,
                an_expired_version_is_superseded,
                who_comes_too_late_is_deleted_at_once,
                who_comes_too_late_supersedes_the_older_ones,
                only_a_live_version_makes_others_late,
                the_same_commit_again_supersedes_nothing,
            }
            update {
                everything_that_can_change_is_changed,
                an_upload_on_its_way_can_be_changed_and_reaped,
                another_revision_is_a_conflict,
                what_is_not_known_cannot_be_changed,
                what_cannot_change_is_invalid_input,
                a_state_that_disagrees_is_invalid_input,
                steps_that_are_not_legal_are_conflicts,
                legal_steps_are_made,
            }
            remove {
                a_removed_version_is_unknown,
                removing_again_is_no_error,
                only_deleted_versions_are_removed,
                a_reaped_upload_is_removed,
            }
            find {
                a_version_is_found_in_any_state,
                what_has_expired_is_found,
                what_is_not_there_is_nothing,
                the_newest_is_the_highest_live_version,
                the_tenth_version_is_higher_than_the_ninth,
                a_version_is_the_newest_until_it_expires,
                what_is_held_does_not_expire,
            }
            filter {
                the_default_selects_what_can_be_read,
                nothing_selected_is_an_empty_page,
                specs_are_selected_by_pattern,
                tasks_are_selected_by_pattern,
                names_are_selected_by_pattern,
                types_are_selected_from_a_list,
                all_tags_must_be_there,
                tags_are_found_as_they_are_now,
                created_bounds_include_the_first_instant_only,
                size_bounds_are_included,
                what_ends_and_what_does_not_are_told_apart,
                states_are_selected_from_a_list,
                what_has_expired_is_not_selected,
                all_conditions_together_must_hold,
            }
            area {
                areas_are_selected,
            }
            newest {
                newest_is_one_and_all_is_every_one,
                only_a_version_that_can_be_read_hides_others,
                an_expired_version_hides_nothing,
                the_rule_comes_before_other_conditions,
                what_is_not_live_is_not_hidden,
                every_coordinate_has_its_own_newest,
            }
            order {
                the_newest_come_first,
                the_largest_come_first,
                names_ascend_by_bytes,
                filters_do_not_disturb_the_order,
            }
            paging {
                pages_give_every_record_once_and_in_order,
                a_full_last_page_is_the_last,
                pages_of_large_records_end_early_and_lose_none,
                a_cursor_of_another_order_is_invalid_input,
                a_cursor_outlives_its_record,
                changes_between_pages_hide_nothing,
            }
            usage {
                an_empty_index_has_no_rows,
                counters_agree_after_each_step,
                refused_steps_count_nothing,
                superseded_versions_are_counted_as_deleted,
                rows_come_in_order,
            }
            expiry {
                those_are_due_first_that_expired_first,
                what_never_expires_is_never_due,
                only_live_versions_without_a_hold_are_due,
                held_versions_take_no_place,
                what_is_due_follows_changes,
                ties_are_all_due,
                what_is_due_is_gone_through_page_by_page,
            }
            abandoned {
                those_come_first_whose_lease_ended_first,
                only_uploads_are_abandoned,
                an_abandoned_upload_is_given_as_it_is_now,
            }
            seek_table {
                a_table_is_kept_byte_for_byte,
                without_a_table_there_is_none,
                a_table_goes_with_its_version,
                committing_again_changes_no_table,
            }
            import {
                a_version_is_taken_in_as_it_is,
                what_was_taken_in_is_like_the_rest,
                its_seek_table_comes_along,
                what_is_known_stays_as_it_is,
                a_version_that_is_taken_is_not_stored,
                what_disagrees_is_refused_whole,
                thousands_are_taken_in_at_once,
                a_new_index_is_complete_once_it_is_marked,
            }
            mark {
                a_mark_is_kept_until_another_takes_its_place,
                a_mark_that_is_not_the_expected_one_stays,
                of_those_who_replace_a_mark_one_does,
            }
            extremes {
                odd_characters_come_back_as_they_were,
                patterns_mean_only_what_globs_mean,
                big_sizes_are_exact,
                far_times_are_exact,
                far_ends_are_judged_exactly,
                the_most_tags_and_metadata_are_kept,
                metadata_comes_back_as_it_was,
                the_longest_texts_are_kept,
            }
            concurrency {
                uploads_that_begin_at_once_share_no_version,
                of_one_id_only_one_upload_begins,
                of_one_revision_only_one_change_wins,
                uploads_at_once_lose_none,
                uploads_at_once_supersede_all_but_one,
                a_commit_and_a_reaper_do_not_both_win,
                readers_always_find_one_version,
                a_dropped_call_happens_or_not,
            }
        }

        #[test]
        fn random_operations_give_what_the_model_gives() {
            $crate::contract::index::stateful::check($open);
        }
    };
}

/// Runs the contract of [`LockManager`](artifact_domain::port::LockManager), one test per case.
///
/// `open` is the path of an `async fn() -> Subject<dyn LockManager>` that gives fresh locks each
/// time.
#[macro_export]
macro_rules! lock_manager_contract {
    ($open:path) => {
        $crate::contract_cases! { $open, lock:
            acquire {
                a_free_lock_is_had_at_once,
                a_held_lock_is_not_had_again,
                no_patience_tries_once,
                a_timeout_says_what_it_waited_for,
                a_release_frees_the_lock,
                a_drop_frees_the_lock,
                who_waits_gets_the_lock_when_it_is_freed,
                a_cancelled_waiter_holds_nothing,
            }
            exclusion {
                a_hundred_tasks_lose_no_increment,
                dropped_guards_exclude_too,
                different_keys_do_not_wait_for_each_other,
                a_waiter_keeps_nobody_from_another_key,
            }
            holder {
                a_lock_is_locked_while_it_is_held,
                a_free_lock_has_no_holder,
                the_holder_is_this_process,
                asking_never_makes_an_acquire_fail,
            }
            force {
                a_lock_taken_away_can_be_had,
                the_old_holder_disturbs_the_new_one_not,
                a_late_release_is_no_error,
                a_free_lock_cannot_be_taken_away,
                other_locks_are_not_taken_away,
            }
            keys {
                odd_keys_are_locks_of_their_own,
            }
        }
    };
}

/// Runs the contract of [`AuditLog`](artifact_domain::port::AuditLog), one test per case.
///
/// `open` is the path of an `async fn() -> Subject<dyn AuditLog>` that gives an empty log each time.
#[macro_export]
macro_rules! audit_log_contract {
    ($open:path) => {
        $crate::contract_cases! { $open, audit:
            entries {
                an_empty_log_has_no_entries,
                entries_come_back_in_their_order,
                odd_texts_forge_no_entry,
                many_writers_lose_nothing,
                the_last_ones_are_given,
            }
            filter {
                every_condition_must_hold,
            }
        }
    };
}

/// Runs the contract of [`BucketRules`](artifact_domain::port::BucketRules), one test per case.
///
/// `open` is the path of an `async fn() -> Subject<SharedBucket>` that gives a fresh bucket each time,
/// or of an `Option` of it; see [`SharedBucket`](crate::contract::bucket_rules::SharedBucket).
#[macro_export]
macro_rules! bucket_rules_contract {
    ($open:path) => {
        $crate::contract_cases! { $open, bucket_rules:
            lifecycle {
                a_bucket_has_none_at_first,
                rules_are_found_as_they_were_set,
                rules_are_replaced_as_a_whole,
                the_same_rules_again_change_nothing,
                no_rules_take_away_what_is_there,
                rules_of_others_stay,
                each_store_has_its_own_rules,
                kinds_of_rules_are_kept_apart,
            }
            cors {
                a_bucket_lets_no_pages_in_at_first,
                a_rule_is_found_as_it_was_set,
                a_rule_is_replaced,
                no_rule_takes_away_what_is_there,
                pages_that_others_let_in_stay,
            }
            policy {
                policies_are_read_and_written_or_unsupported,
                a_bucket_has_no_policy_at_first,
                statements_are_found_as_they_were_set,
                no_statements_take_away_what_is_there,
                statements_of_others_stay,
                each_store_has_its_own_statements,
            }
            bucket {
                a_missing_bucket_is_invalid_input,
            }
        }
    };
}

/// Runs the contract of [`Authenticator`](artifact_domain::port::Authenticator), one test per case.
///
/// `open` is the path of an `async fn() -> Subject<Registry>` that gives a fresh one each time; see
/// [`Registry`](crate::contract::authenticator::Registry).
#[macro_export]
macro_rules! authenticator_contract {
    ($open:path) => {
        $crate::contract_cases! { $open, authenticator:
            grants {
                a_bearer_is_recognised_with_exactly_what_he_was_granted,
                the_grants_of_two_bearers_do_not_mix,
                a_bearer_has_a_name_that_can_be_logged,
                the_same_credential_is_the_same_bearer,
                many_at_once_are_told_apart,
            }
            refusal {
                what_is_altered_anywhere_is_refused,
                what_is_shortened_is_refused,
                what_is_extended_is_refused,
                parts_of_two_credentials_make_no_third,
                what_is_of_another_kind_is_left_to_others,
                what_is_withdrawn_is_refused_and_nothing_else,
                refusals_say_nothing_of_the_credential,
            }
            time {
                a_credential_is_accepted_until_its_end_and_not_at_it,
                what_has_expired_stays_expired,
                what_is_not_valid_yet_is_refused_until_it_is,
            }
        }
    };
}

/// One test per case of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($open:path, $suite:ident: $($module:ident { $($case:ident),* $(,)? })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::contract::check($open, $crate::contract::$suite::$module::$case);
            }
        )*)*
    };
}
