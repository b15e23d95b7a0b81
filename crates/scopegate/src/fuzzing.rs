//! Access for fuzz targets to parsers of an issuer's responses and of an operator's files. It exists
//! only with the cfg `fuzzing`, which fuzzers set, and is no part of the API.
#![allow(missing_docs, missing_debug_implementations, reason = "no part of the API")]

use std::time::Duration;

use scopegate_proto::metadata::{Metadata, well_known_urls};
use scopegate_proto::url::issuer_identifier;

use crate::config_error::ConfigError;
pub use crate::introspection::fuzzing::{Judged, Response as IntrospectionResponse};
use crate::introspection::responses::judgement::Rules;
use crate::issuer::Issuer;
use crate::keys::set::KeySet;
use crate::revocation::line;
use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

/// The keys of a document.
pub struct Keys(KeySet);

impl Keys {
    pub fn read(document: &[u8]) -> Result<Self, String> {
        KeySet::from_json(document, Algorithm::ALL, None)
            .and_then(KeySet::not_empty)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Parses the document again, as a refresh does, and returns whether every key is the same
    /// object as before.
    pub fn stay_when_read_again(&self, document: &[u8]) -> bool {
        KeySet::from_json(document, Algorithm::ALL, Some(&self.0))
            .and_then(KeySet::not_empty)
            .is_ok_and(|again| again.has_same_keys(&self.0))
    }

    pub fn ids(&self) -> Vec<String> {
        self.0.ids()
    }
}

/// Returns the JWKS URL in a metadata document of this issuer.
pub fn jwks_address(document: &[u8], issuer: &str) -> Result<String, String> {
    let issuer = issuer_identifier(issuer).map_err(|error| error.to_string())?;
    Metadata::read(document, &issuer)
        .and_then(|metadata| metadata.document_endpoint("jwks_uri"))
        .map(|url| url.url().to_string())
        .map_err(|error| error.to_string())
}

/// Returns the well-known metadata URLs of this issuer.
pub fn metadata_addresses(issuer: &str) -> Result<Vec<String>, String> {
    let issuer = issuer_identifier(issuer).map_err(|error| error.to_string())?;
    Ok(well_known_urls(&issuer).iter().map(|url| url.url().to_string()).collect())
}

/// One line of a file of revocations.
#[derive(Debug, PartialEq)]
pub struct RevocationLine {
    pub issuer: String,
    /// The member that has the name.
    pub claim: &'static str,
    pub name: String,
    pub not_before: Option<f64>,
    pub exp: Option<f64>,
}

pub fn revocation_line(line: &[u8]) -> Result<RevocationLine, String> {
    let target = line::parse(line).map_err(|error| error.to_string())?;
    Ok(RevocationLine {
        claim: target.kind.claim(),
        issuer: target.issuer.into_owned(),
        name: target.name.into_owned(),
        not_before: target.issued_before.map(NumericDate::as_secs_f64),
        exp: target.ends_at.map(NumericDate::as_secs_f64),
    })
}

impl IntrospectionResponse<'_> {
    /// Judges the response by the rules of an issuer of opaque tokens.
    pub fn judge(&self, issuer: &str, audience: &str, now: f64) -> Result<Judged, ConfigError> {
        let rules = Issuer::from_jwks_uri(issuer, "https://issuer.example/jwks")?.audience(audience);
        let (kind, audience) = (&rules.policy.kind, &rules.policy.audience);
        Ok(self.judge_by(&Rules { issuer, kind, audience, leeway: Duration::from_secs(60) }, now))
    }
}
