//! Counts what operations cost: instructions, under valgrind's callgrind, and allocations. Neither changes much from run
//! to run or with what else a machine does, so that a difference of a few percent means something. Time is not looked
//! at; and callgrind has its own idea of the processor, so that some cryptography takes another path there.
//!
//! A program gives its cases to [`run`]. It then starts itself again under valgrind, because only from outside the
//! collecting of instructions can be limited to the function that calls a case.
#![deny(unsafe_code)]

mod run;

mod measure;
mod allocator;
mod callgrind;

mod table;
mod limits;

pub use run::run;
