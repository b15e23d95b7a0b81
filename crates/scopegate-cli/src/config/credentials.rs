//! The credentials of this API at an introspection endpoint.

use std::ops::Range;
use std::path::PathBuf;

use scopegate::{
    AssertionSource, ClientAuthError, ClientAuthentication, ConfigError, FetchAuthorization, Introspection,
    PrivateKey, Secret,
};

use crate::causes::with_causes;
use crate::config::beside::{Beside, Found, Place, SecretText};
use crate::config::problem::Problems;
use crate::config::reader::{Reader, Text};

/// The credentials, with their beside. Equal values have equal beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Client {
        id: String,
        secret: ClientSecret,
    },
    /// The path of a file with a bearer token, which is read for each call.
    Bearer(PathBuf),
}

/// The proof of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientSecret {
    Basic(SecretText),
    RawBasic(SecretText),
    Post(SecretText),
    Key {
        key: SigningKey,
        key_id: Option<String>,
    },
    Certificate(SecretText),
    /// The path of a file with an assertion, which is read for each call.
    Assertion(PathBuf),
    /// The secret cannot be read here. The service does not start with it.
    Unavailable,
}

/// A private key. Equal values have equal PEM.
#[derive(Clone, Debug)]
pub(super) struct SigningKey {
    pem: SecretText,
    key: PrivateKey,
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

impl Eq for SigningKey {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Basic,
    RawBasic,
    Post,
    Key,
    Certificate,
    Assertion,
    Bearer,
}

const METHODS: [(&str, Method); 7] = [
    ("client_secret_basic", Method::Basic),
    ("client_secret_basic_raw", Method::RawBasic),
    ("client_secret_post", Method::Post),
    ("private_key_jwt", Method::Key),
    ("tls_client_auth", Method::Certificate),
    ("client_assertion", Method::Assertion),
    ("bearer", Method::Bearer),
];

impl Method {
    /// Returns the keys of which one is required.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Basic | Self::RawBasic | Self::Post => &["client_secret_file", "client_secret_env"],
            Self::Key => &["private_key_file"],
            Self::Certificate => &["certificate_file"],
            Self::Assertion => &["client_assertion_file"],
            Self::Bearer => &["bearer_token_file"],
        }
    }
}

/// The keys that name a secret.
const KEYS: [&str; 6] = [
    "client_secret_file",
    "client_secret_env",
    "private_key_file",
    "certificate_file",
    "client_assertion_file",
    "bearer_token_file",
];

/// The place of the value that names the secret, for errors.
pub(super) struct Read {
    pub(super) credentials: Credentials,
    pub(super) span: Range<usize>,
}

