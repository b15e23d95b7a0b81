//! The form of a token: the number of parts, and their encoding (RFC 7515 §2, §7.1). The contents
//! are valid.

use super::case::Cases;
use super::draft::{assemble, encode, parts, sign_text};

/// The maximum length of a token.
const LONGEST: usize = 16 * 1024;

pub(crate) fn write(cases: &mut Cases<'_>) {
    good(cases);
    number_of_parts(cases);
    surroundings(cases);
    foreign_characters(cases);
    other_encodings(cases);
    other_serializations(cases);
    size(cases);
    cut_short(cases);
}

fn good(cases: &mut Cases<'_>) {
    cases.accepted("good", cases.sign(&cases.shape.draft()));
}

fn number_of_parts(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    let [h, p, s] = parts(&good);
    let tokens = [
        ("nothing", String::new()),
        ("one-dot", ".".to_owned()),
        ("two-dots", "..".to_owned()),
        ("three-dots", "...".to_owned()),
        ("four-dots", "....".to_owned()),
        ("header-only", h.to_owned()),
        ("header-and-dot", format!("{h}.")),
        ("without-signature", format!("{h}.{p}")),
        ("without-header", format!("{p}.{s}")),
        ("without-payload", format!("{h}.{s}")),
        ("empty-signature", format!("{h}.{p}.")),
        ("empty-header", format!(".{p}.{s}")),
        ("empty-payload", format!("{h}..{s}")),
        ("signature-only", format!("..{s}")),
        ("leading-dot", format!(".{good}")),
        ("trailing-dot", format!("{good}.")),
        ("two-trailing-dots", format!("{good}..")),
        ("fourth-part", format!("{good}.{s}")),
        ("fifth-part", format!("{good}.{p}.{s}")),
        ("sixth-part", format!("{good}.{h}.{p}.{s}")),
        ("double-dot-after-header", format!("{h}..{p}.{s}")),
        ("double-dot-before-signature", format!("{h}.{p}..{s}")),
        ("header-doubled", format!("{h}{h}.{p}.{s}")),
        ("payload-doubled", format!("{h}.{p}{p}.{s}")),
        ("signature-doubled", format!("{h}.{p}.{s}{s}")),
        ("header-as-payload", sign_text(h, h, &cases.shape.key)),
        ("payload-as-header", sign_text(p, p, &cases.shape.key)),
        ("parts-swapped", format!("{p}.{h}.{s}")),
        ("signature-first", format!("{s}.{h}.{p}")),
        ("twice", format!("{good}{good}")),
        ("twice-with-dot", format!("{good}.{good}")),
        ("empty-payload-signed", sign_text(h, "", &cases.shape.key)),
        ("empty-header-signed", sign_text("", p, &cases.shape.key)),
    ];
    for (name, token) in tokens {
        cases.refused(format_args!("form/parts/{name}"), token);
    }
}

fn surroundings(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    for (name, before, after) in [
        ("space-before", " ", ""),
        ("space-after", "", " "),
        ("tab-before", "\t", ""),
        ("newline-before", "\n", ""),
        ("newline-after", "", "\n"),
        ("crlf-after", "", "\r\n"),
        ("nul-before", "\0", ""),
        ("nul-after", "", "\0"),
        ("no-break-space-after", "", "\u{a0}"),
        ("zero-width-space-before", "\u{200b}", ""),
        ("byte-order-mark", "\u{feff}", ""),
        ("quotes", "\"", "\""),
        ("scheme", "Bearer ", ""),
        ("comma", "", ","),
        ("semicolon", "", ";"),
        ("list", "x, ", ""),
        ("query", "access_token=", ""),
        ("angle-brackets", "<", ">"),
        ("percent-00", "", "%00"),
    ] {
        cases.refused(format_args!("form/around/{name}"), format!("{before}{good}{after}"));
    }
    for (name, dot) in
        [("escaped", "%2E"), ("full-width", "\u{ff0e}"), ("comma", ","), ("space", " "), ("spaced", " . ")]
    {
        cases.refused(format_args!("form/dot/{name}"), good.replace('.', dot));
    }
}

