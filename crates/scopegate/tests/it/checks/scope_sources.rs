//! Which claims can grant scopes by configuration, and in which forms?

use scopegate::{ConfigError, Error, Issuer, ScopeSource, Verifier};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{
    AUDIENCE, KEY, NOW, accepted, assert_rejected, builder_at, issuer_with_keys, rejected, rfc9068_token,
    verifier_for_audience, verifier_trusting,
};

fn issuer() -> Issuer {
    issuer_with_keys([KEY.jwk()]).audience(AUDIENCE)
}

fn reading(source: ScopeSource) -> Verifier {
    verifier_trusting(issuer().scopes_only_from([source]))
}

fn scopes(verifier: &Verifier, token: &Mint) -> String {
    accepted(verifier, token).scopes().to_string()
}

#[test]
fn scope_array_is_accepted_on_request_only() {
    // FR-B3
    let allowed = verifier_trusting(issuer().allow_scope_array());
    let array = rfc9068_token().claim("scope", json!(["orders.write", "orders.read"]));
    assert_eq!(scopes(&allowed, &array), "orders.read orders.write");
    assert_eq!(scopes(&allowed, &rfc9068_token().scope("a b")), "a b");
    assert_rejected!(
        verifier_for_audience(),
        array,
        Error::MalformedClaim { .. },
        r#"claim `scope`: expected scopes separated by spaces, found an array, "[\"orders.write\",\"orders.read\"]""#
    );
    for malformed in [json!(["a", 1]), json!(["a b"]), json!([["a"]]), json!(null), json!({})] {
        assert_rejected!(allowed, rfc9068_token().claim("scope", malformed), Error::MalformedClaim { .. });
    }
    // For a preset too.
    let keys = testkit::jwks([KEY.jwk()]);
    let cognito = Issuer::cognito_at(testkit::ISSUER).unwrap().client(testkit::CLIENT).jwks(keys);
    let cognito = verifier_trusting(cognito.allow_scope_array());
    assert_eq!(scopes(&cognito, &testkit::cognito_token().claim("scope", json!(["a"]))), "a");
}

#[test]
fn any_claim_can_grant_scopes() {
    // FR-B5
    let names = json!(["orders.read", "not a scope"]);
    for (path, token) in [
        (ScopeSource::array("cognito:groups"), rfc9068_token().claim("cognito:groups", names.clone())),
        (ScopeSource::array("groups"), rfc9068_token().claim("groups", names.clone())),
        (
            ScopeSource::array("https://claims.example.com/roles"),
            rfc9068_token().claim("https://claims.example.com/roles", names.clone()),
        ),
        (
            ScopeSource::array(["app", "a.b", "roles"]),
            rfc9068_token().claim("app", json!({ "a.b": { "roles": names } })),
        ),
        (
            ScopeSource::array(vec!["app".to_owned(), "roles".to_owned()]),
            rfc9068_token().claim("app", json!({ "roles": names })),
        ),
    ] {
        assert_eq!(scopes(&reading(path), &token), "orders.read");
        let by_default = scopes(&verifier_for_audience(), &rfc9068_token());
        assert_eq!(scopes(&verifier_for_audience(), &token), by_default);
    }
    let nested = reading(ScopeSource::array(["app", "roles"]));
    // A path without a value grants nothing. Dots in a name do not make a path.
    for token in [
        rfc9068_token(),
        rfc9068_token().claim("app", json!({})),
        rfc9068_token().claim("app.roles", json!(["a"])),
    ] {
        assert_eq!(scopes(&nested, &token), "");
    }
    for malformed in [json!("a"), json!(["a"]), json!({ "roles": "a" }), json!({ "roles": [1] })] {
        let error = rejected(&nested, &rfc9068_token().claim("app", malformed));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "app.roles"), "{error:?}");
    }
}

#[test]
fn sources_add_up_and_same_path_is_replaced() {
    // FR-B5
    let token = rfc9068_token().scope("a").claim("groups", json!(["b"])).claim("roles", json!(["c"]));
    let added = issuer().scopes_from(ScopeSource::array("groups")).roles_as_scopes();
    assert_eq!(scopes(&verifier_trusting(added.clone()), &token), "a b c");
    let replaced = added.scopes_from(ScopeSource::array("groups").with_prefix("group:"));
    assert_eq!(scopes(&verifier_trusting(replaced.clone()), &token), "a c group:b");
    let only = replaced.scopes_only_from([ScopeSource::array("roles")]);
    assert_eq!(scopes(&verifier_trusting(only), &token), "c");
}

#[test]
fn prefix_keeps_names_and_scopes_apart() {
    // FR-B5
    let groups = reading(ScopeSource::array("groups").with_prefix("group:"));
    let token = rfc9068_token().claim("groups", json!(["admin", "not a scope", ""]));
    let claims = accepted(&groups, &token);
    assert!(claims.require("group:admin").is_ok() && claims.require("admin").is_err());
    assert_eq!(claims.scopes().len(), 1);
    let text = reading(ScopeSource::text("groups").with_prefix("group:"));
    assert_eq!(scopes(&text, &rfc9068_token().claim("groups", " a  b ")), "group:a group:b");
    assert_rejected!(text, rfc9068_token().claim("groups", "a\tb"), Error::MalformedClaim { .. });
}

