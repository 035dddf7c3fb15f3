//! What the events of each dialect say.

pub(crate) mod anthropic;
pub(crate) mod bedrock;
pub(crate) mod chat;
pub(crate) mod cohere;
pub(crate) mod google;
pub(crate) mod interactions;
pub(crate) mod logprobs;
pub(crate) mod responses;
