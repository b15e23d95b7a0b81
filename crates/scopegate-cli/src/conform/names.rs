//! The names that the API is configured with: audience, client and scopes.

use clap::{ArgGroup, Args};
use scopegate_proto::scope::Scope;

use crate::causes::with_causes;
use crate::conform::form::Form;
use crate::exit::Failure;

/// The client of valid tokens, if the API accepts any client.
const CLIENT: &str = "conform-client";

/// The arguments about the names.
#[derive(Args)]
#[group(skip)]
#[command(group = ArgGroup::new("required_scope").required(true))]
pub(super) struct NameArguments {
    /// Scopes that the route requires (repeatable, or separated by spaces)
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ', group = "required_scope")]
    scope: Vec<String>,

    /// No required scope: any valid token may use the route
    #[arg(long, group = "required_scope")]
    no_scope: bool,

    /// Scope that exists, but is not sufficient for the route
    #[arg(long, value_name = "SCOPE", default_value = "conform/other")]
    other_scope: String,

    /// Audience of the API, as in `aud` [default: scheme and host of the URL; none with --form cognito]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,

    /// The only client that the API accepts; tokens of others are then hostile [default: any client]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
}

/// The names of valid tokens.
pub(super) struct Names {
    /// `None` if the tokens have no audience, as in Cognito.
    pub(super) audience: Option<String>,
    pub(super) client: String,
    /// Whether the API accepts this client only.
    pub(super) is_only_client: bool,
    /// The required scopes. Empty if the route needs none.
    pub(super) scopes: Vec<String>,
    pub(super) other_scope: String,
}

impl Names {
    pub(super) fn of(arguments: &NameArguments, form: Form, origin: String) -> Result<Self, Failure> {
        let scopes = arguments.scope.iter().filter(|scope| !scope.is_empty());
        for scope in scopes.clone().chain([&arguments.other_scope]) {
            scope
                .parse::<Scope>()
                .map_err(|error| Failure::usage(format!("scope {scope:?}: {}", with_causes(&error))))?;
        }
        let scopes: Vec<String> = scopes.cloned().collect();
        if scopes.contains(&arguments.other_scope) {
            return Err(Failure::usage("--other-scope: expected another scope than --scope, found the same"));
        }
        if scopes.is_empty() && !arguments.no_scope {
            return Err(Failure::usage(
                "--scope: expected a scope, found none; use --no-scope if there is none",
            ));
        }
        let by_default = (form != Form::Cognito).then_some(origin);
        let audience = arguments.audience.clone().or(by_default);
        // An API for tokens without an audience must know its clients.
        let is_only_client = arguments.client_id.is_some() || audience.is_none();
        let client = arguments.client_id.clone().unwrap_or_else(|| CLIENT.to_owned());
        Ok(Self { audience, client, is_only_client, scopes, other_scope: arguments.other_scope.clone() })
    }
}
