//! A token that is bound to a key: a thief cannot use it.

use std::io::Write;

use axum::http::{Method, Uri};
use scopegate_client::AccessToken;
use scopegate_issuer::{Algorithm, DpopProof, LocalIssuer, SigningKey};

use super::stage::{Challenge, Expected, Request, Stage, Step};
use crate::caller::{READER, Token};
use crate::failure::Failure;

const INVALID_PROOF: Expected =
    Expected::refused(401, Challenge::With(&["DPoP ", r#"error="invalid_dpop_proof""#]));

/// Plays the requests of a client with a key, and of a thief who has recorded them.
pub(super) async fn stolen_token<'a, W: Write>(
    stage: &mut Stage<'a, W>,
    issuer: &LocalIssuer,
    api: &'a str,
) -> Result<(), Failure> {
    stage.chapter("A stolen token")?;
    stage.call(api);
    stage.note(&format!(
        "The same API at {api} requires tokens that are bound to a key of the client (DPoP, RFC 9449). The client \
         signs a proof for each request."
    ))?;
    let received = READER.bound_token(&issuer.token_endpoint()).await?;
    let token = Token::from(&received);
    let url = format!("{api}/orders");
    let proof = proof(&received, &url)?;
    let step = Step {
        title: "local-reader reads the orders with a proof of its key",
        request: Request::get("/orders").with(&token).with_proof(&proof),
        expected: Expected::ok(200, "[]"),
        why: "The token names the key of the client. The proof is signed with it, and names method and URL.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "A thief sends the token without a proof",
        request: Request::get("/orders").with(&token),
        expected: Expected::refused(401, Challenge::With(&["DPoP "])),
        why: "A token that is bound to a key is no bearer token.",
    };
    stage.play(step).await?;
    let step = Step {
        title: "The thief sends the recorded request again",
        request: Request::get("/orders").with(&token).with_proof(&proof),
        expected: INVALID_PROOF,
        why: "The API accepts each proof once, and none that is older than a minute.",
    };
    stage.play(step).await?;
    let key = SigningKey::generate(Algorithm::ES256);
    let own = Token::from(DpopProof::new(&key, "GET", &url).token(token.as_str()).sign());
    let step = Step {
        title: "The thief signs a proof with another key",
        request: Request::get("/orders").with(&token).with_proof(&own),
        expected: INVALID_PROOF,
        why: "The token names the key of local-reader, which never leaves that program.",
    };
    stage.play(step).await
}

/// Returns a proof for reading from this URL. It is as secret as a token, so it is printed in part only.
fn proof(token: &AccessToken, url: &str) -> Result<Token, Failure> {
    let uri: Uri = url.parse().map_err(|error| Failure::runtime(&error))?;
    let proof = token.dpop_proof(&Method::GET, &uri).map_err(|error| Failure::runtime(&error))?;
    let text = proof.as_ref().and_then(|proof| proof.to_str().ok());
    let text = text.ok_or_else(|| Failure::Runtime("the token is not bound to a key".to_owned()))?;
    Ok(Token::from(text.to_owned()))
}
