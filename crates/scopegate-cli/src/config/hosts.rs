//! `host` of an issuer or a route.

use crate::config::problem::Problems;
use crate::config::public_url::PublicUrl;
use crate::config::reader::Reader;

/// Maximum number of hosts of one entry.
const MAX_HOSTS: usize = 1_000;

/// The hosts of entries.
pub(super) struct Hosts<'u> {
    /// `None` if it is invalid. Then hosts are not checked.
    public_url: Option<&'u PublicUrl>,
    /// Whether an entry has named a host.
    pub(super) are_used: bool,
}

impl<'u> Hosts<'u> {
    pub(super) fn new(public_url: Option<&'u PublicUrl>) -> Self {
        Self { public_url, are_used: false }
    }

    /// Reads `host`. Returns the host of `public_url` if the entry has none.
    pub(super) fn read(&mut self, table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Vec<String> {
        let Some(texts) = table.one_or_more("host", problems) else {
            return self.public_url.map(|url| url.host().to_owned()).into_iter().collect();
        };
        self.are_used = true;
        let mut hosts: Vec<String> = Vec::new();
        for text in &texts {
            if self.public_url.is_some_and(|url| url.at_host(text.text).is_none()) {
                let expected = "a host in lower case and without a port, such as \"a.example\"";
                problems.add(&text.span, format_args!("expected {expected}, found {:?}", text.text));
            } else if hosts.iter().any(|host| host == text.text) || hosts.len() == MAX_HOSTS {
                problems.add(&text.span, format_args!("expected each host once, at most {MAX_HOSTS}"));
            } else {
                hosts.push(text.text.to_owned());
            }
        }
        hosts
    }
}
