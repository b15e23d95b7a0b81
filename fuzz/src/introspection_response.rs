//! Responses of an introspection endpoint (RFC 7662 §2.2), and of `tokeninfo`.
//!
//! The first line of an input has the status, then `c` for a challenge, and `t` for `tokeninfo`. The
//! second line is the content type; `-` is none. The rest is the body.

use scopegate::fuzzing::{IntrospectionResponse, Judged};
use serde_json::Value;

use crate::members::Members;
use crate::text::{MESSAGE, assert_fit_for_a_log};
use crate::verdicts;

const ISSUER: &str = "https://issuer.example";
const API: &str = "https://api.example";
const NOW: u32 = 1_750_000_000;
const LEEWAY: u32 = 60;

/// Claims of other documents that an issuer signs. No access token has one.
const FOREIGN: [&str; 12] = [
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "code",
    "response",
    "id_token",
    "access_token",
    "token_introspection",
    "events",
    "urn:openid:params:jwt:claim:auth_req_id",
    "urn:openid:params:jwt:claim:rt_hash",
];

struct Input<'a> {
    status: u16,
    content_type: Option<&'a str>,
    has_challenge: bool,
    is_tokeninfo: bool,
    body: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(input: &'a [u8]) -> Option<Self> {
        let mut lines = input.splitn(3, |&byte| byte == b'\n');
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let content_type = std::str::from_utf8(lines.next()?).ok()?;
        let mut words = first.split(' ');
        let status = words.next()?.parse().ok().filter(|status| (200..600).contains(status))?;
        let words: Vec<&str> = words.collect();
        Some(Self {
            status,
            content_type: Some(content_type).filter(|text| *text != "-"),
            has_challenge: words.contains(&"c"),
            is_tokeninfo: words.contains(&"t"),
            body: lines.next()?,
        })
    }

    fn is_json(&self) -> bool {
        let media_type = self.content_type.map(|text| text.split(';').next().unwrap_or_default());
        let media_type = media_type.map(|text| text.trim_matches(|c| c == ' ' || c == '\t'));
        media_type.is_some_and(|text| text.to_ascii_lowercase() == "application/json")
    }
}

pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let Input { status, content_type, has_challenge, is_tokeninfo, body } = input;
    let response = IntrospectionResponse { status, content_type, has_challenge, is_tokeninfo, body };
    let judged = response.judge(ISSUER, API, f64::from(NOW)).expect("the issuer is valid");
    verdicts::count(&judged);
    let members = Members::try_read(body);
    let error = members.as_ref().and_then(|members| members.text("error"));

    let (active, inactive) = if is_tokeninfo {
        let has_statement = |members: &&Members| members.has("aud") && !members.has("error");
        let is_active = status == 200 && input.is_json() && members.as_ref().filter(has_statement).is_some();
        (is_active, [400, 401].contains(&status) && error.as_deref() == Some("invalid_token"))
    } else {
        let active = members.as_ref().and_then(|members| members.raw("active"));
        let active = active.filter(|_| status == 200 && input.is_json());
        (active == Some("true"), active == Some("false"))
    };
    let misconfigured = !is_tokeninfo
        && match status {
            401 => true,
            403 => error.is_some() || has_challenge,
            400 => {
                error.as_deref().is_some_and(|code| ["invalid_client", "unauthorized_client"].contains(&code))
            }
            _ => false,
        };
    assert_eq!(judged == Judged::Inactive, inactive, "{judged:?}");
    assert_eq!(matches!(judged, Judged::Misconfigured(_)), misconfigured, "{judged:?}");
    match &judged {
        Judged::Accepted { client, audience, expires_at, is_bound } => {
            assert!(active, "{judged:?}");
            let members = members.expect("an accepted response is an object");
            let accepted = Accepted { members: &members, is_tokeninfo };
            accepted.check(client.as_deref(), audience, *expires_at, *is_bound);
        }
        Judged::Inactive => {}
        Judged::Rejected(text) => {
            assert!(active, "{judged:?}");
            assert_fit_for_a_log(text, MESSAGE);
        }
        Judged::Undecided(text) | Judged::Misconfigured(text) => assert_fit_for_a_log(text, MESSAGE),
    }
    if !active && !inactive && !misconfigured {
        assert!(matches!(judged, Judged::Undecided(_)), "{judged:?}");
    }
}

/// An accepted response, read again.
struct Accepted<'a> {
    members: &'a Members,
    is_tokeninfo: bool,
}

impl Accepted<'_> {
    /// Returns a member that is not `null`.
    fn value(&self, name: &str) -> Option<Value> {
        self.members.value(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.as_str().expect("it is a string").to_owned())
    }

    fn date(&self, name: &str) -> Option<f64> {
        let value = self.value(name)?;
        match value.as_str().filter(|_| self.is_tokeninfo) {
            Some(digits) => digits.parse().ok(),
            None => value.as_f64(),
        }
    }

    fn check(&self, client: Option<&str>, audience: &[String], expires_at: f64, is_bound: bool) {
        let (now, leeway) = (f64::from(NOW), f64::from(LEEWAY));
        match self.date("exp") {
            // The library has whole nanoseconds.
            Some(exp) => {
                assert!(now < exp + leeway + 1e-3 && (expires_at - exp).abs() <= 1e-3 * exp.abs().max(1.0))
            }
            None => assert!(self.value("exp").is_none() && expires_at > 2e11, "{expires_at}"),
        }
        for name in ["nbf", "iat"] {
            assert!(self.date(name).is_none_or(|from| from <= now + leeway + 1e-3), "{name}");
        }
        assert!(self.text("iss").is_none_or(|iss| iss == ISSUER));
        let token_type = self.text("token_type").map(|text| text.to_ascii_lowercase());
        assert!(token_type.as_deref().is_none_or(|text| ["bearer", "dpop"].contains(&text)));
        let token_use = self.text("token_use");
        assert!(token_use.as_deref().is_none_or(|text| ["access", "access_token"].contains(&text)));

        let listed = match self.value("aud").expect("there is an audience") {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().map(|one| one.as_str().expect("a string").to_owned()).collect(),
            other => panic!("{other}"),
        };
        assert!(listed == audience && listed.iter().any(|one| one == API), "{listed:?}");
        let clients = ["client_id", "azp", "appid", "cid"].map(|name| self.text(name));
        let mut clients = clients.into_iter().flatten();
        let first = clients.next();
        assert_eq!(first.as_deref(), client);
        assert!(clients.all(|other| Some(&other) == first.as_ref()));

        // A binding must not disappear, so `null` is not absent here.
        let binding =
            self.members.value("cnf").map(|cnf| cnf.as_object().expect("an object").contains_key("jkt"));
        assert_eq!(binding.unwrap_or_default(), is_bound);
        assert!(is_bound || token_type.as_deref() != Some("dpop"));
        for name in FOREIGN {
            assert!(self.value(name).is_none(), "{name}");
        }
    }
}
