//! The check of a token's confirmation (`cnf`, RFC 7800): is it bound to a key or a certificate, and
//! does the request prove that?

#[cfg(feature = "http")]
use std::sync::Arc;

use scopegate_proto::base64url;
use scopegate_proto::json::{JsonObject, string};

#[cfg(feature = "http")]
use crate::certificate::header_certificate::CertificateHeader;

use crate::dpop::binding::Binding;
use crate::error::Error;

/// The scheme in which a request presents its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The token alone (RFC 6750).
    Bearer,
    /// The token with a proof (RFC 9449 §7.1).
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests have proofs"))]
    Dpop,
}

/// The client certificate of a request. Most tokens are not bound to one, so it is read when a token
/// is.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests have certificates"))]
pub(crate) enum RequestCertificate<'a> {
    /// There is no request, or the verifier accepts no certificates.
    NotAccepted,
    Unread(&'a dyn Fn() -> PresentedCertificate),
    Read(&'a PresentedCertificate),
}

impl RequestCertificate<'_> {
    /// Returns whether the request may have a certificate.
    pub(crate) fn is_accepted(self) -> bool {
        !matches!(self, Self::NotAccepted)
    }

    /// Returns the certificate, or `None` if it is not accepted. A header is not decoded yet.
    pub(crate) fn read(self) -> Option<PresentedCertificate> {
        match self {
            Self::NotAccepted => None,
            Self::Unread(read) => Some(read()),
            Self::Read(certificate) => Some(certificate.clone()),
        }
    }
}

/// The client certificate of a request, as it was read.
#[derive(Clone)]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests have certificates"))]
pub(crate) enum PresentedCertificate {
    /// A header may have it, and the sender of the header is unknown.
    UnknownPeer,
    /// The request has none that is trusted.
    Absent,
    /// The SHA-256 hash of the certificate in DER.
    Thumbprint([u8; 32]),
    /// The header of a trusted proxy, which is decoded for a bound token.
    #[cfg(feature = "http")]
    Header(Arc<CertificateHeader>),
}

/// A token as it was presented.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) token: &'a [u8],
    pub(crate) scheme: Scheme,
    pub(crate) certificate: RequestCertificate<'a>,
}

impl<'a> Presented<'a> {
    /// A token without a request.
    pub(crate) fn alone(token: &'a [u8]) -> Self {
        Self { token, scheme: Scheme::Bearer, certificate: RequestCertificate::NotAccepted }
    }
}

/// The key and the certificate to which a token is bound. At least one is present, or the verifier
/// requires a certificate.
pub(crate) struct Bindings {
    pub(crate) key: Option<Binding>,
    pub(crate) certificate: CertificateBinding,
}

/// The certificate to which a token is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateBinding {
    None,
    /// No certificate, although the verifier requires one.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests have certificates"))]
    Missing,
    /// The thumbprint (RFC 8705 §3.1).
    To([u8; 32]),
}

impl Bindings {
    /// Returns whether the token is bound at all.
    pub(crate) fn bind(&self) -> bool {
        self.key.is_some() || matches!(self.certificate, CertificateBinding::To(_))
    }

    /// Adds the rule that a certificate is required.
    #[cfg(feature = "http")]
    pub(crate) fn require_certificate(bindings: &mut Option<Box<Self>>) {
        let none = || Box::new(Self { key: None, certificate: CertificateBinding::None });
        let bindings = bindings.get_or_insert_with(none);
        if bindings.certificate == CertificateBinding::None {
            bindings.certificate = CertificateBinding::Missing;
        }
    }

    /// Rejects a token whose bindings the request does not prove. A proof of the key is checked
    /// later, if the scheme has one.
    pub(crate) fn check(&self, scheme: Scheme, certificate: RequestCertificate<'_>) -> Result<(), Error> {
        if self.key.is_some() && scheme == Scheme::Bearer {
            return Err(Error::SenderConstrained { binding: PROVEN_BY_DPOP });
        }
        let expected = match &self.certificate {
            CertificateBinding::None => return Ok(()),
            CertificateBinding::Missing => return Err(Error::NotCertificateBound),
            CertificateBinding::To(expected) => expected,
        };
        let found = match certificate.read() {
            Some(PresentedCertificate::Thumbprint(found)) => found,
            #[cfg(feature = "http")]
            Some(PresentedCertificate::Header(header)) => {
                header.thumbprint().map_err(Error::MalformedCertificate)?
            }
            Some(PresentedCertificate::Absent) => return Err(Error::MissingCertificate),
            Some(PresentedCertificate::UnknownPeer) => return Err(Error::PeerAddressUnknown),
            None => return Err(Error::SenderConstrained { binding: PROVEN_BY_CERTIFICATE }),
        };
        if found == *expected { Ok(()) } else { Err(Error::WrongCertificate) }
    }
}

