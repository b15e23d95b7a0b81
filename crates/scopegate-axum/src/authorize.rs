//! Authorization of requests: the decision that all layers share, the service that enforces it, and
//! its future.

mod connection;
pub(crate) mod future;
pub(crate) mod head;
pub(crate) mod proof;
pub(crate) mod record;
pub(crate) mod route;
pub(crate) mod service;

use std::sync::Arc;

use http::Request;
use scopegate::http::Authorizer;
use tower_service::Service;

/// The verdict about an accepted request. The request's extensions hold it, for
/// [`Claims`](crate::Claims) and inner layers.
#[derive(Clone, Debug)]
pub(crate) struct Authorized {
    pub(crate) authorizer: Arc<Authorizer>,
    /// `None` for a request that was accepted without a token.
    pub(crate) claims: Option<scopegate::Claims>,
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
    use scopegate::http::Authorization;
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
        let Authorization::Ready(Ok(claims)) = authorizer.authorize(request.headers()) else {
            panic!("the token is valid")
        };
        let shown = format!("{:?}", Authorized { authorizer, claims });
        assert!(shown.contains("client_id: Some(\"client\")"), "{shown}");
        assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }
}
