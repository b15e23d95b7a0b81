//! Tokens of other servers that are bound to a key: by DPoP (RFC 9449) for `scopegate-client`, and
//! by a certificate (RFC 8705) for curl. Our API judges them.

mod certificate;

use axum::http::Method;
use reqwest::RequestBuilder;
use scopegate_axum::{ConfigError, Dpop, Issuer};
use scopegate_client::{AccessToken, AddToken, DpopKey};
use scopegate_issuer::{Algorithm, DpopProof, SigningKey};

use self::certificate::CertificateApi;
use crate::accounts::Accounts;
use crate::api::{Answer, Api, READ};
use crate::caller::Order;
use crate::callers::ours;
use crate::column::Column;
use crate::compact::Compact;
use crate::installed::Installed;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::Server;
use crate::servers::{Glewlwyd, Local, OidcProvider, PLAIN};
use crate::table::Table;

pub(crate) async fn table(installed: &Installed) -> Table {
    let provider = async {
        match installed.node() {
            Ok(()) => of_provider(installed).await,
            Err(missing) => Column::not_run(PLAIN.name, missing),
        }
    };
    let glewlwyd = async {
        match installed.glewlwyd() {
            Ok(()) => of_glewlwyd(installed).await,
            Err(missing) => Column::not_run(Glewlwyd::COLUMN, missing),
        }
    };
    let local = async {
        match Local::start().await {
            Ok(local) => run(installed, &local, local.accounts()).await,
            Err(trouble) => Column::not_started(Local::COLUMN, &trouble),
        }
    };
    let columns = tokio::join!(provider, glewlwyd, local);
    Table { name: "bound-tokens", columns: <[_; 3]>::from(columns).into() }
}

async fn of_provider(installed: &Installed) -> Column {
    let started = async {
        let provider = OidcProvider::start(installed, PLAIN).await?;
        let accounts = provider.accounts().await?;
        Ok((provider, accounts))
    };
    match started.await {
        Ok((provider, accounts)) => run(installed, &provider, accounts).await,
        Err(trouble) => Column::not_started(PLAIN.name, &trouble),
    }
}

async fn of_glewlwyd(installed: &Installed) -> Column {
    match Glewlwyd::start(&installed.folder).await {
        Ok(glewlwyd) => run(installed, &glewlwyd, glewlwyd.accounts()).await,
        Err(trouble) => Column::not_started(Glewlwyd::COLUMN, &trouble),
    }
}

async fn run<S: Server>(installed: &Installed, server: &S, accounts: Accounts) -> Column {
    let mut column = Column::new(server.name());
    let scene = Scene { trusted: &|| server.trusted(), accounts };
    let per_token = DpopKey::per_token;
    let ed25519 = DpopKey::ed25519_per_token;
    column.put("a DPoP-bound token, with proofs of ES256: 200", scene.accepts(per_token())).await;
    column.put("the same, with proofs of EdDSA: 200", scene.accepts(ed25519())).await;
    column.put("the same token, stolen, without a proof: 401", scene.rejects(Stolen::WithoutProof)).await;
    column.put("the same, as a bearer token: 401", scene.rejects(Stolen::AsBearer)).await;
    column.put("the same, with a proof of another key: 401", scene.rejects(Stolen::OtherKey)).await;
    column.put("the same, with its proof, sent again: 401", scene.rejects(Stolen::Replayed)).await;
    let certificate = match CertificateApi::start(installed, server).await {
        Ok(api) => Ok(api),
        Err(Trouble::Cannot(why)) => Err(why),
        Err(trouble) => return Column::not_started(server.name(), &trouble),
    };
    for (row, sender) in certificate::SENDERS {
        let check = async {
            match &certificate {
                Ok(api) => api.answers(sender).await,
                Err(why) => Err(Trouble::Cannot(why.clone())),
            }
        };
        column.put(row, check).await;
    }
    column
}

/// A server, and its clients.
struct Scene<'a> {
    trusted: &'a dyn Fn() -> Result<Issuer, ConfigError>,
    accounts: Accounts,
}

/// The request of an attacker who has read a request.
#[derive(Clone, Copy)]
enum Stolen {
    WithoutProof,
    AsBearer,
    OtherKey,
    Replayed,
}

impl Scene<'_> {
    async fn api(&self) -> Result<Api, Trouble> {
        Api::with_dpop((self.trusted)()?, Dpop::accept()).await
    }

    /// Returns a credential whose tokens are bound to this key.
    fn credentials(&self, key: DpopKey) -> Result<scopegate_client::ClientCredentials, Trouble> {
        let order = Order { server: &self.accounts, account: &self.accounts.post, scope: READ };
        Ok(ours::builder(&order)?.dpop(key).build()?)
    }

    /// Sends two requests with one token. The second one needs another proof.
    async fn accepts(&self, key: DpopKey) -> Outcome {
        let (api, credentials) = (self.api().await?, self.credentials(key)?);
        let caller = AddToken::new(&credentials, &api.url)?;
        for _ in 0..2 {
            let response = caller.send(api.request(Method::GET)).await?;
            let (status, body) = (response.status().as_u16(), response.text().await?);
            ensure!((status, &body) == (200, &self.accounts.post.id), "{status}: {body}");
        }
        let token = credentials.token().await?;
        let confirmation = Compact::read(token.secret())?.claims.get("cnf").cloned();
        ensure!(token.is_sender_constrained(), "the client does not know that the token is bound");
        ensure!(confirmation.is_some_and(|cnf| cnf.get("jkt").is_some()), "the server has not bound it");
        Ok(YES)
    }

    /// The request of the client is accepted, and then that of the attacker is rejected.
    async fn rejects(&self, stolen: Stolen) -> Outcome {
        let (api, credentials) = (self.api().await?, self.credentials(DpopKey::per_token())?);
        let token = credentials.token().await?;
        let proof = proof(&api, &token)?;
        let status = Answer::to(api.with_proof(&token, Some(&proof))).await?.status;
        ensure!(status == 200, "the client's request: {status}");
        let other_key = || {
            let key = SigningKey::generate(Algorithm::ES256);
            DpopProof::new(&key, "GET", &format!("{}/orders", api.url)).token(token.secret()).sign()
        };
        let request = match stolen {
            Stolen::WithoutProof => api.with_proof(&token, None),
            Stolen::AsBearer => api.request(Method::GET).bearer_auth(token.secret()),
            Stolen::OtherKey => api.with_proof(&token, Some(&other_key())),
            Stolen::Replayed => api.with_proof(&token, Some(&proof)),
        };
        let status = Answer::to(request).await?.status;
        ensure!(status == 401, "the attacker's request: {status}");
        Ok(YES)
    }
}

/// Returns a proof of the client for a read request.
fn proof(api: &Api, token: &AccessToken) -> Result<String, Trouble> {
    let uri = format!("{}/orders", api.url).parse()?;
    let proof = token.dpop_proof(&Method::GET, &uri)?;
    let proof = proof.ok_or_else(|| Trouble::failed("the client has a bearer token"))?;
    Ok(proof.to_str()?.to_owned())
}

impl Api {
    /// Returns a read request with a DPoP-bound token.
    fn with_proof(&self, token: &AccessToken, proof: Option<&str>) -> RequestBuilder {
        let request = self.request(Method::GET).header("authorization", format!("DPoP {}", token.secret()));
        proof.into_iter().fold(request, |request, proof| request.header("dpop", proof))
    }
}
