//! Documents of issuers: metadata and key sets, fetched as the verifier fetches them.

use std::time::{Duration, Instant, SystemTime};

use http::header::{ACCEPT, DATE, HeaderValue, LOCATION};
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::http::{HttpClients, HttpError, TransportSettings};
use scopegate_proto::url::FetchUrl;

use crate::causes::with_causes;
use crate::exit::Failure;

/// Maximum length of a document in bytes. The verifier has the same limit.
pub(crate) const MAX_DOCUMENT: usize = 256 * 1024;

const MEDIA_TYPES: HeaderValue = HeaderValue::from_static("application/json, application/jwk-set+json");

/// A response.
pub(crate) struct Document {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The target of a redirect, which is not followed.
    location: Option<Excerpt>,
    /// The time that the server's clock is ahead in seconds, if the response has a `Date`.
    pub(crate) seconds_ahead: Option<f64>,
}

impl Document {
    /// Returns the message of a response with another status than 200.
    pub(crate) fn unexpected_status(&self) -> String {
        let found = format!("expected status 200, found {}", self.status);
        match &self.location {
            Some(location) => format!("{found} to {location}, and redirects are not followed"),
            None => found,
        }
    }
}

/// The reason why there is no response.
pub(crate) struct Unavailable(pub(crate) String);

impl From<HttpError> for Unavailable {
    fn from(error: HttpError) -> Self {
        Self(with_causes(&error))
    }
}

/// Fetches documents.
pub(crate) struct Fetcher {
    clients: HttpClients,
    settings: TransportSettings,
}

impl Fetcher {
    pub(crate) fn new() -> Self {
        let settings = TransportSettings::new(concat!("scopegate/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(5))
            .connect_timeout(Duration::from_secs(2));
        Self { clients: HttpClients::default(), settings }
    }

    pub(crate) async fn get(&self, url: &FetchUrl) -> Result<Document, Unavailable> {
        let client =
            self.clients.client(url, &self.settings).map_err(|error| Unavailable(with_causes(&error)))?;
        let (sent_at, sent) = (SystemTime::now(), Instant::now());
        let response = client.get(url).header(ACCEPT, MEDIA_TYPES).send().await?;
        // The server wrote its time about half way between the request and the response.
        let here = sent_at + sent.elapsed() / 2;
        let there = response.header(&DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        let seconds_ahead = there.map(|there| ahead(there, here));
        let status = response.status().as_u16();
        let location = response.header(&LOCATION).filter(|_| response.status().is_redirection());
        let location = location.map(Excerpt::identifier);
        let body = response.body(MAX_DOCUMENT).await?.to_vec();
        Ok(Document { status, body, location, seconds_ahead })
    }
}

/// Returns the seconds from `here` to `there`. The header has whole seconds, so its time is half a
/// second later on average (RFC 9110 §5.6.7).
fn ahead(there: SystemTime, here: SystemTime) -> f64 {
    let there = there + Duration::from_millis(500);
    match there.duration_since(here) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}

/// Parses a URL of the arguments.
pub(crate) fn url(text: &str) -> Result<FetchUrl, Failure> {
    FetchUrl::parse_allowing_http(text)
        .map_err(|error| Failure::usage(format!("expected {}, found {:?}", error.expected, error.found)))
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn clock_difference_has_a_sign() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(ahead(at(10_000), at(10_500)), 0.0);
        assert_eq!(ahead(at(100_000), at(10_500)), 90.0);
        assert_eq!(ahead(at(10_000), at(100_500)), -90.0);
    }
}
