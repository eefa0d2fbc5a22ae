//! The typed, resolved, still generic intermediate representation of Orion.
