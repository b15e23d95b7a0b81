mod issuers;
mod revocations;
mod sender;
mod strip_credentials;

use std::fmt::Write as _;

use http::Method;
use proptest::prelude::*;

use crate::config::beside::Beside;
use crate::config::forward::Field;
use crate::config::problem::Problem;
use crate::config::settings::{Config, MAX_FILE, MAX_ROUTES};
use crate::config::tenants::MAX_ISSUERS;
use crate::gateway::Gateway;
use crate::routes::access::{Access, MAX_SCOPES};

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse_with(text, None, &Beside::default())
}

/// A file with each setting.
const FILE: &str = r#"listen = "127.0.0.1:9000"
listen_admin = "127.0.0.1:9002"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1/32"]
dpop = "accept"

[[issuer]]
cognito = "eu-west-1_Ab12Cd34E"
clients = ["1example23456789"]

[[issuer]]
issuer = "https://login.example"
jwks_uri = "https://login.example/keys"
audiences = ["https://api.example"]

[[route]]
path = "/orders/{id}"
GET = "orders/read"
POST = { all = ["orders/read", "orders/write"] }
PATCH = { any = ["orders/write", "orders/admin"] }

[[route]]
path = "/health"
GET = "public"
OPTIONS = "authenticated"

[forward]
"X-Auth-Client" = "client_id"
"#;

/// Returns the mistakes of the file with one change.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert_eq!(FILE.matches(from).count(), 1, "{from}");
    problems_of(&FILE.replace(from, to))
}

fn problems_of(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn proxies_that_are_every_address_are_a_mistake() {
    // FW04
    for (proxies, expected) in [
        ("[\"0.0.0.0/1\", \"128.0.0.0/2\"]", None),
        ("[\"0.0.0.0/1\", \"128.0.0.0/1\"]", Some("networks that leave out some addresses")),
        ("[\"0.0.0.0/0\"]", Some("an IP address or a network")),
    ] {
        let text = FILE.replace("[\"127.0.0.1/32\"]", proxies);
        let problems = parse(&text).err().unwrap_or_default();
        assert_eq!(problems.len(), usize::from(expected.is_some()), "{problems:?}");
        let found = problems.first().map(|problem| problem.message.as_str()).unwrap_or_default();
        assert!(found.contains(expected.unwrap_or_default()), "{found}");
    }
}

#[test]
fn each_setting_is_read() {
    let config = parse(FILE).unwrap();
    assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap());
    assert_eq!(config.listen_grpc, None);
    let config_with = parse(&format!("listen_grpc = \"127.0.0.1:9001\"\n{FILE}")).unwrap();
    assert_eq!(config_with.listen_grpc, Some("127.0.0.1:9001".parse().unwrap()));
    assert_eq!(config.listen_admin, Some("127.0.0.1:9002".parse().unwrap()));
    assert_eq!((config.gateway, config.dpop.is_some(), config.uses_hosts), (Gateway::Nginx, true, false));
    assert!(config.trusted_proxies.contain("127.0.0.1".parse().unwrap()));
    let names: Vec<&str> = config.issuers.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E", "https://login.example"]
    );
    let [orders, health] = config.routes.as_slice() else { panic!("{:?}", config.routes) };
    assert_eq!(
        (orders.path.as_str(), orders.hosts.as_slice()),
        ("/orders/{id}", &["api.example".to_owned()][..])
    );
    assert_eq!(orders.access(&Method::HEAD), Some(&Access::Scopes("orders/read".into())));
    let any = scopegate::any_of(["orders/write", "orders/admin"]);
    assert_eq!(orders.access(&Method::PATCH), Some(&Access::Scopes(any)));
    assert_eq!(orders.access(&Method::DELETE), None);
    assert_eq!(health.access(&Method::GET), Some(&Access::Public));
    assert_eq!(health.access(&Method::OPTIONS), Some(&Access::Authenticated));
    assert_eq!(config.forward, [("x-auth-client".parse().unwrap(), Field::ClientId)]);
}

