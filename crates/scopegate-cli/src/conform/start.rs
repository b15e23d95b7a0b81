//! The start of a run: the settings for the API, and the wait until it accepts a valid token.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::conform::authority::Authority;
use crate::conform::check::Credentials;
use crate::conform::command::Running;
use crate::conform::response::{NoResponse, Response};
use crate::conform::settings::TimeLimit;
use crate::conform::target::Target;

/// The pause between two valid tokens.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns the settings as lines of an environment file.
pub(super) fn settings_text(authority: &Authority, target: &Target, is_started: bool) -> String {
    let mut text = if is_started {
        "The API is started with these settings:\n\n".to_owned()
    } else {
        "Configure the API with this issuer, for the test only, and restart it:\n\n".to_owned()
    };
    for (name, value) in authority.settings() {
        let _ = writeln!(text, "  {name}={value}");
    }
    let _ =
        writeln!(text, "\nWaiting until {} {} accepts a valid token …\n", target.method(), target.shown());
    text
}

/// Sends valid tokens until one is accepted.
///
/// Returns the likely reasons if none is in time.
pub(super) async fn wait(
    authority: &Authority,
    target: &Target,
    running: &mut Running,
    limit: TimeLimit,
) -> Result<(), String> {
    let end = Instant::now() + limit.0;
    loop {
        let result = target.send(&Credentials::bearer(&authority.valid())).await;
        if result.as_ref().is_ok_and(|response| target.accepts(response)) {
            return Ok(());
        }
        if let Some(reason) = running.ended() {
            return Err(reason);
        }
        if Instant::now() + PAUSE > end {
            let reason = likely_reason(&result, authority.trusted().jwks_fetches());
            return Err(format!("no valid token was accepted within {limit}. {reason}"));
        }
        sleep(PAUSE).await;
    }
}

/// Returns the last response to a valid token, and the settings that are likely to be wrong.
fn likely_reason(result: &Result<Response, NoResponse>, key_fetches: u64) -> String {
    let response = match result {
        Ok(response) => response,
        Err(none) => return format!("The API does not respond: {}", none.reason),
    };
    let status = response.status;
    let advice = match status {
        300..=399 => "--url must be the URL behind the redirect",
        404 | 405 => "check the path of --url, and --method; use --expect if this is the right status",
        401 | 403 if key_fetches == 0 => {
            "the API has not fetched the keys of this issuer: is it configured with OAUTH_ISSUER or \
             OAUTH_JWKS_URI, restarted, allowed to use http for it, and able to reach it? From a container it needs \
             --issuer-url"
        }
        401 => {
            "the API has fetched the keys, so another setting differs: the audience, the client id, the algorithm, \
             or --form"
        }
        403 => "the API has fetched the keys, so --scope, --client-id or a rule of the API differs",
        429 => "the API limits requests: switch the limit off for the test",
        400 | 415 | 422 => {
            "the API rejects the request itself: check --method, --header (such as Content-Type) and --data"
        }
        500.. => "the API fails: see its log",
        _ => "use --expect if this is the right status",
    };
    let stated = match (&response.error, &response.description) {
        (Some(error), Some(description)) => format!(" ({error}: {description})"),
        (Some(error), None) => format!(" ({error})"),
        (None, _) => String::new(),
    };
    format!("The last response is {status}{stated}: {advice}")
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderMap, WWW_AUTHENTICATE};

    use super::*;

    fn reason(status: u16, challenge: &str, fetches: u64) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
        let response = Response::read(status, &headers, b"", &Credentials::default());
        likely_reason(&Ok(response), fetches)
    }

    #[test]
    fn unfetched_keys_tell_a_wrong_issuer_from_others() {
        assert!(reason(401, "Bearer", 0).contains("has not fetched the keys"));
        let fetched = reason(401, "Bearer error=\"invalid_token\", error_description=\"bad aud\"", 1);
        assert!(
            fetched.contains("401 (invalid_token: bad aud)") && fetched.contains("the audience"),
            "{fetched}"
        );
        assert!(reason(403, "", 1).contains("--scope"));
    }

    #[test]
    fn other_statuses_name_their_setting() {
        for (status, expected) in [
            (302, "--url"),
            (404, "--method"),
            (422, "--data"),
            (429, "limit"),
            (500, "see its log"),
            (409, "--expect"),
        ] {
            assert!(reason(status, "", 1).contains(expected), "{status}");
        }
        let none = NoResponse { is_closed: false, reason: "refused".to_owned() };
        assert!(likely_reason(&Err(none), 0).contains("does not respond: refused"));
    }
}
