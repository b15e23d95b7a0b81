//! What a server knows clients by: for the callers of others.

use scopegate_issuer::{Algorithm, SigningKey};

/// The clients of one server.
pub(crate) struct Accounts {
    pub(crate) issuer: String,
    pub(crate) token_endpoint: String,
    /// To be asked for, where the server wants to know (RFC 8707).
    pub(crate) resource: Option<&'static str>,
    /// Whether assertions have to be for its token endpoint, as RFC 7523 §3 suggests, and not for its name.
    pub(crate) assertions_for_endpoint: bool,
    pub(crate) basic: Account,
    /// With an id and a secret that RFC 6749 §2.3.1 wants encoded.
    pub(crate) basic_encoded: Account,
    pub(crate) post: Account,
    /// One for each algorithm.
    pub(crate) keys: Vec<Account>,
}

impl Accounts {
    /// Every one that has a client of its own.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Account> + Clone {
        [&self.basic, &self.basic_encoded, &self.post].into_iter().chain(&self.keys)
    }
}

/// One client, and how it proves that it is one.
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

    /// One that the server does not know this client by.
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