#[test]
fn scope_named_public_is_written_in_list() {
    let config = parse(&FILE.replace(r#"GET = "public""#, r#"GET = { all = ["public"] }"#)).unwrap();
    assert_eq!(config.routes[1].access(&Method::GET), Some(&Access::Scopes(scopegate::all_of(["public"]))));
}

#[test]
fn mistake_has_its_line_and_column() {
    // FW11
    for (from, to, expected) in [
        ("gateway = \"nginx\"", "gatway = \"nginx\"", "4:1: expected a key out of `listen`"),
        ("gateway = \"nginx\"", "", "1:1: expected the key `gateway`, found none"),
        ("\"nginx\"", "\"apache\"", "4:11: expected a gateway out of `nginx`"),
        ("\"nginx\"", "1", "4:11: expected a string, found a value of type integer"),
        ("listen = \"127.0.0.1:9000\"", "listen = \"9000\"", "1:10: expected an address and a port"),
        ("\"127.0.0.1:9002\"", "\"localhost:9002\"", "2:16: expected an address and a port"),
        ("https://api.example\"\ngate", "http://api.example\"\ngate", "3:14: "),
        ("https://api.example\"\ngate", "https://api.example/a;b\"\ngate", "3:14: "),
        ("127.0.0.1/32", "10.0.0.1/8", "5:20: trusted proxies: expected an IP address"),
        ("[\"127.0.0.1/32\"]", "[]", "5:19: expected at least one string"),
        ("\"accept\"", "\"yes\"", "6:8: expected \"off\", \"accept\" or \"require\", found \"yes\""),
        ("eu-west-1_Ab12Cd34E", "eu-west-1", "9:11: expected a user pool id"),
        ("cognito = ", "okta = ", "9:8: "),
        ("cognito = ", "cognto = ", "8:1: expected a kind of issuer"),
        ("clients = [\"1example23456789\"]", "", "8:1: expected `clients` or `audiences`"),
        ("clients = [\"1example23456789\"]", "clients = []", "10:11: expected at least one string"),
        ("clients = [\"1example23456789\"]", "clients = [1]", "10:12: expected a string"),
        (
            "clients = [\"1example23456789\"]",
            "clients = [\"a\"]\nauth0 = \"a.auth0.com\"",
            "11:1: expected one kind of issuer, found `cognito` and `auth0`",
        ),
        (
            "[\"1example23456789\"]",
            "[\"a\"]\njwks_uri = \"https://a.example\"",
            "11:1: expected `jwks_uri` beside",
        ),
        ("https://login.example/keys", "keys", "14:"),
        ("\"/orders/{id}\"", "\"orders\"", "18:8: no request can have this path"),
        ("\"/orders/{id}\"", "\"/orders/{id}.json\"", "18:8: expected a parameter as a whole segment"),
        ("\"/orders/{id}\"", "\"/%4frders\"", "18:8: no request can have this path"),
        (
            "path = \"/health\"",
            "path = \"/orders/{n}\"",
            "24:8: expected another path than that of an earlier route",
        ),
        ("path = \"/health\"", "", "23:1: expected the key `path`, found none"),
        ("GET = \"orders/read\"", "GET = \"orders/read orders/write\"", "19:7: expected a scope"),
        ("GET = \"orders/read\"", "GET = \"offline_access\"", "19:7: "),
        ("GET = \"orders/read\"", "GET = true", "19:7: expected a scope, \"public\""),
        ("GET = \"orders/read\"", "get = \"orders/read\"", "19:1: expected `path`, `host` or a method"),
        (
            "{ any = [\"orders/write\", \"orders/admin\"] }",
            "{ any = [] }",
            "21:17: expected at least one string",
        ),
        ("{ any = [\"orders/write\", \"orders/admin\"] }", "{ one = [\"a\"] }", "21:"),
        (
            "{ any = [\"orders/write\", \"orders/admin\"] }",
            "{ all = [\"a\"], any = [\"b\"] }",
            "21:9: expected either",
        ),
        ("\"orders/admin\"]", "\"orders admin\"]", "21:34: expected a scope"),
        ("\"client_id\"", "\"client\"", "29:19: expected a part of the token"),
        ("\"X-Auth-Client\"", "\"X_Auth_Client\"", "29:1: expected the name of a header without `_`"),
        ("\"X-Auth-Client\"", "\"Authorization\"", "29:1: expected a header of its own"),
        ("\"client_id\"", "\"client_id\"\n\"x-auth-client\" = \"sub\"", "expected each header once"),
        ("[forward]", "[forward", "28:"),
        ("[forward]", "[[forward]]", "28:1: expected a table `[forward]`"),
        ("GET = \"public\"", "GET = \"public\"\nGET = \"public\"", "26:1: duplicate key"),
    ] {
        let found = problems(from, to);
        let first = found.first().unwrap_or_else(|| panic!("no problem: {from} -> {to}"));
        assert!(found.iter().any(|one| one.contains(expected)), "{from} -> {to}: {found:#?}");
        assert!(first.split(':').take(2).all(|number| number.parse::<usize>().is_ok()), "{first}");
    }
}

#[test]
fn grpc_address_without_port_is_mistake() {
    let found = problems_of(&format!("listen_grpc = \"127.0.0.1\"\n{FILE}"));
    assert!(found.len() == 1 && found[0].starts_with("1:15: expected an address"), "{found:?}");
}

#[test]
fn ports_need_different_addresses() {
    let found = problems("listen_admin = \"127.0.0.1:9002\"", "listen_admin = \"127.0.0.1:9000\"");
    assert_eq!(found, ["2:16: expected each address once, found \"127.0.0.1:9000\" again"]);
    let found = problems_of(&format!("listen_grpc = \"127.0.0.1:9002\"\n{FILE}"));
    assert!(found.len() == 1 && found[0].starts_with("3:16: expected each address once"), "{found:?}");
    // The system chooses another port for each 0.
    assert!(problems_of(&FILE.replace(":9000", ":0").replace(":9002", ":0")).is_empty());
}

#[test]
fn all_mistakes_are_reported_in_order() {
    let text = FILE.replace("\"nginx\"", "\"apache\"").replace("orders/read\"\nPOST", "orders read\"\nPOST");
    let found = problems_of(&format!("listen_quic = \"127.0.0.1:9001\"\n{text}"));
    let starts = ["1:1: ", "5:11: ", "20:7: "];
    let is_in_order = found.iter().zip(starts).all(|(one, start)| one.starts_with(start));
    assert!(found.len() == 3 && is_in_order, "{found:#?}");
}

#[test]
fn issuer_without_rule_of_its_preset_is_rejected() {
    // Each token of Auth0 has an audience.
    let found = problems("cognito = \"eu-west-1_Ab12Cd34E\"", "auth0 = \"tenant.eu.auth0.com\"");
    assert!(found[0].starts_with("9:9: ") && found[0].contains("expected an audience"), "{found:?}");
    let twice = problems(
        "issuer = \"https://login.example\"\njwks_uri = \"https://login.example/keys\"",
        "cognito = \"eu-west-1_Ab12Cd34E\"",
    );
    assert!(twice[0].contains("is trusted twice"), "{twice:?}");
}

#[test]
fn each_preset_is_read() {
    for (kind, name) in [
        ("auth0 = \"tenant.eu.auth0.com\"", "https://tenant.eu.auth0.com/"),
        ("okta = \"https://acme.okta.com/oauth2/default\"", "https://acme.okta.com/oauth2/default"),
        (
            "entra = \"72f988bf-86f1-41af-91ab-2d7cd011db47\"",
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        ),
        ("keycloak = \"https://sso.example/realms/acme\"", "https://sso.example/realms/acme"),
        ("hydra = \"https://hydra.example\"", "https://hydra.example"),
        ("rfc9068 = \"https://issuer.example\"", "https://issuer.example"),
        ("issuer = \"https://issuer.example/\"", "https://issuer.example/"),
    ] {
        let text = FILE.replace("cognito = \"eu-west-1_Ab12Cd34E\"", kind).replace("clients", "audiences");
        let config = parse(&text).unwrap_or_else(|problems| panic!("{kind}: {problems:?}"));
        assert_eq!(config.issuers[0].name, name);
    }
}

#[test]
fn hosts_tie_issuers_and_routes() {
    let text = FILE
        .replace("cognito =", "host = \"a.example\"\ncognito =")
        .replace("path = \"/health\"", "host = [\"a.example\", \"b.example\"]\npath = \"/orders/{id}\"");
    let config = parse(&text).unwrap();
    assert!(config.uses_hosts);
    assert_eq!(
        (&config.issuers[0].hosts[..], &config.issuers[1].hosts[..]),
        (&["a.example".to_owned()][..], &["api.example".to_owned()][..])
    );
    assert_eq!(config.routes[1].hosts, ["a.example", "b.example"]);
    for host in [
        "\"A.example\"",
        "\"a.example:80\"",
        "\"\"",
        "1",
        "[]",
        "[\"a.example\", \"a.example\"]",
        "\"*.example\"",
    ] {
        let found = problems("cognito =", &format!("host = {host}\ncognito ="));
        assert!(found[0].starts_with("9:"), "{host} {found:?}");
    }
}

#[test]
fn size_of_file_and_lists_is_bounded() {
    let with = |table: &dyn Fn(usize) -> String, count: usize| {
        (0..count).fold(FILE.to_owned(), |mut text, number| {
            text.push_str(&table(number));
            text
        })
    };
    let route = |number: usize| format!("[[route]]\npath = \"/{number}\"\nGET = \"public\"\n");
    assert!(problems_of(&with(&route, MAX_ROUTES - 2)).is_empty());
    let found = problems_of(&with(&route, MAX_ROUTES - 1));
    assert!(found[0].contains("expected at most 10000 tables `[[route]]`"), "{found:?}");

    let issuer = |number: usize| {
        let mut text = String::from("[[issuer]]\n");
        write!(text, "issuer = \"https://{number}.example\"\nclients = [\"a\"]\n").unwrap();
        text
    };
    let found = problems_of(&with(&issuer, MAX_ISSUERS - 1));
    assert!(found[0].contains("expected at most 1000 tables `[[issuer]]`"), "{found:?}");

    let scopes = |count: usize| {
        let scopes: Vec<String> = (0..count).map(|number| format!("\"s{number}\"")).collect();
        format!("[[route]]\npath = \"/many\"\nGET = {{ any = [{}] }}\n", scopes.join(", "))
    };
    assert!(problems_of(&format!("{FILE}{}", scopes(MAX_SCOPES))).is_empty());
    let found = problems_of(&format!("{FILE}{}", scopes(MAX_SCOPES + 1)));
    assert!(found[0].contains("expected at most 64 scopes"), "{found:?}");

    let padded = |size: usize| format!("{FILE}#{}", "x".repeat(size - FILE.len() - 1));
    assert!(problems_of(&padded(MAX_FILE)).is_empty());
    assert!(problems_of(&padded(MAX_FILE + 1))[0].contains("expected at most 8388608 bytes"));
}

#[test]
fn control_characters_of_keys_are_escaped() {
    let key = "\"a\\u001b\\u202e\"";
    for (from, to) in [
        ("listen_admin", key.to_owned()),
        ("OPTIONS", key.to_owned()),
        ("dpop = \"accept\"", format!("openapi = {key}")),
    ] {
        let found = problems(from, &to).concat();
        assert!(found.contains("a\\u{1b}\\u{202e}") && !found.contains(char::is_control), "{found}");
    }
}

proptest! {
    // Each case with an issuer builds an HTTP client.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn place_of_mistake_is_in_the_file(cut in 0..FILE.len(), junk in JUNK) {
        let text = format!("{}{junk}", &FILE[..cut]);
        for Problem { line, column, .. } in parse(&text).err().into_iter().flatten() {
            let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
            prop_assert!(length.is_some_and(|length| (1..=length + 1).contains(&column)), "{line}:{column}");
        }
    }
}

/// Characters that end or break the parts of a file.
const JUNK: &str = "[\\[\\]{}=,\"'.#\\\\ a\t\r\n\u{0}\u{85}\u{2028}\u{e9}\u{feff}]{0,12}";
