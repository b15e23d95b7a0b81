//! Clients with DPoP (RFC 9449), tokens of another server, and our API.

use reqwest::Client as Http;
use scopegate_axum::{Dpop, DpopNonces};
use scopegate_client::{AddToken, DpopKey};
use serde::Deserialize;
use serde_json::json;

use crate::accounts::{Accounts, Proof};
use crate::api::{Api, Challenge, READ, WRITE, client, parameters_of};
use crate::caller::{Order, View};
use crate::callers::ours;
use crate::column::Column;
use crate::installed::Installed;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::process::Process;
use crate::server::Server as _;
use crate::servers::{OidcProvider, PLAIN};
use crate::table::Table;

const OURS: &str = "scopegate-client";
const LIBRARIES: [&str; 2] = ["openid-client", "oauth4webapi"];

/// A server, and APIs that trust it.
struct Scene {
    accounts: Accounts,
    accepting: Api,
    requiring: Api,
    with_nonces: Api,
    /// An API that accepts no proofs.
    without: Api,
}

impl Scene {
    async fn new(provider: &OidcProvider) -> Result<Self, Trouble> {
        let trusted = || provider.trusted();
        let nonces = DpopNonces::new();
        Ok(Self {
            accounts: provider.accounts().await?,
            accepting: Api::with_dpop(trusted()?, Dpop::accept()).await?,
            requiring: Api::with_dpop(trusted()?, Dpop::require()).await?,
            with_nonces: Api::with_dpop(trusted()?, Dpop::require().nonces(&nonces)).await?,
            without: Api::trusting(trusted()?).await?,
        })
    }
}

enum Client {
    /// The process of a script.
    Script(Box<Process>),
    Ours(Http),
}

/// The result of a job.
#[derive(Debug, Deserialize)]
struct Answer {
    token_type: Option<String>,
    #[serde(default)]
    seen: Vec<View>,
    failure: Option<String>,
}

pub(crate) async fn table(installed: &Installed) -> Result<Table, Trouble> {
    let name = "clients-with-dpop";
    if let Err(missing) = installed.node() {
        let all = [OURS].into_iter().chain(LIBRARIES);
        return Ok(Table { name, columns: all.map(|name| Column::not_run(name, missing)).collect() });
    }
    let provider = OidcProvider::start(installed, PLAIN).await?;
    let scene = Scene::new(&provider).await?;
    let ours = column(OURS, client().map(Client::Ours), &scene);
    let [one, other] = LIBRARIES.map(|library| {
        let (log, script) = (format!("dpop-{library}.log"), ["callers/dpop.mjs", library]);
        let process = Process::start("node", script, &installed.folder, &log);
        column(library, process.map(|process| Client::Script(Box::new(process))), &scene)
    });
    let columns = tokio::join!(ours, one, other);
    Ok(Table { name, columns: <[_; 3]>::from(columns).into() })
}

async fn column(name: &str, client: Result<Client, Trouble>, scene: &Scene) -> Column {
    let mut client = match client {
        Ok(client) => client,
        Err(trouble) => return Column::not_started(name, &trouble),
    };
    let mut column = Column::new(name);
    column.put("a bound token with a proof: 200", accepted(&mut client, scene, &scene.accepting)).await;
    let required = accepted(&mut client, scene, &scene.requiring);
    column.put("the same, where proofs are required", required).await;
    let nonces = accepted(&mut client, scene, &scene.with_nonces);
    column.put("the same, where a nonce is required: it repeats the request", nonces).await;
    let scope = "a token without the scope: 403, and it reads which scope";
    column.put(scope, without_scope(&mut client, scene)).await;
    let key = "a proof of another key: 401, and it reads `invalid_dpop_proof`";
    column.put(key, other_key(&mut client, scene)).await;
    column.put("an API without DPoP: 401", without_dpop(&mut client, scene)).await;
    column
}

/// The second request needs another proof.
async fn accepted(client: &mut Client, scene: &Scene, api: &Api) -> Outcome {
    let account = &scene.accounts.post;
    let answer = client.ask(scene, READ, &[api, api], Key::Own).await?;
    let is_expected = |view: &View| (view.status, &view.body) == (200, &account.id);
    ensure!(answer.seen.len() == 2 && answer.seen.iter().all(is_expected), "{answer:?}");
    Ok(YES)
}

