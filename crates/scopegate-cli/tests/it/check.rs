//! `scopegate check`.

use crate::service::{path, run, write};

const VALID: &str = r#"listen = "127.0.0.1:9000"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1"]

[[issuer]]
cognito = "eu-west-1_Ab12Cd34E"
clients = ["1example23456789"]

[[route]]
path = "/orders/{id}"
GET = "orders/read"
"#;

fn check(name: &str, text: &str) -> (Option<i32>, String, String) {
    let file = path(name);
    write(&file, text);
    let (code, out, error) = run(&["check", file.to_str().unwrap()]);
    let without_path = |text: String| text.replace(&format!("{}:", file.display()), "");
    (code, without_path(out), without_path(error))
}

#[test]
fn valid_file_exits_with_zero() {
    // FW11
    let (code, out, error) = check("valid.toml", VALID);
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "valid: 1 routes, 1 issuers\n", ""));
}

#[test]
fn mistakes_are_listed_with_line_and_column() {
    // FW11
    let text = VALID.replace("gateway", "gatway").replace("\"orders/read\"", "\"orders/read orders/write\"");
    let (code, out, error) =
        check("mistakes.toml", &format!("{text}[[route]]\npath = \"/orders/{{n}}\"\nGET = \"a\"\n"));
    assert_eq!((code, out.as_str()), (Some(64), ""));
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    assert!(lines[0].starts_with("1:1: expected the key `gateway`"), "{error}");
    assert!(lines[1].starts_with("3:1: expected a key out of "), "{error}");
    assert!(lines[2].starts_with("12:7: expected a scope"), "{error}");
}

#[test]
fn unreadable_file_and_arguments_are_usage_errors() {
    let missing = path("missing.toml");
    let missing = missing.to_str().unwrap();
    for arguments in [
        &["check", missing][..],
        &["serve", "--config", missing],
        &["check"],
        &["serve"],
        &["unknown"],
        &["serve", "--config", missing, "--log", "loud"],
        &[],
    ] {
        let (code, out, error) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(!error.is_empty() && !error.contains("panicked"), "{error}");
    }
    assert_eq!(run(&["--help"]).0, Some(0));
}

#[test]
fn probable_mistakes_are_warnings() {
    let text = format!(
        "{VALID}GTE = \"orders/read\"\n[[route]]\npath = \"/{{*rest}}\"\nGET = \"public\"\n\
         [[route]]\nhost = \"b.example\"\npath = \"/me\"\nGET = \"authenticated\"\nPOST = \"Public\"\n"
    );
    let (code, out, _) = check("warnings.toml", &text);
    assert_eq!(code, Some(0), "{out}");
    for expected in [
        "the less strict route \"/{*rest}\" decides about \"/ORDERS/x\", which is \"/orders/{id}\" in another spelling (case)",
        "decides about \"/orders/x/\", which is \"/orders/{id}\" in another spelling (trailing slash)",
        "no issuer has the host \"b.example\"",
        "GTE is an unusual method",
        "\"Public\" is the name of a scope, and \"public\" is a rule without one",
        "valid: 3 routes, 1 issuers",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
}

#[test]
fn examples_of_guide_and_readme_are_valid() {
    for page in ["../../docs/guide/program.md", "README.md"] {
        let text = std::fs::read_to_string(format!("{}/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let (code, out, error) = check("example.toml", example);
        assert_eq!(code, Some(0), "{page}: {error}");
        assert!(!out.contains("warning"), "{page}: {out}");
    }
}

#[test]
fn examples_of_issuers_are_valid() {
    let page = format!("{}/../../docs/guide/program-issuers.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(page).unwrap();
    write(&path("tenants.txt"), "acme\nglobex\n");
    let (issuer, rest) = VALID.split_once("[[issuer]]").unwrap();
    let (entry, route) = rest.split_once("[[route]]").unwrap();
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let entry = if example.contains("[[issuer]]") { String::new() } else { format!("[[issuer]]{entry}") };
        let (code, out, error) = check("issuers.toml", &format!("{issuer}{entry}{example}[[route]]{route}"));
        assert_eq!(code, Some(0), "{example}: {error}");
        // The files of the examples are elsewhere.
        assert!(
            out.lines().all(|line| !line.contains("warning") || line.contains("cannot read file")),
            "{out}"
        );
    }
}

#[test]
fn header_that_traefik_passes_on_is_warned_about() {
    // FW14
    let binding = "certificate_binding = \"accept\"\ncertificate_header = \"client-cert\"\n";
    let text = format!("{binding}{VALID}");
    let traefik = text.replace("\"nginx\"", "\"traefik\"");
    let (code, out, error) = check("traefik-header.toml", &traefik);
    assert!(code == Some(0) && out.starts_with("warning: Traefik cannot set"), "{out}{error}");
    for (name, other) in [("nginx-header.toml", &text), ("traefik-none.toml", &traefik.replace(binding, ""))]
    {
        assert_eq!(check(name, other).1, "valid: 1 routes, 1 issuers\n");
    }
}
