//! Doors for the fuzz targets to parsers that otherwise only an issuer's answers reach. They are there with the cfg
//! `fuzzing` alone, which fuzzers set, and are no part of the API.
#![allow(missing_docs, missing_debug_implementations, reason = "no part of the API")]

use scopegate_proto::metadata::{Metadata, well_known_urls};
use scopegate_proto::url::issuer_identifier;

use crate::keys::set::KeySet;
use crate::token::algorithm::Algorithm;

/// The keys that a document gives.
pub struct Keys(KeySet);

impl Keys {
    pub fn read(document: &[u8]) -> Result<Self, String> {
        KeySet::from_json(document, Algorithm::ALL, None)
            .and_then(KeySet::not_empty)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Reads the document once more, as a refresh does, and tells whether every key stayed the same object.
    pub fn stay_when_read_again(&self, document: &[u8]) -> bool {
        KeySet::from_json(document, Algorithm::ALL, Some(&self.0))
            .and_then(KeySet::not_empty)
            .is_ok_and(|again| again.has_same_keys(&self.0))
    }

    pub fn ids(&self) -> Vec<String> {
        self.0.ids()
    }
}

/// Where a metadata document says that the keys of this issuer are.
pub fn jwks_address(document: &[u8], issuer: &str) -> Result<String, String> {
    let issuer = issuer_identifier(issuer).map_err(|error| error.to_string())?;
    Metadata::read(document, &issuer)
        .and_then(|metadata| metadata.document_endpoint("jwks_uri"))
        .map(|url| url.url().to_string())
        .map_err(|error| error.to_string())
}

/// Where the metadata of this issuer is looked for.
pub fn metadata_addresses(issuer: &str) -> Result<Vec<String>, String> {
    let issuer = issuer_identifier(issuer).map_err(|error| error.to_string())?;
    Ok(well_known_urls(&issuer).iter().map(|url| url.url().to_string()).collect())
}
