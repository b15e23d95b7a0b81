//! Lines to copy into a shell. They need `curl` and `sed` only.

use std::io::{self, Write};

use crate::api::{READ, WRITE};
use crate::caller::{Credentials, READER, WRITER};

/// The secrets are shown here because they are no secrets: everybody's local issuer has them.
pub(crate) fn print_curl_lines(out: &mut impl Write, api: &str, token_endpoint: &str) -> io::Result<()> {
    writeln!(out, "\nNow it is your turn. In another terminal, read the orders:\n")?;
    token(out, READER, READ, token_endpoint)?;
    writeln!(out, "curl -i -H \"Authorization: Bearer $TOKEN\" {api}/orders\n")?;
    writeln!(out, "Place one:\n")?;
    token(out, WRITER, WRITE, token_endpoint)?;
    writeln!(
        out,
        "curl -i -H \"Authorization: Bearer $TOKEN\" --json '{{\"item\":\"coffee\",\"quantity\":1}}' \\"
    )?;
    writeln!(out, "  {api}/orders\n")?;
    writeln!(out, "See who the token is about, and what happens without one:\n")?;
    writeln!(out, "curl -i -H \"Authorization: Bearer $TOKEN\" {api}/whoami")?;
    writeln!(out, "curl -i {api}/orders\n")?;
    writeln!(out, "Ctrl-C stops the API and the issuer. RUST_LOG=info shows why requests are refused.")?;
    out.flush()
}

fn token(out: &mut impl Write, client: Credentials, scope: &str, endpoint: &str) -> io::Result<()> {
    let Credentials { id, secret } = client;
    writeln!(out, "TOKEN=$(curl -s -u {id}:{secret} -d grant_type=client_credentials \\")?;
    writeln!(out, "  --data-urlencode scope={scope} \\")?;
    writeln!(out, "  {endpoint} \\")?;
    writeln!(out, r#"  | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#)
}
