//! Errors in a configuration. They never contain a client secret.

use std::fmt;
use std::net::SocketAddr;

/// An error in a configuration. The message names the field, and the expected and found values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, an unknown or missing field, or a value of the wrong type.
    #[non_exhaustive]
    Syntax {
        /// The line, counted from 1, if it is known.
        line: Option<usize>,
        /// The field on that line, if there is one.
        field: Option<String>,
        /// The parser's message.
        message: String,
    },
    /// A listen address that other machines could reach, without
    /// [`allow_other_machines`](crate::Config::allow_other_machines).
    #[non_exhaustive]
    NotLoopback {
        /// The configured address.
        found: SocketAddr,
    },
    /// A value that is not allowed.
    #[non_exhaustive]
    Invalid {
        /// The path of the field, such as `pools[0].clients[1].scopes[0]`.
        field: String,
        /// A description of allowed values.
        expected: String,
        /// The rejected value.
        found: String,
    },
    /// A value that must be unique and occurs twice.
    #[non_exhaustive]
    Duplicate {
        /// The path of the second occurrence.
        field: String,
        /// The value.
        value: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, field, message } => {
                if let Some(line) = line {
                    write!(f, "line {line}: ")?;
                }
                if let Some(field) = field {
                    write!(f, "`{field}`: ")?;
                }
                f.write_str(message)
            }
            Self::NotLoopback { found } => write!(
                f,
                "`listen`: expected a loopback address such as 127.0.0.1:9400, or `allow_other_machines`, found {found}; \
                 this is a development server, not for production"
            ),
            Self::Invalid { field, expected, found } => {
                write!(f, "`{field}`: expected {expected}, found {found}")
            }
            Self::Duplicate { field, value } => write!(f, "`{field}`: duplicate value {value:?}"),
        }
    }
}

impl std::error::Error for ConfigError {}
