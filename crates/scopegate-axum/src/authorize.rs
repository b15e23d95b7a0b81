//! Is this request authorized? One decision for all layers, the service that enforces it and its
//! future.

pub(crate) mod future;
pub(crate) mod service;

use std::sync::Arc;

use http::Request;
use scopegate::http::{Authorization, Authorizer, BearerToken, Credentials};
use scopegate::middleware;
use tower_service::Service;

/// The verdict about an accepted request. It is in the request's extensions, for
/// [`Claims`](crate::Claims) and inner layers.
#[derive(Clone, Debug)]
pub(crate) struct Authorized {
    pub(crate) authorizer: Arc<Authorizer>,
    /// `None` for a request that was accepted without a token.
    pub(crate) claims: Option<scopegate::Claims>,
}

/// Decides about a request. A token that an outer layer has verified is not verified again.
pub(crate) fn authorize<B>(authorizer: &Authorizer, request: &Request<B>) -> Authorization {
    let credentials = Credentials::from_headers(request.headers());
    if let Credentials::Bearer(token) = credentials
        && let Some(claims) = verified_before(authorizer, request, token)
    {
        return Authorization::Ready(authorizer.authorize_claims(claims).map(Some));
    }
    authorizer.authorize_credentials(credentials)
}

/// Returns the claims of an outer layer of the same verifier, if the request still has their token.
fn verified_before<B>(
    authorizer: &Authorizer,
    request: &Request<B>,
    token: BearerToken<'_>,
) -> Option<scopegate::Claims> {
    let outer = request.extensions().get::<Authorized>()?;
    let claims = outer.claims.as_ref()?;
    let trusted = middleware::same_verifier(outer.authorizer.verifier(), authorizer.verifier())
        && middleware::matches_token(claims, token.as_bytes());
    trusted.then(|| claims.clone())
}

/// Passes an accepted request on.
fn pass<S, B>(inner: &mut S, mut request: Request<B>, verdict: Authorized) -> S::Future
where
    S: Service<Request<B>>,
{
    // This replaces the verdict of an outer layer.
    request.extensions_mut().insert(verdict);
    inner.call(request)
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use scopegate::{Issuer, Verifier};
    use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};

    use super::*;

    #[test]
    fn authorized_debug_omits_token() {
        // D18
        let key = SigningKey::generate(KeyAlgorithm::EdDSA);
        let jwks = serde_json::json!({ "keys": [key.jwk()] }).to_string();
        let issuer = Issuer::from_jwks("https://issuer.example", &jwks).unwrap().client("client");
        let verifier = Verifier::builder().trust(issuer).build().unwrap();
        let token = Mint::cognito("https://issuer.example", "client").sign_with(&key);
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap();

        let authorizer = Arc::new(Authorizer::require_token(&verifier));
        let Authorization::Ready(Ok(claims)) = authorize(&authorizer, &request) else {
            panic!("the token is valid")
        };
        let shown = format!("{:?}", Authorized { authorizer, claims });
        assert!(shown.contains("client_id: Some(\"client\")"), "{shown}");
        assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }
}
