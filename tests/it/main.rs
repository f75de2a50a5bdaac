//! The program as its users meet it: the real binary, a store in a temporary directory, the sandbox as the provider.

mod cli_operator;
mod support;
