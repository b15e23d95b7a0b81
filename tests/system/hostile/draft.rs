//! The content of a token as a string, for spellings that no JSON library would write.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::SigningKey;

/// The header and claims of a token before it is signed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Members,
    pub(crate) claims: Members,
}

/// The members of an object in their order. Names are strings without quotes, in JSON escapes.
/// Values are JSON.
#[derive(Clone)]
pub(crate) struct Members(Vec<(String, String)>);

impl Members {
    pub(crate) fn new(members: &[(&str, String)]) -> Self {
        Self(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value.as_str())
    }

    /// Changes the value of a member, or adds it at the end.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(member, _)| member == name) {
            Some(member) => member.1 = value,
            None => self.append(name, value),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(member, _)| member != name);
    }

    /// Adds a member at the end, even if its name is repeated.
    pub(crate) fn append(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Adds a member at the beginning, even if its name is repeated.
    pub(crate) fn prepend(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(0, (name.to_owned(), value.into()));
    }

    pub(crate) fn rename(&mut self, name: &str, to: &str) {
        for (member, _) in &mut self.0 {
            if member == name {
                to.clone_into(member);
            }
        }
    }

    pub(crate) fn reverse(&mut self) {
        self.0.reverse();
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<String> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Returns a string as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Signs a compact token (RFC 7515 §7.1) of these bytes.
pub(crate) fn assemble(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    sign_text(&encode(header), &encode(payload), key)
}

/// Signs a compact token of parts that are already encoded. They may be any strings.
pub(crate) fn sign_text(header: &str, payload: &str, key: &SigningKey) -> String {
    let signing_input = format!("{header}.{payload}");
    let signature = encode(key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}

/// Returns the three parts of a compact token.
pub(crate) fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("a token that was just assembled has three parts")
}
