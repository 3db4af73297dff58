//! A channel that fails in every way there is, and is run again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use loket_core::channel::{Channel, ChannelCx, ChannelError};
use loket_core::health::{ChannelState, HealthBoard};
use loket_core::intake::IntakeLimits;
use loket_core::supervisor::{Backoff, supervise};
use tokio_util::sync::CancellationToken;

use crate::place::{Place, until};
use crate::plant::{Plant, woken_only};

struct Stumbling(Arc<AtomicUsize>);

#[async_trait]
impl Channel for Stumbling {
    async fn run(&mut self, cx: ChannelCx) -> Result<(), ChannelError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("it stumbles"),
            1 => Err(ChannelError::Transient("the line is dead".into())),
            2 => Err(ChannelError::Refused("the password is wrong".into())),
            3 => Ok(()),
            run => {
                let sent = cx.delivery(format!("run {run}"), "text/book", Default::default(), &b"mail\njan@bouw.example|-|hallo"[..]);
                cx.accept(sent).await?;
                cx.health().success();
                cx.stop().cancelled().await;
                Ok(())
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_run_again_whatever_happens() {
    let place = Place::sqlite().await;
    let plant = Plant::start(place.open().await, woken_only(), IntakeLimits::default());
    let (board, stop, runs) = (HealthBoard::default(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let health = board.channel("drop.a", "main");
    let cx = ChannelCx::new("drop.a", Default::default(), plant.intake.clone(), plant.store.clone(), health, stop.clone(), plant.instance);
    let short = Duration::from_millis(1);
    let supervised =
        tokio::spawn(supervise(Box::new(Stumbling(runs.clone())), cx, Backoff { first: short, longest: short, refused: short }));
    until("it works", || async { board.all()[0].state == ChannelState::Up }).await;
    let status = &board.all()[0];
    assert_eq!((status.accepted, status.last_error.as_deref()), (1, Some("the password is wrong")));
    plant.until_nothing_is_pending().await;
    assert_eq!(plant.store.totals().await.unwrap().messages, 1);
    stop.cancel();
    supervised.await.unwrap();
    assert_eq!((board.all()[0].state, runs.load(Ordering::SeqCst)), (ChannelState::Stopped, 5));
}
