//! The names of the reasons to reject a request with a bound token, for the test that each has its status:
//! `crates/scopegate-axum/tests/it/dpop/statuses.rs`.
//!
//! A new variant does not compile until it is in one of these lists. If it is in the first list, the test
//! fails until it has a request for it.

use crate::certificate::malformed::MalformedCertificate;
use crate::dpop::error::DpopProofError;
use crate::error::Error;
use crate::error::authentication::AuthenticationError;
use crate::http::credentials::MalformedCredentials;
use crate::http::rejection::RejectionReason;

macro_rules! variants {
    ($type:ty, of_bound_tokens: [$($bound:ident)*], other: [$($other:ident)*]) => {
        impl $type {
            /// The names of the variants that concern bound tokens.
            #[doc(hidden)]
            pub const OF_BOUND_TOKENS: &'static [&'static str] = &[$(stringify!($bound)),*];

            /// Returns the name of the variant.
            #[doc(hidden)]
            pub fn variant(&self) -> &'static str {
                match self {
                    $(Self::$bound { .. } => stringify!($bound),)*
                    $(Self::$other { .. } => stringify!($other),)*
                }
            }
        }
    };
}

variants!(
    RejectionReason,
    of_bound_tokens: [UnsupportedScheme Denied],
    // The errors of the last two have lists of their own.
    other: [NoCredentials Malformed Token]
);

variants!(MalformedCredentials, of_bound_tokens: [SeveralHeaders NotOneToken], other: []);

variants!(
    Error,
    of_bound_tokens: [
        SenderConstrained NotSenderConstrained ProofRequired MissingCertificate WrongCertificate
        NotCertificateBound PeerAddressUnknown ReplayStoreUnavailable InsufficientScope UserRequired
    ],
    other: [
        // The reasons of these three have lists of their own.
        InvalidProof MalformedCertificate InsufficientUserAuthentication
        TooLong NotThreeParts Encrypted NotOneToken NotBase64Url InvalidJson MalformedHeader
        UnacceptableAlgorithm CriticalExtension WrongType UnknownIssuer KeysUnavailable IssuerUnavailable
        UnknownKey AmbiguousKey Expired NotYetValid BadSignature MissingClaim MalformedClaim WrongClaim
        UnexpectedClaims WrongAudience WrongClient NotAnAccessToken Revoked RevocationsUnavailable
        InvalidStatus StatusUnavailable Inactive IntrospectionUnavailable IntrospectionMisconfigured
        WrongIssuer Denied
    ]
);

variants!(
    DpopProofError,
    of_bound_tokens: [
        Missing Several TooLong NotAJwt InvalidHeader WrongType UnacceptableAlgorithm UnusableKey OtherKey
        InvalidPayload MissingClaim MalformedClaim OtherMethod OtherUrl OtherToken Expired NotYetValid
        BadSignature MissingNonce UnknownNonce Replayed
    ],
    other: []
);

variants!(
    MalformedCertificate,
    of_bound_tokens: [
        SeveralHeaders TooLong NotByteSequence NotPercentEncoded NotOneCertificate NotDer NotElements
        SeveralElements UnquotedNames NoCertificate NotAHash OtherHash
    ],
    other: []
);

variants!(
    AuthenticationError,
    of_bound_tokens: [MissingClaim MalformedClaim OtherContext TooOld InFuture],
    other: []
);
