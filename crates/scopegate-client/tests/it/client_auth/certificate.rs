//! The algorithm of an assertion, and the certificate in its header.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair};
use scopegate_client::{
    ClientAuthError, ClientAuthentication, ClientCredentials, ConfigError, PrivateKey, SigningAlgorithm,
};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::client_auth::sent;

/// A key in PEM, and its certificate.
fn certified(algorithm: Algorithm) -> (String, rcgen::Certificate) {
    let pem = SigningKey::generate(algorithm).private_key_pem().clone();
    let pair = KeyPair::from_pem(&pem).unwrap();
    (pem, CertificateParams::new(vec!["report".to_owned()]).unwrap().self_signed(&pair).unwrap())
}

/// Returns the signed part, the header and the signature of the assertion of a client with this
/// key.
async fn assertion(key: PrivateKey) -> (String, Value, Vec<u8>) {
    let request = sent(ClientAuthentication::private_key_jwt("report", key)).await;
    let assertion = request.parameter("client_assertion").unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header = serde_json::from_slice(&decode(signed.split('.').next().unwrap())).unwrap();
    (signed.to_owned(), header, decode(signature))
}

fn build(key: PrivateKey) -> Result<ClientCredentials, ConfigError> {
    let client = ClientAuthentication::private_key_jwt("report", key);
    ClientCredentials::builder(client).issuer("https://issuer.example").build()
}

#[tokio::test]
async fn each_rsa_algorithm_signs_as_its_name_says() {
    // FR-D6
    let (pem, _) = certified(Algorithm::RS256);
    let der = KeyPair::from_pem(&pem).unwrap().serialize_der();
    let public = rsa::KeyPair::from_pkcs8(&der).unwrap();
    let algorithms: [(SigningAlgorithm, &str, &'static RsaParameters); 6] = [
        (SigningAlgorithm::Rs256, "RS256", &RSA_PKCS1_2048_8192_SHA256),
        (SigningAlgorithm::Rs384, "RS384", &RSA_PKCS1_2048_8192_SHA384),
        (SigningAlgorithm::Rs512, "RS512", &RSA_PKCS1_2048_8192_SHA512),
        (SigningAlgorithm::Ps256, "PS256", &RSA_PSS_2048_8192_SHA256),
        (SigningAlgorithm::Ps384, "PS384", &RSA_PSS_2048_8192_SHA384),
        (SigningAlgorithm::Ps512, "PS512", &RSA_PSS_2048_8192_SHA512),
    ];
    for (algorithm, name, _) in algorithms {
        let key = PrivateKey::from_pem(&pem).unwrap().with_algorithm(algorithm);
        let (signed, header, signature) = assertion(key).await;
        assert_eq!(header, json!({ "alg": name, "typ": "JWT" }));
        for (other, _, parameters) in algorithms {
            let key = UnparsedPublicKey::new(parameters, public.public_key().as_ref());
            let verifies = key.verify(signed.as_bytes(), &signature).is_ok();
            assert_eq!(verifies, other == algorithm, "{name} as {other}");
        }
    }
}

#[tokio::test]
async fn algorithm_of_other_key_type_is_config_error() {
    // FR-D6
    let key = |algorithm| PrivateKey::from_pem(&SigningKey::generate(algorithm).private_key_pem()).unwrap();
    let keys = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(key);
    for (algorithm, fits) in [
        (SigningAlgorithm::Rs256, 0),
        (SigningAlgorithm::Ps256, 0),
        (SigningAlgorithm::Ps512, 0),
        (SigningAlgorithm::Es256, 1),
        (SigningAlgorithm::EdDsa, 2),
    ] {
        for (n, key) in keys.iter().enumerate() {
            match build(key.clone().with_algorithm(algorithm)) {
                Ok(_) => assert_eq!(n, fits, "{algorithm}"),
                Err(error) => {
                    let is_wrong = matches!(
                        error,
                        ConfigError::ClientAuthentication(ClientAuthError::WrongAlgorithm { .. })
                    );
                    assert!(n != fits && is_wrong, "{error:?}");
                    let expected = format!("algorithm {algorithm} does not fit the private key: expected ");
                    assert!(error.to_string().starts_with(&expected), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn certificate_names_the_key_in_the_header() {
    // FR-D6: as Entra ID documents it, and in the older form of AD FS.
    for (kind, algorithm) in [
        (Algorithm::RS256, SigningAlgorithm::Ps256),
        (Algorithm::ES256, SigningAlgorithm::Es256),
        (Algorithm::EdDSA, SigningAlgorithm::EdDsa),
    ] {
        let (pem, certificate) = certified(kind);
        let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest(algorithm, certificate.der()));
        let key = PrivateKey::from_pem(&pem).unwrap().with_algorithm(algorithm);
        let chain = format!("subject=report\n{}{}", certificate.pem(), certified(kind).1.pem());
        let (_, header, _) = assertion(key.clone().with_certificate(&chain)).await;
        let sha256 = thumbprint(&SHA256);
        assert_eq!(header, json!({ "alg": algorithm.to_string(), "typ": "JWT", "x5t#S256": sha256 }));
        let (_, header, _) =
            assertion(key.with_certificate(&chain).with_sha1_thumbprint().with_key_id("k1")).await;
        let sha1 = thumbprint(&SHA1_FOR_LEGACY_USE_ONLY);
        let expected = json!({ "alg": algorithm.to_string(), "typ": "JWT", "kid": "k1", "x5t#S256": sha256, "x5t": sha1 });
        assert_eq!(header, expected);
    }
}

#[tokio::test]
async fn certificate_of_another_key_is_a_config_error() {
    // FR-D6
    for kind in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let (pem, certificate) = certified(kind);
        let key = || PrivateKey::from_pem(&pem).unwrap();
        assert!(build(key().with_certificate(certificate.pem())).is_ok());
        let (_, other) = certified(kind);
        let damaged = certificate.pem().replace("-----END CERTIFICATE-----", "");
        for wrong in [other.pem(), damaged, pem.clone(), String::new()] {
            let error = build(key().with_certificate(wrong)).unwrap_err();
            assert!(
                matches!(
                    error,
                    ConfigError::ClientAuthentication(ClientAuthError::InvalidCertificate {
                        setting: "certificate of the private key",
                        ..
                    })
                ),
                "{error:?}"
            );
        }
    }
}
