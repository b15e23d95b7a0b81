//! The JOSE header (RFC 7515 §4): each member absent, repeated, of another type or with another
//! value.
//!
//! Also members that a verifier must reject or ignore.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::case::{Cases, Verdict};
use super::draft::{assemble, encode, quoted};
use super::json_values::VALUES;
use super::public_key_as_secret;
use super::shape::Profile;

pub(crate) fn write(cases: &mut Cases<'_>) {
    kinds(cases);
    twice(cases);
    algorithm(cases);
    key_id(cases);
    typ(cases);
    critical(cases);
    keys_of_its_own(cases);
    other_members(cases);
    text(cases);
}

fn kinds(cases: &mut Cases<'_>) {
    let has_typ = cases.shape.draft().header.get("typ").is_some();
    let typ_required = cases.shape.profile == Profile::Rfc9068;
    // Without `kid`, a key is found only if it is the only one of its algorithm.
    let only_key = cases.shape.sibling.is_none();
    cases.header("alg/absent", Verdict::Refused, |header| header.remove("alg"));
    cases.header("kid/absent", Verdict::accepted_if(only_key), |header| header.remove("kid"));
    if has_typ {
        cases.header("typ/absent", Verdict::accepted_if(!typ_required), |header| header.remove("typ"));
    }
    for (name, value) in VALUES {
        for member in ["alg", "kid", "typ"] {
            cases.header(format_args!("{member}/{name}"), Verdict::Refused, |header| {
                header.set(member, value);
            });
        }
    }
    for member in ["alg", "kid", "typ"] {
        let right = cases.shape.draft().header.get(member).map_or_else(|| quoted("at+jwt"), str::to_owned);
        for (name, value) in [
            ("right-in-array", format!("[{right}]")),
            ("right-in-object", format!("{{\"{member}\":{right}}}")),
            ("right-among-others", format!("[\"x\",{right}]")),
        ] {
            cases.header(format_args!("{member}/{name}"), Verdict::Refused, |header| {
                header.set(member, value);
            });
        }
    }
}

fn twice(cases: &mut Cases<'_>) {
    for member in ["alg", "kid", "typ"] {
        let right = cases.shape.draft().header.get(member).map_or_else(|| quoted("JWT"), str::to_owned);
        let with = |header: &mut super::draft::Members| header.set(member, right.clone());
        let escaped = format!("\\u{:04x}{}", u32::from(member.as_bytes()[0]), &member[1..]);
        cases.header(format_args!("{member}/twice-same"), Verdict::Refused, |header| {
            with(header);
            header.append(member, right.clone());
        });
        cases.header(format_args!("{member}/twice-wrong-first"), Verdict::Refused, |header| {
            with(header);
            header.prepend(member, "\"none\"");
        });
        cases.header(format_args!("{member}/twice-wrong-last"), Verdict::Refused, |header| {
            with(header);
            header.append(member, "\"none\"");
        });
        cases.header(format_args!("{member}/twice-escaped"), Verdict::Refused, |header| {
            with(header);
            header.append(&escaped, right.clone());
        });
    }
    cases.header("alg/escaped-name", Verdict::Accepted, |header| header.rename("alg", "\\u0061lg"));
    cases.header("alg/upper-case-name", Verdict::Refused, |header| header.rename("alg", "ALG"));
    cases.header("alg/upper-case-name-beside", Verdict::Accepted, |header| header.append("ALG", "\"none\""));
}

