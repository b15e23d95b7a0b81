//! The official clients, which need only an id and a secret. A table has the expected result of
//! each.
//!
//! The Rust client and the local issuer are part of every test run. `scripts/interop-mcp` installs
//! the other clients, and oidc-provider as a second issuer.

use std::path::PathBuf;

use crate::client::{Client, Knows, Went};
use crate::rig::Rig;

pub(crate) struct Row {
    client: &'static str,
    /// The issuer of this row, or `both` if the result is the same.
    pub(crate) issuer: &'static str,
    told: &'static str,
    /// The step that fails, and a part of the client's error. `None` if no step fails.
    ends: Option<(&'static str, &'static str)>,
    /// See [`Rig::seen`].
    seen: &'static str,
}

const CREDENTIALS: &str = "id and secret";
const READ: &str = "id, secret, and the scope `notes/read`";
const BOTH: &str = "id, secret, and both scopes";
const READER: &str = "id and secret of a client that may only read";
const WRONG: &str = "id and a wrong secret";
const LOCALHOST: &str = "id and secret, and `localhost` for 127.0.0.1";
const TOKEN: &str = "a token, for this server";
const FOREIGN: &str = "a token, for another server";

#[rustfmt::skip]
pub(crate) const EXPECTED: &[Row] = &[
    row("Rust", "both", CREDENTIALS, None, "401 resource issuer token 200 202 200 200 403 token 200 200"),
    row("Rust", "both", READ, None, "401 resource issuer token 200 202 200 200 403 token 200 200"),
    row("Rust", "both", BOTH, None, "401 resource issuer token 200 202 200 200 200 200"),
    row("Rust", "both", READER, Some(("write_note", "invalid_scope")), "401 resource issuer token 200 202 200 200 403 token=400"),
    row("Rust", "local", WRONG, Some(("connect", "invalid_client")), "401 resource issuer token=400"),
    row("Rust", "oidc-provider", WRONG, Some(("connect", "invalid_client")), "401 resource issuer token=401"),
    row("Rust", "both", LOCALHOST, Some(("connect", "resource")), "401 resource"),
    row("Rust", "both", TOKEN, Some(("write_note", r#"error="insufficient_scope""#)), "200 202 200 200 403"),
    row("Rust", "both", FOREIGN, Some(("connect", "Auth required")), "401"),

    row("Python", "both", CREDENTIALS, None, "401 resource issuer token 200 200 200 403 token 200 200"),
    row("Python", "both", READ, None, "401 resource issuer token 200 200 200 403 token 200 200"),
    row("Python", "both", BOTH, None, "401 resource issuer token 200 200 200 403 token 200 200"),
    row("Python", "both", READER, Some(("write_note", "invalid_scope")), "401 resource issuer token 200 200 200 403 token=400"),
    row("Python", "both", WRONG, Some(("connect", "invalid_client")), "401 resource issuer token=401"),
    row("Python", "both", LOCALHOST, Some(("connect", "does not match")), "401 resource"),
    row("Python", "both", TOKEN, Some(("write_note", "error response")), "200 200 200 403"),
    row("Python", "both", FOREIGN, Some(("connect", "error response")), "401 401"),

    row("TypeScript", "local", CREDENTIALS, None, "401 resource issuer token 200 202 200 200 200 200"),
    row("TypeScript", "oidc-provider", CREDENTIALS, Some(("connect", "403 after trying upscoping")), "401 resource issuer token 403 resource issuer token 403"),
    row("TypeScript", "both", READ, Some(("write_note", "403 after trying upscoping")), "401 resource issuer token 200 202 200 200 403 resource issuer token 403"),
    row("TypeScript", "both", BOTH, None, "401 resource issuer token 200 202 200 200 200 200"),
    row("TypeScript", "local", READER, Some(("write_note", "403 after trying upscoping")), "401 resource issuer token 200 202 200 200 403 resource issuer token 403"),
    row("TypeScript", "oidc-provider", READER, Some(("connect", "403 after trying upscoping")), "401 resource issuer token 403 resource issuer token 403"),
    row("TypeScript", "both", WRONG, Some(("connect", "InvalidClientError")), "401 resource issuer token=401 resource issuer token=401"),
    row("TypeScript", "both", LOCALHOST, Some(("connect", "does not match")), "401 resource issuer"),
    row("TypeScript", "both", TOKEN, Some(("write_note", "lacks a scope")), "200 202 200 200 403"),
    row("TypeScript", "both", FOREIGN, Some(("connect", "not valid for this API")), "401"),
];

const fn row(
    client: &'static str,
    issuer: &'static str,
    told: &'static str,
    ends: Option<(&'static str, &'static str)>,
    seen: &'static str,
) -> Row {
    Row { client, issuer, told, ends, seen }
}

#[tokio::test]
async fn official_rust_client_gets_access() {
    // F11, F14, F15
    runs_as_expected(&Client::Rust, "local", Rig::with_local_issuer().await).await;
}

#[tokio::test]
async fn official_clients_get_access_with_any_issuer() {
    // F11, F14, F15
    let Some(installed) = std::env::var_os("SCOPEGATE_MCP_CLIENTS").map(PathBuf::from) else {
        eprintln!("not run: SCOPEGATE_MCP_CLIENTS is not set; scripts/interop-mcp sets it");
        return;
    };
    let script = |name, program, file| Client::Script { name, program, file: installed.join(file) };
    let python = script("Python", installed.join("venv/bin/python"), "client.py");
    let typescript = script("TypeScript", "node".into(), "client.mjs");
    for client in [&python, &typescript] {
        runs_as_expected(client, "local", Rig::with_local_issuer().await).await;
    }
    for client in [&Client::Rust, &python, &typescript] {
        runs_as_expected(client, "oidc-provider", Rig::with_oidc_provider(&installed).await).await;
    }
}

/// Checks all rows of this client and this issuer.
async fn runs_as_expected(client: &Client, issuer: &str, mut rig: Rig) {
    let agent = |scope| Knows::Credentials { id: "local-agent", secret: "local-agent-secret", scope };
    let reader = Knows::Credentials { id: "local-reader", secret: "local-reader-secret", scope: None };
    let wrong = Knows::Credentials { id: "local-agent", secret: "wrong", scope: None };
    let token = rig.token(&rig.url, "notes/read").await;
    let foreign = rig.token("https://another.example/mcp", "notes/read").await;
    rig.seen().await;
    let mut notes = 0;
    for (told, knows) in [
        (CREDENTIALS, agent(None)),
        (READ, agent(Some("notes/read"))),
        (BOTH, agent(Some("notes/read notes/write"))),
        (READER, reader),
        (WRONG, wrong),
        (LOCALHOST, agent(None)),
        (TOKEN, Knows::Token(&token)),
        (FOREIGN, Knows::Token(&foreign)),
    ] {
        let concerned = |row: &&Row| row.client == client.name() && [issuer, "both"].contains(&row.issuer);
        let mut rows = EXPECTED.iter().filter(concerned).filter(|row| row.told == told);
        let (Some(row), None) = (rows.next(), rows.next()) else { panic!("one row for {issuer}, {told}") };
        let url = if told == LOCALHOST { rig.url.replace("127.0.0.1", "localhost") } else { rig.url.clone() };
        let went = client.run(&url, &rig.issuer, knows).await;
        let seen = rig.seen().await;
        let line = row.line(issuer);
        assert_eq!(seen, row.seen, "{line}\n{went:?}");
        row.check(&went, &mut notes);
        println!("{line}");
    }
}

impl Row {
    /// Checks the responses of all steps before the failed one, and the error of that step.
    fn check(&self, went: &Went, notes: &mut usize) {
        let line = self.line(self.issuer);
        let mut steps = went.steps.iter().map(|(step, got)| (step.as_str(), got.as_str()));
        for step in ["connect", "list", "whoami", "write_note", "read_notes"] {
            if let Some((failing, part)) = self.ends.filter(|(failing, _)| *failing == step) {
                let (failed, error) = went.error.as_ref().unwrap_or_else(|| panic!("{line}\n{went:?}"));
                assert!(failed == failing && error.contains(part), "{line}\n{went:?}");
                assert_eq!(steps.next(), None, "{line}");
                return;
            }
            let (took, got) = steps.next().unwrap_or_else(|| panic!("{line}\n{went:?}"));
            assert_eq!(took, step, "{line}\n{went:?}");
            let caller = if self.told == READER { "local-reader" } else { "local-agent" };
            match step {
                "list" => assert_eq!(got, "read_notes whoami write_note", "{line}"),
                "whoami" => assert!(got.starts_with(&format!("{caller} with notes/read")), "{line}: {got}"),
                "write_note" => {
                    *notes += 1;
                    assert_eq!(got, format!("note {notes}"), "{line}");
                }
                "read_notes" => {
                    assert_eq!(got.lines().count(), *notes, "{line}");
                    assert_eq!(
                        got.lines().last(),
                        Some(&*format!("{caller}: from {}", self.client)),
                        "{line}"
                    );
                }
                _ => {}
            }
        }
        assert!(went.error.is_none(), "{line}\n{went:?}");
    }

    /// Returns the row of the table in docs/reference/mcp-clients.md.
    pub(crate) fn line(&self, issuer: &str) -> String {
        let Self { client, told, ends, seen, .. } = self;
        let ends = ends.map_or("everything".to_owned(), |(step, _)| format!("fails at `{step}`"));
        format!("| {client} | {issuer} | {told} | {ends} | `{seen}` |")
    }
}