/// Foreign characters at the beginning, in the middle and at the end of each part. The changed
/// token is signed.
fn foreign_characters(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    for (name, character) in [
        ("space", " "),
        ("tab", "\t"),
        ("newline", "\n"),
        ("carriage-return", "\r"),
        ("nul", "\0"),
        ("padding", "="),
        ("plus", "+"),
        ("slash", "/"),
        ("exclamation-mark", "!"),
        ("tilde", "~"),
        ("comma", ","),
        ("percent", "%"),
        ("backslash", "\\"),
        ("a-umlaut", "ä"),
        ("full-width-a", "\u{ff21}"),
        ("soft-hyphen", "\u{ad}"),
    ] {
        for (part, part_name) in ["header", "payload", "signature"].into_iter().enumerate() {
            let length = parts(&good)[part].len();
            for (place, at) in [("begin", 0), ("middle", length / 2), ("end", length)] {
                let token = with_part(cases, &good, part, |text| text.insert_str(at, character));
                cases.refused(format_args!("form/character/{name}/{part_name}-{place}"), token);
            }
        }
    }
}

/// Other spellings of the same bytes (RFC 4648 §3.2, §3.5, §4).
fn other_encodings(cases: &mut Cases<'_>) {
    for (part, part_name) in ["header", "payload", "signature"].into_iter().enumerate() {
        let good = with_unused_bits(cases);
        let length = parts(&good)[part].len();
        if !length.is_multiple_of(4) {
            let padding = "=".repeat(4 - length % 4);
            let padded = with_part(cases, &good, part, |text| text.push_str(&padding));
            cases.refused(format_args!("form/encoding/padded/{part_name}"), padded);
            for (name, bit) in [("lowest-unused-bit", 1), ("highest-unused-bit", 2)] {
                let token = with_part(cases, &good, part, |text| {
                    let last = text.pop().unwrap();
                    text.push(flip(last, bit));
                });
                cases.refused(format_args!("form/encoding/{name}/{part_name}"), token);
            }
        }
        let token = with_part(cases, &good, part, |text| *text = text.replace('-', "+").replace('_', "/"));
        cases.refused(format_args!("form/encoding/standard-alphabet/{part_name}"), token);
        let escaped = with_part(cases, &good, part, |text| *text = text.replacen('e', "%65", 1));
        cases.refused(format_args!("form/encoding/percent/{part_name}"), escaped);
        let upper = with_part(cases, &good, part, |text| *text = text.to_ascii_uppercase());
        cases.refused(format_args!("form/encoding/upper-case/{part_name}"), upper);
        let twice = with_part(cases, &good, part, |text| *text = encode(&*text));
        cases.refused(format_args!("form/encoding/encoded-twice/{part_name}"), twice);
        let impossible = with_part(cases, &good, part, |text| {
            text.truncate(text.len() - text.len() % 4);
            text.push('A');
        });
        cases.refused(format_args!("form/encoding/impossible-length/{part_name}"), impossible);
    }
    let draft = cases.shape.draft();
    let (header, payload) = (draft.header.text(), draft.claims.text());
    cases.refused("form/encoding/none/header", sign_text(&header, &encode(&payload), &cases.shape.key));
    cases.refused("form/encoding/none/payload", sign_text(&encode(&header), &payload, &cases.shape.key));
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    cases.refused("form/encoding/hex/header", sign_text(&hex(&header), &encode(&payload), &cases.shape.key));
    cases.refused("form/encoding/hex/payload", sign_text(&encode(&header), &hex(&payload), &cases.shape.key));
}

