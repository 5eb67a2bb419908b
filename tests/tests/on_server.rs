//! The store from outside, through a server: the program knows its address and nothing else of the store. The
//! cases are those of every engine; which of them are about what no server has is said, by name and with
//! the reason, in `.config/nextest.toml`.

mod cases;

/// The index engine of these cases.
const INDEX: &str = "sqlite";

/// An empty store behind a server.
fn sandbox() -> e2e::Sandbox {
    e2e::Sandbox::with_server(INDEX)
}
