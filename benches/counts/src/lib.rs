//! Counts the instructions (with valgrind's callgrind) and the allocations of operations.
//!
//! Both hardly depend on the run or on the load of the machine, so a difference of a few percent is
//! significant. Time is not measured. callgrind emulates another processor, so some cryptography
//! takes another code path.
//!
//! A program passes its cases to [`run`]. It then starts itself again under valgrind, because the
//! collection can only be limited to one function from outside of the process.
#![deny(unsafe_code)]

mod run;

mod measure;
mod allocator;
mod callgrind;

mod table;
mod limits;

pub use run::run;
