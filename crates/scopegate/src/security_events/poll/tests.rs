//! A fleet in virtual time: many verifiers poll one transmitter, and one event is published. When
//! do the first and the last of them reject the token, and how many requests does it get?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::json;
use testkit::{ISSUER, NOW, jwks};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::revocation::Revocations;
use crate::security_events::poll::exchange::{Exchange, PollError, Polled, Results};
use crate::security_events::transmitter::Transmitter;

const RECEIVER: &str = "https://api.example/security-events";

/// The time of a request to the transmitter, and of its response.
const ONE_WAY: Duration = Duration::from_millis(25);

/// The default interval with its jitter, one poll, and the rounding of four timers.
const LATEST: Duration = Duration::from_millis(5_500 + 50 + 4);

/// The tests look for rejections so often.
const RESOLUTION: Duration = Duration::from_millis(1);

/// The queue of one instance at the transmitter.
#[derive(Default)]
struct Stream {
    waiting: Vec<(String, String)>,
    acknowledged: usize,
    /// Notified when a response has events.
    delivered: Arc<Notify>,
}

/// A transmitter in memory, with a stream for each instance.
struct Hub {
    streams: Vec<Mutex<Stream>>,
    requests: Mutex<Vec<Instant>>,
    is_down: AtomicBool,
}

/// The endpoint of one stream.
struct Endpoint {
    hub: Arc<Hub>,
    stream: usize,
}

impl Hub {
    fn new(streams: usize) -> Arc<Self> {
        let streams = (0..streams).map(|_| Mutex::default()).collect();
        Arc::new(Self { streams, requests: Mutex::default(), is_down: AtomicBool::new(false) })
    }

