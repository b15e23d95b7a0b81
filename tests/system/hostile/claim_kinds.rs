//! Each claim absent, and with a value of every JSON type. A table at the end of the file has the
//! verdicts.

use super::case::{Cases, Verdict};
use super::json_values::VALUES;
use super::shape::Profile;

const CLAIMS: [&str; 42] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "azp",
    "appid",
    "cid",
    "scope",
    "scp",
    "roles",
    "permissions",
    "token_use",
    "cnf",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "events",
    "typ",
    "auth_time",
    "acr",
    "amr",
    "act",
    "may_act",
    "sid",
    "version",
    "ver",
    "email",
    "groups",
    "entitlements",
    "authorization_details",
    "htm",
    "htu",
    "vc",
    "_sd",
    "status",
    "toe",
    "unknown",
];

pub(crate) fn write(cases: &mut Cases<'_>) {
    for claim in CLAIMS {
        if let Some(value) = cases.shape.draft().claims.get(claim).map(str::to_owned) {
            cases.claims(format_args!("{claim}/absent"), absent(cases.shape.profile, claim), |claims| {
                claims.remove(claim);
            });
            // Rejected, or accepted because an unknown claim may have any value.
            let verdict = match claim {
                "aud" if value.starts_with('[') => Verdict::Refused,
                "scp" | "permissions" | "roles" if !value.starts_with('[') => Verdict::Accepted,
                "aud" => Verdict::Accepted,
                _ => verdict(cases, claim, "array-of-number"),
            };
            if claim != "scp" && claim != "permissions" && claim != "roles" {
                cases.claims(format_args!("{claim}/right-in-array"), verdict, |claims| {
                    claims.set(claim, format!("[{value}]"));
                });
            }
            let verdict = verdict_of_object(cases, claim);
            cases.claims(format_args!("{claim}/right-in-object"), verdict, |claims| {
                claims.set(claim, format!("{{\"a\":{value}}}"));
            });
            if claim != "exp" && claim != "iat" {
                let upper = claim.to_ascii_uppercase();
                cases.claims(
                    format_args!("{claim}/name-in-capitals"),
                    absent(cases.shape.profile, claim),
                    |claims| claims.rename(claim, &upper),
                );
            }
        }
        for (name, value) in VALUES {
            let verdict = verdict(cases, claim, name);
            cases.claims(format_args!("{claim}/{name}"), verdict, |claims| claims.set(claim, value));
        }
    }
}

fn absent(profile: Profile, claim: &str) -> Verdict {
    Verdict::accepted_if(match claim {
        "iss" | "exp" => false,
        "aud" => profile == Profile::Cognito,
        "client_id" | "token_use" => profile != Profile::Cognito,
        _ => true,
    })
}

fn verdict_of_object(cases: &Cases<'_>, claim: &str) -> Verdict {
    verdict(cases, claim, "object")
}

/// Returns the documented verdict about a claim with this value.
fn verdict(cases: &Cases<'_>, claim: &str, value: &str) -> Verdict {
    let profile = cases.shape.profile;
    let cognito = profile == Profile::Cognito;
    // An optional claim of `null` counts as absent, and so does an empty name.
    let optional = [
        "sub",
        "jti",
        "iat",
        "client_id",
        "azp",
        "appid",
        "cid",
        "nonce",
        "at_hash",
        "c_hash",
        "s_hash",
        "events",
        "token_use",
    ];
    let names_client = ["client_id", "azp", "appid", "cid"].contains(&claim);
    if (value == "null" && optional.contains(&claim)) || (value == "empty-string" && names_client) {
        return absent(profile, claim);
    }
    let string = ["empty-string", "word", "word-with-space", "digits"].contains(&value);
    let strings = ["empty-array", "array-of-word"].contains(&value);
    // Times in the past, in seconds since 1970.
    let past = ["zero", "one", "minus-one", "fraction", "exponent"].contains(&value);
    Verdict::accepted_if(match claim {
        // No value matches the expected one.
        "iss" | "aud" | "exp" => false,
        "nbf" | "iat" => past,
        "sub" | "jti" => string,
        // All claims with the client's id must be equal, and Cognito's client must be listed.
        "client_id" => !cognito && string && other_client_claims(cases, claim) == 0,
        "azp" | "appid" | "cid" => cognito || (string && other_client_claims(cases, claim) == 0),
        "scope" => string,
        "scp" => cognito || string || strings,
        "roles" => profile != Profile::Entra || strings,
        "permissions" => profile != Profile::Auth0 || strings,
        // Claims of other kinds of tokens are rejected with any value.
        "nonce" | "at_hash" | "c_hash" | "s_hash" | "events" | "token_use" => false,
        // Confirmations have known members. An object without one of them confirms nothing (RFC 7800 §3.1).
        "cnf" => ["empty-object", "object", "nested-object"].contains(&value),
        // For Keycloak, only certain strings in `typ` are rejected.
        _ => true,
    })
}

fn other_client_claims(cases: &Cases<'_>, claim: &str) -> usize {
    let claims = cases.shape.draft().claims;
    ["client_id", "azp", "appid", "cid"]
        .into_iter()
        .filter(|n| *n != claim && claims.get(n).is_some())
        .count()
}
