//! Security event tokens. The first line of an input is the header, and the second one the payload.
//! The target signs them with the transmitter's key, so that the checks behind the signature are
//! reached.

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Issuer, Received, Revocations, SecurityEventError, SecurityEvents, Transmitter, Verifier};
use serde_json::{Map, Value};

use crate::signer::Signer;
use crate::text::{MESSAGE, assert_fit_for_a_log};
use crate::trust::{LEEWAY, NOW};
use crate::verdicts;

const TRANSMITTER: &str = "https://issuer.example";
const SUBJECT_ISSUER: &str = "https://tokens.example";
const RECEIVER: &str = "https://api.example/security-events";

/// More than one SET of 16 KiB can revoke, with an alias of 28 bytes for each six entries.
const CAPACITY: usize = 4_096;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new(7));

pub fn check(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (header, payload) = input.split_at(end);
    let payload = payload.strip_prefix(b"\n").unwrap_or_default();
    let set = SIGNER.sign(header, payload);
    let (revocations, verifier, events) = receiver();
    let received = receive(&events, &set);
    verdicts::count(&received);
    match received {
        Ok(received) => {
            assert_acceptable(header, payload);
            assert!(verifier.verify(&set).is_err(), "an event is accepted as an access token");
            assert_effect(received, payload, revocations.status().entries);
            assert_eq!(receive(&events, &set).ok(), Some(Received::Repeated));
        }
        Err(error) => {
            assert_eq!(revocations.status().entries, 0, "a rejected event revokes");
            assert!(error.retry_after().is_none(), "{error}");
            assert_fit_for_a_log(&error.to_string(), MESSAGE);
        }
    }
}

fn receiver() -> (Revocations, Verifier, SecurityEvents) {
    let x = SIGNER.x();
    let jwks = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","x":"{x}"}}]}}"#);
    let issuer = Issuer::from_jwks(TRANSMITTER, &jwks).expect("it is a key set");
    let revocations = Revocations::builder().capacity(CAPACITY).build();
    let verifier = Verifier::builder()
        .trust(issuer.clone().audience(RECEIVER))
        .cache_capacity(0)
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .leeway(Duration::from_secs(LEEWAY))
        .revocations(&revocations)
        .build()
        .expect("the configuration is complete");
    let transmitter = Transmitter::new(issuer.audience(RECEIVER)).subject_issuer(SUBJECT_ISSUER);
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter).start();
    (revocations, verifier, events.expect("the configuration is complete"))
}

fn receive(events: &SecurityEvents, set: &str) -> Result<Received, SecurityEventError> {
    match pin!(events.receive(set)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(received) => received,
        Poll::Pending => panic!("static keys need no fetch"),
    }
}

fn object(text: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(text).expect("an accepted part is an object")
}

/// Reads an accepted SET with serde_json.
fn assert_acceptable(header: &[u8], payload: &[u8]) {
    let (header, payload) = (object(header), object(payload));
    let typ = header["typ"].as_str().expect("a string").to_ascii_lowercase();
    assert_eq!(typ.strip_prefix("application/").unwrap_or(&typ), "secevent+jwt");
    assert!(["EdDSA", "Ed25519"].contains(&header["alg"].as_str().expect("a string")));
    assert!(!header.contains_key("crit") && !header.contains_key("enc"));
    assert_eq!(payload["iss"], TRANSMITTER);
    let is_for_us = match &payload["aud"] {
        Value::Array(audiences) => audiences.iter().any(|audience| audience == RECEIVER),
        audience => audience == RECEIVER,
    };
    assert!(is_for_us);
    for claim in ["exp", "sub"] {
        assert!(payload.get(claim).is_none_or(Value::is_null), "{claim}");
    }
    assert!(payload["iat"].as_f64().expect("a number") <= (NOW + LEEWAY) as f64);
    assert!(!payload["jti"].as_str().expect("a string").is_empty());
    assert!(!payload["events"].as_object().expect("an object").is_empty());
}

/// Only a known event revokes, and only for the configured issuers.
fn assert_effect(received: Received, payload: &[u8], entries: usize) {
    const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
    let payload = object(payload);
    let events = payload["events"].as_object().expect("an object");
    let known = ["session-revoked", "credential-change"].map(|name| events.get(&format!("{CAEP}{name}")));
    match received {
        Received::Applied { revocations, .. } => {
            assert!(known.iter().any(Option::is_some));
            assert!(entries > 0 && entries <= revocations && revocations <= CAPACITY);
            for event in known.into_iter().flatten() {
                let subject = payload.get("sub_id").filter(|value| !value.is_null());
                let subject = subject.unwrap_or_else(|| &event["subject"]);
                for subject in [subject, &subject["user"], &subject["session"]] {
                    if subject["format"] == "iss_sub" && subject["iss"].is_string() && entries == revocations
                    {
                        let own =
                            [TRANSMITTER, SUBJECT_ISSUER].contains(&subject["iss"].as_str().unwrap_or(""));
                        assert!(own || subject.get("format").is_none(), "{subject}");
                    }
                }
            }
        }
        _ => assert_eq!(entries, 0),
    }
}
