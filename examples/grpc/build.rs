//! Generates the service's client and server from a description in Rust, so that the build needs no
//! `protoc`. From a `.proto` file, `tonic-prost-build` generates the same code.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() {
    let orders = Service::builder()
        .package("shop")
        .name("Orders")
        .method(method("list", "List").build())
        .method(method("create", "Create").build())
        .method(method("create_many", "CreateMany").client_streaming().server_streaming().build())
        .build();
    Builder::new().compile(&[orders]);
}

/// Returns a method whose messages are strings (`google.protobuf.StringValue`, which is `String` in
/// prost).
fn method(name: &str, route: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type("String")
        .output_type("String")
        .codec_path("tonic_prost::ProstCodec")
}
