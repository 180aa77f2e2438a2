//! The thread that owns the store and the audit log. Everything that is kept goes through its bounded queue, so a slow disk pushes
//! back on the door that it came through and never blocks the runtime.

use std::path::Path;
use std::sync::Arc;

use line3_proto::Wall;
use tokio::sync::{mpsc, oneshot};

use crate::audit::{Audit, AuditError};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// The most jobs that wait for the thread; beyond it whoever brings one waits.
const QUEUE: usize = 1024;

/// What the thread owns.
pub struct Kept {
    /// What is kept.
    pub store: Box<dyn Store>,
    /// The right to write audit rows.
    pub audit: Audit,
}

type Job = Box<dyn FnOnce(&mut Kept) + Send>;

/// The way to the thread. Cheap to clone; the thread ends with the last of them.
#[derive(Clone)]
pub struct Keeper {
    jobs: mpsc::Sender<Job>,
    /// Dropped by the thread when it has ended.
    ended: Arc<tokio::sync::Mutex<oneshot::Receiver<()>>>,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The thread.
    #[error("the store's thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// The thread has ended: the server is stopping.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the server is stopping")]
pub struct Stopping;

impl Keeper {
    /// Opens the database at `path` and starts its thread.
    pub fn open(path: &Path, at: Wall) -> Result<Self, KeeperError> {
        let mut store: Box<dyn Store> = Box::new(SqliteStore::open(path)?);
        let audit = Audit::open(&mut *store, at)?;
        let mut kept = Kept { store, audit };
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let (end, ended) = oneshot::channel::<()>();
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut kept);
            }
            drop(kept);
            drop(end);
        };
        std::thread::Builder::new().name("store".to_owned()).spawn(work).map_err(KeeperError::Thread)?;
        Ok(Self { jobs, ended: Arc::new(tokio::sync::Mutex::new(ended)) })
    }

    /// Does something in the thread, and waits for what came of it.
    pub async fn run<R: Send + 'static>(&self, job: impl FnOnce(&mut Kept) -> R + Send + 'static) -> Result<R, Stopping> {
        let (answer, answered) = oneshot::channel();
        self.post(move |kept| {
            // Whoever asked may have gone meanwhile.
            let _ = answer.send(job(kept));
        })
        .await?;
        answered.await.map_err(|_| Stopping)
    }

    /// Has something done in the thread, after all that was brought before.
    pub async fn post(&self, job: impl FnOnce(&mut Kept) + Send + 'static) -> Result<(), Stopping> {
        self.jobs.send(Box::new(job)).await.map_err(|_| Stopping)
    }

    /// Gives up this way to the thread, and waits until the last one is given up and everything is on disk.
    pub async fn close(self) {
        let Self { jobs, ended } = self;
        drop(jobs);
        // The sender is dropped, never used: an error is the end.
        let _ = (&mut *ended.lock().await).await;
    }
}
