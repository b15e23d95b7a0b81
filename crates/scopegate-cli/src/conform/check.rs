//! One check: the requests that it sends, the harm if they are accepted, and the result.

use http::HeaderValue;

/// A check before it was played.
pub(super) struct Check {
    pub(super) about: About,
    pub(super) attempts: Vec<Attempt>,
    /// The reason why it is not played.
    pub(super) skipped: Option<&'static str>,
}

/// The text of a check.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// The name in reports, which does not change between versions.
    pub(super) id: &'static str,
    pub(super) group: Group,
    pub(super) level: Level,
    /// The requests, as the subject of a sentence.
    pub(super) title: &'static str,
    pub(super) reference: &'static str,
    /// The harm if the check fails, in one sentence.
    pub(super) harm: &'static str,
}

/// The weight of a failed check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// A caller gets in who must stay out.
    Hole,
    /// An RFC advises against it, or callers cannot recover.
    Warning,
}

impl Level {
    /// Returns the level of a check whose rule is a requirement for some APIs, and advice for others.
    pub(super) const fn hole_if(is_required: bool) -> Self {
        if is_required { Self::Hole } else { Self::Warning }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Credentials,
    Signature,
    Keys,
    Header,
    Lifetime,
    Recipients,
    Kind,
    Scopes,
    Rotation,
    Answers,
}

impl Group {
    /// All groups, in the order of the reports.
    pub(super) const ALL: [Self; 10] = [
        Self::Credentials,
        Self::Signature,
        Self::Keys,
        Self::Header,
        Self::Lifetime,
        Self::Recipients,
        Self::Kind,
        Self::Scopes,
        Self::Rotation,
        Self::Answers,
    ];

    /// The groups that are played in any case, in this order.
    pub(super) const OF_TOKENS: &[Self] = Self::ALL.split_at(8).0;

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Credentials => "Credentials",
            Self::Signature => "Signature",
            Self::Keys => "Keys",
            Self::Header => "Header",
            Self::Lifetime => "Lifetime",
            Self::Recipients => "Issuer, audience and client",
            Self::Kind => "Kind of token",
            Self::Scopes => "Scopes",
            Self::Rotation => "Key rotation",
            Self::Answers => "Answers",
        }
    }
}

/// One request of a check.
pub(super) struct Attempt {
    /// The difference to the other attempts of the check.
    pub(super) label: &'static str,
    pub(super) credentials: Credentials,
}

/// The credentials of a request.
#[derive(Default)]
pub(super) struct Credentials {
    pub(super) authorization: Vec<HeaderValue>,
    /// A token in the query.
    pub(super) query: Option<String>,
}

/// A check after it was played.
pub(super) struct Played {
    pub(super) about: About,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    Passed,
    /// The attempts that were accepted, or other findings.
    Failed(Vec<String>),
    Undecided(String),
    Skipped(&'static str),
}

impl About {
    /// Returns the check with another level.
    pub(super) const fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Creates a check with these attempts.
    pub(super) fn with(self, attempts: Vec<Attempt>) -> Check {
        Check { about: self, attempts, skipped: None }
    }

    /// Creates a check that is not played.
    pub(super) fn skipped(self, reason: &'static str) -> Check {
        Check { about: self, attempts: Vec::new(), skipped: Some(reason) }
    }
}

impl Attempt {
    /// A bearer token in the header (RFC 6750 §2.1).
    pub(super) fn bearer(label: &'static str, token: &str) -> Self {
        Self { label, credentials: Credentials::bearer(token) }
    }
}

impl Credentials {
    pub(super) fn bearer(token: &str) -> Self {
        Self::headers([format!("Bearer {token}")])
    }

    pub(super) fn headers<const N: usize>(values: [String; N]) -> Self {
        let value = |text: String| HeaderValue::from_bytes(text.as_bytes()).ok();
        Self { authorization: values.into_iter().filter_map(value).collect(), query: None }
    }
}