async fn without_scope(client: &mut Client, scene: &Scene) -> Outcome {
    let answer = client.ask(scene, WRITE, &[&scene.accepting], Key::Own).await?;
    expect(&answer, 403, &[("error", "insufficient_scope"), ("scope", READ)])
}

async fn other_key(client: &mut Client, scene: &Scene) -> Outcome {
    let answer = client.ask(scene, READ, &[&scene.accepting], Key::Other).await?;
    expect(&answer, 401, &[("error", "invalid_dpop_proof")])
}

async fn without_dpop(client: &mut Client, scene: &Scene) -> Outcome {
    let answer = client.ask(scene, READ, &[&scene.without], Key::Own).await?;
    expect(&answer, 401, &[])
}

/// The key that signs the proofs for the API.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    /// The key of the token.
    Own,
    Other,
}

impl Client {
    /// Gets a token, and sends one read request to each API.
    async fn ask(&mut self, scene: &Scene, scope: &str, apis: &[&Api], key: Key) -> Result<Answer, Trouble> {
        let answer = match self {
            Self::Script(process) => Self::ask_script(process, scene, scope, apis, key).await?,
            Self::Ours(_) if key == Key::Other => {
                return Err(Trouble::cannot("its tokens cannot be separated from their keys"));
            }
            Self::Ours(http) => Self::ask_ours(http, scene, scope, apis).await?,
        };
        ensure!(answer.failure.is_none(), "{answer:?}");
        let is_bound = answer.token_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("dpop"));
        ensure!(is_bound, "the token is not bound: {answer:?}");
        Ok(answer)
    }

    async fn ask_ours(http: &Http, scene: &Scene, scope: &str, apis: &[&Api]) -> Result<Answer, Trouble> {
        let order = Order { server: &scene.accounts, account: &scene.accounts.post, scope };
        let credentials = ours::builder(&order)?.dpop(DpopKey::per_token()).build()?;
        let mut seen = Vec::new();
        for api in apis {
            let request = http.get(format!("{}/orders", api.url));
            let response = AddToken::new(&credentials, &api.url)?.send(request).await?;
            let challenges = response.headers().get_all("www-authenticate").iter();
            let challenges = challenges.filter_map(|value| parameters_of("dpop", value.to_str().ok()?));
            let challenge = challenges.reduce(|_, _| Challenge::new());
            let status = response.status().as_u16();
            seen.push(View { status, challenge, body: response.text().await?, ..View::default() });
        }
        let is_bound = credentials.token().await?.is_sender_constrained();
        Ok(Answer { token_type: is_bound.then(|| "DPoP".to_owned()), seen, failure: None })
    }

    async fn ask_script(
        process: &mut Process,
        scene: &Scene,
        scope: &str,
        apis: &[&Api],
        key: Key,
    ) -> Result<Answer, Trouble> {
        let account = &scene.accounts.post;
        let Proof::Post { secret } = &account.proof else {
            return Err(Trouble::failed("an account without a secret for the body"));
        };
        let server = &scene.accounts;
        let job = json!({
            "issuer": server.issuer, "token_endpoint": server.token_endpoint, "resource": server.resource,
            "client_id": account.id, "client_secret": secret, "scope": scope,
            "urls": apis.iter().map(|api| format!("{}/orders", api.url)).collect::<Vec<_>>(), "with_other_key": key == Key::Other,
        });
        Ok(serde_json::from_str(&process.ask(&job.to_string()).await?)?)
    }
}

/// Checks the status, and that the client has parsed these parameters of the DPoP challenge.
fn expect(answer: &Answer, status: u16, parameters: &[(&str, &str)]) -> Outcome {
    let [seen] = answer.seen.as_slice() else { return Err(Trouble::failed(format!("{answer:?}"))) };
    ensure!(seen.status == status, "{seen:?}");
    for (name, value) in parameters {
        let challenge = seen.challenge.as_ref();
        let found = challenge.and_then(|challenge| challenge.get(*name));
        ensure!(found.is_some_and(|found| found == value), "{name}: {seen:?}");
    }
    Ok(YES)
}
