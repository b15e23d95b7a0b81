//! Requests with DPoP proofs (RFC 9449): valid ones, and requests with one change.
//!
//! Every proof is signed, unless its change concerns the signature. Keys are new in each run.

mod change;

use std::path::Path;

use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use scopegate::http::{Authorization, Authorizer, Recording};
use scopegate::{Dpop, Issuer, Verifier};
use scopegate_issuer::{Algorithm, DpopDefect, DpopProof, DpopRequest, LocalIssuer, SigningKey};
use serde_json::{Value, json};

use crate::comparison::Comparison;
use crate::hostile::AUDIENCE;
use crate::peer::Peer;

const ORIGIN: &str = "https://api.example";
const PATH: &str = "/orders";
const METHOD: &str = "POST";

const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::PS256];

static PEERS: [Peer; 2] = [
    Peer { name: "oauth4webapi", program: "node", script: "peers/oauth4webapi.mjs", without: &[] },
    Peer {
        name: "express-oauth2-jwt-bearer",
        program: "node",
        script: "peers/express_oauth2_jwt_bearer.mjs",
        without: &[],
    },
];

pub(crate) struct Proofs {
    cases: Vec<Case>,
    settings: Value,
}

struct Case {
    name: String,
    /// The verdict is about the last one.
    requests: Vec<DpopRequest>,
    accepted: bool,
}

impl Proofs {
    /// Makes all requests, with our verdicts.
    pub(crate) fn all() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        let local = runtime.block_on(LocalIssuer::start()).expect("the local issuer starts");
        let jwks = local.default_pool().jwks();
        let api = authorizer(local.issuer(), &jwks);
        let token = local.mint().header("typ", "at+jwt").audience(AUDIENCE);
        let mut cases = Vec::new();
        for algorithm in ALGORITHMS {
            let proof = DpopProof::new(&SigningKey::generate(algorithm), METHOD, &format!("{ORIGIN}{PATH}"));
            // No peer requires nonces.
            let defects = DpopDefect::ALL.iter().filter(|defect| !defect.needs_nonces());
            let broken = defects.map(|defect| {
                (format!("defect/{defect}").replace(' ', "-"), proof.broken_requests(&token, *defect))
            });
            let changed =
                change::all().into_iter().map(|(name, change)| (name, vec![change(&proof).request(&token)]));
            for (name, requests) in broken.chain(changed) {
                let accepted = requests.iter().map(|request| is_accepted(&api, request)).last();
                let name = format!("{algorithm}/{name}");
                cases.push(Case { name, requests, accepted: accepted.expect("there is a request") });
            }
        }
        let jwks: Value = serde_json::from_str(&jwks).expect("a key set is JSON");
        let settings = json!({
            "issuer": local.issuer(), "audience": AUDIENCE, "jwks": jwks, "origin": ORIGIN, "path": PATH,
            "method": METHOD, "shapes": {},
        });
        Self { cases, settings }
    }

    pub(crate) fn compare(&self, installed: &Path) -> Vec<Comparison<'_>> {
        let compare = |peer: &'static Peer| {
            let lines = self.cases.iter().map(|case| {
                let requests = case.requests.iter().map(|request| {
                    let proofs: Vec<&str> = request.proofs().collect();
                    json!({ "authorization": request.authorization(), "proofs": proofs })
                });
                json!({ "name": case.name, "requests": requests.collect::<Vec<_>>() })
            });
            let ours = self.cases.iter().map(|case| (case.name.as_str(), case.accepted));
            Comparison::new(peer, ours, peer.ask(&self.settings, lines, installed))
        };
        PEERS.iter().map(compare).collect()
    }
}

fn authorizer(issuer: &str, jwks: &str) -> Authorizer {
    let issuer = Issuer::rfc9068(issuer).expect("it is a URL").audience(AUDIENCE).jwks(jwks);
    let verifier = Verifier::builder().trust(issuer).dpop(Dpop::accept().origin(ORIGIN)).build();
    Authorizer::require_token(&verifier.expect("the configuration is complete"))
}

fn is_accepted(api: &Authorizer, request: &DpopRequest) -> bool {
    let value = |text: &str| HeaderValue::try_from(text).expect("the text is a header");
    let mut headers = HeaderMap::new();
    headers.insert("authorization", value(&request.authorization()));
    for proof in request.proofs() {
        headers.append("dpop", value(proof));
    }
    match api.authorize_request(&Method::POST, &Uri::from_static(PATH), &headers) {
        Authorization::Proven(proven) => matches!(proven.record(None), Recording::Done(Ok(_))),
        Authorization::Ready(decision) => decision.is_ok(),
        Authorization::Pending(_) => panic!("the keys are static"),
    }
}