    fn stream<T>(&self, number: usize, use_it: impl FnOnce(&mut Stream) -> T) -> T {
        use_it(&mut self.streams[number].lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, id: &str, set: &str) {
        for number in 0..self.streams.len() {
            self.stream(number, |stream| stream.waiting.push((id.to_owned(), set.to_owned())));
        }
    }

    /// Returns the times of the requests since the last call.
    fn take_requests(&self) -> Vec<Instant> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Exchange for Endpoint {
    async fn poll(&self, results: &Results) -> Result<Polled, PollError> {
        assert!(results.rejected.is_empty(), "{results:?}");
        self.hub.requests.lock().unwrap().push(Instant::now());
        sleep(ONE_WAY).await;
        if self.hub.is_down.load(Ordering::Relaxed) {
            return Err(PollError::Status(http::StatusCode::SERVICE_UNAVAILABLE));
        }
        let sets = self.hub.stream(self.stream, |stream| {
            let before = stream.waiting.len();
            stream.waiting.retain(|(id, _)| !results.acknowledged.contains(id));
            stream.acknowledged += before - stream.waiting.len();
            stream.waiting.iter().map(|(id, set)| (id.clone(), Some(set.clone()))).collect()
        });
        sleep(ONE_WAY).await;
        self.hub.stream(self.stream, |stream| {
            if !stream.waiting.is_empty() {
                stream.delivered.notify_one();
            }
        });
        Ok(Polled { sets, more_available: false })
    }
}

struct Instance {
    verifier: Verifier,
    _receiver: Arc<Receiver>,
    _task: AbortOnDrop,
}

impl Instance {
    fn start(key: &SigningKey, hub: &Arc<Hub>, stream: usize) -> Self {
        let issuer = || Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap();
        let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
        let revocations = Revocations::builder().clock(clock).capacity(100).build();
        let verifier = Verifier::builder().clock(clock).trust(issuer().audience("api"));
        let verifier = verifier.revocations(&revocations).cache_capacity(16).build().unwrap();
        let rules = Transmitter::new(issuer().audience(RECEIVER)).into_rules().unwrap();
        let receiver = Arc::new(Receiver::new(&verifier, vec![rules], None).unwrap());
        let source = receiver.source(ISSUER).unwrap();
        let (endpoint, polling) = (Endpoint { hub: Arc::clone(hub), stream }, Polling::default());
        let task = PollTask::new(endpoint, source, Arc::downgrade(&receiver), polling.interval);
        let task = AbortOnDrop(tokio::spawn(task.run()).abort_handle());
        Self { verifier, _receiver: receiver, _task: task }
    }
}

/// Verifiers that poll one transmitter.
struct Fleet {
    key: SigningKey,
    hub: Arc<Hub>,
    instances: Vec<Instance>,
}

impl Fleet {
    /// Starts instances at random moments of this time.
    async fn start(instances: usize, within: Duration) -> Self {
        let (key, hub) = (SigningKey::generate(Algorithm::ES256), Hub::new(instances));
        let mut moments: Vec<Duration> = (0..instances).map(|_| within.mul_f64(fastrand::f64())).collect();
        moments.sort_unstable();
        let (begin, mut started) = (Instant::now(), Vec::new());
        for (stream, moment) in moments.into_iter().enumerate() {
            tokio::time::sleep_until(begin + moment).await;
            started.push(Instance::start(&key, &hub, stream));
        }
        Self { key, hub, instances: started }
    }

    fn token(&self, session: &str) -> String {
        let token = Mint::cognito(ISSUER, "client").issued_at(NOW).lifetime(60);
        token.claim("aud", "api").claim("sid", session).sign_with(&self.key)
    }

    /// Publishes one event. Returns the times until the first and until the last instance reject
    /// the token.
    async fn revoke(&self, session: &str) -> (Duration, Duration) {
        let watching = self.publish(session);
        let mut times = Vec::new();
        for one in watching {
            times.push(one.await.unwrap());
        }
        (*times.iter().min().unwrap(), *times.iter().max().unwrap())
    }

    /// Publishes one event. Returns tasks that wait for the rejection by each instance.
    fn publish(&self, session: &str) -> Vec<JoinHandle<Duration>> {
        let token = self.token(session);
        for instance in &self.instances {
            assert!(instance.verifier.verify(&token).is_ok());
        }
        let opaque = json!({ "format": "opaque", "id": session });
        let set = Mint::security_event(ISSUER, RECEIVER)
            .issued_at(NOW)
            .claim("jti", session)
            .event(Mint::SESSION_REVOKED, json!({}))
            .claim("sub_id", json!({ "format": "complex", "session": opaque }))
            .sign_with(&self.key);
        let published = Instant::now();
        self.hub.publish(session, &set);
        let watching = self.instances.iter().enumerate().map(|(number, instance)| {
            let (verifier, token) = (instance.verifier.clone(), token.clone());
            let delivered = self.hub.stream(number, |stream| Arc::clone(&stream.delivered));
            tokio::spawn(async move {
                // Nothing else revokes the token, so it is looked at from then on.
                delivered.notified().await;
                loop {
                    match verifier.verify(&token) {
                        Ok(_) => sleep(RESOLUTION).await,
                        Err(Error::Revoked { .. }) => return published.elapsed(),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            })
        });
        watching.collect()
    }
}

/// Returns the largest number of requests within a tenth of a second.
fn peak(requests: &[Instant]) -> usize {
    const WINDOW: Duration = Duration::from_millis(100);
    let within = |(first, at): (usize, &Instant)| {
        requests[first..].iter().take_while(|other| **other < *at + WINDOW).count()
    };
    requests.iter().enumerate().map(within).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
#[allow(clippy::print_stdout, reason = "figures are what it is for")]
async fn event_reaches_fleet_within_interval_and_jitter() {
    // RV03
    const ROUNDS: usize = 5;
    fastrand::seed(8_936);
    for instances in [2, 1_000] {
        let fleet = Fleet::start(instances, Duration::from_secs(30)).await;
        fleet.hub.take_requests();
        let begun = Instant::now();
        for round in 0..ROUNDS {
            // At a random moment.
            sleep(Duration::from_secs(10).mul_f64(fastrand::f64())).await;
            let (first, last) = fleet.revoke(&format!("session-{round}")).await;
            println!("FLEET {instances} instances: first rejection after {first:?}, last after {last:?}");
            assert!(first <= last && last <= LATEST, "{last:?}");
        }
        sleep(LATEST).await;
        for stream in 0..instances {
            assert_eq!(fleet.hub.stream(stream, |stream| stream.acknowledged), ROUNDS);
        }
        let requests = fleet.hub.take_requests();
        let (count, peak) = (requests.len(), peak(&requests));
        println!("FLEET {instances} instances: {count} requests in {:?}, {peak} in 100 ms", begun.elapsed());
        // One in each shortest interval, and one to acknowledge each event.
        let regular = usize::try_from(begun.elapsed().as_millis().div_ceil(4_500)).unwrap();
        assert!(count <= instances * (regular + 1 + ROUNDS), "{count}");
        // 20 on average. An acknowledgement comes with each event.
        assert!(peak <= 2.max(instances / 10), "{peak} requests within 100 ms");
    }
}

#[tokio::test(start_paused = true)]
#[allow(clippy::print_stdout, reason = "figures are what it is for")]
async fn fleet_that_starts_at_once_spreads_its_polls() {
    fastrand::seed(8_936);
    let fleet = Fleet::start(1_000, Duration::ZERO).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(fleet.hub.take_requests().len(), 1_000, "the first polls");
    sleep(Duration::from_secs(6)).await;
    let second = peak(&fleet.hub.take_requests());
    sleep(Duration::from_secs(300)).await;
    fleet.hub.take_requests();
    sleep(Duration::from_secs(60)).await;
    let later = peak(&fleet.hub.take_requests());
    println!("FLEET started at once: {second} second polls in 100 ms, {later} after 5 min");
    assert!(second <= 160 && later <= 60, "{second} and {later}");
}

#[tokio::test(start_paused = true)]
#[allow(clippy::print_stdout, reason = "figures are what it is for")]
async fn event_reaches_fleet_after_an_outage() {
    // RV08
    const OUTAGE: Duration = Duration::from_secs(120);
    fastrand::seed(8_936);
    let fleet = Fleet::start(1_000, Duration::from_secs(30)).await;
    fleet.hub.is_down.store(true, Ordering::Relaxed);
    let watching = fleet.publish("session-1");
    sleep(OUTAGE).await;
    assert!(watching.iter().all(|one| !one.is_finished()), "nothing was delivered");
    fleet.hub.is_down.store(false, Ordering::Relaxed);
    fleet.hub.take_requests();
    let mut last = Duration::ZERO;
    for one in watching {
        last = last.max(one.await.unwrap().saturating_sub(OUTAGE));
    }
    // The longest pause between two attempts, and one poll.
    assert!(last <= Duration::from_millis(60_000 + 50 + 4), "{last:?}");
    let peak = peak(&fleet.hub.take_requests());
    println!("FLEET 1000 instances: last rejection {last:?} after an outage, {peak} requests in 100 ms");
    assert!(peak <= 100, "{peak} requests within 100 ms");
}
