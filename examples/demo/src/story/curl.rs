//! Commands to copy into a shell. They only need `curl` and `sed`.

use std::io::{self, Write};

use crate::api::{READ, WRITE};
use crate::caller::{Credentials, READER, WRITER};
use crate::openapi::PAGE;

/// Prints the commands. Prose ends in a colon and is not a shell comment, because some shells
/// reject comments in a terminal.
pub(crate) fn print_curl_lines(
    out: &mut impl Write,
    api: &str,
    issuer: &str,
    token_endpoint: &str,
) -> io::Result<()> {
    let read = token(READER, READ, token_endpoint);
    let write = token(WRITER, WRITE, token_endpoint);
    let bearer = r#"-H "Authorization: Bearer $TOKEN""#;
    // Adds a line break, because the JSON ends without one.
    let line = r"-w '\n'";
    let Credentials { id, secret } = READER;
    let body = r#"-H 'Content-Type: application/json' -d '{"item":"coffee","quantity":1}'"#;
    writeln!(
        out,
        "
Try it yourself. In another terminal:

Read the orders:

{read}
curl -si {line} {bearer} {api}/orders

Place an order:

{write}
curl -si {line} {bearer} \\
  {body} \\
  {api}/orders

Show the claims of the token, and send a request without a token:

curl -si {line} {bearer} {api}/whoami
curl -si {line} {api}/orders

Or try it out in a browser, at {api}{PAGE}. The page has the credentials of a client.

For `cargo run -p caller -- $API/orders`, a program that reads the orders every 5 seconds:

export API={api} CLIENT_ID={id} CLIENT_SECRET={secret}
export ISSUER={issuer}

Ctrl-C stops the API and the issuer. With RUST_LOG=info, the log has the reason of each rejection."
    )?;
    out.flush()
}

/// Returns a command that stores a token in a variable. The secret is public, because each local
/// issuer has it.
fn token(Credentials { id, secret }: Credentials, scope: &str, endpoint: &str) -> String {
    format!(
        r#"TOKEN=$(curl -s -u {id}:{secret} \
  -d grant_type=client_credentials --data-urlencode scope={scope} \
  {endpoint} \
  | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#
    )
}
