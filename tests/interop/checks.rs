//! The checks of every server, in the order of the table.

mod acceptance;
mod faults;
mod recipients;
mod rejections;
mod rotation;

use crate::column::Column;
use crate::outcome::Trouble;
use crate::server::{Binding, Fault, Server};

pub(crate) async fn run<S: Server>(server: &S) -> Column {
    let mut column = Column::new(server.name());
    column
        .put("its keys are found by its metadata, under its exact name", acceptance::discovery(server))
        .await;
    column.put("its tokens are accepted by its preset", acceptance::preset(server)).await;
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        column
            .put(format!("{algorithm} tokens are accepted"), acceptance::algorithm(server, algorithm))
            .await;
    }
    column.put("`typ: at+jwt`, where it is required", acceptance::at_jwt(server)).await;

    column.put("a token without the scope: 403, and which scope", recipients::scope(server)).await;
    column.put("a token for another API: rejected", recipients::another_api(server)).await;
    column.put("a token that was requested without `resource`", recipients::without_resource(server)).await;
    column.put("a token of a client that is not listed: rejected", recipients::another_client(server)).await;

    column.put("an expired token: rejected", rejections::expired(server)).await;
    column.put("its ID token, if its audience is accepted: rejected", rejections::id_token(server)).await;
    column.put("a claim that was changed after signing: rejected", rejections::changed(server)).await;
    column.put("its name and key id, signed by another key: rejected", rejections::forged(server)).await;
    column
        .put("a token of another issuer: rejected, and no keys are fetched", rejections::foreign(server))
        .await;
    column
        .put(
            "a DPoP-bound token, for an API without DPoP: rejected",
            rejections::bound(server, Binding::Dpop),
        )
        .await;
    column
        .put(
            "a certificate-bound token, for an API without certificates: rejected",
            rejections::bound(server, Binding::Certificate),
        )
        .await;
    column.put("an opaque token: rejected", rejections::opaque(server)).await;

    column.put("rotation with overlap: no request is rejected", rotation::with_overlap(server)).await;
    column.put("rotation without overlap: the old key is invalid", rotation::without_overlap(server)).await;
    column.put("50 requests with a new key: one fetch", rotation::one_fetch(server)).await;
    column.put("50 requests with invented key ids: two fetches", rotation::invented_key_ids(server)).await;
    for fault in Fault::ALL {
        let row = format!("{}: known keys stay valid, a new one is 401 until it is over", fault.text());
        column.put(row, faults::known_keys_stay(server, fault)).await;
    }
    column
}

/// Returns the number of requests for the server's keys, if the server counts them.
async fn counted<S: Server>(server: &S) -> Result<Option<u64>, Trouble> {
    match server.key_fetches().await {
        Ok(fetches) => Ok(Some(fetches)),
        Err(Trouble::Cannot(_)) => Ok(None),
        Err(failed) => Err(failed),
    }
}
