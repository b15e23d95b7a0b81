//! Does `token` print the token only, and never the secret?

use scopegate_issuer::LocalIssuer;

use crate::program::{program, run, run_with};

const SECRET: &str = "local-reader-secret";

#[tokio::test(flavor = "multi_thread")]
async fn token_is_all_of_standard_output() {
    let local = LocalIssuer::start().await.unwrap();
    let endpoint = local.token_endpoint();
    for flags in [
        &["--issuer", local.issuer()][..],
        &["--token-endpoint", &endpoint],
        &["--issuer", local.issuer(), "--post"],
    ] {
        let mut command = program();
        command.args(["token", "--client", "local-reader"]).args(flags).env("CLIENT_SECRET", SECRET);
        let token = run_with(&mut command, "");
        assert_eq!((token.code, token.errors.as_str()), (0, ""), "{flags:?}");
        let token = token.out.strip_suffix('\n').unwrap();
        assert_eq!(token.split('.').count(), 3, "{token}");
        let explained = run(&["explain", "--issuer", local.issuer(), "--client", "local-reader"], token);
        assert_eq!(explained.code, 0, "{}", explained.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_comes_from_environment_or_input() {
    let local = LocalIssuer::start().await.unwrap();
    let flags = ["token", "--issuer", local.issuer(), "--client", "local-reader"];
    assert_eq!(run(&[&flags[..], &["--secret-stdin"]].concat(), &format!("{SECRET}\n")).code, 0);
    let named = run_with(program().args(flags).args(["--secret-env", "OTHER"]).env("OTHER", SECRET), "");
    assert_eq!(named.code, 0, "{}", named.errors);
    let none = run(&flags, "");
    assert_eq!(none.code, 64);
    assert!(none.errors.contains("environment variable CLIENT_SECRET"), "{}", none.errors);
    assert_eq!(run(&[&flags[..], &["--secret", SECRET]].concat(), "").code, 64);
    assert_eq!(run(&[&flags[..], &["--secret-stdin"]].concat(), "\n").code, 64);
    // A secret is never cut.
    let [long, too_long] = [16 * 1024, 16 * 1024 + 1].map(|length| "x".repeat(length));
    assert_eq!(run(&[&flags[..], &["--secret-stdin"]].concat(), &long).code, 1);
    let cut = run(&[&flags[..], &["--secret-stdin"]].concat(), &too_long);
    assert_eq!(cut.code, 64, "{}", cut.errors);
    assert!(cut.errors.contains("at most 16384 bytes"), "{}", cut.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_client_exits_with_one() {
    let local = LocalIssuer::start().await.unwrap();
    let flags = ["token", "--issuer", local.issuer(), "--client", "local-reader"];
    let wrong = run_with(program().args(flags).env("CLIENT_SECRET", "wrong-secret-of-a-test"), "");
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""), "{}", wrong.errors);
    assert!(wrong.errors.contains("invalid_client"), "{}", wrong.errors);
    assert!(!wrong.errors.contains("wrong-secret-of-a-test"), "{}", wrong.errors);
    let scope = ["--scope", "no/such"];
    let unknown = run_with(program().args(flags).args(scope).env("CLIENT_SECRET", SECRET), "");
    assert_eq!(unknown.code, 1, "{}", unknown.errors);
    let address = local.address();
    local.shut_down().await;
    let closed = ["token", "--token-endpoint", &format!("http://{address}/token"), "--client", "a"];
    let closed = run_with(program().args(closed).env("CLIENT_SECRET", SECRET), "");
    assert_eq!(closed.code, 2, "{}", closed.errors);
}
