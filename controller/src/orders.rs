//! Checks an order against the box's catalogue before anything is sent, so that a typing error is told at once and by name.

use std::time::Duration;

use line3_proto::Effect;
use line3_proto::catalogue::Catalogue;

use crate::fleet::Order;

/// Why an order makes no sense on this box.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOrder(pub String);

/// An order that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The order.
    pub order: Order,
    /// What it does to the box; `None`: it only looks.
    pub effect: Option<Effect>,
    /// How long the box lets the command run; `None`: it is no command, or the agent does not say.
    pub limit: Option<Duration>,
}

/// Checks an order. Without a catalogue (the box was never met) nothing can be told; a command counts as the worst then.
pub fn check(order: Order, catalogue: Option<&Catalogue>) -> Result<Checked, BadOrder> {
    let command = match &order {
        Order::Operate { command, .. } => catalogue.and_then(|catalogue| catalogue.command(command)),
        _ => None,
    };
    let effect = order.effect(command.and_then(|command| command.effect).unwrap_or(Effect::Destroy));
    let limit = command.and_then(|command| command.limit).map(Duration::from_secs);
    Ok(Checked { order, effect, limit })
}
