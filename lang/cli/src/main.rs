//! The Orion compiler's command line.

fn main() {}
