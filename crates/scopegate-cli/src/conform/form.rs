//! The form of the tokens, by provider.

use clap::ValueEnum;
use scopegate_issuer::Mint;

/// A provider whose claims the tokens have. Their issuer is the local one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    #[default]
    Rfc9068,
    Cognito,
    Auth0,
    Okta,
    Entra,
    Keycloak,
    Hydra,
}

impl Form {
    /// Returns a valid token of this issuer and client, with the default audience and scope.
    pub(super) fn mint(self, issuer: &str, client: &str) -> Mint {
        let mint = match self {
            Self::Rfc9068 => Mint::rfc9068(issuer, client),
            Self::Cognito => Mint::cognito(issuer, client),
            Self::Auth0 => Mint::auth0("conform.example", client),
            Self::Okta => Mint::okta(issuer, client),
            Self::Entra => Mint::entra("conform", client),
            Self::Keycloak => Mint::keycloak(issuer, client),
            Self::Hydra => Mint::hydra(issuer, client),
        };
        mint.claim("iss", issuer)
    }

    /// Returns whether the tokens follow RFC 9068, whose §4 has more requirements than RFC 7519.
    pub(super) fn is_rfc9068(self) -> bool {
        self == Self::Rfc9068
    }

    /// Returns the token without the client's id. The subject stays.
    pub(super) fn without_client(mint: Mint) -> Mint {
        ["client_id", "azp", "appid", "cid"].into_iter().fold(mint, Mint::without_claim)
    }

    /// Returns the token without scopes.
    pub(super) fn without_scope(mint: Mint) -> Mint {
        ["scope", "scp", "roles"].into_iter().fold(mint, Mint::without_claim)
    }

    /// Returns the ID token that the issuer would write for the client with this token (OpenID Connect
    /// Core §2). It has no scopes, and its audience is the client.
    pub(super) fn id_token(self, mint: Mint, client: &str) -> Mint {
        let authorized = mint.claims().contains_key("azp");
        let mint = Self::without_client(Self::without_scope(mint));
        let mint = mint.claim("aud", client).claim("sub", "conform-user").header("typ", "JWT");
        let mint = mint.claim("nonce", "n-0S6_WzA2Mj").claim("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng");
        let mint = if authorized { mint.claim("azp", client) } else { mint };
        match self {
            Self::Cognito => mint.claim("token_use", "id").claim("cognito:username", "conform-user"),
            Self::Keycloak => mint.claim("typ", "ID"),
            _ => mint,
        }
    }
}