/// Reads the credentials of `[issuer.introspection]`.
pub(super) fn read(table: &mut Reader<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Option<Read> {
    let method = method(table, problems);
    let id = table.string("client_id", problems);
    let key_id = table.string("private_key_id", problems);
    reject_plain(table, problems);
    let named: Vec<(&'static str, Text<'_>)> =
        KEYS.iter().filter_map(|key| Some((*key, table.string(key, problems)?))).collect();
    let (name, method) = method?;
    if method != Method::Bearer && id.is_none() && !table.has("client_id") {
        problems.add(&table.span, "expected the key `client_id`, found none");
    }
    let unused = [("client_id", id.is_some() && method == Method::Bearer)];
    let unused = unused.into_iter().chain([("private_key_id", key_id.is_some() && method != Method::Key)]);
    let of_others = named.iter().filter(|(key, _)| !method.keys().contains(key)).map(|(key, _)| (*key, true));
    for (key, _) in unused.chain(of_others).filter(|(_, is_unused)| *is_unused) {
        problems.add(&table.key_span(key), format_args!("expected no `{key}` with {name:?}"));
    }
    let mut own = named.into_iter().filter(|(key, _)| method.keys().contains(key));
    let Some((key, text)) = own.next() else {
        if !method.keys().iter().any(|key| table.has(key)) {
            let keys = method.keys().join("` or `");
            problems.add(&table.span, format_args!("expected the key `{keys}` for {name:?}, found none"));
        }
        return None;
    };
    if let Some((second, _)) = own.next() {
        problems
            .add(&table.key_span(second), format_args!("expected one of `{key}` and `{second}`, found both"));
        return None;
    }
    let span = text.span.clone();
    let credentials = match method {
        Method::Bearer => Credentials::Bearer(beside.file_of_calls(&text, problems)),
        Method::Assertion => {
            let id = id?.text.to_owned();
            Credentials::Client { id, secret: ClientSecret::Assertion(beside.file_of_calls(&text, problems)) }
        }
        _ => {
            let secret = secret(key, &text, beside, problems);
            let id = id?.text.to_owned();
            let key_id = key_id.map(|text| text.text.to_owned());
            let secret = of_method(method, secret?, key_id);
            let secret = secret.map_err(|error| problems.add(&span, with_causes(&error))).ok()?;
            Credentials::Client { id, secret }
        }
    };
    Some(Read { credentials, span })
}

fn method(table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Option<(&'static str, Method)> {
    let is_present = table.has("auth_method");
    let text = table.string("auth_method", problems);
    if !is_present {
        let [default, ..] = METHODS;
        return Some(default);
    }
    let text = text?;
    let found = METHODS.into_iter().find(|(name, _)| *name == text.text);
    if found.is_none() {
        let names = METHODS.map(|(name, _)| name).join("`, `");
        problems.add(&text.span, format_args!("expected a method out of `{names}`, found {:?}", text.text));
    }
    found
}

/// Rejects a secret in the file. The message does not have it.
fn reject_plain(table: &mut Reader<'_>, problems: &mut Problems<'_>) {
    if table.has("client_secret") {
        problems.add(
            &table.key_span("client_secret"),
            "expected `client_secret_file` or `client_secret_env`, found a secret in this file, which is in \
             backups and reviews",
        );
        table.ignore("client_secret");
    }
}

/// Returns the secret that a key names.
fn secret(key: &str, text: &Text<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Option<Found> {
    let name = text.text.to_owned();
    let place = if key == "client_secret_env" { Place::Variable(name) } else { Place::File(name) };
    beside.secret(&place, text, problems)
}

fn of_method(method: Method, secret: Found, key_id: Option<String>) -> Result<ClientSecret, ClientAuthError> {
    let Found::Secret(secret) = secret else { return Ok(ClientSecret::Unavailable) };
    Ok(match method {
        Method::RawBasic => ClientSecret::RawBasic(secret),
        Method::Post => ClientSecret::Post(secret),
        Method::Key => {
            let key = PrivateKey::from_pem(secret.expose())?;
            ClientSecret::Key { key: SigningKey { pem: secret, key }, key_id }
        }
        Method::Certificate => ClientSecret::Certificate(secret),
        // The last two have a path in place of a secret.
        Method::Basic | Method::Assertion | Method::Bearer => ClientSecret::Basic(secret),
    })
}

impl Credentials {
    /// Returns whether the secret cannot be read here.
    pub(super) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Client { secret: ClientSecret::Unavailable, .. })
    }

    /// Returns whether the client has a certificate.
    pub(super) fn have_certificate(&self) -> bool {
        matches!(self, Self::Client { secret: ClientSecret::Certificate(_), .. })
    }

    /// Returns the introspection at this endpoint with these credentials.
    pub(super) fn introspection(&self, uri: &str) -> Result<Introspection, ConfigError> {
        match self {
            Self::Bearer(path) => {
                Introspection::by_authorization(uri, FetchAuthorization::bearer_file(path.clone()))
            }
            Self::Client { id, secret } => Introspection::by_client(uri, secret.client(id)),
        }
    }
}

impl ClientSecret {
    fn client(&self, id: &str) -> ClientAuthentication {
        let exposed = |secret: &SecretText| Secret::from(secret.expose());
        match self {
            Self::Basic(secret) => ClientAuthentication::client_secret_basic(id, exposed(secret)),
            Self::RawBasic(secret) => ClientAuthentication::client_secret_basic_raw(id, exposed(secret)),
            Self::Post(secret) => ClientAuthentication::client_secret_post(id, exposed(secret)),
            Self::Certificate(pem) => ClientAuthentication::tls_client_auth(id, exposed(pem)),
            Self::Assertion(path) => {
                ClientAuthentication::client_assertion(id, AssertionSource::file(path.clone()))
            }
            Self::Key { key: SigningKey { key, .. }, key_id } => {
                let key = match key_id {
                    Some(key_id) => key.clone().with_key_id(key_id),
                    None => key.clone(),
                };
                ClientAuthentication::private_key_jwt(id, key)
            }
            // The settings are checked without it, and no call is made.
            Self::Unavailable => ClientAuthentication::client_secret_basic(id, "unavailable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use scopegate_issuer::{Algorithm, SigningKey as IssuerKey};
    use toml::de::DeTable;

    use super::*;

    /// Returns the client of a table, without its secret.
    fn client(table: &str, beside: &Beside) -> String {
        let (parsed, errors) = DeTable::parse_recoverable(table);
        assert!(errors.is_empty(), "{errors:?}");
        let mut problems = Problems::new(table);
        let read = read(&mut Reader::new(parsed.get_ref(), 0..0), beside, &mut problems);
        let read = read.unwrap_or_else(|| panic!("{:?}", problems.into_vec()));
        match read.credentials {
            Credentials::Client { id, secret } => format!("{:?}", secret.client(&id)),
            Credentials::Bearer(path) => format!("bearer {}", path.display()),
        }
    }

    #[test]
    fn each_method_sends_its_own_secret() {
        let folder = std::env::temp_dir().join(format!("scopegate-cli-methods-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("secret"), "s3cret").unwrap();
        std::fs::write(folder.join("key"), IssuerKey::generate(Algorithm::ES256).private_key_pem()).unwrap();
        for (method, secret, expected) in [
            ("client_secret_basic", "client_secret_file = \"secret\"", "Basic("),
            ("client_secret_basic_raw", "client_secret_file = \"secret\"", "RawBasic("),
            ("client_secret_post", "client_secret_file = \"secret\"", "Post("),
            ("private_key_jwt", "private_key_file = \"key\"\nprivate_key_id = \"k\"", "Key("),
            ("tls_client_auth", "certificate_file = \"secret\"", "Certificate("),
            ("client_assertion", "client_assertion_file = \"token\"", "Assertion("),
            ("bearer", "bearer_token_file = \"token\"", "bearer "),
        ] {
            let id = if method == "bearer" { "" } else { "client_id = \"c\"" };
            let table = format!("auth_method = \"{method}\"\n{id}\n{secret}\n");
            let inline = table.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ");
            let file = format!("[[issuer]]\nintrospection = {{ {inline} }}\n");
            let found = client(&table, &Beside::of(&file, &folder.join("scopegate.toml")));
            let is_expected = found.starts_with(expected) || found.contains(&format!("method: {expected}"));
            assert!(
                is_expected && !found.contains("s3cret") && !found.contains("PRIVATE"),
                "{method}: {found}"
            );
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
