mod file;
mod verifying;
