//! One claim that grants scopes: its path, its form, and the scopes for its names.

use std::borrow::Cow;
use std::fmt;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string, strings};
use scopegate_proto::scope::is_scope;
use serde_json::value::RawValue;

use crate::config_error::ConfigError;
use crate::error::Error;
use crate::scope::granted::GrantedScopesBuilder;

/// A claim that grants scopes.
///
/// Pass it to [`Issuer::scopes_from`](crate::Issuer::scopes_from). A token without the claim gets
/// no scopes from it. If the claim has another form than its source, or is `null`, the token is
/// rejected with [`Error::MalformedClaim`](crate::Error::MalformedClaim).
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a source grants nothing until an issuer has it: Issuer::scopes_from"]
pub struct ScopeSource {
    pub(super) path: ClaimPath,
    form: Form,
    meaning: Meaning,
    pub(super) unless: Option<ClaimPath>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    TextOrArray,
    Array,
}

/// The scopes that a name grants.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    TheScope,
    WithPrefix(String),
    /// Pairs of a name and a scope.
    Mapped(Vec<(String, String)>),
}

impl ScopeSource {
    /// Reads scopes separated by spaces, as RFC 8693 §4.2 defines `scope`.
    ///
    /// If a name is not a valid scope, the claim is malformed.
    pub fn text(path: impl Into<ClaimPath>) -> Self {
        Self::new(path.into(), Form::Text)
    }

    /// Reads scopes separated by spaces, or an array of scopes.
    ///
    /// If a name is not a valid scope, the claim is malformed.
    pub fn text_or_array(path: impl Into<ClaimPath>) -> Self {
        Self::new(path.into(), Form::TextOrArray)
    }

    /// Reads an array of names, such as groups, roles or permissions.
    ///
    /// Names need not follow the grammar of scopes. A name that does not grants nothing, because no
    /// route can require it.
    pub fn array(path: impl Into<ClaimPath>) -> Self {
        Self::new(path.into(), Form::Array)
    }

    fn new(path: ClaimPath, form: Form) -> Self {
        Self { path, form, meaning: Meaning::TheScope, unless: None }
    }

    /// Puts a prefix before each name, to distinguish names from scopes.
    ///
    /// For example, a group `admin` grants `group:admin`, which differs from the scope `admin`.
    ///
    /// If the issuer's preset reads the same claim under a condition
    /// ([`with_claim_absent`](Self::with_claim_absent)), the condition stays. For example,
    /// `array("roles").with_prefix("role:")` with [`Issuer::entra`](crate::Issuer::entra) counts
    /// roles of applications, and not roles of users.
    ///
    /// If the prefix contains a character that scopes cannot have, starting the verifier fails with
    /// [`ConfigError::InvalidName`].
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.meaning = Meaning::WithPrefix(prefix.into());
        self
    }

    /// Grants scopes by a list of names and scopes.
    ///
    /// Names that are not listed grant nothing. List a name several times if it grants several
    /// scopes. Names are compared character by character.
    ///
    /// If one of the scopes is not valid, starting the verifier fails with
    /// [`ConfigError::InvalidScope`].
    pub fn with_map<N, S>(mut self, scopes: impl IntoIterator<Item = (N, S)>) -> Self
    where
        N: Into<String>,
        S: Into<String>,
    {
        let scopes = scopes.into_iter().map(|(name, scope)| (name.into(), scope.into()));
        self.meaning = Meaning::Mapped(scopes.collect());
        self
    }

    /// Reads the claim only in tokens that lack another claim.
    ///
    /// For example, [`Issuer::entra`](crate::Issuer::entra) reads `roles` only in tokens without
    /// `scp`, because these belong to an application itself. A source without a condition inherits
    /// the condition of the source that it replaces.
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

    /// Grants the scopes for names that are separated by spaces. Returns `None` if a name must be a
    /// scope and is not.
    fn grant_text(&self, text: &str, grants: &mut GrantedScopesBuilder) -> Option<()> {
        match &self.meaning {
            Meaning::TheScope => grants.add_text(text),
            Meaning::WithPrefix(_) | Meaning::Mapped(_) => {
                text.split(' ').filter(|name| !name.is_empty()).try_for_each(|name| self.grant(name, grants))
            }
        }
    }

    /// Grants the scopes for a name. Returns `None` if it must be a scope and is not.
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

/// The path of a claim: its name, or a list of names that leads into objects.
///
/// Names are taken literally. Each of `https://claims.example.com/roles` and `cognito:groups` is
/// the name of one claim. The list `["realm_access", "roles"]` names the member `roles` of the
/// claim `realm_access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<Cow<'static, str>>);

impl ClaimPath {
    /// Returns the value, or `None` if there is none at this path.
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

/// Writes the names with dots between them, for errors.
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
