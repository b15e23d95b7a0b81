//! The payload as a string (RFC 7519 §7.2): JSON, invalid JSON, repeated names, depth and width.

use super::case::{Cases, Verdict};
use super::draft::{assemble, encode, quoted, sign_text};

pub(crate) fn write(cases: &mut Cases<'_>) {
    text(cases);
    names_that_stand_twice(cases);
    depth_and_width(cases);
    strings(cases);
}

fn text(cases: &mut Cases<'_>) {
    let good = cases.shape.draft();
    texts(&good.claims.text(), &mut |name, verdict, bytes| {
        let token = assemble(good.header.text().as_bytes(), bytes, &cases.shape.key);
        cases.push(format_args!("payload/text/{name}"), verdict, token);
    });
    let header = encode(good.header.text());
    let token = cases.sign(&good);
    cases.refused("payload/text/a-token", sign_text(&header, &encode(&token), &cases.shape.key));
    cases.refused("payload/text/form", sign_text(&header, &encode("iss=x&exp=9999999999"), &cases.shape.key));
    let compressed = [0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01];
    cases.refused("payload/text/zlib", sign_text(&header, &encode(compressed), &cases.shape.key));
    let mut reversed = cases.shape.draft();
    reversed.claims.reverse();
    cases.accepted("payload/members-reversed", cases.sign(&reversed));
}

