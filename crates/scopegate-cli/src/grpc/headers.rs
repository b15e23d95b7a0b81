//! The headers of a `CheckResponse`.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::grpc::messages::{self, AppendAction, BoolValue, HeaderValueOption};

/// Returns headers that replace the caller's headers, also with an empty value.
///
/// With `append: true`, Envoy keeps the value of the caller beside ours.
pub(super) fn replacing(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    let replacing = |(name, value): (&HeaderName, &HeaderValue)| HeaderValueOption {
        append: Some(BoolValue { value: false }),
        append_action: AppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: true,
        ..plain(name, value)
    };
    headers.iter().map(replacing).collect()
}

/// Returns headers for the caller. A header with two values has two entries.
///
/// Envoy drops headers of a denial with `append: true`, and sends the others as they are.
pub(super) fn added(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    headers.iter().map(|(name, value)| plain(name, value)).collect()
}

fn plain(name: &HeaderName, value: &HeaderValue) -> HeaderValueOption {
    // Our own values are ASCII.
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let header = messages::HeaderValue { key: name.as_str().to_owned(), value, raw_value: Vec::new() };
    HeaderValueOption {
        header: Some(header),
        append: None,
        append_action: AppendAction::AppendIfExistsOrAdd.into(),
        keep_empty_value: false,
    }
}

/// Returns the headers that Envoy removes from the request: the `removed` ones, and other spellings of
/// the forwarded ones.
pub(super) fn to_remove(forwarded: &HeaderMap, removed: &[&str], request: &HeaderMap) -> Vec<String> {
    let mut names = other_spellings(forwarded, request);
    names.extend(removed.iter().map(|name| (*name).to_owned()));
    names
}

/// Returns other spellings of forwarded headers, because some backends read `X_Auth` as `X-Auth`: the
/// spelling with `_` for each `-`, and the spellings in the request. The forwarded names are not among
/// them, because Envoy removes headers after it sets them.
fn other_spellings(forwarded: &HeaderMap, request: &HeaderMap) -> Vec<String> {
    let with_underscores = forwarded.keys().map(|name| name.as_str().replace('-', "_"));
    let sent = request.keys().map(HeaderName::as_str);
    let sent = sent.filter(|name| name.contains('_') && forwarded.contains_key(name.replace('_', "-")));
    let names: BTreeSet<String> = with_underscores.chain(sent.map(str::to_owned)).collect();
    names.into_iter().filter(|name| !forwarded.contains_key(name)).collect()
}
