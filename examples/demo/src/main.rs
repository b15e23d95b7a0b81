//! scopegate in one program: a protected API and a story of requests to it.
//!
//! `demo` starts a local issuer and sends requests with valid, invalid and missing tokens. With
//! `--issuer`, it protects the same API for your issuer. Begin with `api.rs`.

mod api;
mod caller;
mod failure;
mod log;
mod openapi;
mod serve;
mod settings;
mod story;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use scopegate::{Dpop, Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::LocalIssuer;
use tokio::net::TcpListener;

use crate::api::WRITE;
use crate::caller::{READER, WRITER};
use crate::failure::Failure;
use crate::openapi::TokensFrom;
use crate::serve::{Stop, serve};
use crate::settings::{Arguments, Settings, StepUp};
use crate::story::Score;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        // clap reports `--help` and `--version` as errors that are printed to standard output.
        Err(answer) if !answer.use_stderr() => {
            return answer.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        Err(error) => return Failure::from(error).report(),
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    match Settings::from_arguments(arguments)? {
        Settings::Story { listen, exit } => {
            log::start("warn")?;
            tell_story(listen, exit).await
        }
        Settings::Protect { listen, resource, verifier, revocations, step_up } => {
            log::start("info")?;
            let mut verifier = *verifier;
            if let Some(path) = revocations {
                verifier = verifier.revocations(&settings::revocations(&path).await?);
            }
            protect(listen, &resource, verifier, &step_up).await
        }
    }
}

/// Serves the API for another issuer. It starts without keys, because the issuer may be
/// unavailable.
async fn protect(
    listen: SocketAddr,
    resource: &str,
    verifier: VerifierBuilder,
    step_up: &StepUp,
) -> Result<(), Failure> {
    let verifier = settings::start_lazy(verifier)?;
    let api = settings::resource(resource, &verifier)?;
    let write = step_up.added_to(api.require_scope(WRITE))?;
    let issuer = verifier.issuers().next().unwrap_or_default();
    let stop = Stop::on_signals()?;
    let (listener, _) = bind(listen).await?;
    Ok(serve(listener, api::router(&api, write, &verifier, TokensFrom::Issuer(issuer)), stop).await?)
}

/// Serves the API for a local issuer and tells the story of requests to it.
async fn tell_story(listen: SocketAddr, exit: bool) -> Result<(), Failure> {
    let issuer = LocalIssuer::start().await?;
    let trusted = Issuer::cognito_at(issuer.issuer()).map_err(|error| Failure::runtime(&error))?;
    let trusted = trusted.clients([READER.id, WRITER.id]);
    let verifier = settings::start(Verifier::builder().trust(trusted.clone())).await?;
    let stop = Stop::on_signals()?;
    let (listener, url) = bind(listen).await?;
    let api = settings::resource(&url, &verifier)?;
    let tokens = TokensFrom::Local { token_endpoint: issuer.token_endpoint(), client: WRITER };
    let router = api::router(&api, api.require_scope(WRITE), &verifier, tokens.clone());
    let server = tokio::spawn(serve(listener, router, stop.clone()));
    let bound = serve_bound(trusted, tokens, stop.clone()).await?;

    let mut out = io::stdout();
    let Score { steps, as_expected } = tokio::select! {
        score = story::tell(&issuer, &url, &bound, &mut out) => score?,
        // With `--exit`, exit code 0 means that every step was played.
        () = stop.wait() => {
            let unfinished = Failure::Runtime("stopped before the end of the story".to_owned());
            return if exit { Err(unfinished) } else { Ok(()) };
        }
    };
    if !exit {
        story::print_curl_lines(&mut out, &url, issuer.issuer(), &issuer.token_endpoint())?;
        return Ok(server.await.map_err(|error| Failure::runtime(&error))??);
    }
    if as_expected < steps {
        let message = format!("{} of {steps} steps got an unexpected response", steps - as_expected);
        return Err(Failure::Runtime(message));
    }
    Ok(())
}

/// Serves the same API once more, for tokens that are bound to a key (DPoP), and returns its URL. It
/// ends with the runtime.
async fn serve_bound(trusted: Issuer, tokens: TokensFrom, stop: Stop) -> Result<String, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let dpop = Dpop::require().origin(&url);
    let verifier = settings::start(Verifier::builder().trust(trusted).dpop(dpop)).await?;
    let api = settings::resource(&url, &verifier)?;
    let router = api::router(&api, api.require_scope(WRITE), &verifier, tokens);
    tokio::spawn(serve(listener, router, stop));
    Ok(url)
}

/// Listens on an address and prints its URL. With port 0, the system chooses the port.
async fn bind(address: SocketAddr) -> Result<(TcpListener, String), Failure> {
    let failed = |error: io::Error| Failure::Runtime(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    writeln!(io::stdout(), "listening on {url}")?;
    Ok((listener, url))
}
