//! Valid configurations, and errors that name the field, the expected and the found value.

use scopegate_issuer::{ClientConfig, Config, ConfigError, LocalIssuer, PoolConfig, StartError};

const GOOD: &str = r#"
listen = "127.0.0.1:0"

[[pools]]
id = "eu-west-1_Shop00001"

[[pools.resource_servers]]
identifier = "https://shop.example"
scopes = ["orders.read", "orders.write"]

[[pools.clients]]
id = "client-1"
name = "report"
secret = "hush-1"
access_token_lifetime_secs = 300
scopes = ["https://shop.example/orders.read"]

[[pools.clients]]
id = "client-2"
secret = "hush-2"
scopes = ["https://shop.example/orders.read", "https://shop.example/orders.write"]
"#;

/// Returns the error after one part of the valid file was replaced.
fn error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let error = Config::from_toml(&GOOD.replacen(from, to, 1)).unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("hush"), "{text}");
    }
    error.to_string()
}

#[tokio::test]
async fn valid_file_is_served() {
    let issuer = LocalIssuer::start_with(Config::from_toml(GOOD).unwrap()).await.unwrap();
    assert_eq!(issuer.default_pool().id(), "eu-west-1_Shop00001");
    let pool = issuer.default_pool();
    let [one, two] = pool.clients() else { panic!("two clients") };
    assert_eq!((one.id(), one.secret(), one.display_name()), ("client-1", "hush-1", "report"));
    assert_eq!((two.id(), two.display_name(), two.scopes().len()), ("client-2", "client-2", 2));
    assert_eq!(issuer.client("report").unwrap().id(), "client-1");
    assert_eq!(issuer.client("client-2").unwrap().id(), "client-2");
    assert!(issuer.client("client-1").is_none());
    let claims = issuer.mint().claims();
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 300);
}

#[test]
fn unknown_and_missing_fields_are_rejected_by_name() {
    assert!(error("listen =", "listne =").starts_with("line 2: `listne`: unknown field `listne`"));
    assert!(error("id = \"eu", "idd = \"eu").contains("unknown field `idd`"));
    assert!(error("identifier =", "identifer =").starts_with("line 8: `identifer`: unknown field"));
    assert!(error("access_token_lifetime_secs", "access_token_lifetime").contains("unknown field"));
    assert!(error("secret = \"hush-1\"\n", "").contains("missing field `secret`"));
    assert!(error("id = \"client-1\"\n", "").contains("missing field `id`"));
}

#[test]
fn value_of_wrong_type_is_rejected_by_field() {
    let message = error("access_token_lifetime_secs = 300", "access_token_lifetime_secs = \"300\"");
    assert!(
        message.contains("`access_token_lifetime_secs`: invalid type: string \"300\", expected u64"),
        "{message}"
    );
    assert!(error("access_token_lifetime_secs = 300", "access_token_lifetime_secs = -1").contains("-1"));
    assert!(error("name = \"report\"", "name = 5").contains("`name`: invalid type: integer `5`"));
    assert!(error("[\"https://shop.example/orders.read\"]", "\"x\"").contains("expected a sequence"));
}

#[test]
fn line_of_mistake_is_in_the_file() {
    let mut lines = 0;
    for junk in ["", "\"", "\r", "[", "\u{e9}", "\u{2028}"] {
        for (cut, _) in GOOD.char_indices() {
            let text = format!("{}{junk}", &GOOD[..cut]);
            let Err(error) = Config::from_toml(&text) else { continue };
            let error = error.to_string();
            let line = error.strip_prefix("line ").and_then(|rest| rest.split(':').next());
            let Some(line) = line.and_then(|line| line.parse().ok()) else { continue };
            assert!((1..=text.split('\n').count()).contains(&line), "{text:?}: {error}");
            lines += 1;
        }
    }
    assert!(lines > 1_000, "{lines}");
}

#[test]
fn error_never_quotes_a_secret() {
    assert!(error("secret = \"hush-1\"", "secret = [\"hush\"]").contains("expected a string, found array"));
    assert!(error("secret = \"hush-1\"", "secret = \"hush").starts_with("line 14: `secret`: "));
    assert!(error("secret = \"hush-1\"", "secret = hush").starts_with("line 14: `secret`: "));
    let number = Config::from_toml(&GOOD.replacen("\"hush-1\"", "98765", 1)).unwrap_err().to_string();
    assert!(number.contains("expected a string, found integer") && !number.contains("98765"), "{number}");
    let inline = error(
        "[[pools.clients]]\nid = \"client-1\"",
        "x = { secret = \"hush\" }\n[[pools.clients]]\nid = \"c\"",
    );
    assert!(inline.contains("unknown field `x`"), "{inline}");
}

