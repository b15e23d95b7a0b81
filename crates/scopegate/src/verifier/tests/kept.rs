//! Tests of cached tokens: the cache gives the same results as full verification.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::Keys;
use crate::keys::fetched::FetchedKeys;
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::refresh::schedule::{Interval, RefreshConfig};
use crate::keys::set::KeySet;
use crate::keys::standing::Standing;

/// A verifier with a clock and keys that the test controls.
struct Fixture {
    verifier: Verifier,
    source: Arc<FetchedKeys>,
    now: Arc<AtomicU64>,
}

const LIMIT: Duration = Duration::from_secs(24 * 3_600);

impl Fixture {
    fn new(keys: &[Value]) -> Self {
        Self::cache_capacity(4_096, keys)
    }

    fn cache_capacity(entries: usize, keys: &[Value]) -> Self {
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = Arc::clone(&now);
        let keys = json!({ "keys": keys }).to_string();
        let policy = Issuer::from_jwks(ISSUER, &keys).unwrap().audience("api").policy;
        let clock = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
        let config = RefreshConfig { interval: Interval::Fixed(LIMIT), cooldown: LIMIT, max_stale: LIMIT };
        let source = Arc::new(FetchedKeys::new(config));
        let keys_of_issuer = Keys::Fetched(Arc::clone(&source));
        let keys_of_issuer = IssuerKeys::new(keys_of_issuer, policy.key_owner(), Standing::configured());
        let leeway = Duration::from_secs(30);
        let issuer = TrustedIssuer::new(ISSUER.to_owned(), policy, keys_of_issuer, leeway);
        let cache = Cache::new(entries, entries * 4_096);
        let hierarchy = ScopeHierarchy::default();
        let trust = Trust::of(vec![Arc::new(issuer)]);
        let verifier = Verifier::new(
            trust,
            Arc::new(clock),
            cache,
            hierarchy,
            Hooks::default(),
            #[cfg(feature = "http")]
            None,
        );
        let fixture = Self { verifier, source, now };
        fixture.publish_set(&keys);
        fixture
    }

    fn at(&self, now: u64) -> &Self {
        self.now.store(now, Ordering::Relaxed);
        self
    }

    /// Publishes these keys, as a successful fetch does.
    fn publish(&self, keys: &[Value]) -> &Self {
        self.publish_set(&json!({ "keys": keys }).to_string());
        self
    }

    fn publish_set(&self, keys: &str) {
        let earlier = self.source.snapshot();
        let earlier = earlier.as_ref().map(|snapshot| &*snapshot.keys);
        let keys = Arc::new(KeySet::from_json(keys.as_bytes(), Algorithm::ALL, earlier).unwrap());
        let fetched_at = self.verifier.0.clock.now();
        self.source.publish(&keys, fetched_at, LIMIT, None, 0.5);
    }

    /// Asserts that the token is accepted with this number of signature checks.
    fn accepts(&self, token: &str, expected: usize) {
        let checks = checks::during(|| assert!(self.verifier.verify(token).is_ok()));
        assert_eq!(checks, expected);
    }

    fn refuses(&self, token: &str) -> Error {
        self.verifier.verify(token).unwrap_err()
    }
}

#[test]
fn cached_token_costs_no_signature_check_or_copy() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::new(&[key.jwk()]);
    let token = mint().sign_with(&key);
    fixture.accepts(&token, 1);
    (0..10).for_each(|_| fixture.accepts(&token, 0));
    let address = || fixture.verifier.verify(&token).unwrap().token().as_ptr();
    assert_eq!(address(), address());
    assert_eq!(fixture.verifier.status().cached_tokens(), 1);
}

#[tokio::test]
async fn request_that_waits_costs_no_signature_check() {
    // FR-C9
    use std::task::{Context, Waker};
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::new(&[key.jwk()]);
    let token = mint().header("kid", "invented").sign_with(&key);
    let mut waits = Box::pin(fixture.verifier.verify_or_refresh(&token));
    let mut poll = || assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(checks::during(|| (0..3).for_each(|_| poll())), 0);
    fixture.accepts(&mint().sign_with(&key), 1);
}

#[test]
fn zero_capacity_caches_nothing() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::cache_capacity(0, &[key.jwk()]);
    let token = mint().sign_with(&key);
    (0..3).for_each(|_| fixture.accepts(&token, 1));
    assert_eq!(fixture.verifier.status().cached_tokens(), 0);
}

