//! The subject of a security event (RFC 9493, complex subjects of the Shared Signals Framework).

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::security_events::set::malformed;

/// The names that a revocation can have. Other parts of the subject are left out, so that more
/// tokens are revoked and not fewer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) users: Vec<Name>,
    pub(super) sessions: Vec<Name>,
    /// The ids of tokens.
    pub(super) tokens: Vec<Name>,
    /// The format does not tell whether it is a user or a session.
    pub(super) unspecified: Vec<Name>,
    /// A user or a session is in a format that tokens do not have.
    pub(super) has_unsupported: bool,
}

/// A name, unique within its issuer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// `None` for a name of the transmitter's own.
    pub(super) issuer: Option<String>,
    pub(super) value: String,
    /// Whether it is one of several names for the same, which may be of other issuers.
    pub(super) is_alias: bool,
}

/// The part of a subject that an identifier stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    User,
    Session,
}

/// The members of a complex subject. One of them marks it in drafts that had no format for it.
const MEMBERS: [&str; 7] = ["user", "session", "device", "application", "tenant", "org_unit", "group"];

impl Subject {
    pub(super) fn read(value: &RawValue) -> Result<Self, Error> {
        let (subject, mut names) = (object(value)?, Self::default());
        match format(&subject)?.as_deref() {
            Some("complex") => names.add_parts(&subject)?,
            None if MEMBERS.iter().any(|member| subject.contains(member)) => names.add_parts(&subject)?,
            None => return Err(malformed("sub_id", "a subject with `format`", Excerpt::type_of_json(value))),
            Some(_) => names.add(&subject, Part::Whole)?,
        }
        Ok(names)
    }

    fn add_parts(&mut self, subject: &JsonObject<'_>) -> Result<(), Error> {
        for (member, part) in [("user", Part::User), ("session", Part::Session)] {
            if let Some(value) = subject.get_non_null(member) {
                self.add(&object(value)?, part)?;
            }
        }
        Ok(())
    }

    /// Adds the names of one identifier.
    fn add(&mut self, identifier: &JsonObject<'_>, part: Part) -> Result<(), Error> {
        if format(identifier)?.as_deref() != Some("aliases") {
            let is_supported = self.add_name(identifier, part, false)?;
            self.has_unsupported |= !is_supported;
            return Ok(());
        }
        // All of them identify the same. One that tokens have is enough.
        let mut is_supported = false;
        for alias in aliases(identifier)? {
            is_supported |= self.add_name(&object(alias)?, part, true)?;
        }
        self.has_unsupported |= !is_supported;
        Ok(())
    }

