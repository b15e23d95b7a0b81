//! One claim that grants scopes: its path, its form, and what its names mean.

use std::borrow::Cow;
use std::fmt;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string, strings};
use scopegate_proto::scope::is_scope;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::error::config::ConfigError;
use crate::scope::granted::GrantedScopesBuilder;

/// A claim that grants scopes.
///
/// Give it to [`Issuer::scopes_from`](crate::Issuer::scopes_from). A token without the claim is granted nothing by it.
/// If the claim has another form than its source, the token is rejected with
/// [`Error::MalformedClaim`](crate::Error::MalformedClaim); so is `null`.
///
/// ```
/// use scopegate::{Issuer, ScopeSource};
///
/// let cognito = Issuer::cognito("eu-west-1_Ab12Cd34E")?
///     .client("1example23456789")
///     // "cognito:groups": ["readers"] grants `group:readers`
///     .scopes_from(ScopeSource::array("cognito:groups").with_prefix("group:"));
///
/// let fusionauth = Issuer::from_jwks_uri("acme.com", "https://login.acme.com/.well-known/jwks.json")?
///     .audience("e9fdb985-9173-4e01-9d73-ac2d60d1dc8e")
///     // "roles": ["Order Admin"] grants `orders/read` and `orders/write`
///     .scopes_from(
///         ScopeSource::array("roles")
///             .with_map([("Order Admin", "orders/read"), ("Order Admin", "orders/write")]),
///     )
///     // "app": { "permissions": [..] }
///     .scopes_from(ScopeSource::array(["app", "permissions"]));
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a source grants nothing until an issuer has it: Issuer::scopes_from"]
pub struct ScopeSource {
    pub(super) path: ClaimPath,
    form: Form,
    meaning: Meaning,
    pub(super) unless: Option<ClaimPath>,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    TextOrArray,
    Array,
}

/// What a name grants.
#[derive(Clone, Debug)]
enum Meaning {
    TheScope,
    WithPrefix(String),
    /// Names and scopes.
    Mapped(Vec<(String, String)>),
}

impl ScopeSource {
    /// A claim that holds scopes separated by spaces, as RFC 8693 §4.2 defines `scope`. A name that is not a scope makes
    /// the claim malformed.
    pub fn text(path: impl Into<ClaimPath>) -> Self {
        Self::new(path.into(), Form::Text)
    }

    /// A claim that holds scopes separated by spaces, or an array of scopes. A name that is not a scope makes the claim
    /// malformed.
    pub fn text_or_array(path: impl Into<ClaimPath>) -> Self {
        Self::new(path.into(), Form::TextOrArray)
    }

    /// A claim that holds an array of names, such as groups, roles or permissions. They need not follow the grammar of
    /// scopes: a name that does not can never be required, so it grants nothing.
    pub fn array(path: impl Into<ClaimPath>) -> Self {
        Self::new(path.into(), Form::Array)
    }

    fn new(path: ClaimPath, form: Form) -> Self {
        Self { path, form, meaning: Meaning::TheScope, unless: None }
    }

