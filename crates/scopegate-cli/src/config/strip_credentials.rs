//! `strip_credentials`: whether the backend gets the credentials of the caller.

use std::ops::Range;

use crate::config::problem::Problems;
use crate::gateway::Gateway;

/// Returns whether responses ask the gateway to remove the credentials. A gateway that does not do so is
/// a mistake, because the backend would get them.
pub(super) fn of(
    asked: Option<(bool, Range<usize>)>,
    gateway: Option<Gateway>,
    problems: &mut Problems<'_>,
) -> bool {
    let (Some((true, span)), Some(gateway)) = (asked, gateway) else { return false };
    let Some(lines) = lines(gateway) else { return true };
    problems.add(
        &span,
        format_args!(
            "expected `gateway = \"envoy\"`, found a gateway that removes headers by its own configuration only: \
             remove this key, and write {lines}"
        ),
    );
    false
}

/// Returns the lines of the gateway's own configuration. `deploy/` has them. Envoy needs none: a response
/// names the headers that it removes.
fn lines(gateway: Gateway) -> Option<&'static str> {
    match gateway {
        Gateway::Nginx => Some(
            "`proxy_set_header Authorization \"\";` and `proxy_set_header DPoP \"\";` in `location /` of nginx",
        ),
        Gateway::Caddy => {
            Some("`request_header -Authorization` and `request_header -DPoP` after `forward_auth` of Caddy")
        }
        Gateway::Traefik => Some(
            "`Authorization: \"\"` and `DPoP: \"\"` as `customRequestHeaders` of a `headers` middleware after \
             `forwardAuth` of Traefik",
        ),
        Gateway::Envoy => None,
    }
}
