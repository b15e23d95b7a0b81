//! Discovery of the server, and its valid tokens.

use scopegate_axum::{Algorithm, ConfigError, Issuer, Verifier};

use crate::api::Api;
use crate::outcome::{Outcome, YES, ensure};
use crate::server::{Client, Server, Wanted};

/// Discovers the server by its metadata. With an added or removed final slash, it is another
/// issuer.
pub(super) async fn discovery<S: Server>(server: &S) -> Outcome {
    let address = server.address();
    let api = Api::trusting(server.for_us(Issuer::from_metadata(address)?)).await?;
    let mut wanted = Wanted::default();
    if server.issuer() != address {
        wanted.claims.insert("iss".into(), address.into());
    }
    api.accepts(&server.token(wanted).await?).await?;

    let misspelt = address.strip_suffix('/').map_or_else(|| format!("{address}/"), str::to_owned);
    let started = Verifier::builder().trust(server.for_us(Issuer::from_metadata(&misspelt)?)).start().await;
    ensure!(matches!(started, Err(ConfigError::KeysNotFetched { .. })), "{misspelt} is taken for its name");
    Ok(YES)
}

/// With the preset, a token is accepted, and the application gets its client.
pub(super) async fn preset<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let answer = api.accepts(&server.token(Wanted::default()).await?).await?;
    let client = server.client_id(Client::Usual);
    ensure!(answer.body == client, "expected the client {client}, found {}", answer.body);
    Ok(YES)
}

/// A token of this algorithm is accepted, if the provider of the preset uses it. It is rejected by
/// an issuer that differs only in the list of algorithms.
pub(super) async fn algorithm<S: Server>(server: &S, algorithm: &str) -> Outcome {
    let token = server.token(Wanted { algorithm, ..Wanted::default() }).await?;
    let (same, others): (Vec<_>, Vec<_>) =
        Algorithm::ALL.iter().copied().partition(|one| one.to_string() == algorithm);
    Api::trusting(server.trusted()?.algorithms(same)).await?.accepts(&token).await?;
    // The server may have no keys for other algorithms. The algorithm is checked before the key is looked up.
    let others = Verifier::builder().trust(server.trusted()?.algorithms(others)).start_lazy()?;
    Api::with(others).await?.rejects(&token, "UnacceptableAlgorithm").await?;

    let preset = Api::trusting(server.trusted()?).await?;
    if preset.get(&token).await?.status == 200 {
        return Ok(YES);
    }
    preset.rejects(&token, "UnacceptableAlgorithm").await?;
    Ok("rejected: not in the preset")
}

/// A token without `typ` of `at+jwt` is rejected if it is required, and otherwise accepted.
pub(super) async fn at_jwt<S: Server>(server: &S) -> Outcome {
    let strict = Api::trusting(server.trusted()?.require_at_jwt()).await?;
    let token = server.token(Wanted::default()).await?;
    if server.writes_at_jwt() {
        strict.accepts(&token).await?;
        return Ok(YES);
    }
    strict.rejects(&token, "WrongType").await?;
    Api::trusting(server.trusted()?).await?.accepts(&token).await?;
    Ok("rejected: it has none")
}
