//! Discovery: the three possible URLs of the metadata, and the response of each.

use scopegate_proto::metadata::{Metadata, MetadataError, well_known_urls};
use scopegate_proto::url::{FetchUrl, SecureUrl};

use crate::doctor::step::Steps;
use crate::document::{Document, Fetcher, Unavailable};

/// The URL of the keys in the metadata of the issuer. A later URL is tried only if the earlier one
/// has no metadata of this issuer, as the verifier does.
///
/// Also returns the seconds that the clock of the issuer is ahead.
pub(super) async fn discover(
    fetcher: &Fetcher,
    issuer: &FetchUrl,
    steps: &mut Steps,
) -> Option<(FetchUrl, Option<f64>)> {
    let (mut failures, mut is_undecidable) = (Vec::new(), false);
    for url in well_known_urls(issuer) {
        let text = |reason: &str| format!("{}: {reason}", url.without_query());
        match fetcher.get(&url).await {
            Err(Unavailable(reason)) => {
                is_undecidable = true;
                failures.push(text(&reason));
            }
            Ok(response @ Document { status: 500.., .. }) => {
                is_undecidable = true;
                failures.push(text(&response.unexpected_status()));
            }
            Ok(Document { status: 200, body, seconds_ahead, .. }) => match jwks_uri(&body, issuer) {
                Ok(jwks_uri) => {
                    // The verifier ignores what came before, so it is no failure.
                    failures.drain(..).for_each(|failure| steps.skipped("metadata", failure));
                    steps.passed("metadata", url.without_query());
                    return Some((jwks_uri, seconds_ahead));
                }
                Err(error) => failures.push(text(&hint(&error, &body, issuer))),
            },
            Ok(response) => failures.push(text(&response.unexpected_status())),
        }
    }
    for failure in failures {
        if is_undecidable {
            steps.undecidable("metadata", failure);
        } else {
            steps.failed("metadata", failure);
        }
    }
    None
}

fn introspection(document: &[u8], issuer: &FetchUrl) -> Result<SecureUrl, MetadataError> {
    Metadata::read(document, issuer)?.endpoint("introspection_endpoint")
}

fn jwks_uri(document: &[u8], issuer: &FetchUrl) -> Result<FetchUrl, MetadataError> {
    Metadata::read(document, issuer)?.document_endpoint("jwks_uri")
}

/// Returns the error. The metadata may have another name, or introspection in place of keys, which is
/// worth a hint.
fn hint(error: &MetadataError, document: &[u8], issuer: &FetchUrl) -> String {
    match error {
        MetadataError::NoEndpoint { .. } => match introspection(document, issuer) {
            Ok(url) => {
                let url = url.without_query();
                format!("{error}; its tokens may be opaque, because it has introspection at {url}")
            }
            Err(_) => error.to_string(),
        },
        MetadataError::WrongIssuer { found: Some(found), .. } => {
            format!("{error}; use {found} if that is the issuer that you trust")
        }
        _ => error.to_string(),
    }
}
