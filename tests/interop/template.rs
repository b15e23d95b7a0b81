//! Checks of `deploy/cognito/template.yaml`, which creates the resources in Amazon Cognito.
//!
//! AWS's linter finds no problem in it, moto creates its stack, and its outputs have the names of
//! the settings in docs/cognito.md and of the demo.

use std::path::{Path, PathBuf};
use std::process::Output;

use scopegate_axum::{Issuer, Verifier};
use scopegate_client::{ClientAuthentication, ClientCredentials};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::column::Column;
use crate::installed::Installed;
use crate::oracle::issuer;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::table::Table;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/cognito/template.yaml");
const COGNITO: &str = include_str!("../../docs/cognito.md");
const DEMO: &str = include_str!("../../examples/demo/src/settings/arguments.rs");
const NAME: &str = "deploy/cognito/template.yaml";
const DOMAIN: &str = "orders-1";

pub(crate) async fn table(installed: &Installed) -> Table {
    let column = match installed.aws() {
        Ok(()) => {
            column(&Tools { bin: installed.folder.join("venv-aws/bin"), folder: &installed.folder }).await
        }
        Err(missing) => Column::not_run(NAME, missing),
    };
    Table { name: "template", columns: vec![column] }
}

async fn column(tools: &Tools<'_>) -> Column {
    let mut column = Column::new(NAME);
    column.put("cfn-lint finds nothing", tools.lint()).await;
    let stack = match tools.stack().await {
        Ok(stack) => stack,
        Err(trouble) => return Column::not_started(NAME, &trouble),
    };
    column
        .put("moto creates its stack", async { is(at(&stack, "/status"), &json!("CREATE_COMPLETE")) })
        .await;
    column
        .put("its clients have a secret, and no grant but `client_credentials`", async { clients(&stack) })
        .await;
    column.put("no user can sign up", async { sign_up(&stack) }).await;
    column.put("its outputs are settings of the API, which accepts both clients", api(&stack)).await;
    column.put("its outputs are settings of a caller", async { caller(&stack) }).await;
    column.put("its outputs are named as in docs/cognito.md and the demo", async { names(&stack) }).await;
    column
}

/// The installed Python programs.
struct Tools<'a> {
    bin: PathBuf,
    folder: &'a Path,
}

impl Tools<'_> {
    async fn run(&self, program: &str, arguments: &[&str]) -> Result<Output, Trouble> {
        let mut command = Command::new(self.bin.join(program));
        Ok(command.args(arguments).current_dir(self.folder).kill_on_drop(true).output().await?)
    }

    /// Runs the linter. It must also find an unknown grant in a changed template, which shows that
    /// it checks grants.
    async fn lint(&self) -> Outcome {
        let found = self.run("cfn-lint", &["--", TEMPLATE]).await?;
        ensure!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
        let wrong =
            std::fs::read_to_string(TEMPLATE)?.replacen("- client_credentials", "- client_credential", 1);
        let file = self.folder.join("wrong-template.yaml");
        std::fs::write(&file, wrong)?;
        let found = self.run("cfn-lint", &["--", &file.to_string_lossy()]).await?;
        let text = String::from_utf8_lossy(&found.stdout);
        ensure!(!found.status.success() && text.contains("client_credential"), "a wrong grant: {text:?}");
        Ok(YES)
    }

    async fn stack(&self) -> Result<Value, Trouble> {
        let domain = format!("DomainPrefix={DOMAIN}");
        let made = self.run("python", &["cognito/stack.py", TEMPLATE, &domain]).await?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(serde_json::from_slice(&made.stdout)?)
    }
}

/// Returns the value at a JSON pointer (RFC 6901), or `null`.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn is(found: &Value, expected: &Value) -> Outcome {
    ensure!(found == expected, "expected {expected}, found {found}");
    Ok(YES)
}

fn output<'a>(stack: &'a Value, name: &str) -> Result<&'a str, Trouble> {
    let output = at(stack, &format!("/outputs/{name}")).as_str();
    output.ok_or_else(|| Trouble::failed(format!("there is no output {name}: {}", at(stack, "/outputs"))))
}

/// Returns Cognito's description of the client with this id.
fn client<'a>(stack: &'a Value, id: &str) -> Result<&'a Value, Trouble> {
    let clients = at(stack, "/clients").as_array().into_iter().flatten();
    clients
        .into_iter()
        .find(|client| *at(client, "/ClientId") == *id)
        .ok_or_else(|| Trouble::failed(format!("no client {id}")))
}

