//! The request for a status list (draft-ietf-oauth-status-list-20 §8.1, §8.2).

use std::mem;

use http::header::{ACCEPT, HeaderValue, LOCATION};
use scopegate_proto::http::HttpClient;
use scopegate_proto::url::{FetchUrl, SecureUrl};

use crate::status_list::document::MAX_DOCUMENT;
use crate::status_list::error::{ListError, shown_url};
use crate::status_list::memory::{Document, FetchMemory};

/// The type of the response is ignored, as for key sets: the header of the list shows it.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/statuslist+jwt");

const MAX_REDIRECTS: usize = 3;

/// Fetches a list. Redirects within the origin are followed.
pub(super) async fn get(
    client: &HttpClient,
    uri: &SecureUrl,
    memory: &FetchMemory,
) -> Result<Document, ListError> {
    let mut url = FetchUrl::from(uri.clone());
    for _ in 0..=MAX_REDIRECTS {
        let response = client.get(&url).header(ACCEPT, MEDIA_TYPE).send().await?;
        match response.status().as_u16() {
            200 => {
                let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
                let memory = memory.document(announced.unwrap_or(MAX_DOCUMENT).min(MAX_DOCUMENT)).await;
                // A list is no secret, so the bytes leave the wrapper that wipes them.
                let bytes = mem::take(&mut *response.body(MAX_DOCUMENT).await?);
                return Ok(Document::new(bytes, memory));
            }
            301 | 302 | 303 | 307 | 308 => {
                url = target(&url, response.header(&LOCATION).unwrap_or_default())?;
            }
            other => return Err(ListError::Status(other)),
        }
    }
    Err(ListError::TooManyRedirects)
}

/// Returns the target of a redirect. The configuration allows the origin of the list alone.
fn target(from: &FetchUrl, location: &str) -> Result<FetchUrl, ListError> {
    let other = || ListError::Redirect(shown_url(location));
    let url = from.url().join(location).map_err(|_| other())?;
    let url = FetchUrl::parse_allowing_http(url.as_str()).map_err(|_| other())?;
    if location.is_empty() || !url.has_same_origin(from) { Err(other()) } else { Ok(url) }
}
