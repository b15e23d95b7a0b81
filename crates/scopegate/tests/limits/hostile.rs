//! The most expensive tokens of up to 16 KiB: unsigned, forged or signed by the issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::Verifier;
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, NOW, builder_at, cognito_token, issuer_with_keys};

/// The maximum length of a token, as `Verifier::verify` documents it.
pub(crate) const MOST: usize = 16 * 1024;

/// Length of a payload that fills a token almost to `MOST`, with an ordinary header and an RSA-2048
/// signature.
const ROOM: usize = 11_800;

pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) token: String,
    pub(crate) verifier: Verifier,
    /// Whether it is rejected before the signature check.
    pub(crate) unchecked: bool,
}

pub(crate) struct Cast {
    pub(crate) key: SigningKey,
    verifier: Verifier,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let key = SigningKey::generate(Algorithm::RS256);
        let verifier = uncached_verifier(&[key.jwk()]);
        Self { key, verifier }
    }

    /// The baseline: a valid token as issuers write it.
    pub(crate) fn ordinary(&self) -> (String, &Verifier) {
        (mint().sign_with(&self.key), &self.verifier)
    }

    /// Tokens of an attacker without a key of the issuer.
    pub(crate) fn of_strangers(&self) -> Vec<Hostile> {
        let mut all = Vec::new();
        let mut add = |name, token: String| {
            assert!(token.len() <= MOST, "{name}: {}", token.len());
            all.push(Hostile { name, token, verifier: self.verifier.clone(), unchecked: true });
        };
        add("16 KiB of dots", ".".repeat(MOST));
        add("16 KiB of one letter", "A".repeat(MOST));
        add("a header and a payload of one letter", format!("{0}.{0}.AAAA", "A".repeat(8_000)));
        add("one wrong letter at the end", format!("{}.AAAA.AAA*", "A".repeat(MOST - 12)));
        add("a header 12,000 arrays deep", parts(&format!("{{\"a\":{}", "[".repeat(12_000)), "{}"));
        add("a payload 5,800 arrays deep", self.payload(&format!("{{\"a\":{}", nested(5_800))));
        add("a payload 2,000 objects deep", self.payload(&format!("{{\"a\":{}", objects(1_900))));
        add("a header of short members", parts(&members(ROOM, "0"), "{}"));
        add("a payload of short members", self.payload(&members(ROOM, "0")));
        add("a payload of short members, backwards", self.payload(&members_backwards(ROOM)));
        add("a payload that repeats one member", self.payload(&format!("{{{}}}", list("\"\":0", ROOM))));
        add("a payload of escaped names", self.payload(&escaped_members(ROOM)));
        add("a payload of 256 long escaped names", self.payload(&long_escaped_members(256, 44)));
        add("a payload of names with a long common start", self.payload(&prefixed_members(ROOM)));
        add("a payload of one array of short members", self.payload(&array(ROOM, "0")));
        add(
            "a payload of one escaped string",
            self.payload(&format!("{{\"iss\":\"{}\"}}", r"\n".repeat(ROOM / 2 - 8))),
        );
        add("a `kid` of 11 KiB", self.header("kid", &"k".repeat(11_000)));
        add("a `kid` of 11 KiB of line breaks", self.header("kid", &"\n".repeat(5_500)));
        add("an `alg` of 11 KiB", self.header("alg", &"R".repeat(11_000)));
        add("a `typ` of 11 KiB", self.header("typ", &"a".repeat(11_000)));
        add("an `iss` of 11 KiB", mint().claim("iss", "i".repeat(11_000)).sign_with(&self.key));
        add("an unknown issuer", mint().claim("iss", "https://evil.example").sign_with(&self.key));

        let mut nameless = vec![without_id(&self.key.jwk()); 100];
        for (at, jwk) in nameless.iter_mut().enumerate() {
            jwk["n"] = json!(modulus(256, u8::try_from(at).expect("there are 100")));
        }
        all.push(Hostile {
            name: "no `kid`, and 100 keys without one",
            token: mint().without_header("kid").sign_with(&self.key),
            verifier: uncached_verifier(&nameless),
            unchecked: true,
        });
        all
    }

    /// Tokens that the signature check rejects.
    pub(crate) fn forged(&self) -> Vec<Hostile> {
        let hostile = |name, token, verifier: &Verifier| Hostile {
            name,
            token,
            verifier: verifier.clone(),
            unchecked: false,
        };
        let forged = |payload: String| mint().raw_payload(payload).bad_signature().sign_with(&self.key);
        let signature = "_".repeat(8_000);
        let with_long_signature = mint().sign_with(&self.key);
        let (signing_input, _) = with_long_signature.rsplit_once('.').expect("a token has dots");
        let header = json!({ "alg": "RS256", "kid": "large" }).to_string();
        let payload = json!({ "iss": ISSUER, "exp": NOW + 60 }).to_string();
        let of_large_key = |name, bytes: usize, exponent: &[u8]| {
            let (n, e) = (modulus(bytes, 0), URL_SAFE_NO_PAD.encode(exponent));
            let jwk = json!({ "kty": "RSA", "kid": "large", "alg": "RS256", "n": n, "e": e });
            let signature = URL_SAFE_NO_PAD.encode(vec![0x7f; bytes]);
            hostile(
                name,
                parts(&header, &payload).replace(".AAAA", &format!(".{signature}")),
                &uncached_verifier(&[jwk]),
            )
        };
        vec![
            hostile("forged, ordinary", mint().bad_signature().sign_with(&self.key), &self.verifier),
            hostile(
                "forged, a signature of 8,000 letters",
                format!("{signing_input}.{signature}"),
                &self.verifier,
            ),
            hostile(
                "forged, 16 KiB of one string",
                forged(of_issuer(&format!("\"a\":\"{}\"", "x".repeat(ROOM)))),
                &self.verifier,
            ),
            hostile(
                "forged, one object of short members",
                forged(of_issuer(&format!("\"a\":{}", members(ROOM - 100, "0")))),
                &self.verifier,
            ),
            hostile(
                "forged, 250 long escaped names",
                forged(of_issuer(&inner(&long_escaped_members(250, 44)))),
                &self.verifier,
            ),
            of_large_key("forged, for a key of 4,096 bits", 512, &[1, 0, 1]),
            of_large_key("forged, for a key of 8,192 bits", 1_024, &[1, 0, 1]),
            of_large_key(
                "forged, for a key of 8,192 bits, exponent 2³³ - 1",
                1_024,
                &[1, 255, 255, 255, 255],
            ),
        ]
    }

    /// Tokens that the issuer signed, with content that an attacker could choose.
    pub(crate) fn signed(&self) -> Vec<Hostile> {
        let room = ROOM - 400;
        let claims: Vec<(&str, Mint)> = vec![
            ("signed, 16 KiB of scopes", mint().scope(&words(room))),
            ("signed, 16 KiB of one scope again and again", mint().scope(&"a ".repeat(room / 2))),
            ("signed, an array of short scopes", mint().claim("scp", strings(room))),
            ("signed, an array of short audiences", mint().claim("aud", strings(room))),
            ("signed, an array of empty audiences", mint().claim("aud", vec![""; room / 3])),
            ("signed, short members", mint().raw_payload(of_issuer(&inner(&members(room, "0"))))),
            ("signed, `cnf` of short members", with_raw("cnf", &members(room, "0"))),
            ("signed, `exp` of 11,000 digits", with_raw("exp", &"1".repeat(11_000))),
            ("signed, `exp` of 1.000…", with_raw("exp", &format!("1800000001.{}", "0".repeat(11_000)))),
            ("signed, `exp` of 1e400", with_raw("exp", "1e400")),
            ("signed, `exp` of 1e-999999999", with_raw("exp", "1e-999999999")),
            ("signed, `exp` of 0e999999999", with_raw("exp", "0e999999999")),
            ("signed, `scope` as deep arrays", with_raw("scp", &nested(5_600))),
        ];
        let signed = |(name, mint): (&'static str, Mint)| {
            let token = mint.sign_with(&self.key);
            assert!(token.len() <= MOST, "{name}: {}", token.len());
            Hostile { name, token, verifier: self.verifier.clone(), unchecked: false }
        };
        claims.into_iter().map(signed).collect()
    }

    /// A valid token with thousands of scopes.
    pub(crate) fn many_scopes(&self) -> String {
        mint().claim("scp", strings(ROOM - 400)).sign_with(&self.key)
    }

    /// Returns a token with an ordinary header and a payload that names no issuer.
    fn payload(&self, payload: &str) -> String {
        mint().raw_payload(payload).bad_signature().sign_with(&self.key)
    }

    fn header(&self, name: &str, value: &str) -> String {
        mint().header(name, value).bad_signature().sign_with(&self.key)
    }
}

