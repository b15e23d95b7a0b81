//! The cases of each app: the same request with a valid token and with rejected tokens.

use scopegate_bench_kit::{Case, Signature};
use scopegate_issuer::Mint;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{App, Authority, Maker};

/// Rejected tokens and their differences from the valid one. There is no token with an unknown key
/// id, because some crates fetch keys for it and wait.
const REFUSED: [(&str, fn(Mint) -> Mint); 3] = [
    ("bad signature", Mint::bad_signature),
    ("expired", Mint::expired),
    ("without the scope", |mint| mint.scope("orders/read").claim("realm_access", json!({ "roles": [] }))),
];

/// The baseline of all apps: only a signature check of the same token.
const SIGNATURE: &str = "signature of the same token";

/// Returns the cases of these apps. Each app is created on this runtime and its responses are
/// checked. During the measurement the runtime is idle, so no app waits for a fetch.
pub fn cases(makers: &'static [Maker], runtime: &Runtime) -> Vec<Case> {
    let authority = runtime.block_on(Authority::start());
    let mut cases = vec![signature(&authority)];
    for maker in makers {
        let app = runtime.block_on((maker.make)(authority.clone()));
        runtime.block_on(does_its_job(&app, maker, &authority));
        cases.extend(cases_of(maker, &app, &authority));
    }
    cases
}

/// Asserts that an app accepts the valid token and rejects the other ones.
async fn does_its_job(app: &App, maker: &Maker, authority: &Authority) {
    app.ready(&authority.sign(&authority.mint())).await;
    for (name, change) in REFUSED.iter().filter(|_| maker.protects()) {
        let status = app.status(&authority.sign(&change(authority.mint()))).await;
        assert!(status >= 400, "{} with a token that is refused ({name}): {status}", maker.name);
    }
}

fn signature(authority: &Authority) -> Case {
    let (token, key) = (authority.sign(&authority.mint()), authority.key().clone());
    Case::new(SIGNATURE, move || {
        let signature = Signature::of(&token, &key);
        Box::new(move || assert!(signature.verifies()))
    })
}

fn cases_of(maker: &'static Maker, app: &App, authority: &Authority) -> Vec<Case> {
    let case = |name: &str, mint: Mint, expected: fn(u16) -> bool| {
        let (app, token) = (app.clone(), authority.sign(&mint));
        let name = format!("{}: {name}", maker.name);
        Case::using_up(name, move |times| app.ask(&token, times, expected)).over(SIGNATURE)
    };
    let good = [case("good token", authority.mint(), |status| status == 200)];
    let refused = REFUSED.iter().filter(|_| maker.protects());
    let refused = refused.map(|(name, change)| case(name, change(authority.mint()), |status| status >= 400));
    good.into_iter().chain(refused).collect()
}
