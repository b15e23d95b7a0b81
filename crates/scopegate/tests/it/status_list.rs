mod claim;
pub(crate) mod fixture;
mod list_token;
mod local_issuer;
mod refresh;
mod responses;
mod settings;
