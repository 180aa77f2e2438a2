//! Functionality: section 9.

cases! {}
