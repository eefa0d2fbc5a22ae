//! Tests of the state: storage against a simulated disk, values and worlds through bytes and back, hostile files.

mod disk_twin;
mod hostile;
mod programs;
mod storage;
mod values;
mod worlds;
