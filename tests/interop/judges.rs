//! APIs of other projects that judge the proofs of `scopegate-client` (DPoP, RFC 9449), with tokens
//! of another server. Our API judges them too.

mod apache;

use axum::http::Method;
use reqwest::RequestBuilder;
use scopegate_axum::Dpop;
use scopegate_client::{AccessToken, AddToken, ClientCredentials, DpopKey};
use scopegate_issuer::{Algorithm, DpopProof, SigningKey};
use serde::Deserialize;

use self::apache::Apache;
use crate::accounts::Accounts;
use crate::api::{API, Answer, Api, READ, client};
use crate::caller::Order;
use crate::callers::ours;
use crate::column::Column;
use crate::installed::Installed;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::process::Process;
use crate::server::Server as _;
use crate::servers::{OidcProvider, PLAIN};
use crate::table::Table;

const NAMES: [&str; 3] = ["scopegate-axum", "express-oauth2-jwt-bearer", "mod_oauth2"];

pub(crate) async fn table(installed: &Installed) -> Result<Table, Trouble> {
    let name = "judges-of-proofs";
    if let Err(missing) = installed.node() {
        return Ok(Table { name, columns: NAMES.map(|name| Column::not_run(name, missing)).into() });
    }
    let provider = OidcProvider::start(installed, PLAIN).await?;
    let scene = Scene { accounts: provider.accounts().await?, http: client()? };
    let [ours, express, apache] = NAMES;
    let dpop = Dpop::accept();
    let api = Api::with_dpop(provider.trusted()?, dpop).await.map(Judge::Ours);
    let mut columns = vec![column(ours, api, &scene).await];
    columns.push(column(express, start_express(installed, &provider).await, &scene).await);
    columns.push(match installed.apache() {
        Ok(()) => column(apache, Apache::start(installed, &provider).await.map(Judge::Apache), &scene).await,
        Err(missing) => Column::not_run(apache, missing),
    });
    Ok(Table { name, columns })
}

/// An API with a read request.
enum Judge {
    Ours(Api),
    Express { url: String, _process: Process },
    Apache(Apache),
}

impl Judge {
    fn url(&self) -> &str {
        match self {
            Self::Ours(api) => &api.url,
            Self::Express { url, .. } => url,
            Self::Apache(apache) => &apache.url,
        }
    }
}

/// The message of a script when it is ready.
#[derive(Deserialize)]
struct Ready {
    url: String,
}

async fn start_express(installed: &Installed, provider: &OidcProvider) -> Result<Judge, Trouble> {
    let arguments = ["judges/express.mjs", provider.issuer(), provider.jwks_uri(), API];
    let mut process = Process::start("node", arguments, &installed.folder, "judge-express.log")?;
    let Ready { url } = serde_json::from_str(&process.line().await?)?;
    Ok(Judge::Express { url, _process: process })
}

/// The server of the tokens.
struct Scene {
    accounts: Accounts,
    http: reqwest::Client,
}

/// A request that differs from the client's in one place.
#[derive(Clone, Copy)]
enum Altered {
    Path,
    Port,
    Method,
    OtherKey,
    NoTokenHash,
    OtherTokenHash,
    TooOld,
    Replayed,
    WithoutProof,
    AsBearer,
}

async fn column(name: &str, judge: Result<Judge, Trouble>, scene: &Scene) -> Column {
    let judge = match judge {
        Ok(judge) => judge,
        Err(trouble) => return Column::not_started(name, &trouble),
    };
    let mut column = Column::new(name);
    column.put("proofs of ES256: 200", scene.accepts(&judge, DpopKey::per_token())).await;
    column.put("proofs of EdDSA: 200", scene.accepts(&judge, DpopKey::ed25519_per_token())).await;
    for (row, altered) in [
        ("a proof for another path: rejected", Altered::Path),
        ("a proof for another port: rejected", Altered::Port),
        ("a proof for another method: rejected", Altered::Method),
        ("a proof of another key: rejected", Altered::OtherKey),
        ("a proof without `ath`: rejected", Altered::NoTokenHash),
        ("a proof for another token: rejected", Altered::OtherTokenHash),
        ("a proof of an hour ago: rejected", Altered::TooOld),
        ("the same proof again: rejected", Altered::Replayed),
        ("the bound token without a proof: rejected", Altered::WithoutProof),
        ("the bound token as a bearer token: rejected", Altered::AsBearer),
    ] {
        column.put(row, scene.rejects(&judge, altered)).await;
    }
    column
}

