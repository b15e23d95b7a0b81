//! The connection of a request: the address of its peer, and the client's certificate. A server stores
//! both in the request's extensions.

use std::net::IpAddr;

use http::Extensions;
use scopegate::PeerCertificate;

/// Returns the address of the peer, if axum or tonic has stored it.
#[cfg(feature = "mtls")]
pub(super) fn peer_address(extensions: &Extensions) -> Option<IpAddr> {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    match extensions.get() {
        Some(ConnectInfo::<SocketAddr>(peer)) => Some(peer.ip()),
        None => of_tonic::peer_address(extensions),
    }
}

#[cfg(not(feature = "mtls"))]
pub(super) fn peer_address(_: &Extensions) -> Option<IpAddr> {
    None
}

/// Returns the certificate of the TLS connection, if the server or tonic has stored it.
pub(super) fn certificate(extensions: &Extensions) -> Option<PeerCertificate> {
    match extensions.get() {
        Some(certificate) => Some(*certificate),
        None => of_tonic::certificate(extensions),
    }
}

/// The connections of tonic's own server.
#[cfg(all(feature = "mtls", feature = "tonic"))]
mod of_tonic {
    use std::net::IpAddr;

    use http::Extensions;
    use scopegate::PeerCertificate;
    use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

    pub(super) fn peer_address(extensions: &Extensions) -> Option<IpAddr> {
        let over_tls = || extensions.get().map(TlsConnectInfo::<TcpConnectInfo>::get_ref);
        extensions.get().or_else(over_tls).and_then(TcpConnectInfo::remote_addr).map(|peer| peer.ip())
    }

    pub(super) fn certificate(extensions: &Extensions) -> Option<PeerCertificate> {
        let chain = extensions.get().and_then(TlsConnectInfo::<TcpConnectInfo>::peer_certs)?;
        // The client's own certificate is the first.
        chain.first().map(PeerCertificate::from_der)
    }
}

#[cfg(not(all(feature = "mtls", feature = "tonic")))]
mod of_tonic {
    use http::Extensions;
    use scopegate::PeerCertificate;

    #[cfg(feature = "mtls")]
    pub(super) fn peer_address(_: &Extensions) -> Option<std::net::IpAddr> {
        None
    }

    pub(super) fn certificate(_: &Extensions) -> Option<PeerCertificate> {
        None
    }
}
