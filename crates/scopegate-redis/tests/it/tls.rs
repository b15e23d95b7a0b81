//! Connections with TLS.

use scopegate_redis::{Redis, RedisError, RedisRevocations};
use testkit::Authority;

use crate::server::{Instance, revocation, server};

#[tokio::test(flavor = "multi_thread")]
async fn certificate_must_be_of_a_trusted_authority() {
    let authority = Authority::new();
    let server = server!();
    let files = ["ca.pem", "server.pem", "server.key"].map(|name| server.folder().join(name));
    let (certificate, key) = authority.issue("localhost");
    for (file, pem) in files.iter().zip([authority.pem(), certificate.pem(), key.serialize_pem()]) {
        std::fs::write(file, pem).unwrap();
    }
    let [ca, certificate, key] = files.each_ref().map(|file| file.to_str().unwrap());
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port().to_string()
    };
    let mut set = vec!["CONFIG", "SET", "tls-port", &port, "tls-auth-clients", "no"];
    set.extend(["tls-ca-cert-file", ca, "tls-cert-file", certificate, "tls-key-file", key]);
    let _: String = server.command(&set).await;

    let redis = Redis::new(&format!("rediss://localhost:{port}")).unwrap();
    let trusting = redis.clone().root_certificates(authority.pem());
    let instance = Instance::following(&RedisRevocations::new(&trusting)).await;
    RedisRevocations::new(&trusting).publish(&revocation("a")).await.unwrap();
    instance.until_revoked("a", true).await;

    let error = RedisRevocations::new(&redis).publish(&revocation("b")).await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    let other_name = Redis::new(&format!("rediss://127.0.0.1:{port}")).unwrap();
    let other_name = other_name.root_certificates(authority.pem());
    let error = RedisRevocations::new(&other_name).publish(&revocation("b")).await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    let no_pem = redis.root_certificates("x");
    let error = RedisRevocations::new(&no_pem).publish(&revocation("b")).await.unwrap_err();
    assert!(matches!(error, RedisError::Certificates { .. }), "{error:?}");
}
