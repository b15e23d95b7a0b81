//! Fetches of the attacker's keys: does the API follow a URL of a token that it has not verified?

use crate::conform::check::{About, Group, Level, Outcome};

/// Returns the outcome, from the requests after which the keys were fetched.
pub(super) fn outcome(fetched_after: &[String]) -> Outcome {
    if fetched_after.is_empty() {
        return Outcome::Passed;
    }
    Outcome::Failed(fetched_after.iter().map(|request| format!("fetched after {request}")).collect())
}

pub(super) const FETCHED_URL: About = About {
    id: "fetched-url",
    group: Group::Keys,
    level: Level::Hole,
    title: "a URL in a token is not fetched",
    reference: "RFC 8725 §2.9, §3.10",
    harm: "Anyone can make your API send requests to URLs of your network.",
};
