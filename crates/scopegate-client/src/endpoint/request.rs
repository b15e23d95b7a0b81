//! The form-encoded body of a token request (RFC 6749 §4.4.2).

use scopegate_proto::scope::Scopes;
use zeroize::Zeroizing;

use scopegate_proto::client_auth::{ClientAuthParams, form};

/// The requested scopes and resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) scopes: Scopes,
    /// The only parameter that may be repeated (RFC 8707 §2).
    pub(crate) resources: Vec<String>,
}

/// Names of parameters that this crate sets, so that no configured parameter repeats them (RFC 6749
/// §3.2).
pub(crate) const RESERVED: [&str; 7] = [
    "grant_type",
    "scope",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Writes the body. It may contain a secret or an assertion, so it is zeroized and allocated once.
pub(crate) fn body(
    grant: &Grant,
    parameters: &[(String, String)],
    auth: &ClientAuthParams,
) -> Zeroizing<String> {
    let scope = grant.scopes.to_string();
    let mut pairs = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        pairs.push(("scope", &scope));
    }
    pairs.extend(grant.resources.iter().map(|resource| ("resource", resource.as_str())));
    pairs.extend(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    pairs.extend(auth.parameters.iter().map(|(name, value)| (*name, value.as_str())));
    form(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scopegate_proto::sent_secrets::SentSecrets;

    #[test]
    fn body_has_grant_scopes_resources_parameters_and_client() {
        // E03, E19
        let grant = Grant {
            scopes: "b a".parse().unwrap(),
            resources: vec!["https://one/".to_owned(), "urn:two".to_owned()],
        };
        let auth = ClientAuthParams {
            header: None,
            parameters: vec![("client_id", Zeroizing::new("c&d".to_owned()))],
            secrets: SentSecrets::default(),
        };
        let parameters = [("audience".to_owned(), "x".to_owned())];
        assert_eq!(
            body(&grant, &parameters, &auth).as_str(),
            "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fone%2F&resource=urn%3Atwo\
             &audience=x&client_id=c%26d"
        );
        let nothing =
            ClientAuthParams { header: None, parameters: Vec::new(), secrets: SentSecrets::default() };
        assert_eq!(body(&Grant::default(), &[], &nothing).as_str(), "grant_type=client_credentials");
    }
}
