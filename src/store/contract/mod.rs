//! What every backend must do. A backend's tests call [`contract!`] with a way to make a fresh store; each case becomes a test.

pub(crate) mod alert_texts;
pub(crate) mod alerts;
pub(crate) mod batches;
pub(crate) mod board;
pub(crate) mod calendars;
pub(crate) mod cases;
pub(crate) mod checks;
pub(crate) mod clocks;
pub(crate) mod fixtures;
pub(crate) mod lists;
pub(crate) mod loads;
pub(crate) mod mirror;
pub(crate) mod overrides;
pub(crate) mod phone_calls;
pub(crate) mod prune;
pub(crate) mod queues;
pub(crate) mod replies;
pub(crate) mod safeguards;

/// Makes one test of each case; `$fresh` is an expression that gives (something to keep alive, a store).
macro_rules! contract {
    ($fresh:expr; $($module:ident :: $case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (_alive, store) = $fresh;
            crate::store::contract::$module::$case(&store).await;
        }
    )+};
}
pub(crate) use contract;

/// Every case, for one backend.
macro_rules! whole_contract {
    ($fresh:expr) => {
        crate::store::contract::contract! { $fresh;
            cases::a_call_with_every_field_comes_back_as_it_was,
            cases::each_load_shows_what_it_says,
            cases::a_reply_sees_the_newest_fifty_open_calls_and_those_it_names,
            cases::only_the_difference_is_written_and_new_attempts_come_after_moved_ones,
            cases::a_refused_decision_writes_nothing,
            batches::changes_that_are_made_at_once_see_those_before_them,
            batches::changes_that_name_one_call_in_different_ways_see_each_other,
            cases::five_hundred_at_once_with_a_fifth_failing_or_panicking,
            cases::a_change_that_was_decided_again_is_reported_as_it_was_committed,
            cases::receipts_wait_for_their_message_and_are_joined_once,
            loads::a_message_is_that_of_the_attempt_it_names_else_of_the_one_with_its_sid,
            loads::a_reply_sees_fifty_calls_that_were_closed_lately_and_four_closed_before,
            loads::a_phone_call_sees_those_to_its_number_and_those_that_were_refused,
            cases::an_inbound_text_is_kept_once_and_answered_as_before,
            cases::alerts_are_raised_and_resolved_once,
            alerts::alerts_are_told_again_in_new_words_and_resolved_by_call,
            alerts::an_alert_waits_for_a_sink_until_its_newest_state_is_delivered,
            alerts::a_sink_may_know_what_it_was_asked_to_take_unless_it_surely_refused,
            alerts::what_nobody_has_seen_is_told_again_in_its_time,
            alerts::a_repetition_by_time_is_not_told_of_what_a_person_has_seen,
            alerts::receipts_are_kept_one_a_message_until_each_is_done_with,
            alerts::a_repeat_waits_for_stand_ins_that_were_never_told_too,
            alerts::what_says_the_newest_is_told_when_it_is_raised_and_again_in_other_words,
            alerts::however_many_are_raised_each_ends_when_it_is_over,
            alerts::the_settings_in_force_say_who_is_told_whatever_this_process_was_opened_with,
            alert_texts::a_text_of_an_alert_comes_back_as_it_was_and_is_found_in_each_way,
            alert_texts::an_owner_has_one_live_text_of_a_message,
            alert_texts::a_reply_is_held_against_the_newest_texts_of_alerts_and_those_that_it_names,
            alert_texts::a_text_knows_which_of_its_alerts_are_over_or_were_seen,
            board::the_board_shows_the_worst_first_and_no_more_than_it_is_asked_for,
            board::the_key_of_sessions_stays_and_a_link_works_once,
            cases::opt_outs_are_kept_by_phone_and_sender,
            prune::a_call_that_is_over_loses_what_it_says_of_people_and_stays_what_it_was,
            prune::what_reaches_a_call_after_its_pruning_goes_in_its_time,
            prune::an_alert_that_ended_long_ago_goes_with_its_key,
            prune::what_was_pruned_is_counted_however_its_process_ends,
            prune::what_is_open_or_young_or_waits_for_another_system_is_not_pruned,
            prune::a_call_of_very_many_entries_is_pruned_in_pieces,
            prune::what_a_receiver_of_events_was_not_told_waits_for_it,
            prune::what_came_back_since_it_was_found_is_not_pruned,
            prune::the_log_of_what_is_not_pruned_is_never_changed,
            prune::the_base_is_told_nothing_more_of_a_pruned_call_and_all_of_one_that_is_not,
            checks::a_store_that_is_well_is_found_well_whatever_its_calls_wait_for,
            lists::breakers_open_and_close_and_wake_what_they_deferred,
            clocks::a_step_of_the_clock_is_remembered_by_sends_whose_outcome_is_open,
            clocks::the_offset_of_the_providers_clock_is_kept_in_one_row,
            clocks::people_are_listened_to_from_the_providers_own_time_on,
            cases::the_log_is_read_by_cursor_call_and_time,
            lists::requests_are_answered_once,
            lists::engines_leave_word_of_a_clean_stop,
            queues::due_calls_come_earliest_first,
            queues::sendable_attempts_come_by_priority_then_age,
            queues::a_text_with_u_0000_is_kept_and_hides_nothing_beside_it,
            queues::what_waits_is_read_lane_by_lane_and_page_by_page,
            queues::messages_are_asked_about_in_time_order,
            queues::claims_of_other_engines_are_found,
            queues::texts_of_which_none_is_accepted_fill_the_bound_of_an_hour_too,
            lists::calls_that_nobody_heard_of_are_found,
            lists::deferred_calls_that_nobody_has_seen_are_found,
            lists::calls_whose_holder_is_to_be_asked_are_found_and_go_back_with_the_clock,
            lists::stranded_calls_are_those_that_nothing_will_look_at,
            lists::lists_of_calls_are_newest_first,
            lists::lists_of_calls_go_on_page_by_page,
            alerts::what_waits_for_another_system_is_found_by_age_and_hurried,
            lists::figures_count_what_is,
            lists::a_copy_of_contacts_is_replaced_whole_and_forgotten,
            calendars::a_calendar_that_counts_is_replaced_by_what_is_taken_or_accepted_alone,
            calendars::a_feed_has_one_secret_until_it_is_made_anew,
            overrides::one_is_made_once_and_withdrawn_once_and_every_change_is_seen,
            overrides::the_same_words_within_a_minute_are_one_exception,
            overrides::who_held_a_role_is_read_by_its_moment_and_never_changed,
            mirror::what_the_mirror_lacks_is_due_with_its_newest_state_until_that_is_told,
            mirror::what_was_written_is_read_back_until_it_is_proven,
            mirror::what_is_refused_is_parked_until_a_newer_state_comes,
            mirror::dispatch_events_are_walked_through_by_place_call_and_time,
            replies::those_told_last_come_first_page_by_page_and_what_was_taken_long_ago_is_let_go,
            phone_calls::a_phone_call_is_found_by_its_ids_then_by_sid_then_by_caller_and_start,
            phone_calls::a_report_joins_the_call_that_the_api_made_of_its_phone_call,
            phone_calls::a_phone_call_waits_until_it_is_told_of,
            phone_calls::one_in_which_nobody_was_heard_is_not_a_later_one,
            replies::what_was_heard_is_known_and_how_far_it_was_read,
            safeguards::no_change_breaks_an_invariant,
            safeguards::what_is_final_stays_final,
            safeguards::identities_are_unique,
            safeguards::every_word_of_the_domain_can_be_stored,
        }
    };
}
pub(crate) use whole_contract;
