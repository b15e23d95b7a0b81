//! Headers of the caller that a backend or the decision service would trust.

use std::collections::BTreeSet;

use crate::caller::{Call, Response};
use crate::checks::{Cell, Tried, YES};
use crate::paths::METADATA;
use crate::service::FORWARDED;
use crate::spellings::spellings;
use crate::trouble::{Trouble, ensure};

/// A text in the values of a caller.
const SPOOF: &str = "spoofed-value";

/// Headers that name the method, the path or the host of another request. Some frameworks prefer them.
const OTHER_REQUEST: [&str; 16] = [
    "X-Original-URI",
    "X-Original-Url",
    "X-Original-Path",
    "X-Original-Method",
    "X-Original-Host",
    "X-Forwarded-Uri",
    "X-Forwarded-Url",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Forwarded-Method",
    "X-Forwarded-Server",
    "X-Rewrite-URL",
    "X-Envoy-Original-Path",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
];

/// Headers about the address of the client, and the URL of the API.
const CLIENT_ADDRESS: [&str; 6] = [
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Real-IP",
    "Forwarded",
];

/// Headers in which gateways pass on the certificate of a client.
const CERTIFICATES: [&str; 10] = [
    "Client-Cert",
    "Client-Cert-Chain",
    "X-Client-Cert",
    "X-SSL-Client-Cert",
    "SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "X-Amzn-Mtls-Clientcert",
    "X-Amzn-Mtls-Clientcert-Leaf",
];

