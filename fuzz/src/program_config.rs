//! Configuration files of the program `scopegate`. An input is a file in TOML, without an OpenAPI
//! document.

use toml::Table;

use crate::check::warnings_of;
use crate::config::problem::Problem;
use crate::config::settings::Config;
use crate::decide::rules::{Rules, verifier_of};
use crate::text::assert_fit_for_a_log;
use crate::verdicts;

/// Maximum number of mistakes.
const MAX_PROBLEMS: usize = 50;
/// A message shows one value of the file. An escaped character takes up to ten.
const MESSAGE: usize = 64 * 1024;

const KEYS: [&str; 11] = [
    "dpop",
    "forward",
    "gateway",
    "issuer",
    "listen",
    "listen_admin",
    "listen_grpc",
    "openapi",
    "public_url",
    "route",
    "trusted_proxies",
];

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let found = Config::parse_with(text, None);
    verdicts::count(&found);
    let again = Config::parse_with(text, None);
    assert_eq!(format!("{found:?}"), format!("{again:?}"), "two results for one file");
    match found {
        Ok(config) => {
            assert_agrees(&config, text);
            assert_compiles(&config);
            let warnings = warnings_of(&config);
            assert_eq!(warnings, warnings_of(&config));
            warnings.iter().for_each(|warning| assert_fit_for_a_log(warning, MESSAGE));
        }
        Err(problems) => assert_placed(&problems, text),
    }
}

/// Asserts that a configuration has each setting of the file, by another reading.
fn assert_agrees(config: &Config, text: &str) {
    let table: Table = text.parse().expect("an accepted file is TOML");
    let unknown = table.keys().find(|key| !KEYS.contains(&key.as_str()));
    assert_eq!(unknown, None, "an unknown key is accepted");
    let number = |key: &str| table.get(key).and_then(toml::Value::as_array).map_or(0, Vec::len);
    assert_eq!((config.issuers.len(), config.routes.len()), (number("issuer"), number("route")));
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    assert_eq!(Some(config.listen), text("listen").and_then(|listen| listen.parse().ok()));
    for (key, address) in [("listen_grpc", config.listen_grpc), ("listen_admin", config.listen_admin)] {
        assert_eq!(address, text(key).map(|text| text.parse().expect("an address")), "{key}");
    }
    let routes = table.get("route").and_then(toml::Value::as_array).into_iter().flatten();
    for (route, read) in config.routes.iter().zip(routes) {
        let members = read.as_table().expect("a table");
        assert_eq!(Some(route.path.as_str()), members.get("path").and_then(toml::Value::as_str));
        let has_rule = |key: &str| route.methods.iter().any(|(method, _)| method.as_str() == key);
        let rules: Vec<_> = members.keys().filter(|key| !["path", "host"].contains(&key.as_str())).collect();
        assert!(rules.iter().all(|key| has_rule(key)), "a rule is lost: {members:?}");
        assert_eq!(rules.len(), route.methods.len());
        for (method, access) in &route.methods {
            let is_public = members.get(method.as_str()).and_then(toml::Value::as_str) == Some("public");
            assert_eq!(is_public, *access == crate::routes::access::Access::Public, "{members:?}");
        }
    }
}

/// Asserts that the service starts with an accepted file.
fn assert_compiles(config: &Config) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    {
        let _entered = runtime.enter();
        let builder = verifier_of(config, |issuer| issuer).expect("accepted issuers");
        let verifier = builder.cache_capacity(0).start_lazy().expect("accepted issuers");
        if let Err(error) = Rules::compile(config, &verifier) {
            panic!("accepted rules: {error}");
        }
    }
    runtime.shutdown_background();
}

/// Asserts that each mistake has a place in the file.
fn assert_placed(problems: &[Problem], text: &str) {
    assert!((1..=MAX_PROBLEMS).contains(&problems.len()), "{} mistakes", problems.len());
    assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)), "{problems:?}");
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems {
        let line = problem.line.checked_sub(1).and_then(|at| lines.get(at));
        let width = line.unwrap_or_else(|| panic!("no such line: {problem:?}")).chars().count();
        assert!((1..=width + 1).contains(&problem.column), "no such column: {problem:?}");
        assert_fit_for_a_log(&problem.message, MESSAGE);
    }
}