    /// Puts a prefix before each name, so that a group called `admin` grants `group:admin` and cannot be taken for the
    /// scope `admin`.
    ///
    /// If the issuer's preset reads the same claim under a condition ([`with_claim_absent`](Self::with_claim_absent)), the
    /// condition stays. So with [`Issuer::entra`](crate::Issuer::entra), `array("roles").with_prefix("role:")` counts the
    /// roles of applications, and not the roles of users.
    ///
    /// If the prefix has a character that no scope has, starting the verifier fails with
    /// [`ConfigError::InvalidName`].
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.meaning = Meaning::WithPrefix(prefix.into());
        self
    }

    /// Grants scopes by a list of names and scopes. Names that are not in the list grant nothing. List a name several
    /// times if it grants several scopes. Names are compared character by character.
    ///
    /// If one of the scopes is none, starting the verifier fails with [`ConfigError::InvalidScope`].
    pub fn with_map<N, S>(mut self, scopes: impl IntoIterator<Item = (N, S)>) -> Self
    where
        N: Into<String>,
        S: Into<String>,
    {
        let scopes = scopes.into_iter().map(|(name, scope)| (name.into(), scope.into()));
        self.meaning = Meaning::Mapped(scopes.collect());
        self
    }

    /// Reads the claim only in tokens without another claim: [`Issuer::entra`](crate::Issuer::entra) reads `roles` in
    /// tokens that have no `scp`, because only these are tokens of an application for itself. A source that replaces
    /// another one and has no condition inherits that of the other.
    pub fn with_claim_absent(mut self, claim: impl Into<ClaimPath>) -> Self {
        self.unless = Some(claim.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for path in [Some(&self.path), self.unless.as_ref()].into_iter().flatten() {
            if path.0.is_empty() || path.0.iter().any(|name| name.is_empty()) {
                let expected = "the name of a claim, or of members within it, none of them empty";
                let found = path.to_string();
                return Err(ConfigError::InvalidName { setting: "path of a scope source", expected, found });
            }
        }
        match &self.meaning {
            Meaning::WithPrefix(prefix) if !is_scope(prefix) => Err(ConfigError::InvalidName {
                setting: "prefix of a scope source",
                expected: "one or more printable ASCII characters except space, quote and backslash",
                found: prefix.clone(),
            }),
            Meaning::Mapped(scopes) => match scopes.iter().find(|(_, scope)| !is_scope(scope)) {
                Some((_, scope)) => Err(ConfigError::InvalidScope { found: scope.clone() }),
                None => Ok(()),
            },
            Meaning::TheScope | Meaning::WithPrefix(_) => Ok(()),
        }
    }

    pub(super) fn read(
        &self,
        payload: &JsonObject<'_>,
        grants: &mut GrantedScopesBuilder,
    ) -> Result<(), Error> {
        if let Some(unless) = &self.unless
            && unless.find(payload)?.is_some()
        {
            return Ok(());
        }
        let Some(value) = self.path.find(payload)? else { return Ok(()) };
        let read = match (self.form, string(value)) {
            (Form::Text | Form::TextOrArray, Some(text)) => self.grant_text(&text, grants),
            (Form::TextOrArray, None) => {
                strings(value).and_then(|names| names.iter().try_for_each(|name| self.grant(name, grants)))
            }
            (Form::Array, _) => strings(value).map(|names| {
                for name in names {
                    // A name that is not a scope grants nothing.
                    let _ = self.grant(&name, grants);
                }
            }),
            (Form::Text, None) => None,
        };
        read.ok_or_else(|| self.path.malformed(self.form.expected(), value))
    }

    /// Grants what names with spaces between them mean. `None` if one of them has to be a scope and is not.
    fn grant_text(&self, text: &str, grants: &mut GrantedScopesBuilder) -> Option<()> {
        match &self.meaning {
            Meaning::TheScope => grants.add_text(text),
            Meaning::WithPrefix(_) | Meaning::Mapped(_) => {
                text.split(' ').filter(|name| !name.is_empty()).try_for_each(|name| self.grant(name, grants))
            }
        }
    }

    /// Grants what a name means. `None` if it has to be a scope and is not.
    fn grant(&self, name: &str, grants: &mut GrantedScopesBuilder) -> Option<()> {
        match &self.meaning {
            Meaning::TheScope => grants.add(name),
            Meaning::WithPrefix(prefix) => is_scope(name).then(|| grants.add(&format!("{prefix}{name}")))?,
            Meaning::Mapped(scopes) => {
                let mapped = scopes.iter().filter(|(known, _)| known == name);
                mapped.map(|(_, scope)| scope).try_for_each(|scope| grants.add(scope))
            }
        }
    }
}

impl Form {
    fn expected(self) -> &'static str {
        match self {
            Self::Text => "scopes separated by spaces",
            Self::TextOrArray => "scopes separated by spaces, or an array of scopes",
            Self::Array => "an array of strings",
        }
    }
}

/// Where a claim is: its name, or the names of objects and the member within them.
///
/// Names are taken literally: `https://claims.example.com/roles` and `cognito:groups` are names of one claim. A list of
/// names leads into objects: `["realm_access", "roles"]` is the member `roles` of the claim `realm_access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<Cow<'static, str>>);

impl ClaimPath {
    /// The value, or `None` if the path leads nowhere.
    fn find<'a>(&self, payload: &JsonObject<'a>) -> Result<Option<&'a RawValue>, Error> {
        let mut members = self.0.iter();
        let mut found = members.next().and_then(|claim| payload.get(claim));
        for member in members {
            let Some(object) = found else { break };
            let Ok(members) = JsonObject::from_text(object.get()) else {
                return Err(self.malformed("an array of strings within objects", object));
            };
            found = members.get(member);
        }
        Ok(found)
    }

    fn malformed(&self, expected: &'static str, found: &RawValue) -> Error {
        let found = Some(Excerpt::of_json(found, Excerpt::DEFAULT_LIMIT));
        Error::MalformedClaim { claim: self.to_string().into(), expected, found }
    }
}

/// The names with dots between them, for errors.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl From<&'static str> for ClaimPath {
    fn from(claim: &'static str) -> Self {
        Self(vec![claim.into()])
    }
}

impl From<String> for ClaimPath {
    fn from(claim: String) -> Self {
        Self(vec![claim.into()])
    }
}

impl<const N: usize> From<[&'static str; N]> for ClaimPath {
    fn from(names: [&'static str; N]) -> Self {
        Self(names.map(Cow::from).to_vec())
    }
}

impl From<Vec<String>> for ClaimPath {
    fn from(names: Vec<String>) -> Self {
        Self(names.into_iter().map(Cow::from).collect())
    }
}