impl Tried<'_> {
    /// The identity headers of the caller, in each spelling, twice each.
    pub(super) async fn identity(&self) -> Cell {
        // FW05
        for name in FORWARDED.into_iter().chain(["X-Auth-Path"]) {
            for spelling in spellings(name, "_").union(&spellings(name, ".")) {
                self.replaces(name, &format!("{spelling}: {SPOOF}")).await?;
            }
            self.removes(name).await?;
        }
        Ok(YES.to_owned())
    }

    /// Names that no header has (RFC 9112 §5.1), and values on two lines (§5.2).
    pub(super) async fn malformed_names(&self) -> Cell {
        // FW05
        for name in FORWARDED {
            for line in [
                format!("{name} : {SPOOF}"),
                format!("{name}\t: {SPOOF}"),
                format!("X-Before: a\r\n {name}: {SPOOF}"),
                format!("{name}\0: {SPOOF}"),
                format!("{name}\u{b}: {SPOOF}"),
                format!("{name}:\r\n {SPOOF}"),
                format!("{name}: a\r\n\t{SPOOF}"),
            ] {
                self.replaces(name, &line).await?;
            }
        }
        Ok(YES.to_owned())
    }

    /// Trailers of the caller become headers neither of the question nor of the backend's request (RFC 9110
    /// §6.5.1). It is no failure if a gateway passes them on as trailers.
    pub(super) async fn trailers(&self) -> Cell {
        // FW03, FW05
        let mut reach_backend = false;
        for name in FORWARDED.into_iter().chain(["X-Auth-Path"]).chain(OTHER_REQUEST).chain(CLIENT_ADDRESS) {
            for spelling in [name.to_owned(), name.replace('-', "_")] {
                let trailer = format!("{spelling}: {SPOOF}");
                let announced = format!("Trailer: {spelling}");
                for headers in [&[][..], &[announced.as_str()]] {
                    reach_backend |= self.is_no_header(name, &trailer, headers).await?;
                }
            }
        }
        Ok(if reach_backend { "reach the backend as trailers" } else { "removed" }.to_owned())
    }

    /// Returns whether the trailer reaches the backend as a trailer. A header fails the check.
    async fn is_no_header(&self, name: &str, trailer: &str, headers: &[&str]) -> Result<bool, Trouble> {
        let mut reaches_backend = false;
        for (target, token) in [("/files/a", Some(self.reader())), ("/public/a", None)] {
            self.gateway.forget();
            let call = Call { headers, trailers: &[trailer], ..Call::get(target, token) };
            let response = call.send(&self.gateway.address).await?;
            let seen = response.seen();
            let is_rejected = (400..=499).contains(&response.status);
            ensure!(seen.is_some() || is_rejected, "{trailer}: {response:?}");
            ensure!(!self.gateway.service_got(SPOOF), "{trailer}: {target}: the service has got it");
            let Some(seen) = seen else { continue };
            ensure!(!seen.values(name).concat().contains(SPOOF), "{trailer}: a header of {seen:?}");
            reaches_backend |= seen.has_trailer(SPOOF);
        }
        Ok(reaches_backend)
    }

    /// Headers about the request reach neither the service nor the backend.
    pub(super) async fn other_request_is_removed(&self) -> Cell {
        // FW03
        for name in OTHER_REQUEST {
            self.removes(name).await?;
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn client_address_is_replaced(&self) -> Cell {
        for name in CLIENT_ADDRESS {
            self.removes(name).await?;
        }
        Ok(YES.to_owned())
    }

    pub(super) async fn certificates_are_removed(&self) -> Cell {
        for name in CERTIFICATES {
            self.removes(name).await?;
        }
        Ok(YES.to_owned())
    }

    /// The same headers with `_`, which many backends read as the hyphen.
    pub(super) async fn underscores(&self) -> Cell {
        // FW03
        self.remove_spellings('_').await?;
        Ok(YES.to_owned())
    }

    /// Few backends read a dot as a hyphen, so that it is no failure if a gateway passes it on.
    pub(super) async fn dots(&self) -> Cell {
        let are_removed = self.remove_spellings('.').await.is_ok();
        Ok(if are_removed { "removed" } else { "reach the backend" }.to_owned())
    }

    async fn remove_spellings(&self, separator: char) -> Result<(), Trouble> {
        for name in OTHER_REQUEST.into_iter().chain(CLIENT_ADDRESS).chain(CERTIFICATES) {
            let Some((begin, end)) = name.rsplit_once('-') else { continue };
            let all = name.replace('-', &separator.to_string());
            for spelling in BTreeSet::from([all, format!("{begin}{separator}{end}")]) {
                self.removes(&spelling).await?;
            }
        }
        Ok(())
    }

    /// A header of the caller is replaced by ours.
    async fn replaces(&self, name: &str, line: &str) -> Result<(), Trouble> {
        for (target, token) in [("/files/a", Some(self.reader())), ("/public/a", None)] {
            let call = Call { headers: &[line, line], ..Call::get(target, token) };
            let response = call.send(&self.gateway.address).await?;
            let Some(seen) = response.seen() else {
                // A gateway may reject a header with a malformed name.
                ensure!(response.status == 400, "{line:?}: {response:?}");
                continue;
            };
            let values = seen.values(name);
            let is_ours = values.len() <= 1 && !values.concat().contains(SPOOF);
            ensure!(is_ours, "{line:?}: the backend sees {values:?}");
        }
        Ok(())
    }

    /// A header of the caller reaches neither the service nor the backend, which still respond. The service
    /// responds to requests for the metadata itself.
    async fn removes(&self, name: &str) -> Result<(), Trouble> {
        let line = format!("{name}: {SPOOF}");
        for (target, token) in [("/files/a", Some(self.reader())), ("/public/a", None), (METADATA, None)] {
            self.gateway.forget();
            let call = Call { headers: &[&line], ..Call::get(target, token) };
            let response: Response = call.send(&self.gateway.address).await?;
            let seen = response.seen();
            let has_arrived = response.status == 200 && seen.is_some() == (target != METADATA);
            ensure!(has_arrived, "{line}: {target}: {response:?}");
            ensure!(!seen.is_some_and(|seen| seen.has(SPOOF)), "{line}: it reaches the backend");
            ensure!(!self.gateway.service_got(SPOOF), "{line}: {target}: the service has got it");
            ensure!(self.gateway.service_got(target), "{target}: nothing was recorded");
        }
        Ok(())
    }
}
