//! Claims of the right type with other values: at their bounds, in another spelling, or of another
//! party.

use super::case::{Cases, Verdict};
use super::draft::{assemble, quoted};
use super::shape::{AUDIENCE, CLIENT, LEEWAY, NOW, Profile};

pub(crate) fn write(cases: &mut Cases<'_>) {
    issuer(cases);
    audience(cases);
    expiry(cases);
    beginnings(cases);
    clients(cases);
    scopes(cases);
    kinds_of_tokens(cases);
    bindings(cases);
}

fn issuer(cases: &mut Cases<'_>) {
    let iss = cases.shape.identifier;
    let rest = iss.trim_start_matches("https://");
    let slash = iss.strip_suffix('/').map_or_else(|| format!("{iss}/"), str::to_owned);
    for (name, value) in [
        ("other-final-slash", slash),
        ("two-final-slashes", format!("{iss}//")),
        ("upper-case", iss.to_ascii_uppercase()),
        ("upper-case-scheme", format!("HTTPS://{rest}")),
        ("upper-case-host", iss.replacen("example", "EXAMPLE", 1).replacen("amazonaws", "AmazonAWS", 1)),
        ("http", format!("http://{rest}")),
        ("without-scheme", rest.to_owned()),
        ("port", iss.replacen(".example", ".example:443", 1).replacen(".com", ".com:443", 1)),
        ("percent-encoded", iss.replacen('e', "%65", 1)),
        ("prefix", iss[..iss.len() - 1].to_owned()),
        ("longer", format!("{iss}x")),
        ("subdomain-of-attacker", format!("{}.attacker.example", iss.trim_end_matches('/'))),
        ("user-info", format!("https://attacker@{rest}")),
        ("as-user-info", format!("{iss}@attacker.example")),
        ("query", format!("{iss}?x")),
        ("fragment", format!("{iss}#x")),
        ("dot-segment", format!("{iss}/./")),
        ("parent-segment", format!("{iss}/x/..")),
        ("space-before", format!(" {iss}")),
        ("space-after", format!("{iss} ")),
        ("tab-after", format!("{iss}\t")),
        ("newline-after", format!("{iss}\n")),
        ("nul-after", format!("{iss}\0")),
        ("zero-width-space", format!("{iss}\u{200b}")),
        ("homoglyph", iss.replacen('a', "\u{430}", 1).replacen('e', "\u{435}", 1)),
        ("full-width", iss.replacen('e', "\u{ff45}", 1)),
        ("decomposed", iss.replace('é', "e\u{301}").replacen('o', "o\u{301}", 1)),
        ("list-with-space", format!("{iss} https://attacker.example")),
        ("list-with-comma", format!("{iss},https://attacker.example")),
        ("of-the-neighbour", cases.neighbour.identifier.to_owned()),
        ("of-nobody", "https://attacker.example".to_owned()),
        ("star", "*".to_owned()),
    ] {
        if value != iss {
            cases.claims(format_args!("iss/{name}"), Verdict::Refused, |claims| {
                claims.set("iss", quoted(&value));
            });
        }
    }
    let escaped: String = iss.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    cases.claims("iss/escaped", Verdict::Accepted, |claims| claims.set("iss", format!("\"{escaped}\"")));
    cases.claims("iss/solidus-escaped", Verdict::Accepted, |claims| {
        claims.set("iss", quoted(iss).replace('/', "\\/"));
    });
    // A token with this issuer's name that the neighbor signed.
    let draft = cases.shape.draft();
    let (shape, neighbour) = (cases.shape, cases.neighbour);
    for (name, kid) in [("our", shape.key.kid()), ("its-own", neighbour.key.kid())] {
        let algorithms =
            [Some(shape.key.alg()), Some(neighbour.key.alg()).filter(|alg| *alg != shape.key.alg())];
        for alg in algorithms.into_iter().flatten() {
            let mut draft = draft.clone();
            draft.header.set("kid", quoted(kid));
            draft.header.set("alg", quoted(&alg.to_string()));
            let (header, payload) = (draft.header.text(), draft.claims.text());
            let token = assemble(header.as_bytes(), payload.as_bytes(), &neighbour.key);
            cases.refused(format_args!("signature/of-the-neighbour-under-{name}-kid-as-{alg}"), token);
        }
    }
}

