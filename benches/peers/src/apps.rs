//! The crates, ours first.

mod aliri;
mod axum_jwks;
mod axum_jwt_auth;
mod axum_keycloak_auth;
mod jwt_authorizer;
mod none;
mod oauth_resource_server;
mod ours;
mod tower_oauth2_resource_server;

use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::{App, Authority};

/// The constructor of an app.
pub struct Maker {
    /// The name in the tables, and the argument of the server.
    pub name: &'static str,
    pub make: fn(Authority) -> Making,
}

impl Maker {
    /// Returns whether the app requires a token.
    pub fn protects(&self) -> bool {
        !["bare", "no-op", "no-op-axum-0.7"].contains(&self.name)
    }
}

type Making = Pin<Box<dyn Future<Output = App>>>;

macro_rules! maker {
    ($name:literal, $make:path) => {
        Maker { name: $name, make: |authority| Box::pin($make(authority)) }
    };
}

/// Returns all apps. The first ones have no authentication.
pub const fn all() -> &'static [Maker] {
    &[
        maker!("bare", none::bare),
        maker!("no-op", none::no_op),
        maker!("no-op-axum-0.7", none::no_op_axum_07),
        maker!("scopegate", ours::caching),
        maker!("scopegate-without-cache", ours::without_cache),
        maker!("aliri_axum", aliri::app),
        maker!("axum-jwks", axum_jwks::app),
        maker!("axum-jwt-auth", axum_jwt_auth::app),
        maker!("axum-keycloak-auth", axum_keycloak_auth::app),
        maker!("jwt-authorizer", jwt_authorizer::app),
        maker!("oauth-resource-server", oauth_resource_server::app),
        maker!("tower-oauth2-resource-server", tower_oauth2_resource_server::app),
    ]
}

/// The claims that a handler checks itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Scoped {
    iss: String,
    scope: String,
}

impl Scoped {
    /// Returns whether the token grants a scope. Some crates leave this check to the application.
    fn grants(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}
