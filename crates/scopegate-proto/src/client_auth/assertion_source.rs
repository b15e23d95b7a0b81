//! Assertions that a third party signs for the client, for example Kubernetes, SPIFFE or a CI
//! system.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::client_auth::assertion;
use crate::client_auth::error::ClientAuthError;
use crate::client_auth::secret::Secret;
use crate::secret_file;
use crate::url::is_absolute_uri;

/// A source of client assertions that a third party signs (RFC 7521 §4.2): a file or a callback.
///
/// Each token request gets a new assertion from the source, because assertions expire and the third
/// party replaces them.
///
/// ```
/// use scopegate_proto::client_auth::{AssertionSource, ClientAuthentication};
///
/// // Microsoft Entra ID with a Kubernetes service account (workload identity federation).
/// let file = "/var/run/secrets/azure/tokens/azure-identity-token";
/// let client = ClientAuthentication::client_assertion("1example-client", AssertionSource::file(file));
///
/// // SPIFFE: the Workload API returns a JWT-SVID.
/// # async fn fetch_svid() -> Result<String, std::io::Error> { Ok(String::new()) }
/// let source = AssertionSource::callback(|| async { fetch_svid().await.map(Into::into) })
///     .with_type("urn:ietf:params:oauth:client-assertion-type:jwt-spiffe");
/// let client = ClientAuthentication::client_assertion("spiffe://example.org/report", source);
/// ```
#[derive(Clone)]
pub struct AssertionSource {
    origin: AssertionOrigin,
    kind: String,
}

#[derive(Clone)]
enum AssertionOrigin {
    File(PathBuf),
    Callback(Arc<dyn Fn() -> BoxFuture + Send + Sync>),
}

type BoxFuture = Pin<Box<dyn Future<Output = Result<Secret, BoxError>> + Send>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Maximum length of an assertion. Tokens of service accounts have one or two kilobytes.
const MAX_LEN: usize = 64 * 1024;

/// Maximum time to get an assertion, equal to that of a request.
const TIMEOUT: Duration = Duration::from_secs(5);

impl AssertionSource {
    /// Reads the assertion from this file for each token request. Spaces and line breaks around it
    /// are ignored. Maximum: 64 KiB.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(AssertionOrigin::File(path.into()))
    }

    /// Calls this function for each token request. Its future is dropped after 5 s.
    ///
    /// The error of the function is the [`source`](std::error::Error::source) of the error of the
    /// request. It is logged, so it must not contain a secret.
    pub fn callback<F, Fut, E>(callback: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Secret, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let boxed = move || -> BoxFuture {
            let assertion = callback();
            Box::pin(async move { assertion.await.map_err(Into::into) })
        };
        Self::new(AssertionOrigin::Callback(Arc::new(boxed)))
    }

    fn new(origin: AssertionOrigin) -> Self {
        Self { origin, kind: assertion::TYPE.to_owned() }
    }

    /// Sets `client_assertion_type`, an absolute URI (RFC 7521 §4.2).
    ///
    /// Default: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` (RFC 7523 §2.2). An
    /// invalid value is reported when the client is built.
    #[must_use]
    pub fn with_type(mut self, client_assertion_type: impl Into<String>) -> Self {
        self.kind = client_assertion_type.into();
        self
    }

    pub(crate) fn check(&self) -> Result<(), ClientAuthError> {
        if matches!(&self.origin, AssertionOrigin::File(path) if path.as_os_str().is_empty()) {
            return Err(ClientAuthError::Empty { setting: "path of the assertion file" });
        }
        if !is_absolute_uri(&self.kind) {
            return Err(ClientAuthError::InvalidAssertionType { found: self.kind.clone() });
        }
        Ok(())
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the current assertion.
    pub(crate) async fn assertion(&self) -> Result<Zeroizing<String>, AssertionError> {
        let found = match &self.origin {
            AssertionOrigin::File(path) => {
                let path = path.clone();
                // A network file system may block for a long time.
                let read = tokio::task::spawn_blocking(move || secret_file::read(&path, MAX_LEN));
                timeout(TIMEOUT, read).await.map(|read| match read {
                    Ok(Ok(text)) => Ok(Secret::from(text.as_str())),
                    Ok(Err(error)) => Err(AssertionError::File(error)),
                    Err(error) => Err(AssertionError::Callback(error.into())),
                })
            }
            AssertionOrigin::Callback(callback) => {
                timeout(TIMEOUT, callback()).await.map(|result| result.map_err(AssertionError::Callback))
            }
        };
        checked(&found.unwrap_or(Err(AssertionError::Timeout))?)
    }
}

