//! A backend that responds with the request that it has seen.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::trouble::Trouble;

/// The first line of each response.
const MARK: &str = "this request has reached the backend";

/// Maximum length of the head of a request.
const MAX_HEAD: usize = 64 * 1024;

/// Starts the backend, and returns its address. It ends with the program.
pub(crate) async fn start() -> Result<String, Trouble> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    });
    Ok(address)
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let end = loop {
        if let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if request.len() > MAX_HEAD || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(request.get(..end).unwrap_or_default()).replace("\r\n", "\n");
    // The empty line ends it, because a response to another request may follow.
    let body = format!("{MARK}\n{head}\n\n");
    let length = body.len();
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// The request that the backend has seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The path as it was sent.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    /// Returns the first request that the backend has seen, from the responses of a connection.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::all(text).into_iter().next()
    }

    /// Returns all requests that the backend has seen.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        text.split(MARK).skip(1).filter_map(Self::of_head).collect()
    }

    fn of_head(head: &str) -> Option<Self> {
        let mut lines = head.trim_start().lines().take_while(|line| !line.is_empty());
        let (method, rest) = lines.next()?.split_once(' ')?;
        let (target, _) = rest.rsplit_once(' ')?;
        let path = target.split('?').next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Some(Self { method: method.to_owned(), path, headers })
    }

    /// Returns whether the value of some header has this text.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.headers.iter().any(|(_, value)| value.contains(text))
    }

    /// Returns all values of a header. Each character that is neither a letter nor a digit counts as the
    /// hyphen, as in the environment variables of CGI and its successors. At the ends of a name, it
    /// counts as white space.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let plain = |name: &str| {
            let name = name.replace(|one: char| !one.is_ascii_alphanumeric(), "-");
            name.trim_matches('-').to_ascii_lowercase()
        };
        let wanted = plain(name);
        let found = self.headers.iter().filter(|(name, _)| plain(name) == wanted);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

#[test]
fn each_request_on_a_connection_is_found() {
    let [one, two] = ["/a", "/b"].map(|path| format!("{MARK}\nGET {path} HTTP/1.1\nHost: x\n\n"));
    let seen =
        Seen::all(&format!("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{one}HTTP/1.1 200 OK\r\nC: d\r\n\r\n{two}"));
    let [one, two] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((one.path.as_str(), two.path.as_str()), ("/a", "/b"));
    assert!(one.values("Host") == ["x"] && one.values("C").is_empty());
}