#[test]
fn cached_token_is_rejected_outside_its_lifetime() {
    // C04, C08, C09: with a leeway of 30 s
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::new(&[key.jwk()]);
    let token = mint().claim("nbf", NOW - 100).issued_at(NOW - 50).expires_at(NOW + 60).sign_with(&key);
    fixture.accepts(&token, 1);
    fixture.at(NOW + 89).accepts(&token, 0);
    assert!(matches!(fixture.at(NOW + 90).refuses(&token), Error::Expired { .. }));
    // The token is valid again if the clock is set back, and not yet valid if it is set back further.
    fixture.at(NOW).accepts(&token, 0);
    assert!(matches!(fixture.at(NOW - 81).refuses(&token), Error::NotYetValid { claim: "iat", .. }));
    assert!(matches!(fixture.at(NOW - 131).refuses(&token), Error::NotYetValid { claim: "nbf", .. }));
}

#[test]
fn cached_token_is_rejected_after_key_changes() {
    // B19
    let [old, new, stranger] = [(); 3].map(|()| SigningKey::generate(KeyAlgorithm::ES256));
    let fixture = Fixture::new(&[old.jwk()]);
    let token = mint().sign_with(&old);
    fixture.accepts(&token, 1);
    // A rotation that adds a key costs no signature check. Neither does a new set with the same keys.
    fixture.publish(&[new.jwk(), old.jwk()]).accepts(&token, 0);
    fixture.publish(&[old.jwk(), new.jwk()]).accepts(&token, 0);
    // A key that is withdrawn and published again is another object, so the token is verified again.
    assert!(matches!(fixture.publish(&[new.jwk()]).refuses(&token), Error::UnknownKey { .. }));
    fixture.publish(&[old.jwk()]).accepts(&token, 1);
    fixture.accepts(&token, 0);
    // Another key with the same id.
    let replaced = stranger.with_kid(old.kid());
    assert!(matches!(fixture.publish(&[replaced.jwk()]).refuses(&token), Error::BadSignature { .. }));
    // A second key with the same id: the token's key is ambiguous.
    let both = fixture.publish(&[old.jwk(), replaced.jwk()]);
    assert!(matches!(both.refuses(&token), Error::AmbiguousKey { .. }));
}

#[test]
fn cached_token_without_kid_ends_with_second_key() {
    let [only, other] = [(); 2].map(|()| SigningKey::generate(KeyAlgorithm::ES256));
    let fixture = Fixture::new(&[only.jwk()]);
    let token = mint().without_header("kid").sign_with(&only);
    fixture.accepts(&token, 1);
    fixture.accepts(&token, 0);
    let both = fixture.publish(&[only.jwk(), other.jwk()]);
    assert!(matches!(both.refuses(&token), Error::AmbiguousKey { .. }));
    assert!(matches!(fixture.publish(&[other.jwk()]).refuses(&token), Error::BadSignature { .. }));
}

#[test]
fn cached_token_with_thumbprint_follows_the_set() {
    // FR-B8: a later set may publish the thumbprint that the token names.
    let [ours, other] = [(); 2].map(|()| SigningKey::generate(KeyAlgorithm::ES256));
    let with = |key: &SigningKey, x5t: &str| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().insert("x5t".to_owned(), x5t.into());
        jwk
    };
    let fixture = Fixture::new(&[ours.jwk()]);
    let token = mint().without_header("kid").header("x5t", "ours").sign_with(&ours);
    fixture.accepts(&token, 1);
    fixture.accepts(&token, 0);
    // A second key publishes another thumbprint, so the token names neither key.
    let published = fixture.publish(&[ours.jwk(), with(&other, "other")]);
    assert!(matches!(published.refuses(&token), Error::UnknownKey { .. }));
    let named = fixture.publish(&[with(&ours, "ours"), with(&other, "other")]);
    named.accepts(&token, 1);
    fixture.publish(&[with(&ours, "ours")]).accepts(&token, 0);
}

#[test]
fn cached_token_is_rejected_after_stale_limit() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::new(&[key.jwk()]);
    let token = mint().lifetime(7 * 24 * 3_600).sign_with(&key);
    fixture.publish(&[key.jwk()]).accepts(&token, 1);
    fixture.at(NOW + LIMIT.as_secs() - 1).accepts(&token, 0);
    let late = fixture.at(NOW + LIMIT.as_secs());
    assert!(matches!(late.refuses(&token), Error::KeysUnavailable { .. }));
    fixture.publish(&[key.jwk()]).accepts(&token, 0);
}

#[test]
fn cache_hit_requires_equality_of_every_byte() {
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let fixture = Fixture::new(&[key.jwk()]);
    let token = mint().sign_with(&key);
    fixture.accepts(&token, 1);
    for at in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert!(fixture.verifier.verify(&other).is_err(), "byte {at}");
        assert!(fixture.verifier.verify(&token.as_bytes()[..at]).is_err(), "{at} bytes");
    }
    assert!(fixture.verifier.verify(format!("{token}A")).is_err());
    fixture.accepts(&token, 0);
    assert_eq!(fixture.verifier.status().cached_tokens(), 1);
}

