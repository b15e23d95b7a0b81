//! Values of every JSON type, for members that must have another type.

/// Names and JSON values.
pub(crate) const VALUES: [(&str, &str); 23] = [
    ("null", "null"),
    ("true", "true"),
    ("false", "false"),
    ("zero", "0"),
    ("one", "1"),
    ("minus-one", "-1"),
    ("fraction", "1.5"),
    ("exponent", "1e3"),
    ("beyond-i64", "9223372036854775808"),
    ("beyond-f64", "1e400"),
    ("empty-string", r#""""#),
    ("word", r#""x""#),
    ("word-with-space", r#"" ""#),
    ("digits", r#""1750003600""#),
    ("empty-array", "[]"),
    ("array-of-word", r#"["x"]"#),
    ("array-of-number", "[1]"),
    ("array-of-null", "[null]"),
    ("array-of-word-and-number", r#"["x",1]"#),
    ("nested-array", r#"[["x"]]"#),
    ("empty-object", "{}"),
    ("object", r#"{"a":1}"#),
    ("nested-object", r#"{"a":{"b":{"c":[]}}}"#),
];
