//! Sends one GET request to a URL: `one_request ours|plain <url>`. It is a separate program, so
//! that a test can set its environment.

use scopegate_proto::http::{HttpClients, TransportSettings};
use scopegate_proto::url::SecureUrl;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (whose, url) =
        arguments.next().zip(arguments.next()).ok_or("expected `ours` or `plain`, and a URL")?;
    match whose.as_str() {
        "ours" => {
            let url = SecureUrl::parse(&url)?;
            let client = HttpClients::default().client(&url, &TransportSettings::new("test"))?;
            client.get(&url).send().await?;
        }
        "plain" => {
            reqwest::get(&url).await?;
        }
        _ => return Err("expected `ours` or `plain`".into()),
    }
    Ok(())
}