fn audience(cases: &mut Cases<'_>) {
    // Cognito's issuer is trusted for a client, so a token with any audience is for another API.
    let ours = Verdict::accepted_if(cases.shape.profile != Profile::Cognito);
    let api = quoted(AUDIENCE);
    let many: Vec<String> = (0..200).map(|n| quoted(&format!("https://{n}.example"))).collect();
    for (name, verdict, value) in [
        ("ours", ours, api.clone()),
        ("ours-alone-in-array", ours, format!("[{api}]")),
        ("ours-first", ours, format!("[{api},\"x\"]")),
        ("ours-last", ours, format!("[\"x\",{api}]")),
        ("ours-twice", ours, format!("[{api},{api}]")),
        ("ours-among-200", ours, format!("[{},{api}]", many.join(","))),
        ("ours-escaped", ours, api.replace('/', "\\/")),
        ("200-others", Verdict::Refused, format!("[{}]", many.join(","))),
        ("ours-and-number", Verdict::Refused, format!("[{api},1]")),
        ("ours-and-null", Verdict::Refused, format!("[{api},null]")),
        ("number-and-ours", Verdict::Refused, format!("[1,{api}]")),
        ("ours-in-nested-array", Verdict::Refused, format!("[[{api}]]")),
        ("ours-in-object-in-array", Verdict::Refused, format!("[{{\"a\":{api}}}]")),
        ("ours-as-name", Verdict::Refused, format!("{{{api}:true}}")),
        ("other", Verdict::Refused, quoted("https://other.example")),
        ("upper-case", Verdict::Refused, quoted(&AUDIENCE.to_ascii_uppercase())),
        ("final-slash", Verdict::Refused, quoted(&format!("{AUDIENCE}/"))),
        ("prefix", Verdict::Refused, quoted("https://api.example")),
        ("longer", Verdict::Refused, quoted(&format!("{AUDIENCE}-archive"))),
        ("shorter", Verdict::Refused, quoted("https://api.example/order")),
        ("space-before", Verdict::Refused, quoted(&format!(" {AUDIENCE}"))),
        ("space-after", Verdict::Refused, quoted(&format!("{AUDIENCE} "))),
        ("nul-after", Verdict::Refused, quoted(&format!("{AUDIENCE}\0"))),
        ("list-with-space", Verdict::Refused, quoted(&format!("{AUDIENCE} https://other.example"))),
        ("list-with-comma", Verdict::Refused, quoted(&format!("{AUDIENCE},https://other.example"))),
        ("array-in-text", Verdict::Refused, quoted(&format!("[\"{AUDIENCE}\"]"))),
        ("percent-encoded", Verdict::Refused, quoted("https://api.example/%6Frders")),
        ("homoglyph", Verdict::Refused, quoted("https://\u{430}pi.example/orders")),
        ("client", Verdict::Refused, quoted(CLIENT)),
        ("star", Verdict::Refused, quoted("*")),
    ] {
        cases.claims(format_args!("aud/{name}"), verdict, |claims| claims.set("aud", value));
    }
}

