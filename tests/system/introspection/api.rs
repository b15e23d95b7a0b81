//! An API on a socket that accepts opaque tokens and JWTs, and callers with each kind of token.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use reqwest::Client;
use scopegate_axum::{ClientAuthentication, Introspection, Issuer, RequireToken, Verifier};
use scopegate_issuer::{LocalIssuer, Pool};
use testkit::serve;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::api::READER;

/// The endpoint for opaque tokens, and another issuer whose JWTs are verified.
pub(crate) struct Api {
    pub(crate) opaque: LocalIssuer,
    pub(crate) jwts: LocalIssuer,
    pub(crate) verifier: Verifier,
    pub(crate) url: String,
    http: Client,
}

/// The token of a caller. Its response is known to the API, or it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Always the same valid token, which was accepted before.
    Known,
    /// Another valid token for each request.
    Unseen,
    /// An invented token for each request.
    Random,
    /// A JWT of an issuer that is not introspected.
    Jwt,
}

impl Caller {
    pub(crate) const ALL: [Self; 4] = [Self::Known, Self::Unseen, Self::Random, Self::Jwt];
}

/// The responses that began within one second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Second {
    pub(crate) statuses: BTreeSet<u16>,
    pub(crate) longest: Duration,
}

impl Api {
    pub(crate) async fn start(cache_for: Duration) -> Self {
        let (opaque, jwts) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
        let client = ClientAuthentication::client_secret_basic(READER.0, READER.1);
        let introspection = Introspection::by_client(&opaque.introspection_endpoint(), client).unwrap();
        let of_opaque = Issuer::opaque(opaque.issuer(), introspection.cache_for(cache_for)).unwrap();
        let of_jwts = Issuer::cognito_at(jwts.issuer()).unwrap().client(READER.0);
        let builder = Verifier::builder().trust(of_opaque.client(READER.0)).trust(of_jwts);
        let verifier = builder.start().await.unwrap();
        let router = Router::new().route("/", get(async || "ok").layer(RequireToken::new(&verifier)));
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { opaque, jwts, verifier, url: serve(router).await, http }
    }

    /// Returns the status of a request.
    pub(crate) async fn status(&self, token: &str) -> u16 {
        self.http.get(&self.url).bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    /// Sends requests at this pace for so many seconds, whether or not earlier ones have a response.
    pub(crate) async fn call(&self, caller: Caller, pace: Duration, seconds: usize) -> Vec<Second> {
        let token = |n: u32| match caller {
            Caller::Known | Caller::Unseen => self.opaque.opaque_token(&self.opaque.mint()),
            Caller::Random => format!("invented-{n}"),
            Caller::Jwt => self.jwts.mint().sign(),
        };
        let same = token(0);
        if caller == Caller::Known {
            assert_eq!(self.status(&same).await, 200);
        }
        let (begin, mut calls) = (Instant::now(), JoinSet::new());
        let end = begin + Duration::from_secs(seconds as u64);
        for n in 0_u32.. {
            let at = begin + pace * n;
            if at >= end {
                break;
            }
            sleep_until(at.into()).await;
            let sent = match caller {
                Caller::Known | Caller::Jwt => same.clone(),
                Caller::Unseen | Caller::Random => token(n),
            };
            let request = self.http.get(&self.url).bearer_auth(sent);
            calls.spawn(async move {
                let sent = Instant::now();
                let response = request.send().await.unwrap();
                let has_retry_after = response.headers().contains_key("retry-after");
                assert_eq!(has_retry_after, response.status() == 503, "a caller knows when to retry");
                ((at - begin).as_secs(), response.status().as_u16(), sent.elapsed())
            });
        }
        let mut result = vec![Second::default(); seconds];
        for (second, status, took) in calls.join_all().await {
            let second = &mut result[usize::try_from(second).unwrap()];
            second.statuses.insert(status);
            second.longest = second.longest.max(took);
        }
        result
    }
}

/// The pool of the issuer of opaque tokens.
pub(crate) fn endpoint(api: &Api) -> &Pool {
    &api.opaque
}
