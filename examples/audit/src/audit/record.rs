//! One line of the file. It never contains the token: a `Decision` has no method that returns it.

use std::fmt::Write as _;
use std::time::SystemTime;

use scopegate_axum::{Decision, NumericDate, Scope};
use serde::Serialize;

#[derive(Serialize)]
struct Record<'a> {
    time: String,
    request_id: Option<&'a str>,
    decision: &'static str,
    reason: &'static str,
    status: Option<u16>,
    method: Option<&'static str>,
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Verified<'a>>,
    /// An attacker may have written these.
    #[serde(skip_serializing_if = "Option::is_none")]
    unverified: Option<Unverified>,
}

#[derive(Serialize)]
struct Verified<'a> {
    issuer: &'a str,
    client_id: Option<&'a str>,
    subject: Option<&'a str>,
    jti: Option<&'a str>,
    scopes: Vec<&'a str>,
}

#[derive(Serialize)]
struct Unverified {
    issuer: Option<String>,
    client_id: Option<String>,
    subject: Option<String>,
    jti: Option<String>,
}

#[derive(Serialize)]
struct Notice {
    time: String,
    lost: u64,
    turned_away: u64,
}

/// Returns the line of a decision, with its line feed.
pub(super) fn line(decision: &Decision<'_>, request_id: Option<&str>) -> String {
    let token = decision.claims().map(|claims| Verified {
        issuer: claims.issuer(),
        client_id: claims.client_id(),
        subject: claims.subject(),
        jti: claims.token_id(),
        scopes: claims.scopes().iter().map(Scope::as_str).collect(),
    });
    // Each value is cut to 80 characters, quoted and escaped.
    let unverified = decision.unverified().map(|claims| Unverified {
        issuer: claims.issuer.map(|text| text.to_string()),
        client_id: claims.client_id.map(|text| text.to_string()),
        subject: claims.subject.map(|text| text.to_string()),
        jti: claims.token_id.map(|text| text.to_string()),
    });
    json_line(&Record {
        time: now(),
        request_id,
        decision: decision.verdict().as_str(),
        reason: decision.reason(),
        status: decision.status(),
        method: decision.method(),
        route: decision.route(),
        token,
        unverified,
    })
}

/// Returns the line about records that are missing.
pub(super) fn notice(lost: u64, turned_away: u64) -> String {
    json_line(&Notice { time: now(), lost, turned_away })
}

fn now() -> String {
    NumericDate::from(SystemTime::now()).to_string()
}

fn json_line(record: &impl Serialize) -> String {
    let json = serde_json::to_string(record).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if is_hidden(c) {
            // Only strings have such characters, and none of them needs two escapes.
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// Returns whether a terminal or an editor could show the line as other text. JSON only escapes
/// characters below U+0020.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
