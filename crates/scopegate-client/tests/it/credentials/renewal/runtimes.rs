//! Requests that outlive their caller, and runtimes that end or stall.

use super::*;

#[tokio::test]
async fn canceled_caller_does_not_cancel_the_request() {
    // E17
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let leaves = caller(&credentials).await;
    let stays = caller(&credentials).await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    ended(&credentials, 1).await;
    assert!(stays.await.unwrap().is_ok());
    assert_eq!(elsewhere.issuer.token_requests(), 1);
}

#[test]
fn ended_runtime_fails_its_request() {
    // E17
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    elsewhere.issuer.set_token_fault(Fault::Drip);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        drop(caller(&credentials).await);
    });
    drop(runtime);
    assert_eq!(requests(&credentials), 1, "the request has failed");
    elsewhere.issuer.clear_token_fault();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(credentials.token()).is_ok());
}

#[test]
fn missing_runtime_is_an_error_without_panic() {
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let mut waiting = pin!(credentials.token());
    let Poll::Ready(Err(failure)) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("there is nothing to wait for");
    };
    assert!(matches!(failure, Error::Unavailable { .. }));
    let reason = std::error::Error::source(&failure).unwrap().to_string();
    assert_eq!(reason, "no Tokio runtime is running");
    for _ in 0..10 {
        assert!(credentials.current().is_none());
    }
    assert_eq!(requests(&credentials), 0, "no request was sent, so none has failed");

    // A caller with a runtime is not affected.
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(first(&credentials));
    assert_eq!(requests(&credentials), 1);
}

#[test]
fn stalled_runtime_does_not_block_other_runtimes() {
    // E17, FR-D10: the request was started by a caller that waits, or by a caller that does not
    // wait.
    for waits in [true, false] {
        let elsewhere = Elsewhere::start(3_600);
        let credentials = elsewhere.credentials("s3cret").build().unwrap();
        elsewhere.issuer.set_token_fault(Fault::Drip);
        let standing = Builder::new_current_thread().enable_all().build().unwrap();
        let abandoned = standing.block_on(async {
            if waits {
                return Some(caller(&credentials).await);
            }
            assert!(credentials.current().is_none());
            None
        });
        elsewhere.issuer.clear_token_fault();
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let waiting = caller(&credentials).await;
            assert_eq!(requests(&credentials), 0, "there is one request for all");
            // Within a second, the caller detects that the other runtime does not run.
            pass(secs(1)).await;
            ended(&credentials, 1).await;
            let token = waiting.await.unwrap().unwrap();
            // The end of the first request comes too late and changes nothing.
            drop(abandoned);
            std::thread::scope(|scope| scope.spawn(|| drop(standing)).join().unwrap());
            assert_eq!(requests(&credentials), 2);
            assert_eq!(credentials.current().unwrap().secret(), token.secret());
            assert!(credentials.status().last_failure().is_none(), "the last request did not fail");
        });
    }
}

#[test]
fn running_runtime_keeps_its_request() {
    // FR-D10: the counterpart. For this reason, a caller of another runtime does not start a
    // request at once.
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    elsewhere.issuer.set_token_fault(Fault::Drip);
    let busy = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    busy.block_on(async {
        drop(caller(&credentials).await);
        while elsewhere.issuer.token_requests() == 0 {
            yield_now().await;
        }
    });
    elsewhere.issuer.clear_token_fault();
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let waiting = caller(&credentials).await;
        // A stalled request would be abandoned after one second. More turns would take real time,
        // and the request in flight ends after five seconds of it.
        for _ in 0..2 {
            // The waiting caller spawns a task on the other runtime, which runs before ours.
            yields(10).await;
            let turn = busy.spawn(async {});
            while !turn.is_finished() {
                yield_now().await;
            }
            yields(10).await;
            pass(secs(1)).await;
        }
        let failure = credentials.status().last_failure().map(ToString::to_string);
        assert_eq!(requests(&credentials), 0, "the callers still wait for the first request: {failure:?}");
        busy.shutdown_background();
        ended(&credentials, 1).await;
        let failure = credentials.status().last_failure().map(ToString::to_string);
        assert!(
            failure.is_some_and(|failure| failure.contains("unavailable")),
            "the request in flight has failed"
        );
        waiting.abort();
    });
}