fn other_serializations(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    let [h, p, s] = parts(&good);
    let flattened = format!(r#"{{"payload":"{p}","protected":"{h}","signature":"{s}"}}"#);
    let general = format!(r#"{{"payload":"{p}","signatures":[{{"protected":"{h}","signature":"{s}"}}]}}"#);
    // Only the form is that of a JWE (RFC 7516 §7.1).
    let jwe_header = encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
    let dir_header = encode(r#"{"alg":"dir","enc":"A128CBC-HS256","cty":"JWT"}"#);
    for (name, token) in [
        ("flattened", flattened.clone()),
        ("flattened-encoded", encode(&flattened)),
        ("general", general),
        ("in-array", format!("[\"{good}\"]")),
        ("in-object", format!(r#"{{"access_token":"{good}"}}"#)),
        ("parts-in-array", format!(r#"["{h}","{p}","{s}"]"#)),
        ("token-encoded", encode(&good)),
        ("jwe", format!("{jwe_header}.{s}.AAAAAAAAAAAAAAAA.{p}.AAAAAAAAAAAAAAAAAAAAAA")),
        ("jwe-direct", format!("{dir_header}..AAAAAAAAAAAAAAAAAAAAAA.{p}.AAAAAAAAAAAAAAAAAAAAAA")),
        ("jwe-header-in-jws", sign_text(&jwe_header, p, &cases.shape.key)),
        ("detached", format!("{h}..{s}")),
        ("sd-jwt", format!("{good}~")),
        ("sd-jwt-with-disclosure", format!("{good}~WyJzYWx0IiwiYSIsMV0~")),
        ("opaque", "2YotnFZFEjr1zCsicMWpAA".to_owned()),
        ("paseto", format!("v4.public.{p}")),
        ("saml", format!("PHNhbWw6QXNzZXJ0aW9u{p}")),
    ] {
        cases.refused(format_args!("form/serialization/{name}"), token);
    }
    let mut nested = cases.shape.draft();
    nested.header.set("cty", "\"JWT\"");
    let nested = sign_text(&encode(nested.header.text()), &encode(&good), &cases.shape.key);
    cases.refused("form/serialization/nested", nested);
}

fn size(cases: &mut Cases<'_>) {
    let draft = cases.shape.draft();
    // White space after the object is valid JSON. All signatures of a key have one length, and so has the header.
    let payload = draft.claims.text();
    let rest = cases.sign(&draft).len() - encode(&payload).len();
    let padded = |length: usize| {
        let text = (length - rest) / 4 * 3;
        let payload = format!("{payload}{}", " ".repeat(text - payload.len()));
        assemble(draft.header.text().as_bytes(), payload.as_bytes(), &cases.shape.key)
    };
    let (longest, longer, twice) = (padded(LONGEST), padded(LONGEST + 4), padded(2 * LONGEST));
    assert!(longest.len() <= LONGEST && longer.len() > LONGEST);
    cases.accepted("form/size/as-long-as-allowed", longest);
    cases.refused("form/size/longer-than-allowed", longer);
    cases.refused("form/size/twice-as-long-as-allowed", twice);
}

fn cut_short(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    for twentieth in 1..20 {
        let cut = &good[..good.len() * twentieth / 20];
        cases.refused(format_args!("form/cut/after-{:02}-percent", twentieth * 5), cut);
        let rest = &good[good.len() * twentieth / 20..];
        cases.refused(format_args!("form/cut/before-{:02}-percent", twentieth * 5), rest);
    }
    for characters in 1..=4 {
        cases.refused(format_args!("form/cut/last-{characters}"), &good[..good.len() - characters]);
        cases.refused(format_args!("form/cut/first-{characters}"), &good[characters..]);
    }
}

/// Changes one encoded part. A token with a changed header or payload is signed again.
fn with_part(cases: &Cases<'_>, token: &str, part: usize, change: impl FnOnce(&mut String)) -> String {
    let mut texts = parts(token).map(str::to_owned);
    change(&mut texts[part]);
    let [header, payload, signature] = &texts;
    match part {
        2 => format!("{header}.{payload}.{signature}"),
        _ => sign_text(header, payload, &cases.shape.key),
    }
}

/// Returns a valid token whose header and payload end in a character with unused bits, as most
/// signatures do. Each part has an `e`, and `-` or `_`, so that every change applies.
fn with_unused_bits(cases: &Cases<'_>) -> String {
    let mut draft = cases.shape.draft();
    draft.header.append("x", "\"???>>>ÿÿÿ\"");
    draft.claims.append("x", "\"???>>>ÿÿÿ\"");
    (0..)
        .find_map(|attempt| {
            draft.claims.set("attempt", format!("\"{attempt:03}\""));
            let (mut header, mut payload) = (draft.header.text(), draft.claims.text());
            for text in [&mut header, &mut payload] {
                while text.len() % 3 != 1 {
                    text.push(' ');
                }
            }
            let token = assemble(header.as_bytes(), payload.as_bytes(), &cases.shape.key);
            let complete = |part: &str| part.contains('e') && part.contains(['-', '_']);
            parts(&token).iter().all(|part| complete(part)).then_some(token)
        })
        .unwrap()
}

/// Returns the character whose value differs in this bit.
fn flip(character: char, bit: u8) -> char {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = ALPHABET.iter().position(|letter| char::from(*letter) == character).unwrap();
    char::from(ALPHABET[value ^ usize::from(bit)])
}