#[test]
fn other_form_of_ecdsa_signature_is_cached_separately() {
    // From (r, s) any caller can compute (r, n - s), for the same claims. SECURITY.md has the consequences.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::new(&[key.jwk()]);
    let token = mint().sign_with(&key);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for (s, n) in signature[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let twin = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    fixture.accepts(&token, 1);
    fixture.accepts(&twin, 1);
    assert_eq!(fixture.verifier.status().cached_tokens(), 2);
}

#[test]
fn rejected_token_is_not_cached() {
    let [key, other] = [(); 2].map(|()| SigningKey::generate(KeyAlgorithm::ES256));
    let fixture = Fixture::new(&[key.jwk()]);
    let refused = [
        mint().bad_signature(),
        mint().tampered(),
        mint().expired(),
        mint().claim("nbf", NOW + 3_600),
        mint().claim("aud", "other"),
        mint().claim("token_use", "id"),
        mint().claim("cnf", json!({ "jkt": "x" })),
        mint().scope("\u{e9}"),
        mint().claim("jti", 1),
        mint().header("kid", other.kid()),
    ];
    for mint in refused {
        let token = mint.sign_with(&key);
        (0..2).for_each(|_| drop(fixture.refuses(&token)));
    }
    assert_eq!(fixture.verifier.status().cached_tokens(), 0);
}

#[test]
fn verifiers_share_no_cached_tokens() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let (ours, theirs) =
        (Fixture::new(&[key.jwk()]), trusting(&[SigningKey::generate(KeyAlgorithm::ES256).jwk()]));
    let token = mint().sign_with(&key);
    ours.accepts(&token, 1);
    assert!(theirs.verify(&token).is_err());
    // A new verifier with the same configuration has an empty cache.
    Fixture::new(&[key.jwk()]).accepts(&token, 1);
}

#[test]
fn token_above_4_kib_is_not_cached() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let fixture = Fixture::new(&[key.jwk()]);
    let with = |length: usize| mint().claim("padding", "x".repeat(length)).sign_with(&key);
    // A set has room for one such token with its claims, but not for four.
    let (at_most, longer) = (with(2_600), with(2_700));
    assert!(at_most.len() <= 4_096 && longer.len() > 4_096, "{} {}", at_most.len(), longer.len());
    for (token, again) in [(&at_most, 0), (&longer, 1)] {
        fixture.accepts(token, 1);
        fixture.accepts(token, again);
    }
}

#[test]
fn token_with_200_scopes_is_cached_with_list() {
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let fixture = Fixture::cache_capacity(4, &[key.jwk()]);
    let scopes = (0..200).map(|at| format!("api/s-{at:03}")).collect::<Vec<_>>().join(" ");
    let token = mint().scope(&scopes).sign_with(&key);
    fixture.accepts(&token, 1);
    fixture.accepts(&token, 0);
    let list = || fixture.verifier.verify(&token).unwrap().scopes().iter().next().unwrap().as_str().as_ptr();
    assert_eq!(list(), list(), "made once");
}

/// An event in the life of a verifier.
#[derive(Clone, Debug)]
enum Event {
    Token(usize),
    Time(u64),
    Keys(Vec<usize>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..12usize).prop_map(Event::Token),
        1 => (NOW - 400..NOW + 400).prop_map(Event::Time),
        1 => prop::sample::subsequence(vec![0, 1, 2, 3], 1..4).prop_map(Event::Keys),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cache_changes_no_result(events in prop::collection::vec(event(), 1..60)) {
        let [a, b, c] = [(); 3].map(|()| SigningKey::generate(KeyAlgorithm::EdDSA));
        // The last key has the id of the first.
        let keys = [a.clone(), b, c.clone(), c.with_kid(a.kid())];
        let tokens: Vec<String> = (0..12)
            .map(|at| {
                let mint = mint().claim("n", at).issued_at(NOW - 100 + 40 * (at % 4)).lifetime(100 + 30 * (at % 3));
                let mint = if at % 5 == 4 { mint.without_header("kid") } else { mint };
                let mint = if at % 7 == 6 { mint.bad_signature() } else { mint };
                mint.sign_with(&keys[usize::try_from(at).unwrap() % 4])
            })
            .collect();
        let jwks = |which: &[usize]| which.iter().map(|at| keys[*at].jwk()).collect::<Vec<_>>();
        // A capacity of four, so that tokens are evicted too.
        let fixtures = [4, 0].map(|entries| Fixture::cache_capacity(entries, &jwks(&[0])));
        for event in events {
            let [kept, anew] = fixtures.each_ref().map(|fixture| match &event {
                Event::Token(at) => Some(format!("{:?}", fixture.verifier.verify(&tokens[*at]))),
                Event::Time(now) => { fixture.at(*now); None }
                Event::Keys(which) => { fixture.publish(&jwks(which)); None }
            });
            prop_assert_eq!(kept, anew);
        }
    }
}