/// Payloads that name this issuer and are expensive to read.
pub(crate) fn payloads_of(issuer: &str) -> Vec<(&'static str, String)> {
    let room = ROOM - 600;
    let with = |members: &str| format!("{{\"iss\":\"{issuer}\",{members}}}");
    vec![
        ("an ordinary payload", with("\"aud\":\"api\"")),
        ("one array of short members", with(&inner(&array(room, "0")))),
        ("250 long escaped names", with(&inner(&long_escaped_members(250, 40)))),
        ("one object of short members", with(&format!("\"a\":{}", members(room, "0")))),
    ]
}

/// Documents of a hostile issuer that are about as large as the limit.
pub(crate) fn key_sets() -> Vec<(&'static str, String)> {
    let set = |keys: &[Value]| json!({ "keys": keys }).to_string();
    let rsa = |at: u8| json!({ "kty": "RSA", "n": modulus(1_024, at), "e": "Af____8" });
    let large: Vec<Value> = (0..100).map(rsa).collect();
    let mut alike = large.clone();
    for jwk in &mut alike {
        jwk["kid"] = json!("k");
    }
    let short = "{},".repeat(256 * 1024 / 3 - 10);
    vec![
        ("100 RSA-8192 keys, each for six algorithms", set(&large)),
        ("the same with one `kid`", set(&alike)),
        ("256 KiB of empty keys", format!("{{\"keys\":[{short}{{}}]}}")),
        ("256 KiB of short members", members(255 * 1024, "0")),
        ("256 KiB of escaped names", escaped_members(255 * 1024)),
        ("256 KiB of arrays in arrays", format!("{{\"keys\":{}", nested(127 * 1024))),
        ("a key of 256 KiB of short members", format!("{{\"keys\":[{}]}}", members(255 * 1024, "0"))),
    ]
}

