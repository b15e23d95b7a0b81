use super::*;

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The headers of one gateway, with these names.
fn headers(family: [&str; 3]) -> [(&str, &str); 3] {
    [(family[0], "POST"), (family[1], "/orders?x=1"), (family[2], "A.example:443")]
}

const ORIGINAL: [&str; 3] = ["x-original-method", "x-original-uri", "x-original-host"];
const FORWARDED: [&str; 3] = ["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"];

#[test]
fn request_is_read_from_headers_of_named_gateway() {
    for (gateway, own, other) in [
        (Gateway::Nginx, ORIGINAL, FORWARDED),
        (Gateway::Traefik, FORWARDED, ORIGINAL),
        (Gateway::Caddy, FORWARDED, ORIGINAL),
    ] {
        let spoofed = [(other[0], "GET"), (other[1], "/public"), (other[2], "b.example")];
        let all = [headers(own), spoofed].concat();
        let asked = gateway.read(&request("GET", "/decide?x=1", &all), true).unwrap();
        assert_eq!(asked.method, "POST");
        assert_eq!((asked.path.as_str(), asked.host.as_deref()), ("/orders", Some("a.example")));
        // Headers of another gateway are no fall-back.
        let read = gateway.read(&request("GET", "/decide", &headers(other)), true);
        assert_eq!(read.unwrap_err(), Unread::MissingHeader(own[0]));
    }
}

#[test]
fn each_header_needs_exactly_one_value() {
    // FW04
    for (gateway, own) in [(Gateway::Nginx, ORIGINAL), (Gateway::Caddy, FORWARDED)] {
        for (missing, name) in own.into_iter().enumerate() {
            let mut some = headers(own).to_vec();
            some.remove(missing);
            let read = |headers: &[(&str, &str)]| gateway.read(&request("GET", "/decide", headers), true);
            assert_eq!(read(&some).unwrap_err(), Unread::MissingHeader(name));
            let twice = [some.clone(), vec![headers(own)[missing]; 2]].concat();
            assert_eq!(read(&twice).unwrap_err(), Unread::MalformedHeader(name));
            some.push((name, ""));
            assert_eq!(read(&some).unwrap_err(), Unread::MalformedHeader(name));
        }
        let read = |needs_host| gateway.read(&request("GET", "/decide", &headers(own)[..2]), needs_host);
        assert!(read(false).is_ok() && read(true).is_err());
        let mut listed = headers(own);
        listed[0].1 = "GET, POST";
        let read = gateway.read(&request("GET", "/decide", &listed), true);
        assert_eq!(read.unwrap_err(), Unread::MalformedHeader(own[0]));
    }
}

#[test]
fn envoy_sends_the_request_itself() {
    let headers = [("host", "A.example"), ("x-original-uri", "/public"), ("x-forwarded-method", "GET")];
    let asked = Gateway::Envoy.read(&request("DELETE", "/decide/orders/7?a=b", &headers), true).unwrap();
    assert_eq!((asked.method, asked.path.as_str()), (Method::DELETE, "/orders/7"));
    assert_eq!(asked.host.as_deref(), Some("a.example"));
    for target in ["/decide", "/decideorders", "/orders", "/"] {
        let read = Gateway::Envoy.read(&request("GET", target, &[]), false);
        assert_eq!(read.unwrap_err(), Unread::UnknownEndpoint, "{target}");
    }
    let read = Gateway::Envoy.read(&request("GET", "/decide//orders", &[]), false);
    assert_eq!(read.unwrap_err(), Unread::AmbiguousPath(Ambiguous::EmptySegment));
}

#[test]
fn malformed_host_is_none() {
    let [method, target, _] = headers(ORIGINAL);
    for host in ["a.example, b.example", "user@a.example", "a.example:http", "a example", "a.example/x"] {
        let read =
            Gateway::Nginx.read(&request("GET", "/decide", &[method, target, (ORIGINAL[2], host)]), true);
        assert_eq!(read.unwrap().host, None, "{host}");
    }
}

#[test]
fn other_endpoints_are_unknown() {
    for target in ["/", "/decide/", "/Decide", "/orders", "/decide/orders"] {
        let read = Gateway::Nginx.read(&request("GET", target, &headers(ORIGINAL)), true);
        assert_eq!(read.unwrap_err(), Unread::UnknownEndpoint, "{target}");
    }
}

#[test]
fn own_question_is_read_again() {
    for gateway in [Gateway::Nginx, Gateway::Traefik, Gateway::Caddy, Gateway::Envoy] {
        let question = gateway.question(&Method::POST, "/orders/7?x=1", "A.example:443").unwrap();
        let asked = gateway.read(&question, true).unwrap();
        assert_eq!(asked.method, "POST");
        assert_eq!((asked.path.as_str(), asked.host.as_deref()), ("/orders/7", Some("a.example")));
        let ambiguous = gateway.question(&Method::GET, "/orders/../7", "a.example").unwrap();
        assert!(matches!(gateway.read(&ambiguous, true), Err(Unread::AmbiguousPath(_))));
        assert!(gateway.question(&Method::GET, "/a\nb", "a.example").is_err());
    }
}

#[test]
fn path_in_the_log_has_no_query() {
    let sent = |gateway: Gateway, target: &str, headers: &[(&str, &str)]| {
        let request = request("GET", target, headers);
        gateway.sent_path(&request).map(|path| String::from_utf8(path.to_vec()).unwrap())
    };
    for (target, path) in [("/a//b?code=1", "/a//b"), ("/a/../b#code=1", "/a/../b"), ("a;b", "a;b")] {
        let headers = [(ORIGINAL[1], target)];
        assert_eq!(sent(Gateway::Nginx, "/decide?x", &headers).as_deref(), Some(path));
    }
    assert_eq!(sent(Gateway::Envoy, "/decide/a//b?code=1", &[]).as_deref(), Some("/a//b"));
    // An unknown endpoint is the mistake itself.
    assert_eq!(sent(Gateway::Nginx, "/decision", &[(ORIGINAL[1], "/a")]).as_deref(), Some("/decision"));
    assert_eq!(sent(Gateway::Envoy, "/a?code=1", &[]).as_deref(), Some("/a"));
    assert_eq!(sent(Gateway::Nginx, "/decide", &[]), None);
}
