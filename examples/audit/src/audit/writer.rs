//! The thread that writes. Only this thread waits for the disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::file::{AuditFile, News};
use super::{Message, State, record};

/// At most as many lines are written at once.
const BATCH: usize = 256;

/// The pause after a failed write.
const RETRY: Duration = Duration::from_millis(250);

pub(super) struct Writer {
    file: AuditFile,
    messages: Receiver<Message>,
    state: Arc<State>,
}

impl Writer {
    pub(super) fn new(file: AuditFile, messages: Receiver<Message>, state: Arc<State>) -> Self {
        Self { file, messages, state }
    }

    /// Runs until the audit is closed or dropped.
    pub(super) fn run(mut self) {
        while let Some(message) = self.messages.blocking_recv() {
            let mut closed = self.take(message);
            for _ in 1..BATCH {
                match self.messages.try_recv() {
                    Ok(message) => closed = self.take(message).or(closed),
                    Err(_) => break,
                }
            }
            let written = self.write();
            if let Some(closed) = closed {
                self.messages.close();
                // Records may have come after the message.
                while let Ok(message) = self.messages.try_recv() {
                    self.take(message);
                }
                let written = written.and_then(|()| self.write_once()).and_then(|()| self.file.sync());
                // The caller may no longer wait.
                let _ = closed.send(written);
                return;
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<oneshot::Sender<io::Result<()>>> {
        match message {
            Message::Line(line) => {
                // Lines that were queued before the loss may follow the notice.
                self.note_losses();
                self.file.push(&line);
                None
            }
            Message::Close(closed) => {
                self.note_losses();
                Some(closed)
            }
        }
    }

    fn note_losses(&mut self) {
        let lost = self.state.lost.swap(0, Ordering::Relaxed);
        let turned_away = self.state.turned_away.swap(0, Ordering::Relaxed);
        if lost + turned_away > 0 {
            self.file.push(&record::notice(lost, turned_away));
        }
    }

    #[allow(clippy::print_stderr, reason = "the operator must see it, and looks for the file at its path")]
    fn write_once(&mut self) -> io::Result<()> {
        let written = self.file.write();
        match self.file.take_news() {
            Some(News::NotReopened(error)) => {
                eprintln!("the audit file cannot be opened again, writing to the old one: {error}");
            }
            Some(News::Reopened) => eprintln!("the audit file is open again"),
            None => {}
        }
        written
    }

    /// Writes until it succeeds. Gives up when the audit is closed.
    #[allow(clippy::print_stderr, reason = "the operator must see it, and the audit file is full")]
    fn write(&mut self) -> io::Result<()> {
        while let Err(error) = self.write_once() {
            if !self.state.is_failing.swap(true, Ordering::Relaxed) {
                eprintln!("the audit file cannot be written: {error}");
            }
            if self.state.is_closing.load(Ordering::Relaxed) {
                return Err(error);
            }
            thread::sleep(RETRY);
        }
        if self.state.is_failing.swap(false, Ordering::Relaxed) {
            eprintln!("the audit file is written again");
        }
        Ok(())
    }
}
