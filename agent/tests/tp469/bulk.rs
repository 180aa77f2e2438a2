//! Bulk data: section 10.

cases! {}