fn clients(stack: &Value) -> Outcome {
    is(&json!(at(stack, "/clients").as_array().map(Vec::len)), &json!(2))?;
    let scopes = [output(stack, "ReadScope")?, output(stack, "WriteScope")?];
    for (id, scopes) in [("ReaderId", &scopes[..1]), ("WriterId", &scopes[..])] {
        let client = client(stack, output(stack, id)?)?;
        ensure!(
            at(client, "/ClientSecret").as_str().is_some_and(|secret| !secret.is_empty()),
            "{id} has no secret"
        );
        is(at(client, "/AllowedOAuthFlows"), &json!(["client_credentials"]))?;
        is(at(client, "/AllowedOAuthFlowsUserPoolClient"), &json!(true))?;
        is(at(client, "/AllowedOAuthScopes"), &json!(scopes))?;
        // Sign-in by password or SRP would bypass the grant.
        is(at(client, "/ExplicitAuthFlows"), &json!(["ALLOW_REFRESH_TOKEN_AUTH"]))?;
    }
    Ok(YES)
}

fn sign_up(stack: &Value) -> Outcome {
    is(at(stack, "/pool/AdminCreateUserConfig/AllowAdminCreateUserOnly"), &json!(true))
}

/// A token of each client is accepted with the scopes that Cognito grants. A token of another
/// client is rejected.
async fn api(stack: &Value) -> Outcome {
    let key = SigningKey::generate(Algorithm::RS256);
    let pool = output(stack, "Issuer")?;
    let clients = output(stack, "ClientId")?.split(',');
    let trusted = Issuer::cognito(pool)?.clients(clients).jwks(json!({ "keys": [key.jwk()] }).to_string());
    let verifier = Verifier::builder().trust(trusted).start().await?;
    let (read, write) = (output(stack, "ReadScope")?, output(stack, "WriteScope")?);
    for (id, may_write) in [("ReaderId", false), ("WriterId", true)] {
        let id = output(stack, id)?;
        let scopes = at(client(stack, id)?, "/AllowedOAuthScopes").as_array().into_iter().flatten();
        let scopes = scopes.filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        let claims = verifier.verify(Mint::cognito(&issuer(pool), id).scope(&scopes).sign_with(&key))?;
        let granted = (claims.scopes().contains(read), claims.scopes().contains(write));
        ensure!(granted == (true, may_write), "{id} is granted {}", claims.scopes());
    }
    let other = verifier.verify(Mint::cognito(&issuer(pool), "another").sign_with(&key));
    ensure!(other.is_err(), "another client is accepted");
    Ok(YES)
}

fn caller(stack: &Value) -> Outcome {
    let id = output(stack, "ReaderId")?;
    let secret = at(client(stack, id)?, "/ClientSecret").as_str().unwrap_or_default();
    let endpoint = output(stack, "TokenEndpoint")?;
    let expected = format!("https://{DOMAIN}.auth.eu-west-1.amazoncognito.com/oauth2/token");
    ensure!(endpoint == expected, "expected {expected}, found {endpoint}");
    is(at(stack, "/domain/Domain"), &json!(DOMAIN))?;
    ClientCredentials::builder(ClientAuthentication::client_secret_basic(id, secret))
        .token_endpoint(endpoint)
        .scope(output(stack, "ReadScope")?)
        .build()?;
    Ok(YES)
}

/// An output `ClientId` is the flag `--client-id`. docs/cognito.md has an example of each output
/// for callers.
fn names(stack: &Value) -> Outcome {
    for (name, field) in [("Issuer", "issuer"), ("ClientId", "client_id"), ("Resource", "resource")] {
        output(stack, name)?;
        ensure!(
            DEMO.contains(&format!("pub(super) {field}: Option<String>")),
            "the demo has no flag for {name}"
        );
    }
    for text in [
        "Issuer::cognito(\"eu-west-1_Ab12Cd34E\")",
        "--issuer eu-west-1_Ab12Cd34E --client-id 1example23456789",
        &output(stack, "TokenEndpoint")?.replace(DOMAIN, "YOUR-DOMAIN"),
        output(stack, "Resource")?,
        output(stack, "ReadScope")?,
        "deploy/cognito/template.yaml",
    ] {
        ensure!(COGNITO.contains(text), "docs/cognito.md does not have {text}");
    }
    let outputs = at(stack, "/outputs").as_object().into_iter().flatten().count();
    ensure!(outputs == 8, "expected 8 outputs, found {outputs}: {}", at(stack, "/outputs"));
    Ok(YES)
}
