//! The settings of the program, parsed and checked.

mod arguments;
mod certificates;
mod dpop;
mod introspection;
mod setting;
mod step_up;
mod trust;

use std::net::{Ipv4Addr, SocketAddr};

use scopegate::VerifierBuilder;

pub(crate) use self::arguments::Arguments;
pub(crate) use self::step_up::StepUp;
pub(crate) use self::trust::{resource, revocations, start, start_lazy};
use crate::failure::Failure;

#[derive(Debug)]
pub(crate) enum Settings {
    /// Tells the story with a local issuer.
    Story { listen: SocketAddr, exit: bool },
    /// Protects the API for another issuer.
    Protect {
        listen: SocketAddr,
        resource: String,
        verifier: Box<VerifierBuilder>,
        revocations: Option<String>,
        step_up: StepUp,
    },
}

/// The system chooses a free port, so that the story can run beside other programs.
const STORY_PORT: u16 = 0;
/// A fixed port, so that other configurations can contain it.
const PROTECT_PORT: u16 = 8080;
/// The identifier of the API, with which its scopes begin.
const RESOURCE: &str = "https://my-api-server.org";

impl Settings {
    /// Parses the arguments.
    ///
    /// # Errors
    /// Returns [`Failure::Setting`] for the first setting that is invalid or contradicts another
    /// one.
    pub(crate) fn from_arguments(mut arguments: Arguments) -> Result<Self, Failure> {
        let listen = arguments.listen.as_deref();
        let listen = listen.map(|text| {
            let expected = "an IP address and a port such as 127.0.0.1:8080";
            text.parse().map_err(|_| setting::LISTEN.wrong(expected, format_args!("{text:?}")))
        });
        let listen: Option<SocketAddr> = listen.transpose()?;
        let or_port = |port| listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let Some(issuer) = arguments.issuer.take() else {
            return match arguments.first_about_an_issuer() {
                None if arguments.allow_keys_without_tls => {
                    let message = format!("--allow-keys-without-tls requires {}", setting::ISSUER);
                    Err(Failure::Setting(message))
                }
                None => Ok(Self::Story { listen: or_port(STORY_PORT), exit: arguments.exit }),
                Some(setting) => Err(Failure::Setting(format!("{setting} requires {}", setting::ISSUER))),
            };
        };
        if arguments.exit {
            let message = format!("--exit cannot be used with {}", setting::ISSUER);
            return Err(Failure::Setting(message));
        }
        let verifier = trust::verifier(&issuer, &arguments)?;
        let resource = match (arguments.resource.take(), arguments.origin.take()) {
            (Some(resource), _) => trust::checked_resource(setting::RESOURCE, resource)?,
            (None, Some(origin)) => trust::checked_resource(setting::ORIGIN, origin)?,
            (None, None) => RESOURCE.to_owned(),
        };
        let listen = or_port(PROTECT_PORT);
        let revocations = arguments.revocations.take();
        let step_up = StepUp::from_arguments(&arguments)?;
        Ok(Self::Protect { listen, resource, verifier: Box::new(verifier), revocations, step_up })
    }
}
