//! The addresses of the ports. No two ports may have the same.

use std::net::SocketAddr;

use crate::config::problem::Problems;
use crate::config::reader::Text;

/// The addresses so far.
#[derive(Default)]
pub(super) struct Addresses(Vec<SocketAddr>);

impl Addresses {
    /// Reads an address. `example` is an address for the message.
    pub(super) fn read(
        &mut self,
        text: Option<Text<'_>>,
        example: &str,
        problems: &mut Problems<'_>,
    ) -> Option<SocketAddr> {
        let Text { text, span } = text?;
        let Ok(address) = text.parse::<SocketAddr>() else {
            let expected =
                format_args!("expected an address and a port, such as {example:?}, found {text:?}");
            problems.add(&span, expected);
            return None;
        };
        // The system chooses a port for 0.
        if address.port() != 0 && self.0.contains(&address) {
            problems.add(&span, format_args!("expected each address once, found {text:?} again"));
        }
        self.0.push(address);
        Some(address)
    }
}
