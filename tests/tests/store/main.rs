//! The conformance suite of the store: every case runs on SQLite and on PostgreSQL, and neither may know which.

#[path = "../place/mod.rs"]
mod place;

mod claim;
mod erase;
mod file;
mod hostile;
mod journal;
mod keys;
mod leases;
mod lists;
mod migrate;
mod orders;
mod outbound;
mod races;
mod stretches;

/// One test for each case and each database.
macro_rules! conformance {
    ($($module:ident: $($case:ident),+;)+) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(crate::place::Place::sqlite().await).await;
                }
            )+)+
        }
        mod postgres {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    crate::$module::$case(crate::place::Place::postgres().await).await;
                }
            )+)+
        }
    };
}

conformance! {
    journal:
        answers_in_order_and_tells_what_it_knows,
        keeps_bytes_and_envelope_as_they_came,
        writes_all_or_nothing,
        a_lost_lease_writes_nothing,
        positions_are_the_last_ones_written,
        counts_keys_by_prefix,
        the_same_keys_at_once_are_new_once;
    claim:
        oldest_first_within_limits,
        counts_attempts_and_quarantines_the_hopeless,
        suspects_are_claimed_alone,
        expired_claims_are_taken_over,
        claims_are_made_to_last,
        nobody_claims_what_another_holds,
        released_claims_are_pending_at_once,
        claims_end_aside,
        damaged_rows_are_quarantined_alone,
        the_backlog_is_counted;
    file:
        a_stale_owner_writes_nothing,
        a_batch_is_filed_whole_or_not_at_all,
        the_same_message_is_a_duplicate,
        a_reused_identity_makes_its_own_case,
        answers_join_their_case,
        an_answer_may_come_before_what_it_answers,
        a_case_number_in_the_subject_counts_for_participants,
        automatic_mail_opens_no_case,
        later_messages_of_a_batch_see_the_earlier_ones,
        one_delivery_holds_many_messages,
        an_overused_identity_stays_cheap,
        a_closed_case_opens_again,
        customers_are_known_by_any_address,
        tenants_never_meet;
    races:
        two_halves_of_a_pair_make_one_case,
        new_customers_met_in_any_order,
        the_same_delivery_is_filed_by_one;
    lists:
        the_journal_is_paged_without_gaps,
        cases_are_filtered,
        cases_are_paged_without_gaps,
        a_case_tells_its_story,
        long_cases_are_listed_in_part,
        deliveries_are_replayed_in_order,
        messages_are_read_again,
        quarantine_is_resolved;
    leases:
        tokens_grow_with_each_holder;
    keys:
        keys_are_kept_found_and_revoked;
    hostile:
        nul_everywhere_comes_back,
        long_and_odd_text_comes_back;
    stretches:
        a_large_delivery_is_filed_in_stretches,
        what_was_filed_before_a_crash_is_not_filed_again,
        parts_that_cannot_be_read_are_set_aside_alone;
    outbound:
        only_people_who_open_a_case_are_acknowledged,
        one_sender_at_a_time_has_it,
        the_same_bytes_go_out_at_every_attempt,
        it_ends_in_four_ways,
        addresses_are_counted,
        a_signed_address_and_our_own_mail_lead_to_the_case,
        a_bounce_goes_to_the_case_of_what_bounced,
        the_same_key_is_kept_once,
        numbers_are_never_given_twice;
    orders:
        an_order_is_found_by_what_it_says,
        a_revision_takes_the_place_of_the_one_before,
        an_order_is_decided_once;
    erase:
        what_is_deleted_is_gone_and_does_not_come_back,
        what_never_came_is_not_waited_for_for_ever,
        another_case_of_the_same_delivery_stays;
    migrate:
        two_at_once_make_one_schema,
        a_newer_schema_is_refused,
        a_foreign_schema_is_refused,
        a_store_is_the_same_when_opened_again;
}