#[test]
fn out_of_range_error_names_expected_and_found() {
    for (from, to, expected) in [
        (
            "127.0.0.1:0",
            "0.0.0.0:9400",
            "`listen`: expected a loopback address such as 127.0.0.1:9400, or `allow_other_machines`, found 0.0.0.0:9400; \
             this is a development server, not for production",
        ),
        (
            "127.0.0.1:0",
            "localhost",
            "`listen`: expected an address and a port, such as 127.0.0.1:9400, found \"localhost\"",
        ),
        (
            "eu-west-1_Shop00001",
            "a/b",
            "`pools[0].id`: expected a region, `_` and letters or digits, such as eu-west-1_Local0001, found \"a/b\"",
        ),
        (
            "\"https://shop.example\"",
            "\"my shop\"",
            "`pools[0].resource_servers[0].identifier`: expected printable ASCII without space, `\"` and `\\`, \
             found \"my shop\"",
        ),
        (
            "\"orders.read\"",
            "\"orders\\\\read\"",
            "`pools[0].resource_servers[0].scopes[0]`: expected printable ASCII without space, `\"` and `\\`, \
             found \"orders\\\\read\"",
        ),
        ("\"client-1\"", "\"\"", "`pools[0].clients[0].id`: expected a client id, found an empty string"),
        ("\"hush-1\"", "\"\"", "`pools[0].clients[0].secret`: expected a secret, found an empty string"),
        (
            "= 300",
            "= 299",
            "`pools[0].clients[0].access_token_lifetime_secs`: expected 300 to 86400 seconds, found 299",
        ),
        (
            "= 300",
            "= 86401",
            "`pools[0].clients[0].access_token_lifetime_secs`: expected 300 to 86400 seconds, found 86401",
        ),
        (
            "[\"https://shop.example/orders.read\"]",
            "[]",
            "`pools[0].clients[0].scopes`: expected at least one scope, found none",
        ),
        (
            "[\"https://shop.example/orders.read\"]",
            "[\"orders.read\"]",
            "`pools[0].clients[0].scopes[0]`: expected a scope that a resource server of this pool defines, \
             as identifier/name, found \"orders.read\"",
        ),
        (
            "[\"https://shop.example/orders.read\"]",
            "[\"a b\"]",
            "`pools[0].clients[0].scopes[0]`: expected printable ASCII without space, `\"` and `\\`, found \"a b\"",
        ),
        ("\"client-2\"", "\"client-1\"", "`pools[0].clients[1].id`: duplicate value \"client-1\""),
        (
            "\"https://shop.example/orders.write\"",
            "\"https://shop.example/orders.read\"",
            "`pools[0].clients[1].scopes[1]`: duplicate value \"https://shop.example/orders.read\"",
        ),
    ] {
        assert_eq!(error(from, to), expected);
    }
    assert!(Config::from_toml(&GOOD.replace("= 300", "= 86400")).is_ok());
    assert_eq!(
        Config::from_toml("").unwrap_err().to_string(),
        "`pools`: expected at least one pool, found none"
    );
    assert_eq!(
        Config::from_toml("[[pools]]\nid = \"eu_1\"").unwrap_err().to_string(),
        "`pools[0].clients`: expected at least one client, found none"
    );
}

#[test]
fn duplicate_id_is_rejected_across_pools() {
    let (_, pool) = GOOD.split_once("\n\n").unwrap();
    let twice = format!("{GOOD}{pool}");
    let message = Config::from_toml(&twice).unwrap_err().to_string();
    assert_eq!(message, "`pools[1].id`: duplicate value \"eu-west-1_Shop00001\"");
    let other_pool = format!("{GOOD}{}", pool.replace("Shop00001", "Shop00002"));
    let message = Config::from_toml(&other_pool).unwrap_err().to_string();
    assert_eq!(message, "`pools[1].clients[0].id`: duplicate value \"client-1\"");
    let other_clients = format!("{GOOD}{}", pool.replace("Shop00001", "Shop00002").replace("client-", "c-"));
    assert!(Config::from_toml(&other_clients).is_ok());
}

