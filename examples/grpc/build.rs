//! Makes the service's client and server from a description in Rust, so that nobody needs `protoc`. With a `.proto` file,
//! `tonic-prost-build` makes the same.

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

/// Every message is a text, `google.protobuf.StringValue`: prost has it as `String`.
fn method(name: &str, route: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type("String")
        .output_type("String")
        .codec_path("tonic_prost::ProstCodec")
}
