//! The checkout protocol as a state machine, and a checker that searches all of it.

pub mod background;
pub mod checkout;
pub mod config;
pub mod faults;
pub mod gate;
pub mod ids;
pub mod model;
pub mod promises;
pub mod record;
pub mod rules;
pub mod state;
pub mod step;

pub use config::{Budget, Config};
pub use model::Protocol;
pub use rules::Rules;
pub use state::State;
pub use step::{Answer, Step};