#[tokio::test]
async fn configuration_made_in_code_is_checked_at_start() {
    let with = |client: ClientConfig| {
        Config::empty().pool(PoolConfig::new("eu-west-1_a1").resource_server("r", ["s"]).client(client))
    };
    assert!(
        LocalIssuer::start_with(with(ClientConfig::new("c", "s", ["r/s"]).lifetime_secs(1))).await.is_ok()
    );
    for (config, field) in [
        (with(ClientConfig::new("c", "s", ["r/s"]).lifetime_secs(0)), "access_token_lifetime_secs"),
        (with(ClientConfig::new("c", "", ["r/s"])), "secret"),
        (with(ClientConfig::new("c", "s", ["r/t"])), "scopes[0]"),
        (Config::empty(), "pools"),
    ] {
        match LocalIssuer::start_with(config).await.unwrap_err() {
            StartError::Config(error @ ConfigError::Invalid { .. }) => {
                assert!(error.to_string().contains(field), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn non_loopback_address_requires_flag() {
    // FR-E1
    let listen = |text: &str| Config::default().listen(text.parse().unwrap());
    let start = |config| tokio::runtime::Runtime::new().unwrap().block_on(LocalIssuer::start_with(config));
    assert!(start(listen("0.0.0.0:0").allow_other_machines()).is_ok());
    for rejected in [listen("0.0.0.0:0"), listen("0.0.0.0:0").allow_host("issuer"), listen("192.0.2.7:0")] {
        match start(rejected).unwrap_err() {
            StartError::Config(ConfigError::NotLoopback { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let file = GOOD.replace("127.0.0.1:0", "0.0.0.0:0");
    assert!(Config::from_toml(&file).is_err());
    assert!(Config::from_toml(&format!("allow_other_machines = true\n{file}")).is_ok());
    assert!(Config::from_toml(&format!("allow_other_machines = false\n{file}")).is_err());
}

#[tokio::test]
async fn file_names_hosts_and_url() {
    // FR-E1
    let file = format!("allow_hosts = [\"issuer:9400\"]\nurl = \"http://issuer.test:1\"{GOOD}");
    let issuer = LocalIssuer::start_with(Config::from_toml(&file).unwrap()).await.unwrap();
    assert_eq!(issuer.url(), "http://issuer.test:1");
}

#[test]
fn malformed_host_or_url_is_rejected() {
    // FR-E1
    let host = "a host name or an IP address, alone or with a port, such as issuer:9400";
    let url =
        "http or https, a host and perhaps a port, without a slash at the end, such as http://issuer:9400";
    for (line, expected) in [
        (r#"allow_hosts = ["*"]"#, format!("`allow_hosts[0]`: expected {host}, found \"*\"")),
        (
            r#"allow_hosts = ["issuer", "http://issuer"]"#,
            format!("`allow_hosts[1]`: expected {host}, found \"http://issuer\""),
        ),
        (r#"allow_hosts = ["0.0.0.0"]"#, format!("`allow_hosts[0]`: expected {host}, found \"0.0.0.0\"")),
        (r#"url = "issuer:9400""#, format!("`url`: expected {url}, found \"issuer:9400\"")),
        (r#"url = "http://issuer/""#, format!("`url`: expected {url}, found \"http://issuer/\"")),
        (r#"url = "ftp://issuer""#, format!("`url`: expected {url}, found \"ftp://issuer\"")),
        (r#"url = "http://me@issuer""#, format!("`url`: expected {url}, found \"http://me@issuer\"")),
    ] {
        let error = Config::from_toml(&format!("{line}\n{GOOD}")).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let good = "allow_hosts = [\"issuer\", \"[fd00::5]:9400\"]\nurl = \"https://issuer\"";
    assert!(Config::from_toml(&format!("{good}\n{GOOD}")).is_ok());
}

#[test]
fn claim_written_by_issuer_is_rejected() {
    // FR-E2
    let with = |claims: &str| {
        let client = "id = \"client-1\"\n";
        Config::from_toml(&GOOD.replacen(client, &format!("{client}claims = {claims}\n"), 1))
    };
    for accepted in [r#"{ tenant = "acme" }"#, r#"{ aud = "api" }"#, "{ nbf = 5 }", "{}"] {
        assert!(with(accepted).is_ok(), "{accepted}");
    }
    for name in ["iss", "exp", "iat", "jti", "sub", "scope", "client_id", "token_use", "auth_time", "version"]
    {
        assert_eq!(
            with(&format!("{{ {name} = \"x\" }}")).unwrap_err().to_string(),
            format!(
                "`pools[0].clients[0].claims`: expected a claim that the issuer does not write into every token itself, \
                 found {name:?}"
            )
        );
    }
    assert_eq!(
        with(r#"{ "" = 1 }"#).unwrap_err().to_string(),
        "`pools[0].clients[0].claims`: expected the name of a claim, found an empty string"
    );
    for (claims, found) in [
        (
            "{ since = 2027-01-15 }",
            "claim `since`: expected a string, a finite number, a boolean, an array or a table, found a date",
        ),
        ("{ share = [nan] }", "found NaN"),
        ("{ limits = { share = inf } }", "claim `limits`: expected"),
        ("5", "invalid type: integer `5`"),
    ] {
        let error = with(claims).unwrap_err().to_string();
        assert!(error.starts_with("line ") && error.contains(found), "{claims}: {error}");
    }
}
