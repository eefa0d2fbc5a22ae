//! Layouts, symbol names and constants shared by generated code and the runtime.