/// The member of `cnf` that names the key of a DPoP proof.
const PROVEN_BY_DPOP: &str = "jkt";

/// The member of `cnf` that names the client certificate.
const PROVEN_BY_CERTIFICATE: &str = "x5t#S256";

/// The members of `cnf` that bind a token to a key. These are all that are registered: RFC 7800
/// §3.2 to §3.5, mutual TLS (RFC 8705 §3.1), DPoP (RFC 9449 §6.1) and OSCORE (RFC 9203 §3.2.1).
const BINDINGS: [&str; 7] = ["jwk", "jwe", "kid", "jku", PROVEN_BY_CERTIFICATE, PROVEN_BY_DPOP, "osc"];

/// Rejects a response that binds a verified token in another way than the token itself says. The
/// token would be accepted without the proof that its issuer requires.
#[cfg(feature = "fetch")]
pub(crate) fn check_same(response: &JsonObject<'_>, token: &JsonObject<'_>) -> Result<(), Error> {
    let (Some(stated), own) = (confirmation(response)?, confirmation(token)?) else { return Ok(()) };
    let differs = |binding: &&str| {
        let own = own.as_ref().and_then(|own| own.get(binding)).and_then(string);
        stated.get(binding).is_some_and(|stated| string(stated).is_none() || string(stated) != own)
    };
    match BINDINGS.into_iter().find(differs) {
        Some(binding) => Err(Error::SenderConstrained { binding }),
        None => Ok(()),
    }
}

#[cfg(feature = "fetch")]
fn confirmation<'a>(members: &JsonObject<'a>) -> Result<Option<JsonObject<'a>>, Error> {
    let confirmation = members.get("cnf").map(|value| JsonObject::from_text(value.get()));
    confirmation.transpose().map_err(|_| Error::SenderConstrained { binding: "cnf, malformed" })
}

/// Returns the bindings of a token, which each request must prove.
///
/// Rejects a token with a binding that such requests do not prove: an attacker who steals the token
/// could use it as a bearer token. Also rejects a token without a key under a scheme that proves
/// one. Unknown members of `cnf` are ignored (RFC 7800 §3.1).
pub(crate) fn read(
    payload: &JsonObject<'_>,
    token: &[u8],
    scheme: Scheme,
    reads_certificate: bool,
) -> Result<Option<Box<Bindings>>, Error> {
    let Some(confirmation) = payload.get("cnf") else {
        return match scheme {
            Scheme::Bearer => Ok(None),
            Scheme::Dpop => Err(Error::NotSenderConstrained),
        };
    };
    let malformed = Error::SenderConstrained { binding: "cnf, malformed" };
    let confirmation = JsonObject::from_text(confirmation.get()).map_err(|_| malformed.clone())?;
    let may_prove = |binding: &str| match binding {
        PROVEN_BY_DPOP => scheme == Scheme::Dpop,
        PROVEN_BY_CERTIFICATE => reads_certificate,
        _ => false,
    };
    let mut bindings = BINDINGS.into_iter().filter(|binding| confirmation.contains(binding));
    if let Some(binding) = bindings.find(|binding| !may_prove(binding)) {
        return Err(Error::SenderConstrained { binding });
    }
    let key = match (scheme, confirmation.get(PROVEN_BY_DPOP)) {
        (Scheme::Bearer, _) => None,
        (Scheme::Dpop, None) => return Err(Error::NotSenderConstrained),
        (Scheme::Dpop, Some(thumbprint)) => {
            let thumbprint = string(thumbprint).ok_or_else(|| malformed.clone())?;
            Some(Binding::new(&thumbprint, token).ok_or_else(|| malformed.clone())?)
        }
    };
    let certificate = match confirmation.get(PROVEN_BY_CERTIFICATE) {
        None => CertificateBinding::None,
        Some(thumbprint) => {
            let thumbprint = string(thumbprint).and_then(|thumbprint| base64url::decode(&*thumbprint));
            let thumbprint = thumbprint.and_then(|bytes| bytes.try_into().ok());
            CertificateBinding::To(thumbprint.ok_or(malformed)?)
        }
    };
    let bindings = Bindings { key, certificate };
    Ok(bindings.bind().then(|| Box::new(bindings)))
}
