//! How is a token requested? One client sends one request to the token endpoint of one issuer, which is
//! configured or discovered. [`credentials`](crate::credentials) decides when.

pub(crate) mod http;
pub(crate) mod metadata;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retry;
mod retry_after;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::{StatusCode, Url};
use tokio::time::Instant;

use crate::client_auth::ClientAuthentication;
use crate::clock::Clock;
use crate::endpoint::http::{RequestError, Tls, Transport};
use crate::endpoint::request::Grant;
use crate::endpoint::response::TokenResponse;
use crate::error::config::ConfigError;
use crate::url::Address;

/// One client of one issuer.
pub(crate) struct TokenEndpoint {
    pub(crate) client: ClientAuthentication,
    /// Parameters of every request, beyond those of the RFCs.
    pub(crate) further: Vec<(String, String)>,
    pub(crate) audience: AssertionAudience,
    pub(crate) clock: Arc<dyn Clock>,
    whence: Whence,
}

/// For whom an assertion is made.
#[derive(Clone, Debug)]
pub(crate) enum AssertionAudience {
    /// What the issuer is called. Nobody else accepts such an assertion, whatever the address was that it was sent to.
    Issuer(Arc<str>),
    TokenEndpoint,
    /// For clients that make none.
    Nobody,
}

enum Whence {
    Known(Arc<Place>),
    Discovered(Box<Discovery>),
}

/// An address that is asked for tokens.
struct Place {
    transport: Transport,
    address: Address,
    /// The address for logs and errors: a query may hold what is nobody's business.
    shown: Arc<str>,
}

/// An issuer whose name tells where its metadata is, which tells where its tokens are.
struct Discovery {
    identifier: Arc<str>,
    issuer: Address,
    transport: Transport,
    tls: Tls,
    found: ArcSwapOption<Found>,
}

struct Found {
    place: Arc<Place>,
    /// From when on it is looked for again.
    good_until: Instant,
    in_doubt: AtomicBool,
}

/// How long a discovered address is good for if it works. Issuers hardly ever move.
const LOOKED_FOR_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// A request that brought no token.
pub(crate) struct Failure {
    pub(crate) endpoint: Arc<str>,
    pub(crate) error: RequestError,
    pub(crate) retry_after: Option<Duration>,
}

impl TokenEndpoint {
    pub(crate) fn known(
        address: Address,
        tls: &Tls,
        client: ClientAuthentication,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let whence = Whence::Known(Arc::new(Place::new(address, tls)?));
        Ok(Self { client, further: Vec::new(), audience, clock, whence })
    }

    pub(crate) fn discovered(
        identifier: Arc<str>,
        issuer: Address,
        tls: Tls,
        client: ClientAuthentication,
        audience: AssertionAudience,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        // Whoever serves the metadata need not see the client's certificate.
        let transport = Transport::new(&issuer, &tls.without_identity())?;
        let found = ArcSwapOption::empty();
        let whence = Whence::Discovered(Box::new(Discovery { identifier, issuer, transport, tls, found }));
        Ok(Self { client, further: Vec::new(), audience, clock, whence })
    }

    /// What to show: the address of the tokens, or the issuer as long as that is all that is known.
    pub(crate) fn shown(&self) -> Arc<str> {
        match &self.whence {
            Whence::Known(place) => Arc::clone(&place.shown),
            Whence::Discovered(discovery) => match &*discovery.found.load() {
                Some(found) => Arc::clone(&found.place.shown),
                None => Arc::clone(&discovery.identifier),
            },
        }
    }

    /// What the issuer is called; where that is not known, where its tokens are.
    pub(crate) fn issuer(&self) -> Arc<str> {
        match (&self.audience, &self.whence) {
            (AssertionAudience::Issuer(issuer), _) => Arc::clone(issuer),
            (_, Whence::Discovered(discovery)) => Arc::clone(&discovery.identifier),
            (_, Whence::Known(place)) => Arc::clone(&place.shown),
        }
    }

    /// Asks for a token once.
    pub(crate) async fn request(&self, grant: &Grant) -> Result<TokenResponse, Failure> {
        let failed = |error, retry_after| Failure { endpoint: self.shown(), error, retry_after };
        let mut retry_after = None;
        let place = self.place(&mut retry_after).await.map_err(|error| failed(error, retry_after))?;
        retry_after = None;
        let result = self.request_at(&place, grant, &mut retry_after).await;
        result.map_err(|error| {
            if let (Whence::Discovered(discovery), true) = (&self.whence, error.doubts_address())
                && let Some(found) = &*discovery.found.load()
            {
                found.in_doubt.store(true, Ordering::Relaxed);
            }
            failed(error, retry_after)
        })
    }

