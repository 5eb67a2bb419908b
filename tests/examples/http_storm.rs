//! A storm for the server: mixed load while it is killed and started again, for as long as one likes. The
//! tests have a short one; this is the same for minutes and hours.
//!
//! ```text
//! http_storm [SECONDS [LIFE_S [CLIENTS]]]     600 seconds, a server that lives 20, and 8 clients
//! ```
//! One half keeps every version, the other the newest alone. Prints what was done, how often the server
//! was killed, and what was lost or answered wrong; ends with code 1 if anything was. `E2E_SEED` repeats
//! what is asked for, `E2E_ARTIFACT_BINARY` names the program beside which the server lies, `TMPDIR` the
//! disk, and `E2E_KEEP=1` keeps the store.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;
use std::time::Duration;

use e2e::http_storm::Storm;
use e2e::{Random, Sandbox};

fn main() -> ExitCode {
    let mut numbers = Vec::new();
    for word in std::env::args().skip(1) {
        match word.parse::<u64>() {
            Ok(number) if number > 0 => numbers.push(number),
            _ => {
                eprintln!("http_storm [SECONDS [LIFE_S [CLIENTS]]]: `{word}` is no number above 0");
                return ExitCode::from(2);
            }
        }
    }
    let number = |index: usize, otherwise: u64| numbers.get(index).copied().unwrap_or(otherwise);
    let mut random = Random::seeded();
    let mut is_sound = true;
    for (keeps_versions, name) in [(false, "the newest version alone"), (true, "every version")] {
        let storm = Storm {
            length: Duration::from_secs(number(0, 600)) / 2,
            life: Duration::from_secs(number(1, 20)),
            clients: number(2, 8),
            keeps_versions,
        };
        println!("{storm:?}");
        let report = storm.run(Sandbox::new(), &mut random);
        println!("{report}, with {name}");
        is_sound &= report.is_sound();
    }
    if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
