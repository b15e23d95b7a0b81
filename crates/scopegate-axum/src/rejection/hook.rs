//! What an application does to the responses of rejected requests.

use http::Response;

use crate::rejection::Rejection;

/// Changes the responses to rejected requests: what a layer's `on_rejection` takes.
///
/// It is implemented for functions from `&Rejection` and a response to a response, and cannot be
/// implemented for other types.
pub trait OnRejection<B>: sealed::OnRejection<B> {}

/// Leaves the responses to rejected requests as they are. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unchanged;

impl<B, H: sealed::OnRejection<B>> OnRejection<B> for H {}

impl<B, F: Fn(&Rejection, Response<B>) -> Response<B>> sealed::OnRejection<B> for F {
    fn apply(&self, rejection: &Rejection, response: Response<B>) -> Response<B> {
        self(rejection, response)
    }
}

impl<B> sealed::OnRejection<B> for Unchanged {
    fn apply(&self, _: &Rejection, response: Response<B>) -> Response<B> {
        response
    }
}

pub(super) mod sealed {
    use http::Response;

    use crate::rejection::Rejection;

    pub trait OnRejection<B> {
        fn apply(&self, rejection: &Rejection, response: Response<B>) -> Response<B>;
    }
}
