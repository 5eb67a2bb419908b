//! Work on the blocks of one stream: handed to the workers as blocks come, taken back in order. It
//! must not know what the work is.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, TryRecvError};

use crate::CodecError;
use crate::budget::{Permit, StreamBudget};
use crate::buffers::{Block, BufferUser, Buffers};
use crate::workers::{Shared, Workers};

/// A block of plain bytes, shared by those who compress, hash and write it.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) block: Block,
    /// Held for as long as the block takes memory, here and in what is made of it.
    pub(crate) permit: Option<Arc<Permit>>,
}

impl AsRef<[u8]> for Plain {
    fn as_ref(&self) -> &[u8] {
        &self.block
    }
}

/// `Arc` gives no `AsRef` to the bytes within what it holds.
#[derive(Debug, Clone)]
pub(crate) struct SharedPlain(pub(crate) Arc<Plain>);

impl AsRef<[u8]> for SharedPlain {
    fn as_ref(&self) -> &[u8] {
        &self.0.block
    }
}

/// The blocks of one stream that are being worked on.
#[derive(Debug)]
pub(crate) struct Window<T> {
    workers: Workers,
    pending: VecDeque<Receiver<Result<T, CodecError>>>,
    budget: StreamBudget,
    _buffers: BufferUser,
}

impl<T: Send + 'static> Window<T> {
    pub(crate) fn new(workers: &Workers) -> Self {
        Self {
            workers: workers.clone(),
            pending: VecDeque::new(),
            budget: StreamBudget::new(&workers.state().budget),
            _buffers: BufferUser::new(&workers.state().buffers),
        }
    }

    pub(crate) fn buffers(&self) -> &Arc<Buffers> {
        &self.workers.state().buffers
    }

    /// Hands work to the workers.
    pub(crate) fn push(
        &mut self,
        work: impl FnOnce(&Shared) -> Result<T, CodecError> + Send + 'static,
    ) {
        let shared = Arc::clone(self.workers.state());
        self.pending
            .push_back(self.workers.run(move || work(&shared)));
    }

    /// A permit for one more block. While there is none, finished work is taken out. The caller must
    /// not hold a permit of this stream itself.
    pub(crate) fn permit(
        &mut self,
        mut done: impl FnMut(T) -> Result<(), CodecError>,
    ) -> Result<Arc<Permit>, CodecError> {
        loop {
            if let Some(permit) = self.budget.try_take() {
                return Ok(Arc::new(permit));
            }
            match self.pending.pop_front() {
                Some(next) => done(finished(next.recv())?)?,
                None => return Ok(Arc::new(self.budget.take())),
            }
        }
    }

    /// Takes out what is finished at the front, without waiting.
    pub(crate) fn take_finished(
        &mut self,
        mut done: impl FnMut(T) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        while let Some(next) = self.pending.front() {
            match next.try_recv() {
                Err(TryRecvError::Empty) => break,
                Ok(result) => done(result?)?,
                Err(TryRecvError::Disconnected) => return Err(died()),
            }
            self.pending.pop_front();
        }
        Ok(())
    }

    /// Waits for everything.
    pub(crate) fn take_all(
        &mut self,
        mut done: impl FnMut(T) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        while let Some(next) = self.pending.pop_front() {
            done(finished(next.recv())?)?;
        }
        Ok(())
    }
}

fn finished<T>(received: Result<Result<T, CodecError>, RecvError>) -> Result<T, CodecError> {
    received.unwrap_or_else(|_| Err(died()))
}

fn died() -> CodecError {
    CodecError::Io(io::Error::other("a codec worker died over a block"))
}
