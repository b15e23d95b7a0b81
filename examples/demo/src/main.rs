//! scopegate in one program: a protected API, and the story of those who call it.
//!
//! `demo` starts a local issuer and plays callers with good, bad and missing tokens; with `--issuer`, it protects the
//! same API for an issuer of yours. Start reading at `api.rs`.

mod api;
mod caller;
mod failure;
mod log;
mod openapi;
mod serve;
mod settings;
mod story;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use scopegate::{Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::LocalIssuer;
use tokio::net::TcpListener;

use crate::caller::{READER, WRITER};
use crate::failure::Failure;
use crate::openapi::TokensFrom;
use crate::serve::{Stop, serve};
use crate::settings::{Arguments, Settings};
use crate::story::Score;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        // `--help` and `--version` are answers, not errors.
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
        Settings::Protect { listen, resource, verifier } => {
            log::start("info")?;
            protect(listen, &resource, *verifier).await
        }
    }
}

/// The API for an issuer that is somewhere else. It starts without keys, because the issuer may be down.
async fn protect(listen: SocketAddr, resource: &str, verifier: VerifierBuilder) -> Result<(), Failure> {
    let verifier = settings::start_lazy(verifier)?;
    let api = settings::resource(resource, &verifier)?;
    let issuer = verifier.issuers().next().unwrap_or_default().to_owned();
    let stop = Stop::on_signals()?;
    let (listener, _) = bind(listen).await?;
    Ok(serve(listener, api::router(&api, &verifier, TokensFrom::Issuer(issuer)), stop).await?)
}

/// The API for a local issuer, and callers that try it out.
async fn tell_story(listen: SocketAddr, exit: bool) -> Result<(), Failure> {
    let issuer = LocalIssuer::start().await?;
    let trusted = Issuer::cognito_at(issuer.issuer()).map_err(|error| Failure::runtime(&error))?;
    let verifier =
        settings::start(Verifier::builder().trust(trusted.clients([READER.id, WRITER.id]))).await?;
    let stop = Stop::on_signals()?;
    let (listener, url) = bind(listen).await?;
    let api = settings::resource(&url, &verifier)?;
    let tokens = TokensFrom::Local { token_endpoint: issuer.token_endpoint(), client: WRITER };
    let server = tokio::spawn(serve(listener, api::router(&api, &verifier, tokens), stop.clone()));

    let mut out = io::stdout();
    let Score { steps, as_expected } = tokio::select! {
        score = story::tell(&issuer, &url, &mut out) => score?,
        // Whoever asks for the exit code wants to know about every step.
        () = stop.wait() => {
            let unfinished = Failure::Runtime("stopped in the middle of the story".to_owned());
            return if exit { Err(unfinished) } else { Ok(()) };
        }
    };
    if !exit {
        story::print_curl_lines(&mut out, &url, issuer.issuer(), &issuer.token_endpoint())?;
        return Ok(server.await.map_err(|error| Failure::runtime(&error))??);
    }
    if as_expected < steps {
        return Err(Failure::Runtime(format!("{} of {steps} steps answered wrongly", steps - as_expected)));
    }
    Ok(())
}

/// Opens the API's address and says which it is: with port 0, the system chooses one.
async fn bind(address: SocketAddr) -> Result<(TcpListener, String), Failure> {
    let failed = |error: io::Error| Failure::Runtime(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    writeln!(io::stdout(), "listening on {url}")?;
    Ok((listener, url))
}