/// Calls `each` with changed spellings of an object. Headers use it as well.
pub(crate) fn texts(good: &str, each: &mut dyn FnMut(&str, Verdict, &[u8])) {
    use Verdict::{Accepted, Refused};
    let inner = &good[1..good.len() - 1];
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_mark: Vec<u8> = [0xFF, 0xFE].into_iter().chain(utf16.iter().copied()).collect();
    let utf32: Vec<u8> = good.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    let with = |member: &[u8]| [b"{", member, b",", inner.as_bytes(), b"}"].concat();
    for (name, verdict, bytes) in [
        ("null", Refused, b"null".to_vec()),
        ("true", Refused, b"true".to_vec()),
        ("number", Refused, b"1".to_vec()),
        ("string", Refused, quoted(good).into_bytes()),
        ("empty-array", Refused, b"[]".to_vec()),
        ("in-array", Refused, format!("[{good}]").into_bytes()),
        ("in-object", Refused, format!("{{\"a\":{good}}}").into_bytes()),
        ("empty-object", Refused, b"{}".to_vec()),
        ("white-space", Refused, b" ".to_vec()),
        ("one-brace", Refused, b"{".to_vec()),
        ("cut", Refused, good.as_bytes()[..good.len() - 1].to_vec()),
        ("cut-in-half", Refused, good.as_bytes()[..good.len() / 2].to_vec()),
        ("letter-after", Refused, format!("{good}x").into_bytes()),
        ("object-after", Refused, format!("{good}{{}}").into_bytes()),
        ("same-object-after", Refused, format!("{good}{good}").into_bytes()),
        ("object-on-next-line", Refused, format!("{good}\n{good}").into_bytes()),
        ("brace-after", Refused, format!("{good}}}").into_bytes()),
        ("comma-after", Refused, format!("{good},").into_bytes()),
        ("nul-after", Refused, format!("{good}\0").into_bytes()),
        ("nul-before", Refused, format!("\0{good}").into_bytes()),
        ("byte-order-mark", Refused, format!("\u{feff}{good}").into_bytes()),
        ("no-break-space-after", Refused, format!("{good}\u{a0}").into_bytes()),
        ("vertical-tab-after", Refused, format!("{good}\u{b}").into_bytes()),
        ("form-feed-before", Refused, format!("\u{c}{good}").into_bytes()),
        ("space-around", Accepted, format!(" \t\r\n{good} \t\r\n").into_bytes()),
        ("space-within", Accepted, format!("{{ {inner} }}").replace("\":", "\" : ").into_bytes()),
        ("utf-16", Refused, utf16),
        ("utf-16-with-mark", Refused, utf16_mark),
        ("utf-32", Refused, utf32),
        ("comment", Refused, format!("{{/**/{inner}}}").into_bytes()),
        ("line-comment", Refused, format!("{good}//x").into_bytes()),
        ("trailing-comma", Refused, format!("{{{inner},}}").into_bytes()),
        ("leading-comma", Refused, format!("{{,{inner}}}").into_bytes()),
        ("two-commas", Refused, format!("{{\"x\":1,,{inner}}}").into_bytes()),
        ("single-quotes", Refused, good.replace('"', "'").into_bytes()),
        ("name-without-quotes", Refused, with(b"x:1")),
        ("name-is-a-number", Refused, with(b"1:1")),
        ("value-missing", Refused, with(b"\"x\":")),
        ("colon-missing", Refused, with(b"\"x\" 1")),
        ("equals-sign", Refused, with(b"\"x\"=1")),
        ("nan", Refused, with(b"\"x\":NaN")),
        ("infinity", Refused, with(b"\"x\":Infinity")),
        ("minus-infinity", Refused, with(b"\"x\":-Infinity")),
        ("undefined", Refused, with(b"\"x\":undefined")),
        ("true-in-capitals", Refused, with(b"\"x\":True")),
        ("leading-zero", Refused, with(b"\"x\":01")),
        ("plus-sign", Refused, with(b"\"x\":+1")),
        ("hexadecimal", Refused, with(b"\"x\":0x1")),
        ("dot-without-digits", Refused, with(b"\"x\":1.")),
        ("digits-missing-before-dot", Refused, with(b"\"x\":.5")),
        ("number-with-underscore", Refused, with(b"\"x\":1_000")),
        ("backtick", Refused, with(b"\"x\":`y`")),
        ("bad-escape", Refused, with(br#""x":"\q""#)),
        ("hexadecimal-escape", Refused, with(br#""x":"\x41""#)),
        ("short-escape", Refused, with(br#""x":"\u12""#)),
        ("newline-in-string", Refused, with(b"\"x\":\"a\nb\"")),
        ("tab-in-string", Refused, with(b"\"x\":\"a\tb\"")),
        ("nul-in-string", Refused, with(b"\"x\":\"a\0b\"")),
        ("string-not-closed", Refused, format!("{{{inner},\"x\":\"y}}").into_bytes()),
        ("invalid-utf-8", Refused, with(b"\"x\":\"\xff\"")),
        ("invalid-utf-8-in-name", Refused, with(b"\"\xff\":1")),
        ("overlong-utf-8", Refused, with(b"\"x\":\"\xc0\xaf\"")),
        ("surrogate-as-utf-8", Refused, with(b"\"x\":\"\xed\xa0\x80\"")),
        ("utf-8-cut", Refused, with(b"\"x\":\"\xe2\x82\"")),
        ("beyond-unicode", Refused, with(b"\"x\":\"\xf4\x90\x80\x80\"")),
        ("latin-1", Refused, with(b"\"x\":\"\xe9\"")),
        ("delete-in-string", Accepted, with(b"\"x\":\"\x7f\"")),
        ("utf-8", Accepted, with("\"x\":\"é€😀\"".as_bytes())),
        ("escaped-astral", Accepted, with(br#""x":"\ud83d\ude00""#)),
        ("exponents", Accepted, with(b"\"x\":[1E+2,1e-2,-0,-0.0,0e0]")),
        ("many-digits", Accepted, with(format!("\"x\":{}", "9".repeat(400)).as_bytes())),
        ("more-digits-than-some-read", Accepted, with(format!("\"x\":{}", "9".repeat(5_000)).as_bytes())),
        ("empty-name", Accepted, with(b"\"\":1")),
    ] {
        each(name, verdict, &bytes);
    }
}

/// Repeated names (RFC 7519 §4).
fn names_that_stand_twice(cases: &mut Cases<'_>) {
    let good = cases.shape.draft();
    let wrong = [
        ("iss", quoted("https://attacker.example")),
        ("sub", quoted("somebody-else")),
        ("aud", quoted("https://other.example")),
        ("exp", "1".to_owned()),
        ("iat", "9999999999".to_owned()),
        ("nbf", "9999999999".to_owned()),
        ("jti", quoted("another")),
        ("client_id", quoted("another")),
        ("scope", quoted("admin")),
        ("token_use", quoted("id")),
        ("unknown", "1".to_owned()),
    ];
    for (claim, wrong) in wrong {
        let value = good.claims.get(claim).map_or_else(|| wrong.clone(), str::to_owned);
        let escaped = format!("\\u{:04x}{}", u32::from(claim.as_bytes()[0]), &claim[1..]);
        for (name, first, second, second_name) in [
            ("same", &value, &value, claim),
            ("wrong-first", &wrong, &value, claim),
            ("wrong-last", &value, &wrong, claim),
            ("escaped", &value, &value, escaped.as_str()),
        ] {
            cases.claims(format_args!("{claim}/twice-{name}"), Verdict::Refused, |claims| {
                claims.remove(claim);
                claims.prepend(claim, first.clone());
                claims.append(second_name, second.clone());
            });
        }
    }
    // The value of an unknown claim is not parsed.
    cases.claims("unknown/twice-within", Verdict::Accepted, |claims| claims.append("x", r#"{"a":1,"a":2}"#));
    cases.claims("cnf/twice-within", Verdict::Refused, |claims| claims.append("cnf", r#"{"a":1,"a":2}"#));
}

fn depth_and_width(cases: &mut Cases<'_>) {
    for depth in [10, 100, 127, 128, 129, 500, 1_000, 2_500] {
        let (arrays, objects) = ("[".repeat(depth), "{\"a\":".repeat(depth));
        let arrays = format!("{arrays}{}", "]".repeat(depth));
        let objects = format!("{objects}1{}", "}".repeat(depth));
        if objects.len() * 4 / 3 < 12_000 {
            cases.claims(format_args!("unknown/objects-{depth}-deep"), Verdict::Accepted, |claims| {
                claims.append("x", objects.clone());
            });
        }
        cases.claims(format_args!("unknown/arrays-{depth}-deep"), Verdict::Accepted, |claims| {
            claims.append("x", arrays.clone());
        });
        cases.header(format_args!("unknown/arrays-{depth}-deep"), Verdict::Accepted, |header| {
            header.append("x", arrays.clone());
        });
        cases.claims(format_args!("aud/arrays-{depth}-deep"), Verdict::Refused, |claims| {
            claims.set("aud", arrays.clone());
        });
        cases.claims(format_args!("unknown/arrays-{depth}-deep-not-closed"), Verdict::Refused, |claims| {
            claims.append("x", "[".repeat(depth));
        });
    }
    for (number, verdict) in [(10, Verdict::Accepted), (200, Verdict::Accepted), (500, Verdict::Refused)] {
        cases.claims(format_args!("unknown/{number}-of-them"), verdict, |claims| {
            for n in 0..number {
                claims.append(&format!("x{n}"), n.to_string());
            }
        });
    }
    cases.claims("unknown/long-name", Verdict::Accepted, |claims| claims.append(&"n".repeat(5_000), "1"));
    cases.claims("unknown/long-string", Verdict::Accepted, |claims| {
        claims.append("x", quoted(&"v".repeat(8_000)));
    });
}

/// Strings that programs read differently, in checked claims and in unknown ones.
fn strings(cases: &mut Cases<'_>) {
    for name in
        ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "$ref", "@type", "length"]
    {
        for (kind, value) in [("string", r#""x""#), ("object", r#"{"exp":9999999999,"scope":"admin"}"#)] {
            cases.claims(format_args!("unknown/{name}-{kind}"), Verdict::Accepted, |claims| {
                claims.append(name, value);
            });
        }
    }
    for (name, text) in [
        ("lone-high-surrogate", r#""\ud800""#),
        ("lone-low-surrogate", r#""\udc00""#),
        ("surrogates-swapped", r#""\udc00\ud800""#),
    ] {
        // These escapes are not a string, so a checked claim is invalid. The value of an unknown claim is not parsed.
        cases.claims(format_args!("unknown/{name}"), Verdict::Accepted, |claims| claims.append("x", text));
        cases.claims(format_args!("sub/{name}"), Verdict::Refused, |claims| claims.set("sub", text));
        cases.claims(format_args!("unknown/{name}-in-name"), Verdict::Refused, |claims| {
            claims.append(&text[1..text.len() - 1], "1");
        });
    }
    for (name, text) in [
        ("nul", "\0"),
        ("line-breaks", "a\r\nb"),
        ("escape-sequence", "\u{1b}[31m"),
        ("right-to-left", "\u{202e}nimda"),
        ("markup", "<script>alert(1)</script>"),
        ("long", &"s".repeat(3_000)),
        ("emoji", "👩‍💻"),
    ] {
        cases.claims(format_args!("sub/{name}"), Verdict::Accepted, |claims| claims.set("sub", quoted(text)));
        cases.claims(format_args!("jti/{name}"), Verdict::Accepted, |claims| claims.set("jti", quoted(text)));
    }
}
