//! What do `doctor` and `keys` find at an issuer?

use std::io::{Read as _, Write as _};

use scopegate_issuer::{Algorithm, Fault, LocalIssuer, SigningKey};
use serde_json::{Value, json};

use crate::program::{file, program, run};

/// A script must not take a lost output for a result.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let path = file("full.json", r#"{"keys":[]}"#);
    let keys = |out: std::process::Stdio| {
        let mut command = program();
        let output = command.arg("keys").arg(&path).stdout(out).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (code, errors) = keys(full.into());
    assert_eq!(code, Some(70), "{errors}");
    assert!(errors.starts_with("scopegate: standard output: "), "{errors}");
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(keys(closed.into()), (Some(1), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn healthy_issuer_passes_every_step() {
    let local = LocalIssuer::start().await.unwrap();
    let run = run(&["doctor", local.issuer()], "");
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    for expected in ["✓ metadata", "/.well-known/oauth-authorization-server/", "2 of 2 keys", "✓ clock"] {
        assert!(run.out.contains(expected), "{expected}: {}", run.out);
    }
    assert!(run.out.contains("the clocks agree"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metadata_url_has_its_response() {
    let local = LocalIssuer::start().await.unwrap();
    let slash = format!("{}/", local.issuer());
    let run = run(&["doctor", &slash, "--json"], "");
    assert_eq!(run.code, 1, "{}{}", run.out, run.errors);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report[0]["issuer"], slash.as_str());
    let steps = report[0]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3, "{report}");
    assert!(steps.iter().all(|step| step["result"] == "failed" && step["name"] == "metadata"), "{report}");
    let text = |at: usize| steps[at]["text"].as_str().unwrap();
    assert!(text(0).contains(&format!("use \"{}\" if that is the issuer", local.issuer())), "{report}");
    assert!(text(2).contains("expected status 200, found 404"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_is_undecidable() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(503));
    let run_503 = run(&["doctor", local.issuer()], "");
    assert_eq!(run_503.code, 2, "{}{}", run_503.out, run_503.errors);
    let keys = run(&["keys", &local.jwks_uri()], "");
    assert_eq!(keys.code, 2, "{}{}", keys.out, keys.errors);
    local.clear_fault();
    assert_eq!(run(&["keys", &local.jwks_uri()], "").code, 0);
    // Of several issuers, the worst result counts.
    assert_eq!(run(&["doctor", local.issuer(), &format!("{}/", local.issuer())], "").code, 1);
    let address = local.address();
    local.shut_down().await;
    let closed = run(&["doctor", &format!("http://{address}/t")], "");
    assert_eq!(closed.code, 2, "{}{}", closed.out, closed.errors);
}

#[test]
fn redirect_is_named_with_its_target() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]).unwrap();
            let response =
                "HTTP/1.1 301 Moved\r\nlocation: https://new.example/x\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    let expected =
        "expected status 200, found 301 to \"https://new.example/x\", and redirects are not followed";
    let doctor = run(&["doctor", &format!("http://{address}"), "--json"], "");
    let report: Value = serde_json::from_str(&doctor.out).unwrap();
    let text = report[0]["steps"][0]["text"].as_str().unwrap();
    assert!(doctor.code == 1 && text.ends_with(expected), "{report}");
    let keys = run(&["keys", &format!("http://{address}/keys")], "");
    assert!(keys.code == 1 && keys.errors.contains(expected), "{}", keys.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_difference_is_a_finding() {
    let local = LocalIssuer::start().await.unwrap();
    // The system clock of the local issuer cannot be set, so the server is a socket of its own.
    let jwks = local.jwks();
    for (ahead, code, expected) in
        [(0_i64, 0, "the clocks agree"), (-90, 1, "behind this one"), (90, 1, "ahead of")]
    {
        let url = serve_with_date(&jwks, "jwks_uri", ahead);
        let run = run(&["doctor", &url], "");
        assert_eq!(run.code, code, "{ahead}: {}{}", run.out, run.errors);
        assert!(run.out.contains(expected), "{ahead}: {}", run.out);
    }
}

#[test]
fn issuer_of_opaque_tokens_has_hint() {
    for (member, is_hinted) in [("introspection_endpoint", true), ("token_endpoint", false)] {
        let run = run(&["doctor", &serve_with_date("{}", member, 0)], "");
        assert_eq!(run.code, 1, "{}{}", run.out, run.errors);
        assert_eq!(run.out.contains("its tokens may be opaque"), is_hinted, "{}", run.out);
    }
}

/// Serves metadata with this member, and keys, with a `Date` that is this many seconds ahead. Returns the
/// issuer.
fn serve_with_date(jwks: &str, member: &'static str, ahead: i64) -> String {
    use std::io::{BufRead as _, BufReader};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let (jwks, base) = (jwks.to_owned(), issuer.clone());
    std::thread::spawn(move || {
        // The metadata at one of three URLs, and the keys.
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request = lines.next().unwrap();
            lines.find(String::is_empty).unwrap();
            let body = if request.contains("/keys ") {
                jwks.clone()
            } else {
                json!({ "issuer": base, member: format!("{base}/keys") }).to_string()
            };
            let now = std::time::SystemTime::now();
            let shift = std::time::Duration::from_secs(ahead.unsigned_abs());
            let date = httpdate::fmt_http_date(if ahead < 0 { now - shift } else { now + shift });
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    issuer
}

#[test]
fn each_key_has_a_reason() {
    let usable = SigningKey::generate(Algorithm::ES256).with_kid("usable");
    let mut encryption = SigningKey::generate(Algorithm::ES256).with_kid("encryption").jwk();
    encryption["use"] = "enc".into();
    let large = SigningKey::generate(Algorithm::ES384).with_kid("large").jwk();
    let shared = json!({ "kty": "oct", "kid": "shared", "k": "AQAB" });
    let set = json!({ "keys": [usable.jwk(), encryption, large, shared] }).to_string();
    let path = file("keys.json", &set);
    let listed = run(&["keys", path.to_str().unwrap()], "");
    assert_eq!(listed.code, 0, "{}{}", listed.out, listed.errors);
    assert!(listed.out.starts_with("2 of 4 keys can verify tokens\n✓ \"usable\""), "{}", listed.out);
    for key in ["encryption", "shared"] {
        let line = listed.out.lines().find(|line| line.contains(key)).unwrap();
        assert!(line.starts_with("– ") && line.contains("not used: it "), "{line}");
    }
    assert!(!listed.out.contains("AQAB"));
    let more = run(&["keys", path.to_str().unwrap(), "--algorithms", "ES384", "--json"], "");
    let keys: Value = serde_json::from_str(&more.out).unwrap();
    let usable: Vec<&Value> = keys.as_array().unwrap().iter().filter(|key| key["usable"] == true).collect();
    assert_eq!(usable.len(), 1, "{keys}");
    assert_eq!((&usable[0]["kid"], &usable[0]["algorithms"]), (&json!("large"), &json!(["ES384"])));
}

#[test]
fn document_without_usable_keys_is_rejected() {
    for (name, text) in
        [("none.json", r#"{"keys":[]}"#), ("html.json", "<html>"), ("twice.json", r#"{"keys":[],"keys":[]}"#)]
    {
        let path = file(name, text);
        let run = run(&["keys", path.to_str().unwrap()], "");
        assert_eq!(run.code, 1, "{name}: {}{}", run.out, run.errors);
    }
    assert_eq!(run(&["keys", "no-such-file.json"], "").code, 64);
    // A longer document is not fetched either.
    let set = r#"{"keys":[]}"#;
    let padded = |length: usize| format!("{set}{}", " ".repeat(length - set.len()));
    for (length, code) in [(256 * 1024, 1), (256 * 1024 + 1, 64)] {
        let path = file("padded.json", &padded(length));
        assert_eq!(run(&["keys", path.to_str().unwrap()], "").code, code, "{length}");
    }
    assert_eq!(run(&["keys", "https://user@issuer.example"], "").code, 64);
    assert_eq!(run(&["doctor", "issuer.example"], "").code, 64);
    assert_eq!(run(&["doctor"], "").code, 64);
}
