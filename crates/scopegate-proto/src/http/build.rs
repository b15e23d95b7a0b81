//! Builds the `reqwest` client, and states every setting that features can change.
//!
//! Cargo unifies features: if any crate of a program enables one, it is enabled for all of them.
//! Some features change the defaults of `reqwest`, so this module relies on no default:
//!
//! | feature | would change | stated as |
//! | --- | --- | --- |
//! | `native-tls` | the TLS stack | `tls_backend_rustls` |
//! | `gzip`, `brotli`, `zstd`, `deflate` | `Accept-Encoding`, decoding of bodies | `no_…` |
//! | `hickory-dns` | the resolver | `no_hickory_dns` |
//! | `http2` | the protocol (ALPN) | `http1_only` |
//! | `system-proxy` | where proxies are looked up | `no_proxy`, then [`proxy`] |
//! | `socks` | the protocol spoken to a proxy | only `http` and `https` in [`proxy`] |
//! | `cookies` | nothing, unless a cookie store is set | none is set |
//!
//! `tests/neighbours` enables all of them.

use std::time::Duration;

use reqwest::{Client, redirect, retry, tls};

use crate::http::certificates;
use crate::http::error::SettingsError;
use crate::http::proxy;
use crate::http::settings::{ProxyPolicy, Route, TransportSettings};

/// Short, because servers and proxies close idle connections.
const IDLE: Duration = Duration::from_secs(5);

pub(super) fn client(route: Route, settings: &TransportSettings) -> Result<Client, SettingsError> {
    let roots = certificates::roots(&settings.root_certificates)?;
    // Checked even if the route does not use it.
    let identity = certificates::identity(settings.identity_pem())?;
    let mut builder = Client::builder()
        .user_agent(&*settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.timeout)
        .tls_backend_rustls()
        .tls_version_min(tls::Version::TLS_1_2)
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .no_hickory_dns()
        // Keys are fetched from the configured URL, and secrets are sent to it. A redirect would
        // replace the configured URL by one that the server names.
        .redirect(redirect::Policy::none())
        .referer(false)
        // By default none: a connection that died while the process was suspended looks alive, and a
        // fetch over it hangs.
        .pool_max_idle_per_host(settings.idle_connections)
        .pool_idle_timeout(IDLE)
        // Retries are the caller's decision, because the caller knows the effects of a request.
        .retry(retry::never())
        // Also removes the system's proxies.
        .no_proxy();
    builder = match route {
        Route::Network | Route::Loopback => builder.https_only(true),
        // Certificates are not needed for http, and reading them takes time.
        Route::PlainLoopback | Route::PlainNetwork => builder.tls_certs_only([]),
    };
    // A proxy cannot reach this machine's loopback address, and only `https` requests use a proxy.
    if let (Route::Network, ProxyPolicy::Environment) = (route, settings.proxies)
        && let Some(proxy) = proxy::from_environment()?
    {
        builder = builder.proxy(proxy);
    }
    if route.has_tls() && !roots.is_empty() {
        builder = builder.tls_certs_merge(roots);
    }
    if let Some(identity) = identity.filter(|_| route.has_tls()) {
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| SettingsError::Client { source: error.into() })
}
