//! Intake and pipeline on real stores: what is accepted is durable, and is filed or set aside exactly once.

#[path = "../place/mod.rs"]
mod place;

mod channels;
mod chaos;
mod flow;
mod intake;
mod outage;
mod plant;

/// One test for each case and each database.
macro_rules! on_both {
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

on_both! {
    intake:
        what_is_accepted_is_there,
        what_cannot_be_taken_is_refused,
        many_callers_share_commits,
        one_callers_fault_is_not_the_others,
        a_full_queue_makes_callers_wait;
    flow:
        new_work_is_filed_at_once,
        what_the_hot_lane_has_no_room_for_is_filed_too,
        what_an_earlier_process_left_is_found,
        slow_readers_keep_their_claims,
        bad_deliveries_are_quarantined_alone,
        what_cannot_be_filed_is_quarantined_alone,
        the_journal_gets_its_turn_under_load,
        stopping_finishes_what_was_accepted;
    outage:
        large_deliveries_come_through;
    chaos:
        nothing_is_lost_or_doubled_when_instances_die;
}
