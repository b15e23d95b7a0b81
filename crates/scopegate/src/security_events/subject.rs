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
    pub(super) user: Option<Name>,
    pub(super) session: Option<Name>,
    /// The format does not tell whether it is a user or a session.
    pub(super) unspecified: Option<Name>,
}

/// A name, unique within its issuer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// `None` for a name of the transmitter's own.
    pub(super) issuer: Option<String>,
    pub(super) name: String,
}

/// The members of a complex subject. One of them marks it in drafts that had no format for it.
const MEMBERS: [&str; 7] = ["user", "session", "device", "application", "tenant", "org_unit", "group"];

impl Subject {
    pub(super) fn read(value: &RawValue) -> Result<Self, Error> {
        let subject = object(value)?;
        match format(&subject)?.as_deref() {
            Some("complex") => Self::complex(&subject),
            None if MEMBERS.iter().any(|member| subject.contains(member)) => Self::complex(&subject),
            None => Err(malformed("sub_id", "a subject with `format`", Excerpt::type_of_json(value))),
            Some("opaque") => Ok(Self { unspecified: Name::read(&subject)?, ..Self::default() }),
            Some(_) => Ok(Self { user: Name::read(&subject)?, ..Self::default() }),
        }
    }

    fn complex(subject: &JsonObject<'_>) -> Result<Self, Error> {
        let name = |member| match subject.get_non_null(member) {
            Some(value) => Name::read(&object(value)?),
            None => Ok(None),
        };
        Ok(Self { user: name("user")?, session: name("session")?, unspecified: None })
    }
}

impl Name {
    /// Returns `None` for a format that names nothing which tokens have.
    fn read(subject: &JsonObject<'_>) -> Result<Option<Self>, Error> {
        match format(subject)?.as_deref() {
            // RFC 9493 §3.2.3
            Some("iss_sub") => {
                let issuer = Some(member(subject, "iss")?);
                Ok(Some(Self { issuer, name: member(subject, "sub")? }))
            }
            // RFC 9493 §3.2.4
            Some("opaque") => Ok(Some(Self { issuer: None, name: member(subject, "id")? })),
            _ => Ok(None),
        }
    }
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

    fn name(issuer: Option<&str>, name: &str) -> Name {
        Name { issuer: issuer.map(str::to_owned), name: name.to_owned() }
    }

    #[test]
    fn supported_formats_name_users_and_sessions() {
        let user = Some(name(Some("i"), "u"));
        let iss_sub = r#"{"format":"iss_sub","iss":"i","sub":"u"}"#;
        assert_eq!(read(iss_sub).unwrap(), Subject { user, ..Subject::default() });
        let opaque = r#"{"format":"opaque","id":"x"}"#;
        assert_eq!(
            read(opaque).unwrap(),
            Subject { unspecified: Some(name(None, "x")), ..Subject::default() }
        );
        for format in [r#""format":"complex","#, ""] {
            let subject = read(&format!(r#"{{{format}"user":{iss_sub},"session":{opaque}}}"#)).unwrap();
            let (user, session) = (Some(name(Some("i"), "u")), Some(name(None, "x")));
            assert_eq!(subject, Subject { user, session, unspecified: None });
        }
    }

    #[test]
    fn other_formats_name_nothing() {
        for text in [
            r#"{"format":"email","email":"user@example.com"}"#,
            r#"{"format":"phone_number","phone_number":"+1"}"#,
            r#"{"format":"complex","tenant":{"format":"opaque","id":"t"}}"#,
            r#"{"format":"complex","user":{"format":"email","email":"user@example.com"}}"#,
            r#"{"device":{"format":"opaque","id":"d"}}"#,
        ] {
            assert_eq!(read(text).unwrap(), Subject::default(), "{text}");
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
            r#"{"format":"opaque","id":"a","id":"b"}"#,
            r#"{"format":"complex","user":"u"}"#,
            r#"{"format":"complex","session":{"format":"opaque"}}"#,
        ] {
            assert!(matches!(read(text), Err(Error::MalformedClaim { .. })), "{text}");
        }
    }
}
