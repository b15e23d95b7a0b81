//! The defects of requests with DPoP.

use std::fmt;

/// Writes the enumeration, [`DpopDefect::ALL`], and the name and the error of each defect from one
/// list.
macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $defect:ident $name:literal $error:ident)+) => {
        /// A defect of a request with a DPoP-bound token, for which an API must reject the request
        /// (RFC 9449 §4.3, §7.1).
        ///
        /// [`DpopProof::broken_requests`](crate::DpopProof::broken_requests) makes the requests. `Display`
        /// writes a short name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DpopDefect {
            $($(#[doc = $doc])+ $defect,)+
        }

        impl DpopDefect {
            /// All defects. Some of them [need nonces](Self::needs_nonces).
            pub const ALL: &[Self] = &[$(Self::$defect),+];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$defect => $name,)+
                }
            }

            const fn expected(self) -> Expected {
                match self {
                    $(Self::$defect => Expected::$error,)+
                }
            }
        }
    };
}

/// The part of a request that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Proof,
    Token,
    Nonce,
}

defects! {
    /// The request has no `DPoP` header.
    NoProof "no proof" Proof
    /// The request has two `DPoP` headers, each with a valid proof.
    TwoProofs "two proofs" Proof
    /// One `DPoP` header has two valid proofs, separated by a comma.
    ListOfProofs "list of proofs" Proof
    /// The proof was sent before, with the same request.
    Replay "replay" Proof
    /// The signature is absent, with its dot.
    TwoParts "two parts" Proof
    /// A fourth part follows the signature.
    FourParts "four parts" Proof
    /// The signature ends with `=`.
    PaddedSignature "padded signature" Proof
    /// The proof is a JSON object (RFC 7515 §7.2.2).
    JsonSerialization "JSON serialization" Proof
    /// The header has no `typ`.
    NoType "no typ" Proof
    /// `typ` is `JWT`.
    OtherType "typ JWT" Proof
    /// The header has no `alg`.
    NoAlgorithm "no alg" Proof
    /// `alg` is `none`, and the signature is empty.
    Unsigned "alg none" Proof
    /// `alg` is `HS256`, with the public key as the secret.
    Hmac "alg HS256" Proof
    /// `alg` is an algorithm for other keys than the proof's.
    OtherAlgorithm "alg of other keys" Proof
    /// `crit` names an extension.
    CriticalExtension "crit" Proof
    /// The header has no `jwk`.
    NoKey "no jwk" Proof
    /// `jwk` is the thumbprint of the key.
    KeyAsString "jwk string" Proof
    /// `jwk` has the private member `d`.
    PrivateKey "private jwk" Proof
    /// `jwk` is a symmetric key.
    SymmetricKey "symmetric jwk" Proof
    /// The header has `typ` twice.
    RepeatedHeader "typ twice" Proof
    /// `jwk` has `kty` twice.
    RepeatedKeyMember "kty twice" Proof
    /// One bit of the signature is flipped.
    BadSignature "bad signature" Proof
    /// Another key has signed the proof, under the token's key as `jwk`.
    SignedByOtherKey "signed by other key" Proof
    /// The whole proof is one of another key.
    OtherKey "other key" Proof
    /// The payload is an array.
    PayloadNotAnObject "payload array" Proof
    /// The payload has `htm` twice.
    RepeatedClaim "htm twice" Proof
    /// The payload has no `jti`.
    NoId "no jti" Proof
    /// `jti` is a number.
    NumericId "numeric jti" Proof
    /// `jti` is empty.
    EmptyId "empty jti" Proof
    /// The payload has no `htm`.
    NoMethod "no htm" Proof
    /// `htm` is another method.
    OtherMethod "other htm" Proof
    /// `htm` is the method in lower case.
    LowerCaseMethod "lower-case htm" Proof
    /// The payload has no `htu`.
    NoUrl "no htu" Proof
    /// `htu` has no scheme and host.
    RelativeUrl "relative htu" Proof
    /// `htu` has `http` for `https`, or the reverse.
    OtherScheme "htu of other scheme" Proof
    /// `htu` has another host.
    OtherHost "htu of other host" Proof
    /// `htu` has another port.
    OtherPort "htu of other port" Proof
    /// `htu` has a user name.
    UserName "htu with user name" Proof
    /// `htu` has another path.
    OtherPath "htu of other path" Proof
    /// The payload has no `iat`.
    NoTime "no iat" Proof
    /// `iat` is a string.
    TimeAsString "iat string" Proof
    /// `iat` is one hour ago.
    Expired "expired" Proof
    /// `iat` is one hour ahead.
    FromFuture "from the future" Proof
    /// `iat` is −1.
    NegativeTime "negative iat" Proof
    /// The payload has no `ath`.
    NoTokenHash "no ath" Proof
    /// `ath` is the hash of another token.
    OtherTokenHash "other ath" Proof
    /// `ath` ends with `=`.
    PaddedTokenHash "padded ath" Proof
    /// The payload has no `nonce`.
    NoNonce "no nonce" Nonce
    /// `nonce` is not one of the API.
    UnknownNonce "unknown nonce" Nonce
    /// The token has the scheme `Bearer`, with a valid proof.
    BearerScheme "as bearer token" Token
    /// The token has the scheme `Bearer`, without a proof.
    BearerWithoutProof "as bearer token, no proof" Token
    /// The token is not bound to a key.
    UnboundToken "unbound token" Token
    /// `cnf` is `null`.
    NullConfirmation "cnf null" Token
    /// `cnf` is a string.
    ConfirmationAsString "cnf string" Token
    /// `cnf` is an empty object.
    EmptyConfirmation "cnf empty" Token
    /// `cnf` has an unknown member only.
    UnknownBinding "cnf unknown" Token
    /// The token is also bound to a certificate, which the request does not prove.
    BothBindings "cnf with jkt and x5t#S256" Token
    /// `cnf` has `jkt` twice.
    RepeatedThumbprint "jkt twice" Token
    /// `jkt` is a number.
    ThumbprintAsNumber "jkt number" Token
    /// `jkt` is an array with the thumbprint.
    ThumbprintAsArray "jkt array" Token
    /// `jkt` has 31 bytes.
    ShortThumbprint "jkt of 31 bytes" Token
    /// `jkt` ends with `=`.
    PaddedThumbprint "padded jkt" Token
    /// `jkt` has another last character, which decodes to the same bytes.
    NonCanonicalThumbprint "non-canonical jkt" Token
}

impl DpopDefect {
    /// Returns whether only an API that requires nonces rejects the request. Its sound requests need
    /// [`DpopProof::nonce`](crate::DpopProof::nonce).
    pub const fn needs_nonces(self) -> bool {
        matches!(self.expected(), Expected::Nonce)
    }

    /// Returns the `error` of the challenge in the 401: `invalid_dpop_proof`, `use_dpop_nonce` or
    /// `invalid_token` (RFC 9449 §7.1, §9).
    pub const fn error(self) -> &'static str {
        match self.expected() {
            Expected::Proof => "invalid_dpop_proof",
            Expected::Nonce => "use_dpop_nonce",
            Expected::Token => "invalid_token",
        }
    }
}

impl fmt::Display for DpopDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
