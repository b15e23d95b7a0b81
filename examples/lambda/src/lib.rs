//! Two functions for AWS Lambda: an API, and a Lambda authorizer for API Gateway. README.md
//! describes how to try and deploy them.

pub mod api;
pub mod authorizer;
pub mod init;
pub mod settings;
