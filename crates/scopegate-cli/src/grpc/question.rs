//! The request in a `CheckRequest`.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::gateway::{SentLine, SentRequest, Unread};
use crate::grpc::messages::{self, AttributeContext, CheckRequest, HttpRequest};

/// Maximum number of headers, as over HTTP.
const MAX_HEADERS: usize = 256;

/// Reads a message. A request that cannot be read is judged as such.
///
/// The method, the path and the host are fields of `attributes.request.http`. Headers with such names
/// are the caller's, and are ignored. So is a header with a certificate: the certificate is a field of
/// `attributes.source`, which Envoy sets from its TLS connection.
pub(crate) fn read(message: CheckRequest) -> SentRequest {
    let AttributeContext { source, request } = message.attributes.unwrap_or_default();
    let certificate = source.map(|source| source.certificate).unwrap_or_default();
    let unread =
        |line| SentRequest { headers: HeaderMap::new(), line: Err(line), certificate: String::new() };
    let Some(http) = request.and_then(|request| request.http) else {
        return unread(Unread::MissingPart("request"));
    };
    match headers_of(&http) {
        Some(headers) => {
            let HttpRequest { method, path, host, .. } = http;
            SentRequest { headers, line: Ok(SentLine { method, target: path, host }), certificate }
        }
        None => unread(Unread::MalformedPart("list of headers")),
    }
}

/// Returns the headers without pseudo-headers. `None` if one is malformed, if there are too many, or if
/// the message has both forms: they may differ.
fn headers_of(http: &HttpRequest) -> Option<HeaderMap> {
    let raw = http.header_map.as_ref().map_or(&[][..], |map| &map.headers);
    if raw.len().max(http.headers.len()) > MAX_HEADERS || !(raw.is_empty() || http.headers.is_empty()) {
        return None;
    }
    let mut headers = HeaderMap::new();
    let joined = http.headers.iter().map(|(name, value)| Some((name, value.as_bytes())));
    for header in joined.chain(raw.iter().map(raw_header)) {
        let (name, value) = header?;
        if name.starts_with(':') {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

/// Returns a header of the second form. `None` if it has two values.
fn raw_header(header: &messages::HeaderValue) -> Option<(&String, &[u8])> {
    let messages::HeaderValue { key, value, raw_value } = header;
    match (value.is_empty(), raw_value.is_empty()) {
        (false, false) => None,
        (false, true) => Some((key, value.as_bytes())),
        (true, _) => Some((key, raw_value)),
    }
}
