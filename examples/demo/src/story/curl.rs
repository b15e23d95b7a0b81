//! Lines to copy into a shell. They need `curl` and `sed` only.

use std::io::{self, Write};

use crate::api::{READ, WRITE};
use crate::caller::{Credentials, READER, WRITER};

/// The prose is in comments, so that the whole block can be copied at once.
pub(crate) fn print_curl_lines(out: &mut impl Write, api: &str, token_endpoint: &str) -> io::Result<()> {
    let read = token(READER, READ, token_endpoint);
    let write = token(WRITER, WRITE, token_endpoint);
    let bearer = r#"-H "Authorization: Bearer $TOKEN""#;
    let body = r#"-H 'Content-Type: application/json' -d '{"item":"coffee","quantity":1}'"#;
    writeln!(
        out,
        "
Now it is your turn. In another terminal:

# read the orders
{read}
curl -i {bearer} {api}/orders

# place one
{write}
curl -i {bearer} \\
  {body} \\
  {api}/orders

# see whom the token is about, and what happens without one
curl -i {bearer} {api}/whoami
curl -i {api}/orders

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
