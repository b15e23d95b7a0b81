//! The registered clients of a server, for clients of other projects.

use scopegate_issuer::{Algorithm, SigningKey};

/// The clients of one server.
pub(crate) struct Accounts {
    pub(crate) issuer: String,
    pub(crate) token_endpoint: String,
    /// The resource of a token request, if the server requires one (RFC 8707).
    pub(crate) resource: Option<&'static str>,
    /// Whether the audience of assertions must be the token endpoint, as RFC 7523 §3 suggests,
    /// instead of the issuer.
    pub(crate) assertions_for_endpoint: bool,
    pub(crate) basic: Account,
    /// An account whose id and secret must be encoded (RFC 6749 §2.3.1).
    pub(crate) basic_encoded: Account,
    pub(crate) post: Account,
    /// One account for each algorithm.
    pub(crate) keys: Vec<Account>,
}

impl Accounts {
    /// Returns all accounts.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Account> + Clone {
        [&self.basic, &self.basic_encoded, &self.post].into_iter().chain(&self.keys)
    }
}

/// A client and its credentials.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) proof: Proof,
}

#[derive(Clone)]
pub(crate) enum Proof {
    Basic { secret: String },
    Post { secret: String },
    Key { pem: String, key_id: String, algorithm: String },
}

impl Account {
    pub(crate) fn basic(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), proof: Proof::Basic { secret: secret.to_owned() } }
    }

    pub(crate) fn post(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), proof: Proof::Post { secret: secret.to_owned() } }
    }

    pub(crate) fn with_key(id: String, pem: String, key_id: String, algorithm: String) -> Self {
        Self { id, proof: Proof::Key { pem, key_id, algorithm } }
    }

    /// Returns the account with a wrong secret or key.
    pub(crate) fn with_wrong_secret(&self) -> Self {
        let proof = match self.proof.clone() {
            Proof::Basic { secret } => Proof::Basic { secret: format!("{secret}-wrong") },
            Proof::Post { secret } => Proof::Post { secret: format!("{secret}-wrong") },
            Proof::Key { key_id, algorithm, .. } => {
                let alg = algorithm.parse().unwrap_or(Algorithm::RS256);
                Proof::Key { pem: SigningKey::generate(alg).private_key_pem(), key_id, algorithm }
            }
        };
        Self { id: self.id.clone(), proof }
    }
}