fn checked(assertion: &Secret) -> Result<Zeroizing<String>, AssertionError> {
    let text = assertion.as_str().trim_ascii();
    match text {
        "" => Err(AssertionError::Empty),
        _ if text.len() > MAX_LEN => Err(AssertionError::TooLong),
        _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(AssertionError::NotOneWord),
        _ => Ok(Zeroizing::new(text.to_owned())),
    }
}

/// The reason why there is no assertion. It never contains the assertion.
#[non_exhaustive]
#[derive(Debug)]
pub enum AssertionError {
    /// The file could not be read.
    File(io::Error),
    /// The callback failed.
    Callback(Box<dyn std::error::Error + Send + Sync>),
    /// The source did not respond within 5 s.
    Timeout,
    /// The assertion is empty.
    Empty,
    /// The assertion is longer than 64 KiB.
    TooLong,
    /// The assertion contains spaces, or characters other than printable ASCII.
    NotOneWord,
    /// No assertion can be signed.
    NoRandomness,
}

impl AssertionError {
    /// Returns whether the source may have an assertion later.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::TooLong | Self::NotOneWord | Self::NoRandomness)
    }
}

impl fmt::Display for AssertionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "the assertion file could not be read",
            Self::Callback(_) => "the assertion source failed",
            Self::Timeout => "the assertion source did not respond within 5 s",
            Self::Empty => "the assertion is empty",
            Self::TooLong => "the assertion is longer than 65536 bytes",
            Self::NotOneWord => "the assertion contains spaces, or characters other than printable ASCII",
            Self::NoRandomness => "the system has no randomness to sign the assertion",
        })
    }
}

impl std::error::Error for AssertionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Callback(error) => Some(&**error),
            _ => None,
        }
    }
}

impl fmt::Debug for AssertionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AssertionSource");
        if let AssertionOrigin::File(path) = &self.origin {
            debug.field("file", path);
        }
        debug.field("type", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        checked(&Secret::from(text)).map(|text| text.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn assertion_is_one_word_of_bounded_length() {
        // FR-D5
        assert_eq!(check(" eyJ.e30.c2ln\n").as_deref(), Ok("eyJ.e30.c2ln"));
        let longest = "x".repeat(MAX_LEN);
        assert_eq!(check(&longest).as_deref(), Ok(longest.as_str()));
        for (text, expected) in [
            ("", AssertionError::Empty),
            (" \r\n", AssertionError::Empty),
            ("a b", AssertionError::NotOneWord),
            ("a\nb", AssertionError::NotOneWord),
            ("é", AssertionError::NotOneWord),
            (&[&longest, "x"].concat(), AssertionError::TooLong),
        ] {
            assert_eq!(check(text), Err(expected.to_string()));
        }
    }

    #[test]
    fn only_a_source_that_may_recover_is_transient() {
        // FR-D5
        let transient = [
            AssertionError::File(io::Error::other("x")),
            AssertionError::Callback("x".into()),
            AssertionError::Timeout,
            AssertionError::Empty,
        ];
        assert!(transient.iter().all(AssertionError::is_transient));
        let lasting = [AssertionError::TooLong, AssertionError::NotOneWord, AssertionError::NoRandomness];
        assert!(!lasting.iter().any(AssertionError::is_transient));
    }
}
