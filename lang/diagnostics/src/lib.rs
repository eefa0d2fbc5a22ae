//! Diagnostics as data: codes, labels, pages, and one renderer per format.
