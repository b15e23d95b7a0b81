//! Verified claims as the `TokenData` of the crate jsonwebtoken.

use jsonwebtoken::{Header, TokenData, decode_header};
use scopegate_proto::excerpt::Excerpt;
use serde::de::DeserializeOwned;

use crate::claims::Claims;
use crate::claims::token_ref::TokenRef;
use crate::error::Error;

impl Claims {
    /// Returns header and claims as the `TokenData` of the crate jsonwebtoken, for handlers that expect
    /// it. It needs the feature `jsonwebtoken`.
    ///
    /// The token was verified by this crate. jsonwebtoken only reads the header.
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct MyClaims {
    ///     sub: String,
    ///     tenant: String,
    /// }
    ///
    /// # fn handle(claims: scopegate::Claims) -> Result<(), scopegate::Error> {
    /// let data: jsonwebtoken::TokenData<MyClaims> = claims.token_data()?;
    /// println!("{:?} {} {}", data.header.kid, data.claims.sub, data.claims.tenant);
    /// # Ok(()) }
    /// ```
    ///
    /// Claims made by `for_test` have no token. Their header is that of an RS256 token without a key id.
    ///
    /// # Errors
    /// Returns [`Error::UnexpectedClaims`] as [`parse`](Self::parse) does, and if jsonwebtoken cannot
    /// read the header, for example because it does not know the `alg` value `Ed25519` (RFC 9864).
    pub fn token_data<T: DeserializeOwned>(&self) -> Result<TokenData<T>, Error> {
        Ok(TokenData { header: self.header()?, claims: self.parse()? })
    }

    fn header(&self) -> Result<Header, Error> {
        #[cfg(feature = "test-util")]
        if self.0.token.is_empty() {
            return Ok(Header::new(jsonwebtoken::Algorithm::RS256));
        }
        // The error may hold a value of the header, so it is not shown.
        decode_header(&*self.0.token).map_err(|_| Error::UnexpectedClaims {
            claim: None,
            expected: "a header that jsonwebtoken reads",
            found: Excerpt::new("a header that it rejects"),
            token: TokenRef::new(self),
        })
    }
}
