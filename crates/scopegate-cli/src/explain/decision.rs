//! The decision of a service about one request: `--config FILE --request "GET /orders/7"`.
//!
//! The room of decisions makes it, with the rules of the file.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;
use clap::Args;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use scopegate::{Claims, ConfigError, Error, Requirement, Verifier};
use serde_json::{Value, json};

use crate::causes::with_causes;
use crate::config::dpop::DpopSettings;
use crate::config::file;
use crate::config::form::Form;
use crate::config::issuer::IssuerEntry;
use crate::config::revocations::RevocationSettings;
use crate::config::settings::Config;
use crate::decide::explained;
use crate::decide::rules::{NotVerifying, Rules, verifier_of};
use crate::exit::Failure;
use crate::explain::at::At;
use crate::explain::input::Token;
use crate::explain::settings::Settings;
use crate::explain::trust::Trust;
use crate::routes::access::{Access, RequiredUser};

#[derive(Args)]
pub(crate) struct Asked {
    /// Configuration of the service, with its issuers and routes
    #[arg(
        long,
        value_name = "FILE",
        groups = ["trusted", "rule"],
        conflicts_with_all = ["clients", "audiences"],
    )]
    config: Option<PathBuf>,

    /// Request to the service, such as "GET /orders/7"
    #[arg(long, value_name = "METHOD PATH")]
    request: Option<RequestLine>,

    /// Host of the request [default: the host of `public_url`]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

/// The method and the target of a request.
#[derive(Clone, Debug)]
struct RequestLine {
    method: Method,
    target: String,
}

impl FromStr for RequestLine {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected a method and a path, such as \"GET /orders/7\"";
        let (method, target) = text.split_once(' ').ok_or(expected)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| expected)?;
        if target.is_empty() || target.contains(char::is_whitespace) {
            return Err(expected);
        }
        Ok(Self { method, target: target.to_owned() })
    }
}

/// The rules of a file, and a request.
pub(super) struct Service {
    config: Config,
    rules: Rules,
    pub(super) verifier: Verifier,
    request: RequestLine,
    host: String,
    question: Parts,
}

impl Service {
    /// Reads the file of the flags. Returns `None` if there is none.
    pub(super) async fn read(asked: &Asked, trust: &Trust, now: At) -> Result<Option<Self>, Failure> {
        let (path, request) = match (&asked.config, &asked.request, &asked.host) {
            (Some(path), Some(request), _) => (path, request),
            (None, None, None) => return Ok(None),
            _ => return Err(Failure::usage("expected --config with --request, found one of them")),
        };
        let invalid = |error: file::Invalid| Failure::usage(error.to_string().trim_end().to_owned());
        let config = file::read(path).map_err(invalid)?;
        let keys = trust.keys()?;
        let invalid = |error: ConfigError| Failure::usage(with_causes(&error));
        if config.dpop.as_ref().is_some_and(DpopSettings::lacks_secret) {
            return Err(Failure::undecidable("the file of `dpop_nonce_key_file` cannot be read"));
        }
        if config.revocations.as_ref().is_some_and(RevocationSettings::lacks_secret) {
            return Err(Failure::undecidable("the file of `redis_password_file` cannot be read"));
        }
        let dpop = config.start_dpop().map_err(invalid)?;
        // An issuer whose tokens are introspected has no keys that could be replaced.
        let of = |entry: &IssuerEntry, issuer| if entry.is_opaque() { issuer } else { keys.of(issuer) };
        let time = now.time();
        let started = verifier_of(&config, move || time, dpop.as_ref(), of).await;
        let builder = started.map_err(|error| match error {
            // Nothing is known about revoked tokens.
            NotVerifying::Revocations(error) => Failure::undecidable(with_causes(&error)),
            NotVerifying::Issuer(error) => invalid(error),
        })?;
        let verifier = builder.start_lazy().map_err(invalid)?;
        let rules = Rules::compile(&config, &verifier);
        let rules = rules.map_err(|error| Failure::usage(with_causes(&error)))?;
        let host = asked.host.clone().unwrap_or_else(|| config.public_url.host().to_owned());
        let question = config.gateway.question(&request.method, &request.target, &host);
        let question = question.map_err(|error| Failure::usage(format!("no such request: {error}")))?;
        Ok(Some(Self { config, rules, verifier, request: request.clone(), host, question }))
    }

    /// Returns whether a token decides about the request.
    pub(super) fn needs_token(&self) -> bool {
        explained::needs_token(&self.rules, &self.question)
    }

    /// Returns whether an issuer is asked about the token in place of a verification.
    ///
    /// # Errors
    /// Fails if an issuer has to be asked, and cannot be asked here or about another time.
    pub(super) fn asks_issuer(&self, form: &Form<'_>, is_now: bool) -> Result<bool, Failure> {
        let verifies_jwts = self.config.issuers.iter().any(|entry| !entry.is_opaque());
        let asked = self.config.issuers.iter().filter(|entry| entry.may_be_asked(form, verifies_jwts));
        let (mut is_asked, mut is_replaced) = (None, false);
        for entry in asked {
            if entry.lacks_secret() {
                return Err(Failure::undecidable(format!(
                    "{} has to be asked about the token by introspection, and the secret for it cannot be read here: \
                     see `scopegate check`",
                    entry.name
                )));
            }
            is_asked = Some(entry);
            is_replaced |= entry.is_opaque();
        }
        match is_asked {
            Some(entry) if !is_now => Err(Failure::undecidable(format!(
                "{} has to be asked about the token by introspection, and knows only whether it is active now: omit --at",
                entry.name
            ))),
            _ => Ok(is_replaced),
        }
    }

