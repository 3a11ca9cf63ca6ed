//! The book alone: every rule of the gates without a file.
