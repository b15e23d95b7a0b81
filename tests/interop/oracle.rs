//! Compares AWS's own verifier with ours, without a network.
//!
//! The Cognito tokens come from our local issuer, and from `oidc-provider` with Cognito's settings.
//! `oracle/case.rs` lists the tokens and the expected differences.

mod case;

use std::time::SystemTime;

use scopegate_axum::{Issuer, Verifier};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Value, json};

use self::case::{Case, Change, Verdicts};
use crate::api::READ;
use crate::column::Column;
use crate::compact::Compact;
use crate::installed::Installed;
use crate::outcome::{Outcome, Trouble};
use crate::process::Process;
use crate::server::{Client, Server, Wanted};
use crate::servers::{COGNITO, Local, OidcProvider};
use crate::table::Table;

const NAMES: [&str; 2] = ["of scopegate-issuer", "of oidc-provider, as Cognito"];

/// A server that issues tokens like Cognito, and invalid ones on request.
pub(crate) trait Pool: Server {
    fn pool_id(&self) -> &str;

    async fn jwks(&self) -> Result<Value, Trouble>;

    /// Returns a token whose issuer is the pool at Amazon, with the wanted changes.
    async fn amazons(&self, wanted: Wanted<'_>) -> Result<String, Trouble>;

    /// Returns the same token, signed by the published key that does not sign access tokens.
    async fn of_other_key(&self) -> Result<String, Trouble>;
}

pub(crate) async fn table(installed: &Installed) -> Result<Table, Trouble> {
    let columns = match installed.node() {
        Ok(()) => {
            let provider = OidcProvider::start(installed, COGNITO).await?;
            let [ours, theirs] = NAMES;
            vec![
                column(ours, installed, &Local::start().await?).await?,
                column(theirs, installed, &provider).await?,
            ]
        }
        Err(missing) => NAMES.map(|name| Column::not_run(name, missing)).into(),
    };
    Ok(Table { name: "oracle", columns })
}

async fn column<P: Pool>(name: &str, installed: &Installed, pool: &P) -> Result<Column, Trouble> {
    let mut judges = Judges::new(name, installed, pool).await?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let mut column = Column::new(name);
    for case in case::all(now, &issuer(pool.pool_id())) {
        column.put(case.name, judges.judge(pool, &case)).await;
    }
    Ok(column)
}

/// Returns the issuer of a pool at Amazon.
pub(crate) fn issuer(pool_id: &str) -> String {
    let region = pool_id.split('_').next().unwrap_or_default();
    format!("https://cognito-idp.{region}.amazonaws.com/{pool_id}")
}

/// The two verifiers. Both have the same keys, pool, client and scope in their configuration.
struct Judges {
    ours: Verifier,
    theirs: Process,
}

impl Judges {
    async fn new<P: Pool>(name: &str, installed: &Installed, pool: &P) -> Result<Self, Trouble> {
        let (id, client, jwks) = (pool.pool_id(), pool.client_id(Client::Usual), pool.jwks().await?);
        let trusted = Issuer::cognito(id)?.client(client).jwks(jwks.to_string());
        let log = format!("oracle-{}.log", name.replace([' ', ','], "-"));
        let mut theirs = Process::start("node", ["oracle/aws_jwt_verify.mjs"], &installed.folder, &log)?;
        let settings = json!({ "pool": id, "client": client, "scope": READ, "jwks": jwks });
        theirs.ask(&settings.to_string()).await?;
        Ok(Self { ours: Verifier::builder().trust(trusted).start().await?, theirs })
    }

    async fn judge<P: Pool>(&mut self, pool: &P, case: &Case) -> Outcome {
        let token = case.change.token(pool).await?;
        let (ours, theirs) = (self.ours(&token), self.theirs.ask(&token).await?);
        match (case.expected, ours.as_str(), theirs.as_str()) {
            (Verdicts::Accepted, "", "") => Ok("both accept"),
            (Verdicts::OnlyWeReject(why), ours, "") if !ours.is_empty() => Ok(why),
            (Verdicts::Rejected, ours, theirs) if !ours.is_empty() && !theirs.is_empty() => Ok("both reject"),
            _ => Err(Trouble::failed(format!("we say {ours:?}, aws-jwt-verify {theirs:?}"))),
        }
    }

    /// Returns the reason of our rejection, or an empty string.
    fn ours(&self, token: &str) -> String {
        match self.ours.verify(token) {
            Ok(claims) if claims.scopes().contains(READ) => String::new(),
            Ok(_) => "InsufficientScope".to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl Change {
    async fn token<P: Pool>(&self, pool: &P) -> Result<String, Trouble> {
        match self {
            Self::Claims(claims) => {
                pool.amazons(Wanted { claims: claims.clone(), ..Wanted::default() }).await
            }
            Self::Header(header) => {
                pool.amazons(Wanted { header: header.clone(), ..Wanted::default() }).await
            }
            Self::OtherKey => pool.of_other_key().await,
            Self::HeaderAfterwards(..) | Self::ClaimAfterwards(..) | Self::Forged => {
                let mut token = Compact::read(&pool.amazons(Wanted::default()).await?)?;
                if let Self::HeaderAfterwards(name, value) = self {
                    token.header.insert((*name).to_owned(), value.clone());
                }
                if let Self::ClaimAfterwards(name, value) = self {
                    token.claims.insert((*name).to_owned(), value.clone());
                }
                let forged = matches!(self, Self::Forged);
                Ok(if forged {
                    token.signed_with(&SigningKey::generate(Algorithm::RS256))
                } else {
                    token.text()
                })
            }
        }
    }
}
