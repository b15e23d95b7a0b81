//! `[issuer.introspection]`: the tokens that an issuer is asked about, and how.

use std::ops::Range;
use std::time::Duration;

use scopegate::{ConfigError, Introspection};

use crate::config::beside::Beside;
use crate::config::credentials::{self, Credentials};
use crate::config::problem::Problems;
use crate::config::reader::Reader;
use crate::config::tenants::PLACEHOLDER;

/// The introspection of an issuer's tokens. Equal values have equal settings and beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Introspected {
    pub(super) tokens: Tokens,
    endpoint: Endpoint,
    /// The prefix of opaque tokens.
    pub(super) prefix: Option<String>,
    settings: Settings,
}

/// The tokens that are introspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    /// Tokens that are no JWTs.
    Opaque,
    /// Opaque tokens and JWTs, which are not verified.
    All,
    /// JWTs, after they were verified.
    AfterJwt,
}

const TOKENS: [(&str, Tokens); 3] =
    [("opaque", Tokens::Opaque), ("all", Tokens::All), ("after_jwt", Tokens::AfterJwt)];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Endpoint {
    /// RFC 7662
    Introspection { uri: String, credentials: Credentials },
    /// The endpoint `tokeninfo` of Google, which needs no credentials.
    Tokeninfo { uri: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Settings {
    cache: Option<Duration>,
    stale: Option<Duration>,
    timeout: Option<Duration>,
    capacity: Option<usize>,
    unseen: Option<(u32, u32)>,
    is_signed: bool,
    response_jwks_uri: Option<String>,
}

/// The settings, and the places of their values.
pub(super) struct Read {
    pub(super) introspected: Introspected,
    pub(super) spans: Vec<(&'static str, Range<usize>)>,
}

/// The defaults of [`Introspection::unseen_tokens`], of which the file may set one.
const UNSEEN: (u32, u32) = (300, 100);
const MAX_UNSEEN: u32 = 100_000;
const MAX_CAPACITY: usize = 1_048_576;

/// Reads the table.
pub(super) fn read(mut table: Reader<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Option<Read> {
    let uri = table.required("uri", problems);
    let tokens = tokens(&mut table, problems);
    let prefix = table.string("token_prefix", problems);
    let credentials = credentials::read(&mut table, beside, problems);
    let settings = Settings::read(&mut table, problems);
    let spans = spans(&mut table, credentials.as_ref());
    table.finish(problems);
    let credentials = credentials?.credentials;
    let endpoint = Endpoint::Introspection { uri: uri?.text.to_owned(), credentials };
    let prefix = prefix.map(|text| text.text.to_owned());
    let introspected = Introspected { tokens: tokens?, endpoint, prefix, settings };
    Some(Read { introspected, spans })
}

/// Reads the table of Google, whose endpoint is the value of the kind. It may be absent.
pub(super) fn read_google(table: Option<Reader<'_>>, uri: &str, problems: &mut Problems<'_>) -> Read {
    let (mut settings, mut found) = (Settings::default(), Vec::new());
    if let Some(mut table) = table {
        settings = Settings::read(&mut table, problems);
        found = spans(&mut table, None);
        table.finish(problems);
    }
    let endpoint = Endpoint::Tokeninfo { uri: uri.to_owned() };
    Read {
        introspected: Introspected { tokens: Tokens::Opaque, endpoint, prefix: None, settings },
        spans: found,
    }
}

fn tokens(table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Option<Tokens> {
    let text = table.required("tokens", problems)?;
    let found = TOKENS.into_iter().find(|(name, _)| *name == text.text);
    if found.is_none() {
        let names = TOKENS.map(|(name, _)| name).join("`, `");
        problems.add(&text.span, format_args!("expected tokens out of `{names}`, found {:?}", text.text));
    }
    found.map(|(_, tokens)| tokens)
}

impl Settings {
    fn read(table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Self {
        let cache = table.seconds("cache_secs", problems);
        let stale = table.seconds("stale_secs", problems);
        let timeout = table.seconds("timeout_secs", problems);
        let capacity = table.number("cache_capacity", 1..=MAX_CAPACITY, problems);
        let burst = table.number("unseen_burst", 1..=MAX_UNSEEN, problems);
        let per_second = table.number("unseen_per_second", 1..=MAX_UNSEEN, problems);
        let unseen = (burst.is_some() || per_second.is_some())
            .then(|| (burst.unwrap_or(UNSEEN.0), per_second.unwrap_or(UNSEEN.1)));
        let signed = table.string("responses", problems);
        let is_signed = match signed.as_ref().map(|text| text.text) {
            None | Some("plain") => false,
            Some("signed") => true,
            Some(other) => {
                let span = signed.map_or(0..0, |text| text.span);
                problems.add(&span, format_args!("expected \"plain\" or \"signed\", found {other:?}"));
                false
            }
        };
        let response_jwks_uri = table.string("response_jwks_uri", problems);
        if response_jwks_uri.is_some() && !is_signed {
            problems.add(
                &table.key_span("response_jwks_uri"),
                "expected `response_jwks_uri` with `responses = \"signed\"`",
            );
        }
        let response_jwks_uri = response_jwks_uri.map(|text| text.text.to_owned());
        Self { cache, stale, timeout, capacity, unseen, is_signed, response_jwks_uri }
    }

    fn apply(&self, mut introspection: Introspection) -> Introspection {
        if let Some(time) = self.cache {
            introspection = introspection.cache_for(time);
        }
        if let Some(time) = self.stale {
            introspection = introspection.serve_stale(time);
        }
        if let Some(time) = self.timeout {
            introspection = introspection.timeout(time);
        }
        if let Some(results) = self.capacity {
            introspection = introspection.cache_capacity(results);
        }
        if let Some((burst, per_second)) = self.unseen {
            introspection = introspection.unseen_tokens(burst, per_second);
        }
        match &self.response_jwks_uri {
            Some(uri) => introspection.response_keys(uri),
            None if self.is_signed => introspection.signed_responses(),
            None => introspection,
        }
    }
}

impl Introspected {
    /// Returns whether tokens are accepted by introspection alone.
    pub(super) fn replaces_verification(&self) -> bool {
        matches!(self.tokens, Tokens::Opaque | Tokens::All)
    }

    /// Returns whether the secret cannot be read here.
    pub(super) fn lacks_secret(&self) -> bool {
        matches!(&self.endpoint, Endpoint::Introspection { credentials, .. } if credentials.is_unavailable())
    }

    /// Returns the introspection of a tenant's tokens.
    pub(super) fn of_tenant(&self, tenant: &str) -> Self {
        let mut of_tenant = self.clone();
        if let Endpoint::Introspection { uri, .. } = &mut of_tenant.endpoint {
            *uri = uri.replace(PLACEHOLDER, tenant);
        }
        of_tenant
    }

    /// Returns the settings for the verifier.
    pub(super) fn introspection(&self) -> Result<Introspection, ConfigError> {
        let introspection = match &self.endpoint {
            Endpoint::Introspection { uri, credentials } => credentials.introspection(uri)?,
            Endpoint::Tokeninfo { uri } => Introspection::by_tokeninfo(uri)?,
        };
        Ok(self.settings.apply(introspection))
    }
}

/// The keys, and the setting that an error of the verifier names.
const SETTINGS: [(&str, &str); 8] = [
    ("uri", "introspection endpoint"),
    ("tokens", "introspect_jwts"),
    ("token_prefix", "token_prefix"),
    ("cache_secs", "cached introspections"),
    ("stale_secs", "stale introspections"),
    ("timeout_secs", "introspection timeout"),
    ("responses", "signed_responses"),
    ("response_jwks_uri", "response_keys"),
];

/// Returns the places of values, by the setting that an error names. `credentials` is the place of the
/// secret.
fn spans(
    table: &mut Reader<'_>,
    credentials: Option<&credentials::Read>,
) -> Vec<(&'static str, Range<usize>)> {
    let place = |(key, setting): (&str, &'static str)| Some((setting, table.value_span(key)?));
    let mut spans: Vec<_> = SETTINGS.into_iter().filter_map(place).collect();
    if let Some(read) = credentials {
        let name = if read.credentials.have_certificate() { CERTIFICATE } else { CREDENTIALS };
        spans.push((name, read.span.clone()));
    }
    spans.push((ANY, table.span.clone()));
    spans
}

/// The names of the credentials among the places.
const CREDENTIALS: &str = "credentials";
const CERTIFICATE: &str = "certificate";
/// The name of the table.
const ANY: &str = "introspection";

/// Returns the place of the value with this mistake.
pub(super) fn span_of<'s>(
    error: &ConfigError,
    spans: &'s [(&'static str, Range<usize>)],
) -> Option<&'s Range<usize>> {
    let setting = match error {
        ConfigError::InvalidClientAuthentication { .. } => CREDENTIALS,
        // The client of the endpoint has the certificate.
        ConfigError::HttpClient { .. } => CERTIFICATE,
        ConfigError::InvalidUrl { setting, .. }
        | ConfigError::OutOfRange { setting, .. }
        | ConfigError::InvalidName { setting, .. } => setting,
        _ => return None,
    };
    let find = |name: &str| spans.iter().find(|(found, _)| *found == name).map(|(_, span)| span);
    let found = find(setting).or_else(|| find(CERTIFICATE).filter(|_| setting == CREDENTIALS));
    // Two issuers of opaque tokens without a prefix.
    found.or_else(|| find(ANY).filter(|_| setting == "token_prefix"))
}
