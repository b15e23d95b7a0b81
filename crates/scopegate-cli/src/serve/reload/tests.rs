//! A reload with a part that fails: the earlier issuers, keys and rules are in effect.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use http::Request;
use scopegate::SystemClock;
use scopegate_issuer::{LocalIssuer, Pool};

use super::*;
use crate::config::beside::Beside;
use crate::decide;
use crate::decide::rules::verifier_of;

/// A part of a reload that fails. No file causes it, because a file is checked before.
#[derive(Clone, Copy, Debug)]
enum Part {
    AddedIssuer,
    ChangedIssuer,
    Rules,
}

const PARTS: [Part; 3] = [Part::AddedIssuer, Part::ChangedIssuer, Part::Rules];

impl Part {
    fn fail(self, config: &mut Config) {
        match self {
            Self::AddedIssuer => {
                let last = config.issuers.pop().unwrap();
                config.issuers.push(last.without_algorithms());
            }
            // The first one has changed before.
            Self::ChangedIssuer => config.issuers[1] = config.issuers[1].clone().without_algorithms(),
            Self::Rules => config.routes[0].hosts = vec!["no host".to_owned()],
        }
    }
}

/// Returns an issuer of opaque tokens without a prefix. Only one can be trusted at a time.
fn opaque(name: &str) -> String {
    format!(
        "[[issuer]]\nissuer = \"https://{name}.example\"\nclients = [\"a\"]\n[issuer.introspection]\n\
         tokens = \"opaque\"\nuri = \"https://{name}.example/introspect\"\nauth_method = \"bearer\"\n\
         bearer_token_file = \"missing\"\n"
    )
}

/// Returns a configuration in which one client and one scope decide. `more` are further issuers.
fn config(local: &LocalIssuer, client: &str, scope: &str, more: &str) -> Config {
    let mut text = format!(
        "listen = \"127.0.0.1:0\"\npublic_url = \"https://api.example\"\ngateway = \"nginx\"\n\
         trusted_proxies = [\"127.0.0.1\"]\n[[route]]\npath = \"/orders\"\nGET = \"{scope}\"\n"
    );
    for pool in local.pools().take(2) {
        write!(text, "[[issuer]]\nissuer = \"{}\"\nclients = [\"{client}\"]\n", pool.issuer()).unwrap();
    }
    let parsed = Config::parse_with(&format!("{text}{more}"), None, &Beside::default());
    parsed.unwrap_or_else(|problems| panic!("{problems:?}"))
}

async fn reloader(config: Config) -> Reloader {
    let started = verifier_of(&config, SystemClock, None, |_, issuer| issuer).await.unwrap();
    let verifier = started.start_lazy().unwrap();
    let rules = Rules::compile(&config, &verifier).unwrap();
    let file = PathBuf::from("missing/scopegate.toml");
    let seen = file::source(&file);
    Reloader::new(file, seen, config, Arc::new(Live::new(verifier, rules)), None)
}

async fn status(live: &Live, token: &str) -> u16 {
    let request = Request::get("/decide").header("x-original-method", "GET");
    let request =
        request.header("x-original-uri", "/orders").header("authorization", format!("Bearer {token}"));
    let (question, ()) = request.body(()).unwrap().into_parts();
    decide::decide(live, &question, Ipv4Addr::LOCALHOST.into()).await.status().as_u16()
}

/// Returns the trusted issuers, and how often the keys of each were fetched.
fn trusted(live: &Live) -> Vec<(String, u64)> {
    let status = live.verifier.status();
    status.issuers().iter().map(|issuer| (issuer.issuer.clone(), issuer.fetches_succeeded)).collect()
}

/// Reloads with each failing part, and then without one. The second file has `after` in place of `before`.
async fn check(before: &str, after: &str) {
    let local = LocalIssuer::start().await.unwrap();
    let mut reloader = reloader(config(&local, "one", "a", before)).await;
    let live = Arc::clone(&reloader.live);
    let names: Vec<&str> = local.pools().take(2).map(Pool::issuer).collect();
    let mint = |client: &str, scope: &str| local.mint().client(client).scope(scope).sign();
    let (earlier, later) = (mint("one", "a"), mint("two", "b"));
    while !names.iter().all(|name| trusted(&live).contains(&((*name).to_owned(), 1))) {
        tokio::task::yield_now().await;
    }
    let at_start = trusted(&live);
    for part in PARTS {
        let mut next = config(&local, "two", "b", after);
        part.fail(&mut next);
        let failed = reloader.exchange(next);
        let is_expected = match part {
            Part::Rules => matches!(failed, Err(NotReloaded::Rules(_))),
            Part::AddedIssuer | Part::ChangedIssuer => matches!(failed, Err(NotReloaded::Issuer(_))),
        };
        assert!(is_expected, "{part:?}: {failed:?}");
        assert_eq!(trusted(&live), at_start, "{part:?}");
        assert_eq!((status(&live, &earlier).await, status(&live, &later).await), (200, 401), "{part:?}");
    }
    let counts = reloader.exchange(config(&local, "two", "b", after)).unwrap();
    assert_eq!(counts.changed, 2);
    assert_eq!((status(&live, &earlier).await, status(&live, &later).await), (401, 200));
    for name in names {
        assert!(trusted(&live).contains(&(name.to_owned(), 1)), "the keys of {name} were fetched again");
    }
}

const ADDED: &str = "[[issuer]]\nissuer = \"https://added.example\"\njwks_uri = \"https://127.0.0.1:1/keys\"\n\
                     clients = [\"a\"]\n";

#[tokio::test]
async fn failed_part_keeps_issuers_and_keys() {
    // FW10
    check("", &format!("{ADDED}{}", ADDED.replace("added", "last"))).await;
}

#[tokio::test]
async fn failed_part_keeps_issuers_of_opaque_tokens() {
    // FW10: the issuer that is removed is in the way of the new one.
    let removed = ADDED.replace("added", "removed");
    check(&format!("{}{removed}", opaque("one")), &format!("{ADDED}{}", opaque("other"))).await;
}

#[test]
fn settings_that_need_a_restart_are_listed() {
    for (settings, expected) in [
        (vec!["listen"], "`listen` has changed, which needs a restart"),
        (vec!["listen", "dpop"], "`listen`, `dpop` have changed, which needs a restart"),
    ] {
        assert_eq!(NotReloaded::NeedsRestart(settings).to_string(), expected);
    }
}
