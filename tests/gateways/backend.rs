//! A backend that responds with the request that it has seen.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::trouble::Trouble;

/// The first line of each response.
const MARK: &str = "this request has reached the backend";

/// Maximum length of a request.
const MAX_HEAD: usize = 64 * 1024;

/// The end of a chunk, and the last chunk.
const END_OF_CHUNKS: &str = "\r\n0\r\n";

/// Stands before the name of a trailer, so that it is no header.
const TRAILER: &str = "trailer ";

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
    let Some(head) = read_until(&mut stream, &mut request, 0, "\r\n\r\n").await? else { return Ok(()) };
    let mut lines = head.replace("\r\n", "\n");
    if lines.to_ascii_lowercase().contains("\ntransfer-encoding: chunked") {
        let body_at = head.len() + 4;
        let Some(body) = read_until(&mut stream, &mut request, body_at, END_OF_CHUNKS).await? else {
            return Ok(());
        };
        let trailers_at = body_at + body.len() + END_OF_CHUNKS.len();
        // Each trailer ends with a line break, and an empty line follows.
        if !request.get(trailers_at..).unwrap_or_default().starts_with(b"\r\n") {
            let Some(trailers) = read_until(&mut stream, &mut request, trailers_at, "\r\n\r\n").await? else {
                return Ok(());
            };
            for trailer in trailers.split("\r\n") {
                lines.extend(["\n", TRAILER, trailer]);
            }
        }
    }
    // The empty line ends it, because a response to another request may follow.
    let body = format!("{MARK}\n{lines}\n\n");
    let length = body.len();
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// Reads until this text comes after a position. Returns the bytes between them, or `None` at the end.
async fn read_until(
    stream: &mut TcpStream,
    request: &mut Vec<u8>,
    from: usize,
    text: &str,
) -> std::io::Result<Option<String>> {
    loop {
        let rest = request.get(from..).unwrap_or_default();
        if let Some(at) = rest.windows(text.len()).position(|window| window == text.as_bytes()) {
            return Ok(Some(String::from_utf8_lossy(rest.get(..at).unwrap_or_default()).into_owned()));
        }
        if request.len() > MAX_HEAD || stream.read_buf(request).await? == 0 {
            return Ok(None);
        }
    }
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

    /// Returns whether a trailer has this text.
    pub(crate) fn has_trailer(&self, text: &str) -> bool {
        self.headers.iter().any(|(name, value)| name.starts_with(TRAILER) && value.contains(text))
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

#[tokio::test]
async fn trailer_is_told_from_a_header() {
    use crate::caller::Call;

    let backend = start().await.unwrap();
    let call = Call { trailers: &["X-Auth-Sub: a", "x-b: c"], ..Call::get("/a", None) };
    let seen = call.send(&backend).await.unwrap().seen().unwrap();
    assert!(
        seen.has_trailer("a") && seen.has_trailer("c") && seen.values("X-Auth-Sub").is_empty(),
        "{seen:?}"
    );
    let plain = Call::get("/a", None).send(&backend).await.unwrap().seen().unwrap();
    assert!(!plain.has_trailer(""), "{plain:?}");
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
