//! The files that a configuration names.

use crate::config::openapi::Document;
use crate::config::secrets::Secrets;

/// The files that a configuration names: an OpenAPI document, and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(super) document: Option<Document>,
    pub(super) secrets: Secrets,
}
