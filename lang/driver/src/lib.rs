//! The pipeline from source file to executable, and its emit targets.
