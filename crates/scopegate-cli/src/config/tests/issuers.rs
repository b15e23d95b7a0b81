//! Introspection and status lists: which values are accepted, and where is a mistake?

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use scopegate_issuer::{Algorithm, SigningKey};

use super::*;
use crate::config::file;
use crate::config::problem::Needed;

const TOP: &str = r#"listen = "127.0.0.1:9000"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1/32"]
[[route]]
path = "/"
GET = "a"
"#;

pub(super) const OPAQUE: &str = r#"[[issuer]]
issuer = "https://a.example"
audiences = ["b"]
[issuer.introspection]
tokens = "opaque"
uri = "https://a.example/introspect"
client_id = "c"
client_secret_file = "secret"
"#;

/// A folder with a file and its secrets, which is removed on drop.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("scopegate-config-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let folder = Self(folder);
        folder.write("secret", "s3cret\n");
        folder.write("empty", "\n");
        folder
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Returns the configuration of these issuers.
    pub(super) fn read(&self, issuers: &str) -> Result<Config, String> {
        let file = self.write("scopegate.toml", &format!("{TOP}{issuers}"));
        file::read(&file).map_err(|error| error.to_string().replace(&format!("{}:", file.display()), ""))
    }

    /// Returns the first mistake after one change of the issuer.
    fn mistake(&self, from: &str, to: &str) -> String {
        assert_eq!(OPAQUE.matches(from).count(), 1, "{from}");
        let changed = OPAQUE.replace(from, to);
        let error = self.read(&changed).map(|_| ()).expect_err(&changed);
        assert!(!error.contains("s3cret"), "{error}");
        error
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn with(more: &str) -> String {
    format!("{OPAQUE}{more}")
}

#[test]
fn each_setting_of_introspection_is_read() {
    let folder = Folder::new();
    for text in [
        OPAQUE.to_owned(),
        OPAQUE.replace("issuer = \"https://a.example\"", "issuer = \"orders\""),
        OPAQUE.replace("issuer = \"https://a.example\"", "hydra = \"https://a.example\""),
        OPAQUE.replace("\"opaque\"", "\"all\""),
        OPAQUE.replace("\"opaque\"", "\"after_jwt\""),
        OPAQUE
            .replace("\"opaque\"", "\"after_jwt\"")
            .replace("audiences", "status_list = \"optional\"\naudiences"),
        with("cache_secs = 0\nstale_secs = 300\ntimeout_secs = 0.5\ncache_capacity = 1_000\n"),
        with("unseen_burst = 1\nunseen_per_second = 100000\ntoken_prefix = \"ory_at_\"\n"),
        with("auth_method = \"client_secret_post\"\nresponses = \"signed\"\n"),
        with("responses = \"signed\"\nresponse_jwks_uri = \"https://a.example/keys\"\n"),
        with("auth_method = \"client_secret_basic_raw\"\nresponses = \"plain\"\n"),
        "[[issuer]]\ngoogle = \"https://oauth2.googleapis.com/tokeninfo\"\naudiences = [\"b\"]\n".to_owned(),
        "[[issuer]]\ngoogle = \"https://oauth2.googleapis.com/tokeninfo\"\naudiences = [\"b\"]\n\
         introspection = { cache_secs = 30 }\n"
            .to_owned(),
    ] {
        let config = folder.read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(config.unavailable.is_empty(), "{text}");
        assert_eq!(config.issuers[0].is_opaque(), !text.contains("after_jwt"), "{text}");
        let debug = format!("{config:?}");
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}

#[test]
fn each_auth_method_has_its_file() {
    let folder = Folder::new();
    let key = SigningKey::generate(Algorithm::ES256);
    folder.write("key.pem", &key.private_key_pem());
    for (secret, more) in [
        ("private_key_file = \"key.pem\"", "auth_method = \"private_key_jwt\"\nprivate_key_id = \"k\"\n"),
        ("client_assertion_file = \"token\"", "auth_method = \"client_assertion\"\n"),
        ("client_secret_env = \"PATH\"", ""),
    ] {
        let text = with(more).replace("client_secret_file = \"secret\"", secret);
        folder.read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        // Each other method has another file.
        let other = with(more).replace("client_secret_file = \"secret\"", "bearer_token_file = \"token\"");
        let error = folder.read(&other).unwrap_err();
        assert!(error.contains("expected no `bearer_token_file` with"), "{error}");
    }
    let bearer = with("auth_method = \"bearer\"\n")
        .replace("client_secret_file = \"secret\"", "bearer_token_file = \"token\"");
    let error = folder.read(&bearer).unwrap_err();
    assert!(error.contains("14:1: expected no `client_id` with \"bearer\""), "{error}");
    folder.read(&bearer.replace("client_id = \"c\"\n", "")).unwrap();
    // A key and a certificate are read before the service starts.
    for (method, key) in [("private_key_jwt", "private_key_file"), ("tls_client_auth", "certificate_file")] {
        let text = with(&format!("auth_method = \"{method}\"\n"));
        let error = folder.read(&text.replace("client_secret_file", key)).unwrap_err();
        assert!(error.starts_with("15:") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn mistake_of_introspection_has_its_place() {
    let folder = Folder::new();
    for (from, to, expected) in [
        (
            "\"opaque\"",
            "\"jwt\"",
            "12:10: expected tokens out of `opaque`, `all`, `after_jwt`, found \"jwt\"",
        ),
        ("tokens = \"opaque\"\n", "", "11:1: expected the key `tokens`, found none"),
        ("uri = \"https://a.example/introspect\"\n", "", "11:1: expected the key `uri`, found none"),
        ("https://a.example/introspect", "http://a.example/introspect", "13:7: introspection endpoint"),
        ("client_id = \"c\"\n", "", "11:1: expected the key `client_id`, found none"),
        (
            "client_id = \"c\"",
            "client_id = \"\"",
            "15:22: the client authentication is invalid: client id is empty",
        ),
        (
            "client_secret_file = \"secret\"\n",
            "",
            "11:1: expected the key `client_secret_file` or `client_secret_env`",
        ),
        (
            "client_secret_file = \"secret\"",
            "client_secret = \"s3cret\"",
            "15:1: expected `client_secret_file` or",
        ),
        ("\"secret\"", "\"empty\"", "15:22: expected a secret: the file is empty"),
        (
            "client_id = ",
            "client_secret_env = \"A\"\nclient_id = ",
            "expected one of `client_secret_file` and",
        ),
        (
            "client_id = ",
            "auth_method = \"none\"\nclient_id = ",
            "14:15: expected a method out of `client_secret_basic`",
        ),
        ("client_id = ", "private_key_id = \"k\"\nclient_id = ", "14:1: expected no `private_key_id` with"),
        ("client_id = ", "cache_secs = 301\nclient_id = ", "14:14: cached introspections"),
        ("client_id = ", "cache_secs = -1\nclient_id = ", "14:14: expected a number of seconds"),
        (
            "client_id = ",
            "cache_secs = \"9\"\nclient_id = ",
            "14:14: expected a number of seconds, found a value of type string",
        ),
        ("client_id = ", "stale_secs = 0\nclient_id = ", "14:14: stale introspections"),
        ("client_id = ", "timeout_secs = 11\nclient_id = ", "14:16: introspection timeout"),
        (
            "client_id = ",
            "cache_capacity = 0\nclient_id = ",
            "14:18: expected a number from 1 to 1048576, found 0",
        ),
        ("client_id = ", "unseen_burst = 100001\nclient_id = ", "14:16: expected a number from 1 to 100000"),
        ("client_id = ", "token_prefix = \"ey\"\nclient_id = ", "14:16: token_prefix"),
        ("client_id = ", "responses = \"jwt\"\nclient_id = ", "14:13: expected \"plain\" or \"signed\""),
        (
            "client_id = ",
            "response_jwks_uri = \"https://a.example\"\nclient_id = ",
            "14:1: expected `response_jwks_uri` with",
        ),
        ("client_id = ", "cache_sec = 1\nclient_id = ", "14:1: expected a key out of `uri`"),
        ("audiences", "jwks_uri = \"https://a.example/k\"\naudiences", "10:1: expected `jwks_uri` for JWTs"),
        ("audiences", "status_list = \"required\"\naudiences", "10:15: status_list"),
        (
            "audiences",
            "status_list = \"on\"\naudiences",
            "10:15: expected \"optional\" or \"required\", found \"on\"",
        ),
        (
            "audiences",
            "status_list_origin = \"https://a.example\"\naudiences",
            "10:1: expected `status_list` beside",
        ),
        (
            "issuer = \"https://a.example\"",
            "google = \"https://a.example/tokeninfo\"",
            "12:1: expected a key out of",
        ),
        ("issuer = \"https://a.example\"", "auth0 = \"a.auth0.com\"\nclients = [\"c\"]", ""),
    ] {
        if expected.is_empty() {
            continue;
        }
        let found = folder.mistake(from, to);
        assert!(
            found.lines().any(|line| line.starts_with(expected) || line.contains(expected)),
            "{to}: {found}"
        );
    }
}

#[test]
fn opaque_issuers_differ_in_their_prefix() {
    let folder = Folder::new();
    let further = OPAQUE.replace("a.example\"", "b.example\"");
    let error = folder.read(&format!("{OPAQUE}{further}")).unwrap_err();
    assert!(error.starts_with("19:1: token_prefix: ") && error.lines().count() == 1, "{error}");
    let both = format!("{OPAQUE}{further}token_prefix = \"b_\"\n");
    assert_eq!(folder.read(&both).unwrap().issuers.len(), 2);
    let error = folder.read(&both.replace("\"opaque\"", "\"all\"")).unwrap_err();
    assert!(error.starts_with("20:10: introspect_jwts: "), "{error}");
    // The third one is in the way of the first.
    let last = OPAQUE.replace("a.example\"", "c.example\"");
    let error = folder.read(&format!("{both}{last}")).unwrap_err();
    assert!(error.starts_with("28:1: token_prefix: "), "{error}");
}

#[test]
fn changed_secret_is_other_rule() {
    let folder = Folder::new();
    let entry = |folder: &Folder| folder.read(OPAQUE).unwrap().issuers.remove(0);
    let earlier = entry(&folder);
    folder.write("secret", "s3cret");
    assert!(entry(&folder).has_rules_of(&earlier), "a line break is no part of the secret");
    let path = folder.0.join("scopegate.toml");
    let source = file::source(&path);
    folder.write("secret", "an0ther");
    assert!(!entry(&folder).has_rules_of(&earlier));
    let changed = file::source(&path);
    assert_ne!(changed, source);
    assert!(!format!("{changed:?}").contains("an0ther"), "{changed:?}");
}

#[test]
fn unreadable_secret_is_needed_by_services_only() {
    let folder = Folder::new();
    let text = OPAQUE.replace("\"secret\"", "\"no-such-file\"");
    let config = folder.read(&text).unwrap();
    assert!(config.issuers[0].lacks_secret());
    let found: Vec<String> = config.unavailable.iter().map(|found| found.problem.to_string()).collect();
    assert!(found.len() == 1 && found[0].starts_with("15:22: no secret: cannot read file: "), "{found:?}");
    let path = folder.0.join("scopegate.toml");
    let whole = |path: &Path, is_start| file::parse_whole(path, &file::source(path), is_start);
    assert!(whole(&path, true).is_err() && whole(&path, false).is_err());
    folder.write("no-such-file", "s3cret");
    assert!(whole(&path, true).is_ok() && whole(&path, false).is_ok());
}

#[test]
fn place_of_secret_is_not_shown() {
    // The secret may stand in the place of its name.
    let folder = Folder::new();
    let file = OPAQUE.replace("\"secret\"", "\"pasted-s3cret\"");
    let variable = OPAQUE.replace("client_secret_file = \"secret\"", "client_secret_env = \"pasted-s3cret\"");
    for text in [file, variable] {
        let config = folder.read(&text).unwrap();
        let [found] = config.unavailable.as_slice() else { panic!("{:?}", config.unavailable) };
        assert!(found.problem.message.starts_with("no secret: "), "{found:?}");
        assert!(!found.problem.message.contains("s3cret"), "{found:?}");
    }
}

#[test]
fn file_that_cannot_be_a_secret_is_a_mistake() {
    let folder = Folder::new();
    let long = vec![b'x'; 64 * 1024 + 1];
    for (content, expected) in [
        (&b"\xff"[..], "15:22: expected a secret: the file is not UTF-8"),
        (b" \n", "15:22: expected a secret: the file is empty"),
        (&long, "15:22: expected a secret: the file has more than 65536 bytes"),
    ] {
        std::fs::write(folder.0.join("secret"), content).unwrap();
        let found = folder.read(OPAQUE).map(|_| ()).unwrap_err();
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn file_that_is_read_for_each_call_is_needed_at_start() {
    let folder = Folder::new();
    for (method, key) in [("client_assertion", "client_assertion_file"), ("bearer", "bearer_token_file")] {
        let text = OPAQUE.replace("client_secret_file", &format!("auth_method = \"{method}\"\n{key}"));
        let text = if method == "bearer" { text.replace("client_id = \"c\"\n", "") } else { text };
        let file = |name: &str| text.replace("\"secret\"", &format!("\"{name}\""));
        assert!(folder.read(&file("secret")).unwrap().unavailable.is_empty(), "{key}");
        let config = folder.read(&file("no-such-file")).unwrap();
        let [found] = config.unavailable.as_slice() else { panic!("{:?}", config.unavailable) };
        assert_eq!(found.needed, Needed::AtStart, "{key}");
    }
}

#[test]
fn text_that_is_no_file_looks_at_no_file() {
    let text =
        OPAQUE.replace("client_secret_file", "auth_method = \"client_assertion\"\nclient_assertion_file");
    let text = format!("{TOP}{text}[revocations]\nfile = \"no-such-file\"\n");
    let unavailable = |beside: &Beside| Config::parse_with(&text, None, beside).unwrap().unavailable.len();
    assert_eq!(unavailable(&Beside::default()), 0);
    assert_eq!(unavailable(&Beside::of(&text, Path::new("no-such-folder/scopegate.toml"))), 2);
}

#[test]
fn entry_with_tenants_is_an_issuer_for_each() {
    let folder = Folder::new();
    folder.write("tenants.txt", "# Customers\nacme\n\n globex \n");
    let entry = |tenants: &str| {
        format!(
            "[[issuer]]\nkeycloak = \"https://sso.example/realms/{{tenant}}\"\naudiences = [\"a\"]\n{tenants}\n\
             [issuer.introspection]\ntokens = \"after_jwt\"\nclient_id = \"c\"\nclient_secret_file = \"secret\"\n\
             uri = \"https://sso.example/realms/{{tenant}}/introspect\"\n"
        )
    };
    let names = |tenants: &str| -> Result<Vec<String>, String> {
        let config = folder.read(&entry(tenants))?;
        let debug = format!("{config:?}");
        assert!(debug.contains("https://sso.example/realms/acme/introspect"), "{debug}");
        Ok(config.issuers.into_iter().map(|entry| entry.name).collect())
    };
    let both = ["https://sso.example/realms/acme", "https://sso.example/realms/globex"];
    assert_eq!(names("tenants = [\"acme\", \"globex\"]").unwrap(), both);
    assert_eq!(names("tenants_file = \"tenants.txt\"").unwrap(), both);
    folder.write("twice.txt", "acme\nglobex\nacme\n");
    folder.write("none.txt", "# none\n");
    folder.write("path.txt", "acme\n../admin\n");
    for (tenants, expected) in [
        ("", "9:12: expected `tenants` or `tenants_file` for `{tenant}`, found none"),
        ("tenants = []", "11:11: expected at least one string in the list"),
        ("tenants = [\"acme\", \"acme\"]", "11:20: expected each tenant once"),
        ("tenants = [\"a/b\"]", "11:12: expected a tenant in letters"),
        (
            "tenants = [\"a\"]\ntenants_file = \"tenants.txt\"",
            "12:1: expected one of `tenants` and `tenants_file`",
        ),
        ("tenants_file = \"twice.txt\"", "11:16: twice.txt:3: expected each tenant once"),
        ("tenants_file = \"none.txt\"", "11:16: none.txt: expected at least one tenant, found none"),
        ("tenants_file = \"path.txt\"", "11:16: path.txt:2: expected a tenant in letters"),
        ("tenants_file = \"no-such.txt\"", "11:16: no-such.txt: cannot read file: "),
    ] {
        let error = names(tenants).unwrap_err();
        assert!(error.starts_with(expected), "{tenants}: {error}");
    }
    let text = entry("tenants = [\"acme\"]").replacen("/{tenant}", "/main", 1);
    assert!(folder.read(&text).unwrap_err().starts_with("9:12: expected `{tenant}` in the value"));
    // A mistake of each tenant is one of the entry.
    let error = folder.read(&entry("tenants = [\"acme\"]").replace("https://sso", "ftp://sso")).unwrap_err();
    assert!(error.starts_with("9:12: "), "{error}");
}

#[test]
fn number_of_tenants_is_bounded() {
    let folder = Folder::new();
    let entry =
        "[[issuer]]\nissuer = \"https://{tenant}.example\"\nclients = [\"a\"]\ntenants_file = \"many.txt\"\n";
    let list = |count: usize| {
        (0..count).fold(String::new(), |mut text, number| {
            writeln!(text, "t{number}").unwrap();
            text
        })
    };
    folder.write("many.txt", &list(MAX_ISSUERS));
    assert_eq!(folder.read(entry).unwrap().issuers.len(), MAX_ISSUERS);
    let further = "[[issuer]]\nissuer = \"https://a.example\"\nclients = [\"a\"]\n";
    let error = folder.read(&format!("{entry}{further}")).unwrap_err();
    assert!(error.starts_with("12:1: expected at most 1000 issuers in all"), "{error}");
    folder.write("many.txt", &list(MAX_ISSUERS + 1));
    let error = folder.read(entry).unwrap_err();
    assert!(error.starts_with("11:16: many.txt:1001: expected at most 1000 tenants, found more"), "{error}");
    folder.write("many.txt", &format!("a\n#{}\n", "x".repeat(1024 * 1024)));
    let error = folder.read(entry).unwrap_err();
    assert!(error.starts_with("11:16: many.txt: expected at most 1048576 bytes, found more"), "{error}");
}
