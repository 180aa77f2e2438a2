//! Notifications and the subscriptions behind them: 1.52 to 1.60, 1.78, 1.84, 1.93, 1.94, 1.101 to 1.103.

cases! {}