fn uncached_verifier(keys: &[Value]) -> Verifier {
    let issuer = issuer_with_keys(keys.iter().cloned());
    // Measures the cost of a token that is not cached.
    let builder = builder_at(NOW).cache_capacity(0);
    builder.trust(issuer.audience(AUDIENCE)).build().unwrap()
}

fn mint() -> Mint {
    cognito_token().client("client").claim("aud", AUDIENCE)
}

/// An unsigned token.
fn parts(header: &str, payload: &str) -> String {
    format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// Returns a payload of the trusted issuer with additional members.
fn of_issuer(members: &str) -> String {
    format!("{{\"iss\":\"{ISSUER}\",\"aud\":\"{AUDIENCE}\",\"exp\":{},{members}}}", NOW + 60)
}

/// Returns the same with one member that JSON libraries do not write.
fn with_raw(name: &str, value: &str) -> Mint {
    let rest = if name == "exp" { String::new() } else { format!(",\"exp\":{}", NOW + 60) };
    mint().raw_payload(format!("{{\"iss\":\"{ISSUER}\",\"aud\":\"{AUDIENCE}\",\"{name}\":{value}{rest}}}"))
}

fn inner(object: &str) -> String {
    object.trim_start_matches('{').trim_end_matches('}').to_owned()
}

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Returns different names that are as short as possible and unsorted.
fn names() -> impl Iterator<Item = String> {
    // 3,001 and 62³ have no common factor, so every name occurs once.
    (0..62_usize.pow(3)).map(|at| at * 3_001 % 62_usize.pow(3)).map(|at| {
        let letter = |at: usize| char::from(LETTERS[at % 62]);
        let name: String = [letter(at), letter(at / 62), letter(at / 3_844)].iter().collect();
        name
    })
}

/// Joins as many items as fit.
fn joined(room: usize, separator: char, items: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for item in items {
        if text.len() + item.len() + 1 > room {
            break;
        }
        if !text.is_empty() {
            text.push(separator);
        }
        text.push_str(&item);
    }
    text
}

fn members(room: usize, value: &str) -> String {
    format!("{{{}}}", joined(room - 2, ',', names().map(|name| format!("\"{name}\":{value}"))))
}

fn members_backwards(room: usize) -> String {
    let mut names: Vec<String> = names().take(room / 8).collect();
    names.sort_unstable();
    format!("{{{}}}", joined(room, ',', names.into_iter().rev().map(|name| format!("\"{name}\":0"))))
}

/// Each name has an escape. Reading it allocates a copy.
fn escaped_members(room: usize) -> String {
    format!("{{{}}}", joined(room - 2, ',', names().map(|name| format!("\"{name}\\n\":0"))))
}

/// Long names, as many as an object may have.
fn long_escaped_members(count: usize, length: usize) -> String {
    let members = names().take(count).map(|name| format!("\"{}{name}\":0", r"\n".repeat((length - 6) / 2)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn prefixed_members(room: usize) -> String {
    format!("{{{}}}", joined(room - 2, ',', names().map(|name| format!("\"{}{name}\":0", "x".repeat(100)))))
}

fn array(room: usize, value: &str) -> String {
    format!("{{\"a\":[{}]}}", list(value, room - 10))
}

fn list(item: &str, room: usize) -> String {
    joined(room - 2, ',', std::iter::repeat_with(|| item.to_owned()))
}

fn words(room: usize) -> String {
    joined(room, ' ', names())
}

fn strings(room: usize) -> Vec<String> {
    names().take(room / 6).collect()
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

fn objects(depth: usize) -> String {
    format!("{}0{}", "{\"\":".repeat(depth), "}".repeat(depth))
}

/// Returns an odd number of this length that differs for each `at`.
fn modulus(bytes: usize, at: u8) -> String {
    let mut number = vec![0xC5; bytes];
    number[bytes - 2] = at;
    URL_SAFE_NO_PAD.encode(number)
}

fn without_id(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().expect("a JWK is an object").remove("kid");
    jwk
}
