//! The likely mistake if the token's issuer is not the trusted one.

use scopegate::Excerpt;

/// Words in host names and paths of test environments.
const ENVIRONMENTS: [&str; 13] = [
    "dev",
    "development",
    "int",
    "integration",
    "localhost",
    "preprod",
    "qa",
    "sandbox",
    "stage",
    "staging",
    "stg",
    "test",
    "uat",
];

/// Returns the difference between the names, or `None` if they have nothing in common.
pub(super) fn mistake(expected: &str, found: Option<&str>) -> Option<String> {
    let Some(found) = found else {
        return Some("The token names no issuer, so it is no access token of this issuer.".to_owned());
    };
    if expected.trim_end_matches('/') == found.trim_end_matches('/') {
        let (whose, other) = if found.ends_with('/') {
            ("The token's", "the trusted")
        } else {
            ("The trusted", "the token's")
        };
        return Some(format!(
            "{whose} issuer has a trailing slash, and {other} one has none: write it as the issuer does."
        ));
    }
    if expected.eq_ignore_ascii_case(found) {
        return Some("The names of the issuers differ in upper and lower case only.".to_owned());
    }
    if without_scheme(expected) == without_scheme(found) {
        return Some("The names of the issuers differ in `http` and `https` only.".to_owned());
    }
    entra(expected, found)
        .or_else(|| cognito(expected, found))
        .or_else(|| environment(expected, found))
        .or_else(|| another_path(expected, found))
        .or_else(|| Some(format!("The token is from another issuer: {}.", Excerpt::identifier(found))))
}

/// Entra ID writes tokens of two versions, with two names.
fn entra(expected: &str, found: &str) -> Option<String> {
    let version = |name: &str| match host(name) {
        "sts.windows.net" => Some(1),
        "login.microsoftonline.com" if name.ends_with("/v2.0") => Some(2),
        _ => None,
    };
    match (version(expected)?, version(found)?) {
        (2, 1) => Some(
            "This is a version 1 token of Entra ID, and version 2 is trusted: set `requestedAccessTokenVersion` to 2 \
             in the manifest of the API's app registration."
                .to_owned(),
        ),
        (1, 2) => Some("This is a version 2 token of Entra ID, and version 1 is trusted.".to_owned()),
        _ => Some("The token is from another tenant of Entra ID.".to_owned()),
    }
}

fn cognito(expected: &str, found: &str) -> Option<String> {
    let region = |name: &str| Some(host(name).strip_prefix("cognito-idp.")?.split('.').next()?.to_owned());
    let (expected_region, found_region) = (region(expected)?, region(found)?);
    if expected_region != found_region {
        return Some(format!(
            "The token is for another region: it is from {}, and {expected_region} is trusted.",
            Excerpt::new(&found_region).as_str()
        ));
    }
    let pool = found.rsplit('/').next().map(Excerpt::new)?;
    Some(format!("The token is from another user pool, {pool}, in the same region."))
}

fn environment(expected: &str, found: &str) -> Option<String> {
    let word = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let mut words = lower
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
        words.find_map(|word| ENVIRONMENTS.into_iter().find(|environment| *environment == word))
    };
    match (word(expected), word(found)) {
        (None, Some(found)) => Some(format!(
            "The token is from a test environment ({found}): the client uses the issuer of that environment."
        )),
        (Some(expected), None) => {
            Some(format!("A test environment is trusted ({expected}), and the token is from another one."))
        }
        (Some(expected), Some(found)) if expected != found => {
            Some(format!("The token is from the environment {found}, and {expected} is trusted."))
        }
        _ => None,
    }
}

fn another_path(expected: &str, found: &str) -> Option<String> {
    (host(expected) == host(found) && !host(found).is_empty())
        .then(|| "The token is from another tenant or realm of the same server: the paths differ.".to_owned())
}

fn without_scheme(name: &str) -> &str {
    name.split_once("://").map_or(name, |(_, rest)| rest)
}

fn host(name: &str) -> &str {
    name.split_once("://").map_or("", |(_, rest)| rest.split(['/', ':']).next().unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_of_issuers_is_named() {
        let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
        let v1 = format!("https://sts.windows.net/{tenant}/");
        let v2 = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let pool =
            |region: &str, id: &str| format!("https://cognito-idp.{region}.amazonaws.com/{region}_{id}");
        for (expected, found, sentence) in [
            ("https://a.example", "https://a.example/", "The token's issuer has a trailing slash"),
            ("https://a.example/", "https://a.example", "The trusted issuer has a trailing slash"),
            ("https://a.example/T", "https://a.example/t", "upper and lower case"),
            ("https://a.example/t", "http://a.example/t", "`http` and `https`"),
            (&v2, &v1, "version 1 token of Entra ID"),
            (&v1, &v2, "version 2 token of Entra ID"),
            (&v2, "https://login.microsoftonline.com/x/v2.0", "another tenant of Entra ID"),
            (&pool("eu-west-1", "A"), &pool("us-east-1", "A"), "from us-east-1, and eu-west-1 is trusted"),
            (&pool("eu-west-1", "A"), &pool("eu-west-1", "B"), "another user pool, \"eu-west-1_B\""),
            ("https://auth.example/t", "https://auth.staging.example/t", "test environment (staging)"),
            ("https://auth.example/t", "https://auth-qa2.example/t", "test environment (qa)"),
            ("https://dev.example/t", "https://auth.example/t", "A test environment is trusted (dev)"),
            ("https://dev.example/t", "https://uat.example/t", "environment uat, and dev is trusted"),
            ("https://a.example/realms/a", "https://a.example/realms/b", "realm of the same server"),
            ("https://a.example", "https://contest.example", "another issuer: \"https://contest.example\""),
            ("https://a.example", "", "another issuer: \"\""),
        ] {
            let mistake = mistake(expected, Some(found)).unwrap_or_default();
            assert!(mistake.contains(sentence), "{expected} {found}: {mistake}");
        }
        assert!(mistake("https://a.example", None).is_some_and(|text| text.contains("names no issuer")));
    }
}
