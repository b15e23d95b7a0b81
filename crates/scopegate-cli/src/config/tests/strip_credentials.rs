//! `strip_credentials`: which gateways remove headers on request?

use super::*;

#[test]
fn only_envoy_removes_credentials_on_request() {
    let with = |value: &str, gateway: &str| {
        let text = FILE.replace("gateway = \"nginx\"", &format!("gateway = \"{gateway}\""));
        format!("strip_credentials = {value}\n{text}")
    };
    assert!(parse(&with("true", "envoy")).unwrap().strips_credentials);
    for (text, expected) in [
        (with("true", "nginx"), "`proxy_set_header Authorization \"\";`"),
        (with("true", "caddy"), "`request_header -Authorization`"),
        (with("true", "traefik"), "`customRequestHeaders`"),
    ] {
        let found = problems_of(&text);
        assert!(
            found.len() == 1 && found[0].starts_with("1:21: expected `gateway = \"envoy\"`"),
            "{found:?}"
        );
        assert!(found[0].contains(expected), "{expected}: {found:?}");
        assert!(!parse(&text.replace("= true", "= false")).unwrap().strips_credentials);
    }
    assert!(!parse(FILE).unwrap().strips_credentials);
    let found = problems_of(&with("\"yes\"", "envoy"));
    assert!(found.len() == 1 && found[0].starts_with("1:21: expected `true` or `false`"), "{found:?}");
}
