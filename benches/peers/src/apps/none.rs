//! No authentication: the baseline of all others.

use axum::Router;
use axum::routing::get;
use scopegate_bench_kit::{NoOp, handler};

use crate::{App, Authority};

pub(super) async fn bare(_: Authority) -> App {
    App::Axum08(Router::new().route("/orders", get(handler)))
}

pub(super) async fn no_op(_: Authority) -> App {
    App::Axum08(Router::new().route("/orders", get(handler).layer(NoOp)))
}

pub(super) async fn no_op_axum_07(_: Authority) -> App {
    App::Axum07(axum07::Router::new().route("/orders", axum07::routing::get(handler).layer(NoOp)))
}
