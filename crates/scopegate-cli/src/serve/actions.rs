//! The actions that events of the log ask an operator for.

/// After a change that a running service cannot make.
pub(super) const RESTART: &str = "restart the service";
/// After a failure of a reload that no file causes.
pub(super) const TRY_AGAIN: &str = "send SIGHUP to try again, or restart the service";
/// After a connection that was not accepted.
pub(super) const RAISE_FILES: &str =
    "if there are too many open files, raise their limit (LimitNOFILE of systemd)";
