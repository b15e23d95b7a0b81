//! The decision service, and the tokens of its issuer.

use std::path::Path;
use std::time::Duration;

use scopegate_issuer::{Algorithm, DpopProof, DpopRequest, LocalIssuer, SigningKey};

use crate::process::Process;
use crate::trouble::Trouble;

/// The headers of `[forward]`. The configurations of deploy/ pass them on.
pub(crate) const FORWARDED: [&str; 3] = ["X-Auth-Client", "X-Auth-Sub", "X-Auth-Scope"];

/// The client of the tokens.
pub(crate) const CLIENT: &str = "local-reader";

/// The scopes of the reader's token.
pub(crate) const SCOPES: &str = "orders/read files/read";

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

    /// Returns a request with a bound token and a new proof for this path.
    pub(crate) fn dpop_request(&self, path: &str) -> DpopRequest {
        let key = SigningKey::generate(Algorithm::ES256);
        let proof = DpopProof::new(&key, "GET", &format!("https://api.example{path}"));
        proof.request(&self.local.mint().scope(SCOPES))
    }

    /// Returns the file of the decision service for a kind of gateway.
    fn config(&self, gateway: &str) -> String {
        let issuer = |url: &str| format!("[[issuer]]\nissuer = \"{url}\"\nclients = [\"{CLIENT}\"]\n");
        let ml_dsa = issuer(self.ml_dsa.issuer()) + "algorithms = [\"ML-DSA-87\"]\n";
        let issuers = issuer(self.local.issuer()) + &issuer(&self.ended) + &ml_dsa;
        format!(
            r#"listen = "127.0.0.1:0"
listen_grpc = "127.0.0.1:0"
public_url = "https://api.example"
gateway = "{gateway}"
dpop = "accept"
trusted_proxies = ["127.0.0.1"]
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
[[route]]
path = "/admin/{{*path}}"
GET = "admin"
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
    pub(crate) async fn start(
        program: &Path,
        issuers: &Issuers,
        gateway: &str,
        folder: &Path,
    ) -> Result<Self, Trouble> {
        std::fs::write(folder.join("scopegate.toml"), issuers.config(gateway))?;
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

    pub(crate) async fn stop(&mut self) -> Result<(), Trouble> {
        self.process.kill().await
    }
}
