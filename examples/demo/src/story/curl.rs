//! Lines to copy into a shell. They need `curl` and `sed` only.

use std::io::{self, Write};

use crate::api::{READ, WRITE};
use crate::caller::{Credentials, READER, WRITER};
use crate::openapi::PAGE;

/// Prose ends in a colon and is no comment: not every shell takes comments from a terminal.
pub(crate) fn print_curl_lines(
    out: &mut impl Write,
    api: &str,
    issuer: &str,
    token_endpoint: &str,
) -> io::Result<()> {
    let read = token(READER, READ, token_endpoint);
    let write = token(WRITER, WRITE, token_endpoint);
    let bearer = r#"-H "Authorization: Bearer $TOKEN""#;
    // A line of its own for the prompt, since JSON ends without.
    let line = r"-w '\n'";
    let Credentials { id, secret } = READER;
    let body = r#"-H 'Content-Type: application/json' -d '{"item":"coffee","quantity":1}'"#;
    writeln!(
        out,
        "
Now it is your turn. In another terminal:

Read the orders:

{read}
curl -si {line} {bearer} {api}/orders

Place one:

{write}
curl -si {line} {bearer} \\
  {body} \\
  {api}/orders

See whom the token is about, and what happens without one:

curl -si {line} {bearer} {api}/whoami
curl -si {line} {api}/orders

Or try it out in a browser, at {api}{PAGE}: the page knows a client already.

For `cargo run -p caller -- $API/orders`, a program that reads them every 5 seconds, and never without a token:

export API={api} CLIENT_ID={id} CLIENT_SECRET={secret}
export ISSUER={issuer}

Ctrl-C stops the API and the issuer. With RUST_LOG=info the log says why requests are refused."
    )?;
    out.flush()
}

/// The secret is shown because it is none: everybody's local issuer has it.
fn token(Credentials { id, secret }: Credentials, scope: &str, endpoint: &str) -> String {
    format!(
        r#"TOKEN=$(curl -s -u {id}:{secret} \
  -d grant_type=client_credentials --data-urlencode scope={scope} \
  {endpoint} \
  | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#
    )
}
