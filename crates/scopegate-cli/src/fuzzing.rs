//! Access for fuzz targets to the parsers of an operator's files. `fuzz/program` compiles it as a library. It is no part
//! of the program, which has no API.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::missing_errors_doc,
    reason = "no part of the API"
)]
#![allow(dead_code, unused_imports, reason = "the program uses the rest")]

mod check {
    pub(crate) mod warnings;
}
mod decide;
mod config;
mod openapi;
mod gateway;
mod routes;
mod path;
mod log_limit;
mod causes;

use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use scopegate::SystemClock;

use crate::config::beside::Beside;
use crate::config::openapi::Document;
use crate::config::problem::Problem;
use crate::config::settings::Config;
use crate::decide::rules::{Rules, verifier_of};
use crate::routes::access::Access;
use crate::routes::pattern;

/// A message with its place. Line and column begin at 1.
#[derive(Debug, PartialEq)]
pub struct Message {
    pub line: usize,
    pub column: usize,
    pub text: String,
}

/// A configuration that was accepted.
pub struct Configuration(Config);

/// The values of a configuration, for comparisons with another reading of the file.
#[derive(Debug, PartialEq)]
pub struct Values {
    pub listen: SocketAddr,
    pub listen_grpc: Option<SocketAddr>,
    pub listen_admin: Option<SocketAddr>,
    pub issuers: Vec<Issuer>,
    pub routes: Vec<Route>,
    /// The headers, with the part of the token that each has.
    pub forward: Vec<String>,
    /// `Debug` of the settings for proofs, and of those for certificates.
    pub dpop: Option<String>,
    pub certificates: Option<String>,
    pub follows_revocations: bool,
    /// The files and secrets that are not here.
    pub unavailable: Vec<Message>,
}

#[derive(Debug, PartialEq)]
pub struct Issuer {
    pub name: String,
    pub hosts: Vec<String>,
    /// Whether its tokens are accepted by introspection alone.
    pub is_opaque: bool,
    pub lacks_secret: bool,
}

#[derive(Debug, PartialEq)]
pub struct Route {
    pub hosts: Vec<String>,
    pub path: String,
    /// The methods with their rules.
    pub rules: Vec<(String, Rule)>,
}

#[derive(Debug, PartialEq)]
pub enum Rule {
    Public,
    Token { scopes: Option<String>, acr: Vec<String>, max_auth_age_secs: Option<u64> },
}

impl Configuration {
    /// Parses a file. `content` has the contents of the files and variables that it names, and `document` is
    /// the OpenAPI document. Nothing is read from this machine.
    pub fn parse(
        text: &str,
        document: Option<&str>,
        content: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<Self, Vec<Message>> {
        let beside = Beside::invented(text, content);
        let document = document.map(Document::new);
        let config = Config::parse_with(text, document.as_ref(), &beside);
        config.map(Self).map_err(|problems| problems.into_iter().map(Message::from).collect())
    }

    pub fn values(&self) -> Values {
        let config = &self.0;
        let issuers = config.issuers.iter().map(|entry| Issuer {
            name: entry.name.clone(),
            hosts: entry.hosts.clone(),
            is_opaque: entry.is_opaque(),
            lacks_secret: entry.lacks_secret(),
        });
        let routes = config.routes.iter().map(|route| Route {
            hosts: route.hosts.clone(),
            path: route.path.clone(),
            rules: route.methods.iter().map(|(method, access)| (method.to_string(), access.into())).collect(),
        });
        Values {
            listen: config.listen,
            listen_grpc: config.listen_grpc,
            listen_admin: config.listen_admin,
            issuers: issuers.collect(),
            routes: routes.collect(),
            forward: config.forward.iter().map(|(name, _)| name.to_string()).collect(),
            dpop: config.dpop.as_ref().map(|settings| format!("{settings:?}")),
            certificates: config.certificates.as_ref().map(|settings| format!("{settings:?}")),
            follows_revocations: config.revocations.is_some(),
            unavailable: config.unavailable.iter().map(|found| found.problem.clone().into()).collect(),
        }
    }

    /// Returns `Debug` of all settings.
    pub fn debug(&self) -> String {
        format!("{:?}", self.0)
    }

    pub fn warnings(&self) -> Vec<String> {
        check::warnings::warnings(&self.0)
    }

    /// Starts a verifier and compiles the rules, as the service does, without its revocations: their files
    /// would be read. The runtime never runs, so nothing is fetched.
    pub fn compile(self) -> Result<(), String> {
        let config = Config { revocations: None, ..self.0 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let compiled = {
            let _entered = runtime.enter();
            compiled(&config)
        };
        runtime.shutdown_background();
        compiled
    }
}

fn compiled(config: &Config) -> Result<(), String> {
    let dpop = config.start_dpop().map_err(|error| error.to_string())?;
    let builder = pin!(verifier_of(config, SystemClock, dpop.as_ref(), |_, issuer| issuer));
    let Poll::Ready(builder) = builder.poll(&mut Context::from_waker(Waker::noop())) else {
        return Err("the settings of the verifier wait for something".to_owned());
    };
    let builder = builder.map_err(|error| error.to_string())?;
    let verifier = builder.cache_capacity(0).start_lazy().map_err(|error| error.to_string())?;
    Rules::compile(config, &verifier).map(drop).map_err(|error| error.to_string())
}

impl From<Problem> for Message {
    fn from(Problem { line, column, message }: Problem) -> Self {
        Self { line, column, text: message }
    }
}

impl From<&Access> for Rule {
    fn from(access: &Access) -> Self {
        if *access == Access::Public {
            return Self::Public;
        }
        Self::Token {
            scopes: access.scopes().map(ToString::to_string),
            acr: access.user().map(|user| user.acr.clone()).unwrap_or_default(),
            max_auth_age_secs: access.user().and_then(|user| user.max_age).map(|age| age.as_secs()),
        }
    }
}

/// A path of an OpenAPI document, and its methods with their rules.
#[derive(Debug, PartialEq)]
pub struct Operations {
    pub path: String,
    pub rules: Vec<(String, Rule)>,
}

/// Reads an OpenAPI document below this prefix.
pub fn openapi(document: &str, prefix: &str) -> Result<Vec<Operations>, Vec<Message>> {
    let found = openapi::read(document, prefix);
    let operations = found.map_err(|mistakes| mistakes.into_iter().map(Message::from).collect::<Vec<_>>())?;
    let rules = |methods: Vec<(http::Method, Access)>| {
        methods.iter().map(|(method, access)| (method.to_string(), access.into())).collect()
    };
    let operations = operations.into_iter();
    Ok(operations
        .map(|openapi::Operations { path, methods, .. }| Operations { path, rules: rules(methods) })
        .collect())
}

impl From<openapi::Mistake> for Message {
    fn from(mistake: openapi::Mistake) -> Self {
        let openapi::Mistake { place: openapi::Place { line, column }, message } = mistake;
        Self { line, column, text: message }
    }
}

/// Returns whether a request can have this path of a route.
pub fn is_path(path: &str) -> bool {
    pattern::check(path).is_ok()
}
