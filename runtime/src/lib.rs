//! The Orion runtime: scheduler, channels, timers, values and the state file.
