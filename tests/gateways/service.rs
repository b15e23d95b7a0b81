//! The decision service, and the tokens of its issuer.

use std::path::Path;
use std::time::Duration;

use scopegate_issuer::{Algorithm, Certificate, DpopProof, LocalIssuer, SigningKey};

use crate::process::Process;
use crate::tls::Identity;
use crate::trouble::Trouble;

/// The headers of `[forward]`. The configurations of deploy/ pass them on.
pub(crate) const FORWARDED: [&str; 3] = ["X-Auth-Client", "X-Auth-Sub", "X-Auth-Scope"];

/// The client of the tokens.
pub(crate) const CLIENT: &str = "local-reader";

/// The scopes of the reader's token.
pub(crate) const SCOPES: &str = "orders/read files/read";

/// A host with a public route. At `api.example`, the same route requires a scope.
pub(crate) const OTHER_HOST: &str = "other.example";

/// The file with the key of nonces, for services that require them.
const NONCE_KEY: &str = "nonce-key";

/// Tokens of the callers.
pub(crate) struct Tokens {
    /// A token with [`SCOPES`].
    pub(crate) reader: String,
    /// The same with 12 KiB.
    pub(crate) large: String,
    /// The same with a signature of ML-DSA-87, and 7 KB.
    pub(crate) ml_dsa: String,
    /// A token of an issuer that is not available.
    pub(crate) undecidable: String,
}

/// The running issuer, with the URL of an issuer that has ended.
pub(crate) struct Issuers {
    local: LocalIssuer,
    ml_dsa: LocalIssuer,
    ended: String,
    pub(crate) tokens: Tokens,
}

impl Issuers {
    pub(crate) async fn start() -> Result<Self, Trouble> {
        let (local, other) = (LocalIssuer::start().await?, LocalIssuer::start().await?);
        let reader = local.mint().scope(SCOPES).sign();
        let more = (0..96).map(|number| format!("scope/{number:083}")).collect::<Vec<_>>().join(" ");
        let large = local.mint().scope(&format!("{SCOPES} {more}")).sign();
        let ml_dsa = LocalIssuer::start().await?;
        ml_dsa.rotate_to(SigningKey::generate(Algorithm::MlDsa87));
        let of_ml_dsa = ml_dsa.mint().scope(SCOPES).claim("tenant", "x".repeat(300)).sign();
        let undecidable = other.mint().scope(SCOPES).sign();
        let ended = other.issuer().to_owned();
        other.shut_down().await;
        let tokens = Tokens { reader, large, ml_dsa: of_ml_dsa, undecidable };
        Ok(Self { local, ml_dsa, ended, tokens })
    }

    /// Returns the two headers of a request with a token that is bound to this key, and a new proof for this
    /// URL.
    pub(crate) fn with_proof(&self, key: &SigningKey, url: &str, nonce: Option<&str>) -> [String; 2] {
        let proof = DpopProof::new(key, "GET", url);
        let proof = nonce.into_iter().fold(proof, DpopProof::nonce);
        let request = proof.request(&self.local.mint().scope(SCOPES));
        let proof = request.proofs().collect::<Vec<_>>().concat();
        [format!("Authorization: {}", request.authorization()), format!("DPoP: {proof}")]
    }

    /// Returns a token that is bound to this certificate.
    pub(crate) fn bound_to(&self, certificate: &Identity) -> Result<String, Trouble> {
        let certificate = Certificate::from_der(certificate.der())?;
        Ok(self.local.mint().scope(SCOPES).with_certificate(&certificate).sign())
    }

    /// Returns the file of the decision service for a kind of gateway, with further settings.
    pub(crate) fn config(&self, gateway: &str, settings: &str) -> String {
        let issuer = |url: &str| format!("[[issuer]]\nissuer = \"{url}\"\nclients = [\"{CLIENT}\"]\n");
        let ml_dsa = issuer(self.ml_dsa.issuer()) + "algorithms = [\"ML-DSA-87\"]\n";
        let issuers = issuer(self.local.issuer()) + &issuer(&self.ended) + &ml_dsa;
        format!(
            r#"listen = "127.0.0.1:0"
listen_grpc = "127.0.0.1:0"
public_url = "https://api.example"
gateway = "{gateway}"
trusted_proxies = ["127.0.0.1"]
{settings}
{issuers}
[[route]]
path = "/orders/{{id}}"
GET = "orders/read"
POST = "orders/write"
[[route]]
path = "/files/{{*path}}"
GET = "files/read"
[[route]]
path = "/public/{{*path}}"
GET = "public"
POST = "public"
[[route]]
path = "/admin/{{*path}}"
GET = "admin"
[[route]]
path = "/tenant/{{*path}}"
GET = "admin"
[[route]]
host = "{OTHER_HOST}"
path = "/tenant/{{*path}}"
GET = "public"
[forward]
"X-Auth-Client" = "client_id"
"X-Auth-Sub" = "sub"
"X-Auth-Scope" = "scope"
"#
        )
    }
}

/// The time limit for a program to start.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The decision service.
pub(crate) struct Service {
    process: Process,
    pub(crate) address: String,
    /// The address for decisions over gRPC.
    pub(crate) grpc: String,
}

impl Service {
    pub(crate) async fn start(program: &Path, config: &str, folder: &Path) -> Result<Self, Trouble> {
        std::fs::write(folder.join("scopegate.toml"), config)?;
        std::fs::write(folder.join(NONCE_KEY), "the first key, of at least 32 bytes")?;
        let process = Process::start(program, ["serve", "--config", "scopegate.toml"], folder, "scopegate")?;
        let addresses = tokio::time::timeout(PATIENCE, async {
            loop {
                let out = std::fs::read_to_string(folder.join("scopegate.out")).unwrap_or_default();
                let whole = |line: &str| line.strip_suffix('\n').map(str::to_owned);
                let mut lines = out.split_inclusive('\n').filter_map(whole);
                let mut address = |name: &str| Some(lines.next()?.strip_prefix(name)?.to_owned());
                if let (Some(http), Some(grpc)) =
                    (address("decisions on http://"), address("grpc on http://"))
                {
                    return (http, grpc);
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        });
        let late = |_| Trouble(format!("scopegate has not started: {}", folder.display()));
        let (address, grpc) = addresses.await.map_err(late)?;
        Ok(Self { process, address, grpc })
    }

    /// Replaces the key of nonces, and waits until it is used.
    pub(crate) async fn replace_nonce_key(&self, folder: &Path) -> Result<(), Trouble> {
        std::fs::write(folder.join(NONCE_KEY), "another key, of at least 32 bytes")?;
        let replaced = tokio::time::timeout(PATIENCE, async {
            while !std::fs::read_to_string(folder.join("scopegate.err"))?.contains("key of nonces replaced") {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            Ok::<(), Trouble>(())
        });
        replaced.await.map_err(|_| Trouble("the key of nonces is not replaced".to_owned()))?
    }

    pub(crate) async fn stop(&mut self) -> Result<(), Trouble> {
        self.process.kill().await
    }
}
