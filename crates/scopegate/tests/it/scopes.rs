//! Which scopes are granted, and which requirements do they satisfy?

mod algebra;
mod implied;
