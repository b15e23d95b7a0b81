//! Credentials for a protected key set. `keys/endpoint.rs` decides which requests carry them.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use scopegate_proto::secret_file;
use tokio::time::timeout;

/// Credentials for a key set that is not public: the `Authorization` header of its requests, from a
/// file or a callback.
///
/// The source is read for each request, because credentials expire and are replaced. Pass it to
/// [`Issuer::keys_authorization`](crate::Issuer::keys_authorization).
///
/// ```
/// use http::HeaderValue;
/// use scopegate::FetchAuthorization;
///
/// let service_account =
///     FetchAuthorization::bearer_file("/var/run/secrets/kubernetes.io/serviceaccount/token");
///
/// # async fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
/// let callback = FetchAuthorization::callback(|| async {
///     let value = format!("Bearer {}", token().await?);
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(HeaderValue::try_from(value)?)
/// });
/// ```
#[derive(Clone)]
pub struct FetchAuthorization(Source);

#[derive(Clone)]
enum Source {
    BearerFile(Arc<Path>),
    Callback(Arc<dyn Fn() -> BoxFuture + Send + Sync>),
}

/// An id of credentials. Credentials that are in use at the same time have different ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AuthorizationId {
    BearerFile(Arc<Path>),
    /// The address of the function.
    Callback(usize),
}

type BoxFuture = Pin<Box<dyn Future<Output = Result<HeaderValue, BoxError>> + Send>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// Maximum length of a token in bytes. Tokens of service accounts have one or two kilobytes.
const MAX_LEN: usize = 64 * 1024;

/// Maximum time to obtain credentials, the same as the default for a request.
const TIMEOUT: Duration = Duration::from_secs(5);

impl FetchAuthorization {
    /// Sends the content of this file as a bearer token (RFC 6750 §2.1). The file is read for each
    /// request, within 5 s.
    ///
    /// The token must be printable ASCII without spaces, of at most 64 KiB. White space around it
    /// is ignored. If the file is unusable, the fetch fails with an error that has the path and the
    /// reason, and never the content.
    pub fn bearer_file(path: impl Into<PathBuf>) -> Self {
        Self(Source::BearerFile(path.into().into()))
    }

    /// Calls this function for each request, and sends its value in the `Authorization` header. Its
    /// future is dropped after 5 s.
    ///
    /// Each call of this constructor makes other credentials, and issuers with other credentials do
    /// not share a key set. Create them once, and clone them in a
    /// [resolver](crate::VerifierBuilder::trust_dynamic): otherwise each renewal of an issuer fetches
    /// its keys and its status lists anew.
    ///
    /// If the function fails, the fetch fails. The error is logged, so it must not contain a
    /// secret.
    pub fn callback<F, Fut, E>(callback: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<HeaderValue, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let boxed = move || -> BoxFuture {
            let value = callback();
            Box::pin(async move { value.await.map_err(Into::into) })
        };
        Self(Source::Callback(Arc::new(boxed)))
    }

    /// Returns an id that differs from the id of other credentials.
    pub(crate) fn id(&self) -> AuthorizationId {
        match &self.0 {
            Source::BearerFile(path) => AuthorizationId::BearerFile(Arc::clone(path)),
            Source::Callback(callback) => AuthorizationId::Callback(Arc::as_ptr(callback).addr()),
        }
    }

    /// Returns whether the source is a file with an empty path.
    pub(crate) fn has_empty_path(&self) -> bool {
        matches!(&self.0, Source::BearerFile(path) if path.as_os_str().is_empty())
    }

