//! The application's hook for responses to rejected requests.

use http::Response;

use crate::rejection::Rejection;

/// A hook that changes the responses to rejected requests, see
/// [`RequireScope::on_rejection`](crate::RequireScope::on_rejection).
///
/// It is implemented for functions that take a `&Rejection` and a response, and return a response.
/// You cannot implement it for other types.
pub trait OnRejection<B>: sealed::OnRejection<B> {}

/// The default hook, which returns responses unchanged.
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
