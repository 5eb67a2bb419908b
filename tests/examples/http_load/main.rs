//! Load for servers that store files by `PUT` and give them back by `GET`: so many of one size over so
//! many connections, and what that came to. Knows nothing of the servers but a URL before the names.
//!
//! ```text
//! http_load put|get URL COUNT SIZE CONNECTIONS [HEADER…]
//! http_load push|pull URL COUNT SIZE CONNECTIONS           blobs of a registry of images, by their digest
//! http_load ask URL COUNT                           the same answer again and again, one after another
//! ```
//! Prints requests per second, megabytes of content per second, and the median and the 99th percentile
//! of their times in milliseconds. Bodies are lines of a made-up log, other ones for every name.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod client;
mod content;
mod registry;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, Place};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("http_load: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<String, String> {
    let number = |text: &str| {
        text.parse::<usize>()
            .map_err(|_| format!("`{text}` is no number"))
    };
    match args {
        ["ask", url, count] => {
            let load = Load {
                verb: Verb::Ask,
                place: Place::parse(url)?,
                count: number(count)?,
                size: 0,
                headers: String::new(),
            };
            load.run(1)
        }
        [
            verb @ ("put" | "get" | "push" | "pull"),
            url,
            count,
            size,
            connections,
            headers @ ..,
        ] => {
            let load = Load {
                verb: match *verb {
                    "put" => Verb::Put,
                    "get" => Verb::Get,
                    "push" => Verb::Push,
                    _ => Verb::Pull,
                },
                place: Place::parse(url)?,
                count: number(count)?,
                size: number(size)?,
                headers: headers.iter().flat_map(|one| [*one, "\r\n"]).collect(),
            };
            load.run(number(connections)?)
        }
        _ => Err(
            "put|get|push|pull URL COUNT SIZE CONNECTIONS [HEADER…], or ask URL COUNT".to_owned(),
        ),
    }
}

/// What is done again and again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Put,
    Get,
    Push,
    Pull,
    Ask,
}

/// What is asked of a server.
struct Load {
    verb: Verb,
    place: Place,
    count: usize,
    /// Of every body; 0 where one URL is asked for again and again.
    size: usize,
    headers: String,
}

impl Load {
    fn run(&self, connections: usize) -> Result<String, String> {
        let next = AtomicUsize::new(0);
        let times = Mutex::new(Vec::with_capacity(self.count));
        let text = content::lines();
        let names = match self.verb {
            Verb::Push | Verb::Pull => registry::names(&text, self.count, self.size),
            Verb::Put | Verb::Get => (0..self.count).map(|number| number.to_string()).collect(),
            Verb::Ask => vec![String::new(); self.count],
        };
        let begun = Instant::now();
        let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
            let all: Vec<_> = (0..connections)
                .map(|_| scope.spawn(|| self.connection(&next, &times, &text, &names)))
                .collect();
            let joined = all.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .map(|end| end.unwrap_or_else(|_| Err("a connection stopped".to_owned())))
                .collect()
        });
        let took = begun.elapsed();
        outcomes.into_iter().collect::<Result<(), _>>()?;
        let mut times = times.into_inner().map_err(|_| "a connection stopped")?;
        times.sort_unstable();
        Ok(self.line(took, &times))
    }

    fn connection(
        &self,
        next: &AtomicUsize,
        times: &Mutex<Vec<Duration>>,
        text: &[u8],
        names: &[String],
    ) -> Result<(), String> {
        let mut client = Client::connect(&self.place)?;
        let mut mine = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(number) else {
                break;
            };
            let body = content::of(text, number, self.size);
            let begun = Instant::now();
            match self.verb {
                Verb::Put => client.put(name, &self.headers, body)?,
                Verb::Push => registry::push(&mut client, name, &self.headers, body)?,
                Verb::Get | Verb::Pull => {
                    let got = client.get(name, &self.headers)?;
                    if got.is_plain && got.bytes != self.size {
                        return Err(format!("{name} has {} bytes", got.bytes));
                    }
                }
                Verb::Ask => {
                    client.get(name, &self.headers)?;
                }
            }
            mine.push(begun.elapsed());
        }
        let mut times = times.lock().map_err(|_| "a connection stopped")?;
        times.extend(mine);
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the numbers are small, and are shown"
    )]
    fn line(&self, took: Duration, times: &[Duration]) -> String {
        let at = |part: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is an index"
            )]
            let index = (times.len() as f64 * part) as usize;
            times
                .get(index)
                .map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        let seconds = took.as_secs_f64();
        let megabytes = (self.count * self.size) as f64 / 1e6 / seconds;
        format!(
            "{:8.0}/s {megabytes:8.1} MB/s  p50 {:7.2} ms  p99 {:7.2} ms",
            self.count as f64 / seconds,
            at(0.5),
            at(0.99)
        )
    }
}