fn algorithm(cases: &mut Cases<'_>) {
    let own = cases.shape.key.alg().to_string();
    // RFC 9864 defines a second name for EdDSA with Ed25519.
    let also_own = (own == "EdDSA").then_some("Ed25519");
    let registered = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "noNE",
        " none",
        "none ",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ESB256",
        "ML-DSA-44",
        "RS1",
        "RSA1_5",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "dir",
        "A128KW",
        "A256GCM",
        "ECDH-ES",
        "PBES2-HS256+A128KW",
        "SHA256",
        "rsa",
        "RSA",
        "EC",
        "auto",
        "*",
    ];
    let lower = own.to_ascii_lowercase();
    let spellings =
        [lower, format!("{own} "), format!(" {own}"), format!("{own}\0"), format!("SHA256with{own}")];
    for name in registered.iter().map(|name| (*name).to_owned()).chain(spellings) {
        if name != own && Some(name.as_str()) != also_own {
            let label = name.replace(' ', "_").replace('\0', "-nul");
            cases.header(format_args!("alg/is-{label}"), Verdict::Refused, |header| {
                header.set("alg", quoted(&name));
            });
        }
    }
    if let Some(name) = also_own {
        cases.header("alg/second-name", Verdict::Accepted, |header| header.set("alg", quoted(name)));
    }
    let escaped = format!("\"\\u{:04x}{}\"", u32::from(own.as_bytes()[0]), &own[1..]);
    cases.header("alg/escaped", Verdict::Accepted, |header| header.set("alg", escaped));
    unsigned(cases);
    public_key_as_secret::write(cases);
    // A valid signature with the issuer's key of another algorithm. Only one issuer may use it.
    let (shape, mut draft) = (cases.shape, cases.shape.draft());
    draft.header.set("alg", quoted(&shape.other.alg().to_string()));
    draft.header.set("kid", quoted(shape.other.kid()));
    let token = assemble(draft.header.text().as_bytes(), draft.claims.text().as_bytes(), &shape.other);
    let allowed = Verdict::accepted_if(shape.profile == Profile::Keycloak);
    cases.push("header/alg/of-another-published-key", allowed, token);
    draft.header.set("kid", quoted(shape.key.kid()));
    let token = assemble(draft.header.text().as_bytes(), draft.claims.text().as_bytes(), &shape.other);
    cases.refused("header/alg/of-another-published-key-under-our-kid", token);
    draft.header.set("kid", quoted(shape.other.kid()));
    draft.header.set("alg", quoted(&shape.key.alg().to_string()));
    let token = assemble(draft.header.text().as_bytes(), draft.claims.text().as_bytes(), &shape.key);
    cases.refused("header/kid/of-a-key-of-another-algorithm", token);
}

/// Unsigned tokens (RFC 7515 Appendix A.5), and tokens with other bytes as signature.
fn unsigned(cases: &mut Cases<'_>) {
    for alg in ["none", "None", "nOnE", ""] {
        let mut draft = cases.shape.draft();
        draft.header.set("alg", quoted(alg));
        let label = if alg.is_empty() { "empty" } else { alg };
        let signing_input = format!("{}.{}", encode(draft.header.text()), encode(draft.claims.text()));
        cases.refused(format_args!("header/alg/unsigned-{label}"), format!("{signing_input}."));
        cases.refused(format_args!("header/alg/unsigned-{label}-two-parts"), &signing_input);
        cases.refused(format_args!("header/alg/unsigned-{label}-zero"), format!("{signing_input}.AA"));
        draft.header.remove("kid");
        let signing_input = format!("{}.{}", encode(draft.header.text()), encode(draft.claims.text()));
        cases.refused(format_args!("header/alg/unsigned-{label}-without-kid"), format!("{signing_input}."));
    }
}