/// On or after `exp`, plus the leeway, a token is rejected (RFC 7519 §4.1.4).
fn expiry(cases: &mut Cases<'_>) {
    let end = NOW - LEEWAY;
    for (name, verdict, value) in [
        ("long-ago", Verdict::Refused, (NOW - 86_400).to_string()),
        ("a-second-too-old", Verdict::Refused, (end - 1).to_string()),
        ("just-too-old", Verdict::Refused, end.to_string()),
        ("just-too-old-with-fraction", Verdict::Refused, format!("{end}.0")),
        ("just-good-with-fraction", Verdict::Accepted, format!("{end}.5")),
        ("just-good", Verdict::Accepted, (end + 1).to_string()),
        ("a-second-ago", Verdict::Accepted, (NOW - 1).to_string()),
        ("now", Verdict::Accepted, NOW.to_string()),
        ("soon", Verdict::Accepted, (NOW + 1).to_string()),
        ("in-a-day", Verdict::Accepted, (NOW + 86_400).to_string()),
        ("in-ten-years", Verdict::Accepted, (NOW + 315_360_000).to_string()),
        ("with-exponent", Verdict::Accepted, "1.750003600e9".to_owned()),
        ("with-large-exponent", Verdict::Accepted, "17500036E+2".to_owned()),
        ("with-negative-exponent", Verdict::Accepted, "1750003600000e-3".to_owned()),
        ("end-of-9999", Verdict::Accepted, "253402300799".to_owned()),
        ("begin-of-10000", Verdict::Refused, "253402300800".to_owned()),
        ("milliseconds", Verdict::Refused, format!("{}000", NOW + 3600)),
        ("2-to-53", Verdict::Refused, "9007199254740993".to_owned()),
        ("i64-max", Verdict::Refused, i64::MAX.to_string()),
        ("u64-max", Verdict::Refused, u64::MAX.to_string()),
        ("beyond-u64", Verdict::Refused, "18446744073709551616".to_owned()),
        ("thirty-digits", Verdict::Refused, "9".repeat(30)),
        ("1e308", Verdict::Refused, "1e308".to_owned()),
        ("minus-zero", Verdict::Refused, "-0".to_owned()),
        ("negative", Verdict::Refused, format!("-{}", NOW + 3600)),
        ("tiny", Verdict::Refused, "1e-400".to_owned()),
        ("nan", Verdict::Refused, "NaN".to_owned()),
        ("infinity", Verdict::Refused, "Infinity".to_owned()),
        ("leading-zero", Verdict::Refused, format!("0{}", NOW + 3600)),
        ("plus-sign", Verdict::Refused, format!("+{}", NOW + 3600)),
        ("hexadecimal", Verdict::Refused, "0x684EE180".to_owned()),
        ("future-as-text", Verdict::Refused, quoted(&(NOW + 3600).to_string())),
        ("date-as-text", Verdict::Refused, quoted("2035-01-01T00:00:00Z")),
        ("future-in-array", Verdict::Refused, format!("[{}]", NOW + 3600)),
    ] {
        cases.claims(format_args!("exp/{name}"), verdict, |claims| claims.set("exp", value));
    }
}

fn beginnings(cases: &mut Cases<'_>) {
    let begin = NOW + LEEWAY;
    for claim in ["nbf", "iat"] {
        for (name, verdict, value) in [
            ("long-ago", Verdict::Accepted, (NOW - 315_360_000).to_string()),
            ("now", Verdict::Accepted, NOW.to_string()),
            ("soon", Verdict::Accepted, (NOW + 1).to_string()),
            ("just-good", Verdict::Accepted, begin.to_string()),
            ("just-good-with-fraction", Verdict::Accepted, format!("{begin}.0")),
            ("just-too-early-with-fraction", Verdict::Refused, format!("{begin}.5")),
            ("just-too-early", Verdict::Refused, (begin + 1).to_string()),
            ("in-an-hour", Verdict::Refused, (NOW + 3600).to_string()),
            ("milliseconds", Verdict::Refused, format!("{NOW}000")),
            ("past-milliseconds", Verdict::Refused, format!("{}000", NOW - 86_400)),
            ("i64-max", Verdict::Refused, i64::MAX.to_string()),
            ("1e308", Verdict::Refused, "1e308".to_owned()),
            ("minus-1e308", Verdict::Refused, "-1e308".to_owned()),
            ("minus-zero", Verdict::Accepted, "-0".to_owned()),
            ("past-as-text", Verdict::Refused, quoted(&(NOW - 60).to_string())),
            ("future-as-text", Verdict::Refused, quoted(&(NOW + 3600).to_string())),
            ("past-in-array", Verdict::Refused, format!("[{}]", NOW - 60)),
        ] {
            cases.claims(format_args!("{claim}/{name}"), verdict, |claims| claims.set(claim, value));
        }
    }
    // `exp` before `iat`: no rule forbids this if both are valid by themselves.
    cases.claims("exp/before-iat", Verdict::Accepted, |claims| {
        claims.set("exp", (NOW + 5).to_string());
        claims.set("iat", (NOW + 10).to_string());
    });
}