    /// Adds a name. Returns whether it is in a format that tokens have.
    fn add_name(&mut self, identifier: &JsonObject<'_>, part: Part, is_alias: bool) -> Result<bool, Error> {
        let name = |issuer, value| Name { issuer, value, is_alias };
        match format(identifier)?.as_deref() {
            // RFC 9493 §3.2.3. It names a user, also as a session.
            Some("iss_sub") => {
                self.users.push(name(Some(member(identifier, "iss")?), member(identifier, "sub")?));
            }
            // Of the same RFC: the `iss` and `jti` of a token.
            Some("jwt_id") => {
                self.tokens.push(name(Some(member(identifier, "iss")?), member(identifier, "jti")?));
            }
            // RFC 9493 §3.2.4
            Some("opaque") => {
                let name = name(None, member(identifier, "id")?);
                match part {
                    Part::Whole => self.unspecified.push(name),
                    Part::User => self.users.push(name),
                    Part::Session => self.sessions.push(name),
                }
            }
            Some("aliases") => {
                let found = Excerpt::new("aliases");
                return Err(malformed("sub_id", "aliases that are no aliases themselves", found));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Reads the identifiers of an `aliases` subject. The size of a SET bounds their number.
fn aliases<'a>(subject: &JsonObject<'a>) -> Result<Vec<&'a RawValue>, Error> {
    let value = subject.get("identifiers");
    let found = value.and_then(|value| serde_json::from_str::<Vec<&RawValue>>(value.get()).ok());
    found.filter(|identifiers| !identifiers.is_empty()).ok_or_else(|| Error::MalformedClaim {
        claim: "identifiers of the subject".into(),
        expected: "an array with an identifier",
        found: value.map(Excerpt::type_of_json),
    })
}

fn object(value: &RawValue) -> Result<JsonObject<'_>, Error> {
    JsonObject::from_text(value.get())
        .map_err(|_| malformed("sub_id", "an object with unique members", Excerpt::type_of_json(value)))
}

fn format(subject: &JsonObject<'_>) -> Result<Option<String>, Error> {
    subject.contains("format").then(|| member(subject, "format")).transpose()
}

/// Reads a member that must be a string with characters. Its value may be personal data, so the
/// error has its type only.
fn member(subject: &JsonObject<'_>, name: &'static str) -> Result<String, Error> {
    let value = subject.get(name);
    match value.and_then(string).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.into_owned()),
        None => Err(Error::MalformedClaim {
            claim: format!("{name} of the subject").into(),
            expected: "a string",
            found: value.map(Excerpt::type_of_json),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Subject, Error> {
        Subject::read(&RawValue::from_string(text.to_owned()).unwrap())
    }

    fn name(issuer: Option<&str>, name: &str) -> Vec<Name> {
        vec![Name { issuer: issuer.map(str::to_owned), value: name.to_owned(), is_alias: false }]
    }

    #[test]
    fn supported_formats_name_users_sessions_and_tokens() {
        let users = || name(Some("i"), "u");
        let iss_sub = r#"{"format":"iss_sub","iss":"i","sub":"u"}"#;
        assert_eq!(read(iss_sub).unwrap(), Subject { users: users(), ..Subject::default() });
        let opaque = r#"{"format":"opaque","id":"x"}"#;
        let unspecified = name(None, "x");
        assert_eq!(read(opaque).unwrap(), Subject { unspecified, ..Subject::default() });
        let jwt_id = r#"{"format":"jwt_id","iss":"i","jti":"t"}"#;
        let tokens = name(Some("i"), "t");
        assert_eq!(read(jwt_id).unwrap(), Subject { tokens, ..Subject::default() });
        for format in [r#""format":"complex","#, ""] {
            let subject = read(&format!(r#"{{{format}"user":{iss_sub},"session":{opaque}}}"#)).unwrap();
            let sessions = name(None, "x");
            assert_eq!(subject, Subject { users: users(), sessions, ..Subject::default() });
        }
        // A session that is given as the user is the user's.
        let subject = read(&format!(r#"{{"session":{iss_sub}}}"#)).unwrap();
        assert_eq!(subject, Subject { users: users(), ..Subject::default() });
    }

    #[test]
    fn each_supported_alias_is_a_name() {
        let email = r#"{"format":"email","email":"user@example.com"}"#;
        let iss_sub = r#"{"format":"iss_sub","iss":"i","sub":"u"}"#;
        let opaque = r#"{"format":"opaque","id":"x"}"#;
        let aliases = |identifiers: &str| format!(r#"{{"format":"aliases","identifiers":[{identifiers}]}}"#);
        let subject = read(&aliases(&format!("{email},{iss_sub},{opaque}"))).unwrap();
        assert!(subject.users[0].is_alias && subject.unspecified[0].is_alias && !subject.has_unsupported);
        let of_user = read(&format!(r#"{{"user":{}}}"#, aliases(opaque))).unwrap();
        assert_eq!((of_user.users[0].value.as_str(), of_user.unspecified.len()), ("x", 0));
        assert_eq!(read(&aliases(email)).unwrap(), Subject { has_unsupported: true, ..Subject::default() });
        for identifiers in ["", &aliases(iss_sub), "1", "{}", r#"{"format":"iss_sub","iss":"i"}"#] {
            let result = read(&aliases(identifiers));
            assert_eq!(result.is_err(), identifiers != "{}", "{identifiers}: {result:?}");
        }
        assert!(read(r#"{"format":"aliases"}"#).is_err());
    }

    #[test]
    fn other_formats_name_nothing() {
        for (text, has_unsupported) in [
            (r#"{"format":"email","email":"user@example.com"}"#, true),
            (r#"{"format":"phone_number","phone_number":"+1"}"#, true),
            (r#"{"format":"complex","tenant":{"format":"opaque","id":"t"}}"#, false),
            (r#"{"format":"complex","user":{"format":"email","email":"user@example.com"}}"#, true),
            (r#"{"device":{"format":"opaque","id":"d"}}"#, false),
        ] {
            assert_eq!(read(text).unwrap(), Subject { has_unsupported, ..Subject::default() }, "{text}");
        }
    }

    #[test]
    fn malformed_subject_is_rejected() {
        for text in [
            "null",
            "\"user-1\"",
            "[]",
            "{}",
            r#"{"iss":"i","sub":"u"}"#,
            r#"{"format":1,"iss":"i","sub":"u"}"#,
            r#"{"format":"iss_sub","sub":"u"}"#,
            r#"{"format":"iss_sub","iss":"i"}"#,
            r#"{"format":"iss_sub","iss":"i","sub":""}"#,
            r#"{"format":"iss_sub","iss":"i","sub":["u"]}"#,
            r#"{"format":"opaque"}"#,
            r#"{"format":"jwt_id","jti":"t"}"#,
            r#"{"format":"jwt_id","iss":"i"}"#,
            r#"{"format":"opaque","id":"a","id":"b"}"#,
            r#"{"format":"complex","user":"u"}"#,
            r#"{"format":"complex","session":{"format":"opaque"}}"#,
        ] {
            assert!(matches!(read(text), Err(Error::MalformedClaim { .. })), "{text}");
        }
    }
}
