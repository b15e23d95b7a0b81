mod delivery;
mod effects;
mod fixture;
mod polling;
mod verifying;
