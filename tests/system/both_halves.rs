//! Client and API together, over real sockets and with default settings.
//!
//! A client gets a token, calls a protected API during a key rotation, and steps up when the API
//! requires another scope.

use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
use scopegate_issuer::Fault;

use crate::api::{READ, Running, WRITE, WRITER};

#[tokio::test]
async fn client_api_rotation_and_step_up() {
    let system = Running::start().await;
    let (issuer, http) = (&system.issuer, &system.http);
    let client = ClientAuthentication::client_secret_basic(WRITER.0, WRITER.1);
    let credentials = ClientCredentials::builder(client).issuer(issuer.issuer()).scope(READ).build().unwrap();
    let reader = AddToken::new(&credentials, &system.url).unwrap();
    let orders = format!("{}/orders", system.url);
    let get = async |caller: &AddToken| caller.send(http.get(&orders)).await.unwrap().status().as_u16();
    let post = async |caller: &AddToken| caller.send(http.post(&orders)).await.unwrap().status().as_u16();

    // One token for many calls.
    for _ in 0..20 {
        assert_eq!(get(&reader).await, 200);
    }
    assert_eq!((issuer.token_requests(), issuer.jwks_fetches()), (1, 1));

    // The issuer signs with a new key. Tokens of both keys are valid.
    let old = credentials.token().await.unwrap();
    issuer.rotate();
    assert_eq!(get(&reader).await, 200);

    // The issuer removes the old key. The API fetches the keys for a token of the new key. It then rejects the client's
    // cached token, and the client replaces it, so the call succeeds.
    issuer.revoke_previous();
    let of_new_key = issuer.mint().client(WRITER.0).scope(READ).sign();
    assert_eq!(system.get("/orders", &of_new_key).await.status(), 200);
    assert_eq!(system.get("/orders", old.secret()).await.status(), 401);
    assert_eq!(get(&reader).await, 200);
    assert_ne!(credentials.token().await.unwrap().secret(), old.secret());
    assert_eq!(issuer.token_requests(), 2);

    // The API requires another scope. The request is rejected, because this client may not step up.
    assert_eq!(post(&reader).await, 403);
    let writer = reader.clone().with_step_up_to(WRITE.parse().unwrap());
    assert_eq!(post(&writer).await, 200);
    assert_eq!(post(&writer).await, 200);
    assert_eq!(issuer.token_requests(), 3, "one further token for both");

    // The issuer is down, but calls still succeed.
    issuer.set_token_fault(Fault::Reset);
    issuer.set_fault(Fault::Reset);
    assert_eq!((get(&reader).await, post(&writer).await), (200, 200));
    assert_eq!(issuer.token_requests(), 3);
}
