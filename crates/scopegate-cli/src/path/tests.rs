use proptest::prelude::*;

use super::*;

#[test]
fn path_with_one_reading_is_accepted() {
    // FW02
    for (target, normal) in [
        ("/", "/"),
        ("/orders/7", "/orders/7"),
        ("/orders/", "/orders/"),
        ("/files/a%20b", "/files/a%20b"),
        ("/a+b,c=d", "/a+b,c=d"),
        ("/!$&'()*+,=:@", "/!$&'()*+,=:@"),
        ("/-._~", "/-._~"),
        ("/...", "/..."),
        ("/.well-known/x", "/.well-known/x"),
        ("/a..b", "/a..b"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/%f0%9f%98%80", "/%F0%9F%98%80"),
        ("/100%25", "/100%25"),
        ("/a%25zz", "/a%25zz"),
        ("/user%40a.example", "/user%40a.example"),
        ("/%7bid%7d", "/%7Bid%7D"),
        ("/orders?", "/orders"),
        ("/orders?x=/../a;b%2F//", "/orders"),
        ("/orders?q=\u{e9}", "/orders"),
    ] {
        assert_eq!(
            JudgedPath::of_target(target.as_bytes()).map(|path| path.0).as_deref(),
            Ok(normal),
            "{target}"
        );
    }
}

#[test]
fn ambiguous_path_is_rejected_with_its_reason() {
    use Ambiguous::*;
    // FW02
    for (target, reason) in [
        ("", NoSlash),
        ("orders", NoSlash),
        ("*", NoSlash),
        ("https://a.example/orders", NoSlash),
        ("?x", NoSlash),
        ("/a/../orders", DotSegment),
        ("/a/./orders", DotSegment),
        ("/orders/..", DotSegment),
        ("/.", DotSegment),
        ("//orders", EmptySegment),
        ("/a//b", EmptySegment),
        ("/orders//", EmptySegment),
        ("/orders;v=1", Character),
        ("/a\\b", Character),
        ("/orders#x", Character),
        ("/orders?x#y", Character),
        ("/a b", Character),
        ("/a\tb", Character),
        ("/a?b c", Character),
        ("/a|b", Character),
        ("/{id}", Character),
        ("/a\"b", Character),
        ("/caf\u{e9}", Character),
        ("/\u{0}", Character),
        ("/\u{7f}", Character),
        ("/x/..%2forders", EncodedDelimiter),
        ("/x%2Forders", EncodedDelimiter),
        ("/orders%5c", EncodedDelimiter),
        ("/orders%5C", EncodedDelimiter),
        ("/orders%3Bv", EncodedDelimiter),
        ("/orders%3b", EncodedDelimiter),
        ("/orders%23", EncodedDelimiter),
        ("/orders%3F", EncodedDelimiter),
        ("/orders%3fx", EncodedDelimiter),
        ("/%6Frders", EncodedUnreserved),
        ("/%2e%2e/orders", EncodedUnreserved),
        ("/%2E", EncodedUnreserved),
        ("/%7Eme", EncodedUnreserved),
        ("/%2D", EncodedUnreserved),
        ("/%5F", EncodedUnreserved),
        ("/%30", EncodedUnreserved),
        ("/%252e", EncodedTwice),
        ("/%252F", EncodedTwice),
        ("/%25252e", EncodedTwice),
        ("/a%25aB", EncodedTwice),
        ("/orders%", LonePercent),
        ("/orders%2", LonePercent),
        ("/orders%zz", LonePercent),
        ("/orders%+2", LonePercent),
        ("/%/a", LonePercent),
        ("/%0", LonePercent),
        ("/%00", ControlCharacter),
        ("/a%0ab", ControlCharacter),
        ("/a%0D", ControlCharacter),
        ("/%1F", ControlCharacter),
        ("/%7F", ControlCharacter),
        ("/%C2%85x", ControlCharacter),
        ("/orders%09", ControlCharacter),
        ("/orders%20", FinalSpace),
        ("/orders%20/7", FinalSpace),
        ("/orders%C2%A0", FinalSpace),
        ("/%20", FinalSpace),
        ("/%ff", NotUtf8),
        ("/%C0%AF", NotUtf8),
        ("/%c3", NotUtf8),
        ("/%c3/%a9", NotUtf8),
        ("/%ED%A0%80", NotUtf8),
    ] {
        assert_eq!(JudgedPath::of_target(target.as_bytes()), Err(reason), "{target}");
    }
}

#[test]
fn delimiters_are_decoded_for_comparison_only() {
    for (path, decoded) in [
        ("/users/%40me", Some("/users/@me")),
        ("/a%2Bb%3Ac", Some("/a+b:c")),
        ("/a%2b%20c", Some("/a+%20c")),
        ("/a%20b", None),
        ("/100%25", None),
        ("/users/@me", None),
        ("/", None),
    ] {
        let judged = JudgedPath::parse(path.as_bytes()).unwrap();
        assert_eq!(judged.with_decoded_delimiters().as_deref(), decoded, "{path}");
    }
}

/// Decodes as a backend does: once, and bytes that are not encoded stay.
fn decoded(path: &str) -> Vec<u8> {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    bytes
}

/// Returns pieces of hostile paths.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-c/.;%?# \\\\@+]",
        "%[0-9a-fA-F]{2}",
        "%25[0-9a-fA-F]{0,2}",
        Just("%c3%a9".to_owned()),
        Just("/".to_owned()),
        Just("..".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    /// FW02: an accepted path is its own normal form, and no way to decode it makes another path.
    #[test]
    fn accepted_path_has_one_normal_form(target in pieces()) {
        let Ok(path) = JudgedPath::of_target(target.as_bytes()) else { return Ok(()) };
        let path = path.as_str();
        prop_assert!(path.is_ascii() && path.starts_with('/'));
        prop_assert!(path.eq_ignore_ascii_case(target.split('?').next().unwrap()), "only hex digits change");
        let again = JudgedPath::parse(path.as_bytes()).unwrap();
        prop_assert_eq!(again.as_str(), path);

        let once = String::from_utf8(decoded(path)).expect("decoded paths are UTF-8");
        prop_assert_eq!(once.split('/').count(), path.split('/').count(), "decoding adds no segment");
        for segment in once.split('/') {
            prop_assert!(segment != "." && segment != "..");
            prop_assert_eq!(segment.trim_end(), segment);
            prop_assert!(!segment.contains(['\\', ';', '#', '?']) && !segment.contains(char::is_control));
        }
        // A second decoding changes nothing.
        for (at, _) in once.match_indices('%') {
            let digits = once.as_bytes().get(at + 1..at + 3);
            let is_encoded = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            prop_assert!(!is_encoded, "{} {}", path, once);
        }
    }

    /// Unequal paths stay unequal when a backend decodes them, except for delimiters such as `@`.
    #[test]
    fn equal_decoded_paths_are_equal(one in pieces(), other in pieces()) {
        let judged = [one, other].map(|target| JudgedPath::of_target(target.as_bytes()));
        let [Ok(one), Ok(other)] = judged else { return Ok(()) };
        let compared = |path: &JudgedPath| path.with_decoded_delimiters().unwrap_or(path.as_str().to_owned());
        prop_assert_eq!(decoded(one.as_str()) == decoded(other.as_str()), compared(&one) == compared(&other));
    }
}