fn key_id(cases: &mut Cases<'_>) {
    let kid = cases.shape.key.kid().to_owned();
    let values = [
        ("unknown", "unknown".to_owned()),
        ("upper-case", kid.to_ascii_uppercase()),
        ("space-after", format!("{kid} ")),
        ("space-before", format!(" {kid}")),
        ("nul-after", format!("{kid}\0")),
        ("newline-after", format!("{kid}\n")),
        ("longer", format!("{kid}x")),
        ("shorter", kid[..kid.len() - 1].to_owned()),
        ("url-alphabet", kid.replace('+', "-").replace('/', "_")),
        ("percent-encoded", kid.replace('+', "%2B").replace('/', "%2F")),
        ("path", "../../../../dev/null".to_owned()),
        ("sql", "' UNION SELECT 'x".to_owned()),
        ("command", "key|id".to_owned()),
        ("template", "${jndi:ldap://127.0.0.1/a}".to_owned()),
        ("control-characters", "\u{1b}[31m\r\nINFO forged".to_owned()),
        ("prototype", "__proto__".to_owned()),
        ("constructor", "constructor".to_owned()),
        ("homoglyph", kid.replace('e', "\u{435}")),
        ("zero-width", format!("\u{200b}{kid}")),
        ("long", "k".repeat(5_000)),
        ("issuer", cases.shape.identifier.to_owned()),
        ("of-the-neighbour", cases.neighbour.key.kid().to_owned()),
        ("of-an-unpublished-key", cases.shape.unpublished.kid().to_owned()),
    ];
    for (name, value) in values {
        cases
            .header(format_args!("kid/{name}"), Verdict::Refused, |header| header.set("kid", quoted(&value)));
    }
    if let Some(sibling) = &cases.shape.sibling {
        let sibling = quoted(sibling.kid());
        cases.header("kid/of-the-sibling", Verdict::Refused, |header| header.set("kid", sibling));
    }
    let escaped: String = kid.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    cases.header("kid/escaped", Verdict::Accepted, |header| header.set("kid", format!("\"{escaped}\"")));
    cases.header("kid/solidus-escaped", Verdict::Accepted, |header| {
        header.set("kid", quoted(&kid).replace('/', "\\/"));
    });
}

/// `typ`, which is compared without case and with or without `application/` (RFC 7515 §4.1.9, RFC
/// 9068 §4, RFC 8725 §3.11).
fn typ(cases: &mut Cases<'_>) {
    let untyped_may_pass = cases.shape.profile != Profile::Rfc9068;
    for name in ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"] {
        cases.header(format_args!("typ/is-{name}"), Verdict::Accepted, |header| {
            header.set("typ", quoted(name));
        });
    }
    for name in ["JWT", "jwt", "application/jwt"] {
        cases.header(format_args!("typ/is-{name}"), Verdict::accepted_if(untyped_may_pass), |header| {
            header.set("typ", quoted(name));
        });
    }
    for name in [
        "at+jwt ",
        " at+jwt",
        "at+jwt\0",
        "at",
        "jwt+at",
        "at-jwt",
        "at+jwt;v=1",
        "text/at+jwt",
        "application/application/at+jwt",
        "application/",
        "/at+jwt",
        "JOSE",
        "JOSE+JSON",
        "JWS",
        "JWE",
        "id_token+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "client-authentication+jwt",
        "entity-statement+jwt",
        "oauth-authz-req+jwt",
        "vc+sd-jwt",
        "kb+jwt",
        "at+cwt",
        "ａt+jwt",
        "at+jwt,JWT",
    ] {
        let label = name.replace(' ', "_").replace('\0', "-nul");
        cases.header(format_args!("typ/is-{label}"), Verdict::Refused, |header| {
            header.set("typ", quoted(name));
        });
    }
}