fn clients(cases: &mut Cases<'_>) {
    let cognito = cases.shape.profile == Profile::Cognito;
    for (name, value) in [
        ("upper-case", CLIENT.to_ascii_uppercase()),
        ("prefix", CLIENT[..8].to_owned()),
        ("longer", format!("{CLIENT}0")),
        ("space-after", format!("{CLIENT} ")),
        ("nul-after", format!("{CLIENT}\0")),
        ("list", format!("{CLIENT} other")),
        ("homoglyph", CLIENT.replace('e', "\u{435}")),
        ("other", "2example23456789".to_owned()),
        ("star", "*".to_owned()),
    ] {
        for claim in ["client_id", "azp", "appid", "cid"] {
            let claims = cases.shape.draft().claims;
            let others = ["client_id", "azp", "appid", "cid"];
            let agrees = !others.iter().any(|other| *other != claim && claims.get(other).is_some());
            let verdict = Verdict::accepted_if(if cognito { claim != "client_id" } else { agrees });
            cases.claims(format_args!("{claim}/is-{name}"), verdict, |claims| {
                claims.set(claim, quoted(&value));
            });
        }
    }
    for claim in ["client_id", "azp", "appid", "cid"] {
        cases.claims(format_args!("{claim}/agrees"), Verdict::Accepted, |claims| {
            claims.set(claim, quoted(CLIENT));
        });
    }
    cases.claims("client_id/in-capitals-beside", Verdict::Accepted, |claims| {
        claims.append("CLIENT_ID", quoted("other"));
    });
}

/// Scopes (RFC 6749 §3.3, RFC 8693 §4.2).
fn scopes(cases: &mut Cases<'_>) {
    let cognito = cases.shape.profile == Profile::Cognito;
    let many: Vec<String> = (0..400).map(|n| format!("scope{n}")).collect();
    for (name, well_formed, value) in [
        ("two-spaces", true, "a  b".to_owned()),
        ("leading-space", true, " a".to_owned()),
        ("trailing-space", true, "a ".to_owned()),
        (
            "every-character",
            true,
            (0x21..0x7f_u8).filter(|b| ![0x22, 0x5c].contains(b)).map(char::from).collect(),
        ),
        ("400-scopes", true, many.join(" ")),
        ("long", true, "s".repeat(4_000)),
        ("twice-the-same", true, "a a".to_owned()),
        ("comma", true, "a,b".to_owned()),
        ("star", true, "*".to_owned()),
        ("tab", false, "a\tb".to_owned()),
        ("newline", false, "a\nb".to_owned()),
        ("nul", false, "a\0".to_owned()),
        ("quote", false, "a\"b".to_owned()),
        ("backslash", false, "a\\b".to_owned()),
        ("delete", false, "a\u{7f}".to_owned()),
        ("umlaut", false, "lesen ändern".to_owned()),
        ("no-break-space", false, "a\u{a0}b".to_owned()),
        ("full-width", false, "ａdmin".to_owned()),
        ("header-injection", false, "a\r\nSet-Cookie: b".to_owned()),
    ] {
        let verdict = Verdict::accepted_if(well_formed);
        cases.claims(format_args!("scope/is-{name}"), verdict, |claims| claims.set("scope", quoted(&value)));
        let verdict = Verdict::accepted_if(well_formed || cognito);
        cases.claims(format_args!("scp/is-{name}"), verdict, |claims| claims.set("scp", quoted(&value)));
        if !name.contains("space") && name != "400-scopes" && name != "twice-the-same" {
            cases.claims(format_args!("scp/array-with-{name}"), verdict, |claims| {
                claims.set("scp", format!("[{}]", quoted(&value)));
            });
        }
        // Names of roles that are not scopes grant none.
        for claim in ["roles", "permissions"] {
            cases.claims(format_args!("{claim}/array-with-{name}"), Verdict::Accepted, |claims| {
                claims.set(claim, format!("[{}]", quoted(&value)));
            });
        }
    }
}

