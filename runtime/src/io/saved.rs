//! Handles in a state: what is written of each, and what is made of it.
//!
//! Nothing here opens anything: a state may be looked at without being run. [`Handle::reopen`] follows when a run begins.

use std::{os::fd::AsRawFd, time::Duration};

use orion_format::world::{Blob, HANDLE_FILE, HANDLE_LOST, HANDLE_SOCKET, HandleItem};

use super::{
    Io,
    handles::{Handle, Handles, Kind, Known},
};

impl Handles {
    /// All handles, as a state holds them.
    #[must_use]
    pub fn items(&self) -> Vec<HandleItem<'_>> {
        self.iter().map(|(&id, handle)| item(id, handle)).collect()
    }

    /// Waits until everything that was written to files is on disk: a state that knows of it follows.
    pub fn sync(&mut self) {
        for (_, handle) in self.iter_mut() {
            if std::mem::take(&mut handle.unsynced)
                && let Some(fd) = &handle.fd
            {
                // What cannot be synced (a pipe, a terminal) need not be.
                // SAFETY: a valid descriptor.
                unsafe { libc::fdatasync(fd.as_raw_fd()) };
            }
        }
    }
}

fn item(id: i64, handle: &Handle) -> HandleItem<'_> {
    let mut item = HandleItem {
        id,
        kind: HANDLE_SOCKET,
        text: "",
        flags: 0,
        identity: [0; 2],
        length: 0,
        offset: handle.offset,
        timeout_ns: handle.timeout.map_or(0, |time| time.as_nanos() as u64),
        buffer: Blob(&[]),
    };
    match &handle.kind {
        Kind::File(known) | Kind::Saved(known) => {
            item.kind = HANDLE_FILE;
            item.text = &known.path;
            item.flags = known.flags;
            item.identity = [known.device, known.inode];
            item.length = known.length;
            if !handle.seeks {
                item.buffer = Blob(&handle.buffer);
            }
        }
        Kind::Lost(why) => {
            item.kind = HANDLE_LOST;
            item.text = why;
        }
        Kind::Connection | Kind::Listener => {}
    }
    item
}

impl Io {
    /// Takes in the handles of a state, none of them open.
    pub fn restore_handles(&mut self, items: &[HandleItem<'_>], next: i64) {
        self.handles = Handles::starting_at(next);
        for item in items {
            let kind = match item.kind {
                HANDLE_FILE => Kind::Saved(Known {
                    path: item.text.to_owned(),
                    flags: item.flags,
                    device: item.identity[0],
                    inode: item.identity[1],
                    length: item.length,
                }),
                HANDLE_LOST => Kind::Lost(item.text.to_owned()),
                _ => Kind::Connection,
            };
            let mut handle = Handle::new(kind, None);
            handle.offset = item.offset;
            handle.buffer = item.buffer.0.to_vec();
            handle.timeout = (item.timeout_ns > 0).then(|| Duration::from_nanos(item.timeout_ns));
            self.handles.restore(item.id, handle);
        }
        self.reopen = true;
    }
}