#[test]
fn map_grants_listed_names_only() {
    // FR-B5
    let map = [("Order Admin", "orders/read"), ("Order Admin", "orders/write"), ("guest", "orders/read")];
    let array = reading(ScopeSource::array("roles").with_map(map));
    let roles = |names: Value| rfc9068_token().claim("roles", names);
    assert_eq!(scopes(&array, &roles(json!(["Order Admin"]))), "orders/read orders/write");
    assert_eq!(
        scopes(&array, &roles(json!(["guest", "orders/write", "order admin", "Guest"]))),
        "orders/read"
    );
    assert_rejected!(array, roles(json!("guest")), Error::MalformedClaim { .. });
    let text = reading(ScopeSource::text_or_array("roles").with_map(map));
    assert_eq!(scopes(&text, &roles(json!("guest other"))), "orders/read");
    assert_eq!(scopes(&text, &roles(json!(["Order Admin", "other"]))), "orders/read orders/write");
}

#[test]
fn source_can_depend_on_absent_claim() {
    // FR-B6: the rule of Entra ID, for an issuer without a preset
    let entra = [ScopeSource::text("scp"), ScopeSource::array("roles").with_claim_absent("scp")];
    let verifier = verifier_trusting(issuer().scopes_only_from(entra));
    let application = rfc9068_token().claim("roles", json!(["orders.read"]));
    assert_eq!(scopes(&verifier, &application), "orders.read");
    assert_eq!(scopes(&verifier, &application.claim("scp", "user_impersonation")), "user_impersonation");
}

#[test]
fn replacing_source_keeps_condition() {
    // FR-B6: a prefix on Entra's roles must not make the roles of users count.
    let guarded = issuer().scopes_only_from([ScopeSource::array("roles").with_claim_absent("scp")]);
    let application = rfc9068_token().claim("roles", json!(["admin"]));
    let user = application.clone().claim("scp", "user_impersonation");
    for source in [
        ScopeSource::array("roles").with_prefix("role:"),
        ScopeSource::array("roles").with_map([("admin", "role:admin")]),
        ScopeSource::text_or_array("roles").with_prefix("role:"),
    ] {
        let verifier = verifier_trusting(guarded.clone().scopes_from(source));
        assert_eq!(scopes(&verifier, &application), "role:admin");
        assert_eq!(scopes(&verifier, &user), "");
    }
    // A source with a condition replaces the other condition.
    let other = guarded.clone().scopes_from(ScopeSource::array("roles").with_claim_absent("idtyp"));
    assert_eq!(scopes(&verifier_trusting(other.clone()), &user), "admin");
    assert_eq!(scopes(&verifier_trusting(other), &application.clone().claim("idtyp", "user")), "");
    // Two methods make the roles of users count.
    let always = [guarded.clone().roles_as_scopes(), guarded.scopes_only_from([ScopeSource::array("roles")])];
    for issuer in always {
        assert_eq!(scopes(&verifier_trusting(issuer), &user), "admin");
    }
}

#[test]
fn path_listed_twice_is_rejected() {
    // FR-B5
    let groups = || ScopeSource::array("groups");
    let nested = || ScopeSource::array(["app", "roles"]);
    let build = |sources: Vec<ScopeSource>| builder_at(NOW).trust(issuer().scopes_only_from(sources)).build();
    assert!(build(vec![groups(), nested(), ScopeSource::array("app.roles")]).is_ok());
    for (sources, path) in [
        (vec![groups().with_prefix("a:"), nested(), groups().with_prefix("b:")], "groups"),
        (vec![groups(), nested(), nested().with_map([("a", "b")])], "app.roles"),
    ] {
        let error = build(sources).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidName { .. }), "{error:?}");
        let expected = format!("path of a scope source: expected each path once, found \"{path}\"");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn wrong_scope_source_is_rejected() {
    // FR-B5
    let build = |source: ScopeSource| builder_at(NOW).trust(issuer().scopes_from(source)).build();
    let groups = || ScopeSource::array("groups");
    for valid in [groups(), groups().with_prefix("group:"), groups().with_map([("any name", "a")])] {
        assert!(build(valid).is_ok());
    }
    for (source, message) in [
        (
            groups().with_prefix("group "),
            r#"prefix of a scope source: expected one or more printable ASCII characters except space, quote and backslash, found "group ""#,
        ),
        (
            groups().with_prefix(""),
            r#"prefix of a scope source: expected one or more printable ASCII characters except space, quote and backslash, found """#,
        ),
        (
            groups().with_map([("a", "b c")]),
            r#"expected a scope (printable ASCII without space, quote and backslash), found "b c""#,
        ),
        (
            ScopeSource::array(""),
            r#"path of a scope source: expected the name of a claim, or of members within it, none of them empty, found """#,
        ),
        (
            ScopeSource::array(["app", ""]),
            r#"path of a scope source: expected the name of a claim, or of members within it, none of them empty, found "app.""#,
        ),
        (
            groups().with_claim_absent(Vec::<String>::new()),
            r#"path of a scope source: expected the name of a claim, or of members within it, none of them empty, found """#,
        ),
    ] {
        assert_eq!(build(source).unwrap_err().to_string(), message);
    }
    let none = builder_at(NOW).trust(issuer().scopes_only_from([])).build().unwrap_err();
    assert!(matches!(none, ConfigError::EmptyList { setting: "at least one scope source", .. }), "{none:?}");
}
