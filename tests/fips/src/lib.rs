//! An application with the FIPS module. `tests/` has the tests.
