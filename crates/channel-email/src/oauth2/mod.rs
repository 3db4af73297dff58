//! Logging in with a token in place of a password, as Microsoft 365 and Google Workspace want it (OAuth2).
//!
//! - `settings.rs`: its TOML, `[email.NAME.oauth2]`
//! - `tokens.rs`: the token of one channel, shared by its folders, renewed before it ends
//! - `endpoint.rs`: asking the token endpoint
//! - `answer.rs`: what its answer means; pure
//! - `refresh.rs`: the refresh token, also when the endpoint gives another one
//! - `sasl.rs`: how a token is shown to a mail server; pure
//!
//! Tokens are in memory only. Neither they nor secrets are ever in a log or an error.

mod answer;
mod endpoint;
mod refresh;
mod sasl;
mod settings;
mod tokens;

pub(crate) use sasl::{Login, over, proof, refusal};
pub(crate) use settings::{OAuth2Config, read};
pub(crate) use tokens::{Token, Tokens};