/// `crit` and `b64` (RFC 7515 §4.1.11, RFC 7797 §6).
fn critical(cases: &mut Cases<'_>) {
    for (name, crit) in VALUES {
        cases.header(format_args!("crit/{name}"), Verdict::Refused, |header| header.append("crit", crit));
    }
    for (name, crit, extension, value) in [
        ("unknown-and-there", r#"["urn:x"]"#, "urn:x", "true"),
        ("unknown-and-absent", r#"["urn:x"]"#, "y", "true"),
        ("exp", r#"["exp"]"#, "exp", "1"),
        ("b64-true", r#"["b64"]"#, "b64", "true"),
        ("b64-false", r#"["b64"]"#, "b64", "false"),
        ("b64-absent", r#"["b64"]"#, "y", "1"),
        ("registered", r#"["alg"]"#, "y", "1"),
        ("twice-the-same", r#"["b64","b64"]"#, "b64", "true"),
        ("object", r#"{"b64":true}"#, "b64", "true"),
    ] {
        cases.header(format_args!("crit/lists-{name}"), Verdict::Refused, |header| {
            header.append("crit", crit);
            header.append(extension, value);
        });
    }
    // The payload without base64url, as `b64` of `false` requires.
    let mut draft = cases.shape.draft();
    draft.header.append("b64", "false");
    draft.header.append("crit", r#"["b64"]"#);
    let token = super::draft::sign_text(&encode(draft.header.text()), &draft.claims.text(), &cases.shape.key);
    cases.refused("header/crit/b64-false-and-plain-payload", token);
    // RFC 7797 §7: a JWT must not have `false`. A program that supports it would read another payload.
    for (value, verdict) in [
        ("true", Verdict::Accepted),
        ("false", Verdict::Refused),
        ("0", Verdict::Refused),
        ("1", Verdict::Refused),
        ("null", Verdict::Refused),
        ("\"false\"", Verdict::Refused),
        ("[true]", Verdict::Refused),
    ] {
        let name = value.trim_matches('"').trim_matches(['[', ']']);
        let quotes = if name == value { "" } else { "-in-something" };
        cases.header(format_args!("b64/{name}{quotes}-without-crit"), verdict, |header| {
            header.append("b64", value);
        });
    }
}

/// Keys and URLs in the header, which must be ignored (RFC 8725 §3.10).
fn keys_of_its_own(cases: &mut Cases<'_>) {
    let shape = cases.shape;
    let attacker = &shape.unpublished;
    let certificate = STANDARD.encode(b"\x30\x03\x02\x01\x01");
    let values = [
        ("jwk", attacker.jwk().to_string()),
        ("jku", quoted("https://attacker.example/jwks.json")),
        ("x5u", quoted("https://attacker.example/certificate")),
        ("x5c", json!([certificate]).to_string()),
        ("x5t", quoted("aGFzaCBvZiBhIGNlcnRpZmljYXRl")),
        ("x5t#S256", quoted("aGFzaCBvZiBhIGNlcnRpZmljYXRlIGFzIFNIQS0yNTY")),
    ];
    for (member, value) in values {
        cases.header(format_args!("{member}/beside-a-good-signature"), Verdict::Accepted, |header| {
            header.set(member, value.clone());
        });
        for (name, kid) in [
            ("under-our-kid", Some(shape.key.kid())),
            ("under-its-own-kid", Some(attacker.kid())),
            ("without-kid", None),
        ] {
            let mut draft = shape.draft();
            match kid {
                Some(kid) => draft.header.set("kid", quoted(kid)),
                None => draft.header.remove("kid"),
            }
            draft.header.set(member, value.clone());
            let token = assemble(draft.header.text().as_bytes(), draft.claims.text().as_bytes(), attacker);
            cases.refused(format_args!("header/{member}/and-signed-with-it-{name}"), token);
        }
        for (name, junk) in VALUES {
            cases.header(format_args!("{member}/junk-{name}"), Verdict::Accepted, |header| {
                header.set(member, junk);
            });
        }
    }
    let own = shape.key.jwk().to_string();
    cases.header("jwk/the-right-key", Verdict::Accepted, |header| header.set("jwk", own));
}

fn other_members(cases: &mut Cases<'_>) {
    for (name, value) in VALUES {
        cases.header(format_args!("unknown/{name}"), Verdict::Accepted, |header| header.append("x", value));
        cases.header(format_args!("enc/{name}"), Verdict::Refused, |header| header.append("enc", value));
        cases.header(format_args!("cty/{name}"), Verdict::Accepted, |header| header.append("cty", value));
    }
    cases.header("enc/A256GCM", Verdict::Refused, |header| header.append("enc", quoted("A256GCM")));
    cases.header("zip/DEF", Verdict::Accepted, |header| header.append("zip", quoted("DEF")));
    for member in ["iss", "sub", "aud", "exp", "url", "nonce", "__proto__", "constructor", "ppt", "p2c"] {
        cases.header(format_args!("unknown/{member}"), Verdict::Accepted, |header| {
            header.append(member, quoted("x"));
        });
    }
}

/// The header as a string (RFC 7515 §5.2).
fn text(cases: &mut Cases<'_>) {
    super::payload::texts(&cases.shape.draft().header.text(), &mut |name, verdict, bytes| {
        let payload = cases.shape.draft().claims.text();
        let token = assemble(bytes, payload.as_bytes(), &cases.shape.key);
        cases.push(format_args!("header/text/{name}"), verdict, token);
    });
}