    /// Returns the current value of the header, marked as sensitive.
    pub(crate) async fn header(&self) -> Result<HeaderValue, AuthorizationError> {
        let mut value = match &self.0 {
            Source::BearerFile(path) => {
                let failed = |cause| AuthorizationError::File { path: path.to_path_buf(), cause };
                let file = Arc::clone(path);
                // A network file system may block for long.
                let read = tokio::task::spawn_blocking(move || secret_file::read(&file, MAX_LEN));
                match timeout(TIMEOUT, read).await {
                    Ok(Ok(Ok(text))) => bearer(&text).map_err(failed)?,
                    Ok(Ok(Err(error))) => return Err(failed(FileError::Io(error))),
                    Ok(Err(error)) => return Err(failed(FileError::Io(error.into()))),
                    Err(_) => return Err(failed(FileError::Timeout)),
                }
            }
            Source::Callback(callback) => match timeout(TIMEOUT, callback()).await {
                Ok(result) => result.map_err(AuthorizationError::Callback)?,
                Err(_) => return Err(AuthorizationError::CallbackTimeout),
            },
        };
        value.set_sensitive(true);
        Ok(value)
    }
}

fn bearer(text: &str) -> Result<HeaderValue, FileError> {
    let token = text.trim_ascii();
    if token.is_empty() {
        return Err(FileError::Empty);
    }
    if token.len() > MAX_LEN {
        return Err(FileError::TooLong);
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(FileError::NotOneWord);
    }
    HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| FileError::NotOneWord)
}

/// The reason why there are no credentials.
#[derive(Debug)]
pub(crate) enum AuthorizationError {
    File { path: PathBuf, cause: FileError },
    Callback(BoxError),
    CallbackTimeout,
}

#[derive(Debug)]
pub(crate) enum FileError {
    Io(io::Error),
    Timeout,
    Empty,
    TooLong,
    NotOneWord,
}

impl AuthorizationError {
    /// Returns whether the next attempt may succeed without a change by the operator. An empty file
    /// may be about to be written.
    pub(crate) fn is_transient(&self) -> bool {
        !matches!(self, Self::File { cause: FileError::TooLong | FileError::NotOneWord, .. })
    }
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "no credentials from {}", path.display()),
            Self::Callback(_) => f.write_str("the callback for credentials failed"),
            Self::CallbackTimeout => f.write_str("the callback for credentials returned none within 5 s"),
        }
    }
}

impl Error for AuthorizationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { cause, .. } => Some(cause),
            Self::Callback(error) => Some(&**error),
            Self::CallbackTimeout => None,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(error) => return fmt::Display::fmt(error, f),
            Self::Timeout => "the file was not read within 5 s",
            Self::Empty => "expected a token, found an empty file",
            Self::TooLong => "expected a token of at most 65536 bytes, found a longer one",
            Self::NotOneWord => "expected a token in printable ASCII without spaces, found other characters",
        })
    }
}

impl Error for FileError {}

impl fmt::Debug for FetchAuthorization {
    /// Shows the path of the file, and no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("FetchAuthorization");
        if let Source::BearerFile(path) = &self.0 {
            debug.field("bearer_file", path);
        }
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_token_is_one_word_of_bounded_length() {
        // FR-A14
        let check = |text: &str| bearer(text).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(check(" eyJ.e30.c2ln\r\n").unwrap(), "Bearer eyJ.e30.c2ln");
        let longest = "x".repeat(MAX_LEN);
        assert!(check(&format!("{longest}\n")).is_ok());
        for (text, expected) in [
            ("", "expected a token, found an empty file"),
            (" \n", "expected a token, found an empty file"),
            ("a b", "expected a token in printable ASCII without spaces, found other characters"),
            ("a\nb: c", "expected a token in printable ASCII without spaces, found other characters"),
            ("é", "expected a token in printable ASCII without spaces, found other characters"),
            (&format!("{longest}x"), "expected a token of at most 65536 bytes, found a longer one"),
        ] {
            assert_eq!(check(text).unwrap_err().to_string(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn callback_has_five_seconds() {
        // FR-A14
        let after = |seconds| {
            FetchAuthorization::callback(move || async move {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                Ok::<_, BoxError>(HeaderValue::from_static("Bearer s3cret"))
            })
        };
        let value = after(4.9).header().await.unwrap();
        assert!(value.is_sensitive() && value == "Bearer s3cret");
        let error = after(5.1).header().await.unwrap_err();
        assert_eq!(error.to_string(), "the callback for credentials returned none within 5 s");
    }
}