    async fn place(&self, retry_after: &mut Option<Duration>) -> Result<Arc<Place>, RequestError> {
        match &self.whence {
            Whence::Known(place) => Ok(Arc::clone(place)),
            Whence::Discovered(discovery) => {
                let by_certificate = self.client.identity().is_some();
                discovery.place(by_certificate, &*self.clock, retry_after).await
            }
        }
    }

    async fn request_at(
        &self,
        place: &Place,
        grant: &Grant,
        retry_after: &mut Option<Duration>,
    ) -> Result<TokenResponse, RequestError> {
        let audience: &str = match &self.audience {
            AssertionAudience::Issuer(issuer) => issuer,
            AssertionAudience::TokenEndpoint => &place.address.written,
            AssertionAudience::Nobody => "",
        };
        let proof = self.client.prove(audience, self.clock.now()).ok_or(RequestError::NoRandomness)?;
        let form = request::body(grant, &self.further, &proof);
        let answer = place.transport.post(place.address.url.clone(), proof.header, form).await?;
        *retry_after = answer.retry_after.and_then(|value| retry_after::parse(&value, self.clock.now()));
        // A server may quote what it was sent.
        let hides = |text: &str| self.client.is_quoted_in(text);
        match answer.status {
            StatusCode::OK => response::token(&answer.body, hides).map_err(RequestError::NotAToken),
            // 403 without a body is what some say instead of RFC 6749 §5.2.
            status @ (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let refusal = response::refusal(&answer.body, hides);
                let (code, description) = (refusal.code, refusal.description);
                Err(RequestError::Refused { status, code, description })
            }
            other => Err(RequestError::Status(other)),
        }
    }
}

impl Place {
    fn new(address: Address, tls: &Tls) -> Result<Self, ConfigError> {
        let transport = Transport::new(&address, tls)?;
        let mut shown = address.url.clone();
        shown.set_query(None);
        Ok(Self { transport, address, shown: shown.as_str().into() })
    }
}

impl Discovery {
    /// The address of the tokens: looked for if it is not known, or in doubt. If it cannot be found then, the old one has
    /// to do. Two that look for it at the same time find the same.
    async fn place(
        &self,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<Arc<Place>, RequestError> {
        let old = self.found.load_full();
        if let Some(found) = &old
            && Instant::now() < found.good_until
            && !found.in_doubt.load(Ordering::Relaxed)
        {
            return Ok(Arc::clone(&found.place));
        }
        let place = match (self.find(by_certificate, clock, retry_after).await, old) {
            (Ok(address), Some(old)) if address == old.place.address => Arc::clone(&old.place),
            (Ok(address), _) => Arc::new(Place::new(address, &self.tls).map_err(RequestError::Client)?),
            (Err(_), Some(old)) => Arc::clone(&old.place),
            (Err(error), None) => return Err(error),
        };
        let found = Found {
            place: Arc::clone(&place),
            good_until: Instant::now() + LOOKED_FOR_AGAIN,
            in_doubt: AtomicBool::new(false),
        };
        self.found.store(Some(Arc::new(found)));
        Ok(place)
    }

    /// Tries the addresses where metadata may be, in their order, and takes the first document that is this issuer's.
    /// `retry_after` becomes the longest time that one of them asks for.
    async fn find(
        &self,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<Address, RequestError> {
        let mut failures = Vec::new();
        for url in metadata::well_known(&self.issuer.url) {
            // Without a path two of them are the same.
            if failures.iter().any(|(tried, _)| *tried == url.as_str()) {
                continue;
            }
            match self.find_at(url.clone(), by_certificate, clock, retry_after).await {
                Ok(address) => return Ok(address),
                Err(error) => failures.push((url.to_string(), error)),
            }
        }
        Err(RequestError::NotDiscovered(failures))
    }

    async fn find_at(
        &self,
        url: Url,
        by_certificate: bool,
        clock: &dyn Clock,
        retry_after: &mut Option<Duration>,
    ) -> Result<Address, RequestError> {
        let answer = self.transport.get(url).await?;
        let asked_for = answer.retry_after.and_then(|value| retry_after::parse(&value, clock.now()));
        *retry_after = asked_for.max(*retry_after);
        if answer.status != StatusCode::OK {
            return Err(RequestError::Status(answer.status));
        }
        metadata::token_endpoint(&answer.body, &self.identifier, self.issuer.reach, by_certificate)
            .map_err(RequestError::NotMetadata)
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown();
        f.debug_struct("TokenEndpoint")
            .field("address", &shown)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