impl Scene {
    fn credentials(&self, key: DpopKey) -> Result<ClientCredentials, Trouble> {
        let order = Order { server: &self.accounts, account: &self.accounts.post, scope: READ };
        Ok(ours::builder(&order)?.dpop(key).build()?)
    }

    /// Sends two requests with one token. The second one needs another proof.
    async fn accepts(&self, judge: &Judge, key: DpopKey) -> Outcome {
        let credentials = self.credentials(key)?;
        let caller = AddToken::new(&credentials, judge.url())?;
        for _ in 0..2 {
            let response = caller.send(self.http.get(format!("{}/orders", judge.url()))).await?;
            let (status, body) = (response.status().as_u16(), response.text().await?);
            if status == 401 {
                return Ok("no: rejected");
            }
            ensure!(status == 200, "{status}: {body}");
        }
        Ok(YES)
    }

    /// The request of the client is accepted, and then the altered one is rejected.
    async fn rejects(&self, judge: &Judge, altered: Altered) -> Outcome {
        // The test has the key, so that an altered proof has a valid signature.
        let key = SigningKey::generate(Algorithm::ES256);
        let credentials = self.credentials(DpopKey::from_pem(&key.private_key_pem())?)?;
        let token = credentials.token().await?;
        let url = format!("{}/orders", judge.url());
        let of_client = |method, url: &str| {
            let proof = token.dpop_proof(&method, &url.parse()?)?;
            let proof = proof.ok_or_else(|| Trouble::failed("the client has a bearer token"))?;
            Ok::<_, Trouble>(proof.to_str()?.to_owned())
        };
        let own = of_client(Method::GET, &url)?;
        let status = Answer::to(self.request(&url, &token, Some(&own))).await?.status;
        ensure!(status == 200, "the client's request: {status}");

        let by_hand = |key: &SigningKey| DpopProof::new(key, "GET", &url).token(token.secret());
        // It is valid, too, so a change of it is the reason of a rejection.
        let valid = by_hand(&key).sign();
        let status = Answer::to(self.request(&url, &token, Some(&valid))).await?.status;
        ensure!(status == 200, "a proof by hand: {status}");
        let hour_ago = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs() - 3_600;
        let proof = match altered {
            Altered::Path => Some(of_client(Method::GET, &format!("{url}/other"))?),
            Altered::Port => Some(of_client(Method::GET, "http://127.0.0.1:9/orders")?),
            Altered::Method => Some(of_client(Method::POST, &url)?),
            Altered::OtherKey => Some(by_hand(&SigningKey::generate(Algorithm::ES256)).sign()),
            Altered::NoTokenHash => Some(by_hand(&key).without_claim("ath").sign()),
            Altered::OtherTokenHash => Some(by_hand(&key).token("another").sign()),
            Altered::TooOld => Some(by_hand(&key).issued_at(hour_ago).sign()),
            Altered::Replayed => Some(own),
            Altered::WithoutProof | Altered::AsBearer => None,
        };
        let request = match altered {
            Altered::AsBearer => self.http.get(&url).bearer_auth(token.secret()),
            _ => self.request(&url, &token, proof.as_deref()),
        };
        match Answer::to(request).await?.status {
            // RFC 6750 §3.1: 400 is for malformed requests.
            400 | 401 => Ok(YES),
            200 => Ok("no: accepted"),
            status => Err(Trouble::failed(format!("the altered request: {status}"))),
        }
    }

    fn request(&self, url: &str, token: &AccessToken, proof: Option<&str>) -> RequestBuilder {
        let request = self.http.get(url).header("authorization", format!("DPoP {}", token.secret()));
        proof.into_iter().fold(request, |request, proof| request.header("dpop", proof))
    }
}
