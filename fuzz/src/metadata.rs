//! Metadata documents, and the URLs of a configuration.
//!
//! The first byte of an input is the kind of the rest: `d` the document of an issuer on the
//! network, `l` the document of an issuer on this machine, `i` an issuer's name. Any other byte
//! precedes the URL of a key set.

use std::collections::HashMap;
use std::net::IpAddr;

use http::Uri;
use scopegate::{ConfigError, Issuer, fuzzing};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::text::{MESSAGE, assert_fit_for_a_log};
use crate::verdicts;

const ON_THE_NETWORK: &str = "https://issuer.example/t1";
/// In bytes.
const LONGEST_NAME: usize = 2_048;
const ON_THIS_MACHINE: &str = "http://127.0.0.1:9400/t1";

pub fn check(input: &[u8]) {
    match input.split_first() {
        Some((b'd', document)) => check_document(document, ON_THE_NETWORK),
        Some((b'l', document)) => check_document(document, ON_THIS_MACHINE),
        Some((b'i', name)) => check_issuer(name),
        Some((_, address)) => check_address(address),
        None => {}
    }
}

fn check_document(document: &[u8], issuer: &str) {
    let found = fuzzing::jwks_address(document, issuer);
    verdicts::count(&found);
    match found {
        Ok(address) => {
            let members: HashMap<String, Box<RawValue>> =
                serde_json::from_slice(document).expect("an object");
            let text = |name: &str| {
                members
                    .get(name)
                    .and_then(|value| serde_json::from_str::<Value>(value.get()).ok())
                    .and_then(|value| value.as_str().map(str::to_owned))
            };
            assert_eq!(text("issuer").as_deref(), Some(issuer));
            let here = assert_address(&text("jwks_uri").expect("`jwks_uri` is text"), &address);
            assert!(!here || issuer == ON_THIS_MACHINE, "another issuer points to this machine");
        }
        Err(reason) => assert_fit_for_a_log(&reason, MESSAGE),
    }
}

fn check_issuer(name: &[u8]) {
    let Ok(name) = std::str::from_utf8(name) else { return };
    let discovered = Issuer::from_metadata(name).map(|issuer| issuer.client("c"));
    verdicts::count(&discovered);
    // A name that URLs derive from can also be compared only (FR-B4).
    let compared = Issuer::from_jwks_uri(name, "https://keys.example/");
    assert!(discovered.is_err() || compared.is_ok() || name.len() > LONGEST_NAME, "{name:?}");
    match discovered {
        Ok(_) => {
            assert!(!name.contains(['?', '#', '\\']), "{name:?}");
            let origin = |address: &str| {
                let address: Uri = address.parse().expect("an address that can be asked");
                (address.scheme_str().map(str::to_owned), address.authority().map(ToString::to_string))
            };
            let Ok(addresses) = fuzzing::metadata_addresses(name) else {
                // The rule about TLS is checked when a verifier starts (FR-A15).
                assert!(name.starts_with("http://"), "{name:?}");
                return;
            };
            let first = addresses.first().expect("there are two at least");
            let _ = assert_address(name, first);
            for address in &addresses {
                assert_eq!(origin(address), origin(first));
                assert!(address.contains("/.well-known/o"), "{address}");
            }
        }
        Err(error) => assert_discreet(name, &error),
    }
}

fn check_address(address: &[u8]) {
    let Ok(address) = std::str::from_utf8(address) else { return };
    let issuer = Issuer::from_jwks_uri("https://issuer.example", address).map(|issuer| issuer.client("c"));
    verdicts::count(&issuer);
    match issuer {
        Ok(_) => assert!(!address.contains('#')),
        Err(error) => assert_discreet(address, &error),
    }
}

/// Asserts that a URL may be fetched: `https`, or `http` on a loopback address. `written` is the
/// text that it derives from. Returns whether it may lead to this machine.
fn assert_address(written: &str, address: &str) -> bool {
    // The parser of the HTTP client differs from the parser that built the URL.
    let uri: Uri = address.parse().expect("an address that can be asked");
    let host = uri.host().expect("a host");
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = host == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
    match uri.scheme_str() {
        Some("https") => assert!(written.starts_with("https://"), "{written}"),
        Some("http") => assert!(written.starts_with("http://") && loopback, "{written}"),
        _ => panic!("{address}"),
    }
    assert!(
        !uri.authority().is_some_and(|authority| authority.as_str().contains('@')),
        "a user name: {address}"
    );
    assert!(!address.contains('#'), "a fragment: {address}");
    let name = host.trim_end_matches('.');
    let below_localhost = name == "localhost" || name.ends_with(".localhost");
    loopback || below_localhost || ip.is_some_and(|ip| ip.to_canonical().is_unspecified())
}

/// Asserts that an error does not show the password of a URL.
fn assert_discreet(address: &str, error: &ConfigError) {
    let authority = address.split_once("//").map(|(_, rest)| rest).unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let password =
        authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    let Some(password) = password.filter(|password| password.len() >= 8) else { return };
    // Errors show it escaped.
    let (address, password) = (format!("{address:?}"), format!("{password:?}"));
    let password = password.trim_matches('"');
    // If the password equals the host, the error shows the host. Escaped characters may also look
    // like it.
    if address.matches(password).count() == 1 {
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(password), "{text}");
        }
    }
}