/// Other kinds of tokens, such as ID tokens (RFC 8725 §3.12).
fn kinds_of_tokens(cases: &mut Cases<'_>) {
    for value in
        ["id", "refresh", "ACCESS", "Access", "access ", " access", "access\0", "access id", "аccess"]
    {
        let label = value.replace(' ', "_").replace('\0', "-nul");
        cases.claims(format_args!("token_use/is-{label}"), Verdict::Refused, |claims| {
            claims.set("token_use", quoted(value));
        });
    }
    cases
        .claims("token_use/is-access", Verdict::Accepted, |claims| claims.set("token_use", quoted("access")));
    cases.claims("token_use/is-escaped", Verdict::Accepted, |claims| {
        claims.set("token_use", r#""\u0061ccess""#);
    });
    for value in ["ID", "Refresh", "Offline", "Logout"] {
        cases.claims(format_args!("typ/is-{value}"), Verdict::Refused, |claims| {
            claims.set("typ", quoted(value));
        });
    }
    for value in ["Bearer", "DPoP", "id", "at+jwt"] {
        cases.claims(format_args!("typ/is-{value}"), Verdict::Accepted, |claims| {
            claims.set("typ", quoted(value));
        });
    }
    // ID tokens of Cognito and others, and security event tokens (RFC 8417 §2.2).
    cases.claims("kind/cognito-id-token", Verdict::Refused, |claims| {
        claims.set("token_use", quoted("id"));
        claims.set("aud", quoted(CLIENT));
        claims.remove("client_id");
        claims.remove("scope");
    });
    cases.claims("kind/id-token-of-this-audience", Verdict::Refused, |claims| {
        claims.set("aud", quoted(AUDIENCE));
        claims.set("nonce", quoted("n-0S6_WzA2Mj"));
        claims.set("at_hash", quoted("77QmUPtjPfzWtF2AnpK9RQ"));
    });
    cases.claims("kind/logout-token", Verdict::Refused, |claims| {
        claims.set("events", r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#);
    });
}

/// Confirmations (RFC 7800 §3, RFC 8705 §3.1, RFC 9449 §6.1).
fn bindings(cases: &mut Cases<'_>) {
    let thumbprint = quoted("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    for (name, verdict, value) in [
        ("jkt", Verdict::Refused, format!("{{\"jkt\":{thumbprint}}}")),
        ("jkt-null", Verdict::Refused, r#"{"jkt":null}"#.to_owned()),
        ("jkt-empty", Verdict::Refused, r#"{"jkt":""}"#.to_owned()),
        ("jkt-escaped", Verdict::Refused, format!("{{\"\\u006akt\":{thumbprint}}}")),
        ("certificate", Verdict::Refused, format!("{{\"x5t#S256\":{thumbprint}}}")),
        ("jwk", Verdict::Refused, format!("{{\"jwk\":{}}}", cases.shape.unpublished.jwk())),
        ("kid", Verdict::Refused, r#"{"kid":"x"}"#.to_owned()),
        ("jku", Verdict::Refused, r#"{"jku":"https://keys.example","kid":"x"}"#.to_owned()),
        ("jwe", Verdict::Refused, r#"{"jwe":"x"}"#.to_owned()),
        ("jkt-and-unknown", Verdict::Refused, format!("{{\"x\":1,\"jkt\":{thumbprint}}}")),
        ("unknown-only", Verdict::Accepted, r#"{"vendor":1}"#.to_owned()),
        ("jkt-in-capitals", Verdict::Accepted, format!("{{\"JKT\":{thumbprint}}}")),
        ("jkt-below", Verdict::Accepted, format!("{{\"x\":{{\"jkt\":{thumbprint}}}}}")),
        ("text", Verdict::Refused, quoted("{\"jkt\":1}")),
        ("in-array", Verdict::Refused, format!("[{{\"jkt\":{thumbprint}}}]")),
    ] {
        cases.claims(format_args!("cnf/is-{name}"), verdict, |claims| claims.set("cnf", value));
    }
}