    /// Decides about the request with this token.
    pub(super) async fn decide(&self, token: Option<&Token>) -> Result<Decision, Failure> {
        let mut question = self.question.clone();
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.text));
            let value = value.map_err(|_| Failure::usage("expected a token that a header can have"))?;
            question.headers.insert(AUTHORIZATION, value);
        }
        let explained = explained::explain(&self.rules, &question).await;
        let access = explained.pattern.as_deref().and_then(|pattern| self.access(pattern));
        let required = access.and_then(Access::scopes).cloned();
        let rule = match (&explained.lacks, &explained.pattern) {
            (None, Some(pattern)) => format!("{pattern}: {}", shown(access)),
            (Some(lacks), Some(pattern)) => format!("{lacks}; the route is {pattern}"),
            (lacks, None) => lacks.clone().unwrap_or_default(),
        };
        let missing = explained.error.as_ref().map(missing).unwrap_or_default();
        let explained::Explained { pattern, code, error, claims, response, .. } = explained;
        let (method, target) = (self.request.method.to_string(), self.request.target.clone());
        let host = self.host.clone();
        Ok(Decision { method, target, host, pattern, rule, required, missing, code, error, claims, response })
    }

    /// Returns the settings of the issuer with this name, or of the only one.
    pub(super) fn settings(&self, name: Option<&str>) -> Settings<'_> {
        let named = self.config.issuers.iter().find(|entry| Some(entry.name.as_str()) == name);
        let only = match self.config.issuers.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        Settings::of_file(named.or(only))
    }

    fn access(&self, pattern: &str) -> Option<&Access> {
        let hosts = |host: &String| !self.config.uses_hosts || *host == self.host_name();
        let mut routes = self.config.routes.iter();
        let route = routes.find(|route| route.path == pattern && route.hosts.iter().any(hosts))?;
        route.access(&self.request.method)
    }

    fn host_name(&self) -> String {
        let read = self.config.gateway.read(&self.question, true);
        read.ok().and_then(|asked| asked.host).unwrap_or_default()
    }
}

fn shown(access: Option<&Access>) -> String {
    let mut text = match access {
        Some(Access::Public) => "public".to_owned(),
        access => access.and_then(Access::scopes).map_or("any valid token".to_owned(), ToString::to_string),
    };
    let Some(RequiredUser { acr, max_age }) = access.and_then(Access::user) else { return text };
    text.push_str(", of a user");
    if !acr.is_empty() {
        let _ = write!(text, " with acr {}", acr.join(" or "));
    }
    if let Some(age) = max_age {
        let _ = write!(text, " who has authenticated in the last {} s", age.as_secs());
    }
    text
}

/// Returns the scopes that the token lacks, for each sufficient set.
fn missing(error: &Error) -> Vec<Vec<String>> {
    let Error::InsufficientScope { required, granted, .. } = error else { return Vec::new() };
    let sets = required.minimal_sets().into_iter();
    let missing = |set: Vec<&scopegate::Scope>| {
        let lacking = set.into_iter().map(scopegate::Scope::as_str);
        lacking.filter(|scope| !granted.contains(scope)).map(str::to_owned).collect()
    };
    sets.map(missing).collect()
}

/// The decision about the request.
pub(super) struct Decision {
    method: String,
    target: String,
    host: String,
    pattern: Option<String>,
    rule: String,
    pub(super) required: Option<Requirement>,
    /// Any of these sets is sufficient.
    missing: Vec<Vec<String>>,
    pub(super) code: &'static str,
    pub(super) error: Option<Error>,
    /// The claims of the token of an accepted request.
    pub(super) claims: Option<Claims>,
    response: Response<Bytes>,
}

impl Decision {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Returns the lines for a terminal. Headers are shown as they are sent.
    pub(super) fn report(&self) -> String {
        let mut text = String::new();
        let Self { method, target, host, rule, .. } = self;
        let _ = writeln!(text, "Request  {} {} at {host}", method.escape_debug(), target.escape_debug());
        let _ = writeln!(text, "Rule     {rule}");
        if !self.missing.is_empty() {
            let sets: Vec<String> = self.missing.iter().map(|set| set.join(" and ")).collect();
            let _ = writeln!(text, "Missing  {}", sets.join(", or "));
        }
        let _ = writeln!(text, "Answer   {}", self.response.status());
        for (name, value) in self.response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            let _ = writeln!(text, "         {name}: {}", value.trim());
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let headers = self.response.headers().iter().map(|(name, value)| {
            json!({ "name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes()) })
        });
        json!({
            "request": { "method": self.method, "target": self.target, "host": self.host },
            "route": self.pattern,
            "rule": self.rule,
            "missing_scopes": self.missing,
            "answer": {
                "status": self.status(),
                "headers": headers.collect::<Vec<Value>>(),
                "body": String::from_utf8_lossy(self.response.body()),
            },
        })
    }
}
