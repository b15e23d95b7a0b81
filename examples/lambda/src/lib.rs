//! Two functions for AWS Lambda: an API, and a Lambda authorizer for API Gateway. README.md says how to
//! try them and how to deploy them.

pub mod api;
pub mod authorizer;
pub mod init;
pub mod settings;
