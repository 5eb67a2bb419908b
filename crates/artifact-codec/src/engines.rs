//! Compressors and decompressors that are used again: a compressor is some 370 KiB, and to allocate
//! one for each of many small streams costs time and leaves holes in memory. It must not know what
//! they are used for.

use std::io;
use std::sync::{Condvar, Mutex};

use crate::deflate::{BlockDeflater, BlockEnd, BlockInflater};
use crate::workers::{lock, wait};
use crate::{CodecError, Level};

/// The engines that some workers and the threads of their callers share.
#[derive(Debug)]
pub(crate) struct Engines {
    deflaters: Pool<(Level, BlockDeflater)>,
    inflaters: Pool<BlockInflater>,
}

impl Engines {
    /// Up to `limit` of each kind. Who finds all in use waits, which is short: an engine is held
    /// while it works on one block in memory, never over input or output.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            deflaters: Pool::new(limit),
            inflaters: Pool::new(limit),
        }
    }

    /// Appends a compressed block to `output`. The bytes depend on nothing but level, block and end.
    pub(crate) fn deflate(
        &self,
        level: Level,
        plain: &[u8],
        end: BlockEnd,
        output: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (mut turn, idle) = self.deflaters.turn(|(of_level, _)| *of_level == level);
        let mut deflater = idle.map_or_else(|| BlockDeflater::new(level), |(_, idle)| idle);
        deflater.compress(plain, end, output)?;
        // One that failed has a state that no reset is known to clear, so it does not get here.
        turn.give_back((level, deflater));
        Ok(())
    }

    /// Decompresses an ended block to exactly `plain`.
    pub(crate) fn inflate(&self, ended_block: &[u8], plain: &mut [u8]) -> Result<(), CodecError> {
        let (mut turn, idle) = self.inflaters.turn(|_| true);
        let mut inflater = idle.unwrap_or_else(BlockInflater::new);
        let result = inflater.decompress(ended_block, plain);
        turn.give_back(inflater);
        result
    }
}

#[derive(Debug)]
struct Pool<T> {
    limit: usize,
    state: Mutex<State<T>>,
    free: Condvar,
}

#[derive(Debug)]
struct State<T> {
    idle: Vec<T>,
    in_use: usize,
}

/// The right to one engine, given back when it is dropped, even by a panic.
struct Turn<'a, T> {
    pool: &'a Pool<T>,
    engine: Option<T>,
}

impl<T> Pool<T> {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::new(State {
                idle: Vec::new(),
                in_use: 0,
            }),
            free: Condvar::new(),
        }
    }

    /// Waits for a turn, with an idle engine that fits. Where there is none, one is to be made, for
    /// which one that does not fit goes if there would be too many.
    fn turn(&self, fits: impl Fn(&T) -> bool) -> (Turn<'_, T>, Option<T>) {
        let mut state = lock(&self.state);
        while state.in_use >= self.limit {
            state = wait(&self.free, state);
        }
        state.in_use += 1;
        let fitting = state.idle.iter().rposition(fits);
        let fitting = fitting.map(|at| state.idle.swap_remove(at));
        if fitting.is_none() && state.idle.len() + state.in_use > self.limit {
            state.idle.swap_remove(0);
        }
        let turn = Turn {
            pool: self,
            engine: None,
        };
        (turn, fitting)
    }
}

impl<T> Turn<'_, T> {
    fn give_back(&mut self, engine: T) {
        self.engine = Some(engine);
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        state.in_use -= 1;
        state.idle.extend(self.engine.take());
        drop(state);
        self.pool.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(level: u32) -> Level {
        Level::new(level).unwrap()
    }

    #[test]
    fn there_are_never_more_than_allowed_and_all_get_their_turn() {
        let engines = Engines::new(2);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let engines = &engines;
                scope.spawn(move || {
                    for round in 0..20_u8 {
                        let plain = vec![thread; 10_000 + usize::from(round)];
                        let mut output = Vec::new();
                        let level = level(u32::from(1 + (thread + round) % 9));
                        engines
                            .deflate(level, &plain, BlockEnd::Finish, &mut output)
                            .unwrap();
                        let mut again = vec![0; plain.len()];
                        engines.inflate(&output, &mut again).unwrap();
                        assert!(again == plain);
                        let state = lock(&engines.deflaters.state);
                        assert!(state.idle.len() + state.in_use <= 2);
                    }
                });
            }
        });
        assert_eq!(lock(&engines.deflaters.state).in_use, 0);
        assert_eq!(lock(&engines.inflaters.state).in_use, 0);
        assert!((1..=2).contains(&lock(&engines.deflaters.state).idle.len()));
    }

    #[test]
    fn a_panic_gives_the_turn_back() {
        let pool: Pool<u8> = Pool::new(1);
        let dying = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = pool.turn(|_| true);
            panic!("on purpose");
        }));
        assert!(dying.is_err());
        assert!(pool.turn(|_| true).1.is_none());
    }
}
