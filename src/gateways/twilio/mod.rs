pub mod client;
pub mod codes;
pub mod signature;
pub mod wire;
