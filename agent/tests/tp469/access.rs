//! Roles and permissions: 2.9 to 2.27.

cases! {}
