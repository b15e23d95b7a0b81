//! For whom must the tokens of an issuer be: which audiences and which clients?

use std::borrow::Cow;

use crate::checks::audience::AllowList;
use crate::issuer::{Issuer, IssuerWithoutAudience};

impl IssuerWithoutAudience {
    /// Accepts tokens whose `aud` contains exactly this string: the name of this API at the issuer
    /// (RFC 9068 §4).
    pub fn audience(self, audience: impl Into<String>) -> Issuer {
        self.audiences([audience])
    }

    /// Accepts tokens whose `aud` contains one of these strings.
    pub fn audiences<I>(self, audiences: I) -> Issuer
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.0.audiences(audiences)
    }

    /// Accepts tokens that were issued to exactly this client and have no `aud`.
    ///
    /// Use it for issuers that write no `aud`, such as Cognito for the `client_credentials` grant.
    pub fn client(self, client_id: impl Into<String>) -> Issuer {
        self.clients([client_id])
    }

    /// Accepts tokens that were issued to one of these clients and have no `aud`.
    pub fn clients<I>(self, client_ids: I) -> Issuer
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.0.clients(client_ids)
    }

    /// Accepts tokens of **every client of the issuer** that have no `aud`.
    ///
    /// Authorization then depends on scopes alone. Call it only if every scope that a route
    /// requires belongs to this API.
    pub fn allow_any_client(mut self) -> Issuer {
        self.0.policy.audience.clients = AllowList::Any;
        self.0
    }

    /// Accepts tokens that the issuer made **for any API**.
    ///
    /// A client's token for another API is then accepted here. The operator of that API can use
    /// every token that it receives here (RFC 9068 §5). Call it only for an issuer that serves this
    /// API alone.
    pub fn allow_any_audience(mut self) -> Issuer {
        self.0.policy.audience.audiences = AllowList::Any;
        self.0
    }
}

impl Issuer {
    /// Adds an accepted audience. If clients are listed too, a token must satisfy both rules.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.audiences([audience])
    }

    /// Adds accepted audiences. If clients are listed too, a token must satisfy both rules.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.audience.audiences.extend(audiences);
        self
    }

    /// Adds an accepted client, and replaces
    /// [`allow_any_client`](IssuerWithoutAudience::allow_any_client). If audiences are listed too,
    /// a token must satisfy both rules.
    pub fn client(self, client_id: impl Into<String>) -> Self {
        self.clients([client_id])
    }

    /// Adds accepted clients, and replaces
    /// [`allow_any_client`](IssuerWithoutAudience::allow_any_client). If audiences are listed too,
    /// a token must satisfy both rules.
    pub fn clients<I>(mut self, client_ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.audience.clients.extend(client_ids);
        self
    }

    /// Sets the only claim that the client's id is read from.
    ///
    /// Call it if the issuer names the client in a claim other than `client_id`, `azp`, `appid` and
    /// `cid`, or uses one of these for something else. By default, all of the four that are present
    /// must agree. Otherwise it would be unclear which client the token belongs to.
    pub fn client_claim(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.policy.audience.client_claims = vec![claim.into()];
        self
    }
}
