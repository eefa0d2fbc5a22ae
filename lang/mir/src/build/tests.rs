//! Tests of the lowering on small programs, through the front end.
