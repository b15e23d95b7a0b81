//! Do the two halves talk? A client gets a token, calls a protected API, lives through a rotation of the issuer's keys, and
//! steps up when the API asks for more. Over real sockets, with default settings.

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

    // The issuer begins to sign with another key, and both tokens are good.
    let old = credentials.token().await.unwrap();
    issuer.rotate();
    assert_eq!(get(&reader).await, 200);

    // The old key is withdrawn. The API learns of it from a token that the new key has signed; then the token in the
    // client's hand is refused, dropped, and replaced, and the caller notices nothing.
    issuer.revoke_previous();
    let of_new_key = issuer.mint().client(WRITER.0).scope(READ).sign();
    assert_eq!(system.get("/orders", &of_new_key).await.status(), 200);
    assert_eq!(system.get("/orders", old.secret()).await.status(), 401);
    assert_eq!(get(&reader).await, 200);
    assert_ne!(credentials.token().await.unwrap().secret(), old.secret());
    assert_eq!(issuer.token_requests(), 2);

    // The API asks for more than this client was built for: refused, until its operator allows it.
    assert_eq!(post(&reader).await, 403);
    let writer = reader.clone().with_step_up_to(WRITE.parse().unwrap());
    assert_eq!(post(&writer).await, 200);
    assert_eq!(post(&writer).await, 200);
    assert_eq!(issuer.token_requests(), 3, "one further token for both");

    // The issuer is out of order, and nobody notices.
    issuer.set_token_fault(Fault::Reset);
    issuer.set_fault(Fault::Reset);
    assert_eq!((get(&reader).await, post(&writer).await), (200, 200));
    assert_eq!(issuer.token_requests(), 3);
}
