//! The waiters of a restored world: every node back into the line where it stood.
//!
//! Input: tasks whose frames are complete, and the queues of the image. Output: nodes linked with channels, timers, tasks, scopes and generators.
//! Checked: a queue names only waiters whose arm waits for it, each once; and whoever waits is in every line that its point asks for.

use super::program::arms_of;
use super::restore::{Done, Restore, corrupt};
use crate::frames::kind_of;
use crate::generator::Generator;
use crate::sched::park::{init_nodes, node_of, target_of};
use crate::scope::Scope;
use orion_abi::WaitNode;
use orion_abi::desc::{
    ARM_AFTER, ARM_GEN, ARM_IO, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, PointKind,
};
use orion_fast::task::Task;
use orion_format::world::{TASK_ENDED, TASK_WAITING, TaskItem, Waiter};
use std::ptr::null_mut;

impl Restore<'_> {
    /// The node of a waiter that a queue names, if the queue is what its arm waits for.
    unsafe fn waiting_node(
        &self,
        waiter: Waiter,
        kind: u32,
        target: *mut u8,
    ) -> Done<*mut WaitNode> {
        let lost = || corrupt(format!("task {} waits for what it does not wait for", waiter.task));
        let Some(&task) = self.decoder.tasks.get(&waiter.task) else { return lost() };
        // SAFETY: tasks in the table are alive; a waiting one has a leaf with filled nodes.
        unsafe {
            if (*task).state != TASK_WAITING {
                return lost();
            }
            let frame = (*task).leaf;
            let point = crate::frames::point_of(frame);
            let Some(arm) = arms_of(point).get(waiter.arm as usize) else { return lost() };
            let node = node_of(frame, point, waiter.arm as usize);
            if arm.kind != kind || target_of(frame, arm) != target || !(*node).target.is_null() {
                return lost();
            }
            Ok(node)
        }
    }

    /// Puts every waiter where it stood, and checks that none is left over.
    pub(super) unsafe fn link_waiters(&mut self) -> Done {
        let image = self.image;
        let waiting: Vec<&TaskItem<'_>> =
            image.tasks.values().filter(|item| item.state == TASK_WAITING).collect();
        // SAFETY: leaves of waiting tasks are complete; nodes lie in them.
        unsafe {
            for item in &waiting {
                init_nodes((*self.decoder.tasks[&item.id]).leaf);
            }
            for (id, chan) in &self.decoder.chans {
                let (item, chan) = (&image.channels[id], *chan);
                for waiter in &item.receivers {
                    let node = self.waiting_node(*waiter, ARM_RECV, chan.cast())?;
                    (*chan).receivers.push(node, chan.cast());
                }
                for waiter in &item.senders {
                    let node = self.waiting_node(*waiter, ARM_SEND, chan.cast())?;
                    (*chan).senders.push(node, chan.cast());
                }
            }
            for item in image.tasks.values() {
                self.link_driver(item)?;
            }
            for item in &waiting {
                let task = self.decoder.tasks[&item.id];
                self.link_timers(item, task)?;
                self.link_arms(item, task)?;
            }
        }
        Ok(())
    }

    /// Links a generator with the frame that waits for it.
    unsafe fn link_driver(&self, item: &TaskItem<'_>) -> Done {
        let driver = item.generator.map_or(0, |generator| generator.driver);
        if driver == 0 {
            return Ok(());
        }
        let lost = || corrupt(format!("generator {} is driven by what does not wait", item.id));
        let (generator, driver) = (self.decoder.tasks[&item.id], self.decoder.tasks[&driver]);
        // SAFETY: a waiting task has a leaf with filled nodes; the first is there when the point has an arm.
        unsafe {
            if (*driver).state != TASK_WAITING || item.state == TASK_ENDED || driver == generator {
                return lost();
            }
            let frame = (*driver).leaf;
            let point = crate::frames::point_of(frame);
            let fits = match kind_of(point) {
                PointKind::GenNext => {
                    target_of(frame, &arms_of(point)[0]) == generator.cast::<u8>()
                }
                PointKind::GenStop => true,
                _ => false,
            };
            if !fits {
                return lost();
            }
            let node = node_of(frame, point, 0);
            if !(*node).target.is_null() {
                return lost();
            }
            (*node).target = generator.cast();
            (*generator).joiner = node;
            (*generator.cast::<Generator>()).driver = driver;
        }
        Ok(())
    }

    unsafe fn link_timers(&self, item: &TaskItem<'_>, task: *mut Task) -> Done {
        // SAFETY: as for `link_waiters`.
        unsafe {
            let frame = (*task).leaf;
            let point = crate::frames::point_of(frame);
            for timer in &item.timers {
                let arm = arms_of(point).get(timer.arm as usize);
                let node = node_of(frame, point, timer.arm as usize);
                let fits = arm.is_some_and(|arm| arm.kind == ARM_AFTER);
                if !fits || !(*node).target.is_null() {
                    return corrupt(format!("task {} waits for a time it does not know", item.id));
                }
                let timers = &mut (*self.world).timers;
                timers.insert_with(node, timer.deadline_ns, timer.sequence);
            }
        }
        Ok(())
    }

    unsafe fn link_arms(&self, item: &TaskItem<'_>, task: *mut Task) -> Done {
        let lost = |what: &str| corrupt(format!("task {} {what}", item.id));
        // SAFETY: as for `link_waiters`.
        unsafe {
            let frame = (*task).leaf;
            let point = crate::frames::point_of(frame);
            for (index, arm) in arms_of(point).iter().enumerate() {
                let node = node_of(frame, point, index);
                // The target of an operation of the kernel is no pointer.
                let target = if arm.kind == ARM_IO { null_mut() } else { target_of(frame, arm) };
                match arm.kind {
                    ARM_JOIN if !target.is_null() => {
                        let joined = target.cast::<Task>();
                        if (*joined).state == orion_fast::task::TASK_ENDED {
                            return lost("waits for the end of a task that has ended");
                        }
                        (*node).target = target;
                        (*joined).joiner = node;
                    }
                    ARM_SCOPE if !target.is_null() => {
                        let scope = target.cast::<Scope>();
                        if !(*scope).waiter.is_null() {
                            return lost("waits for a scope that another task waits for");
                        }
                        (*node).target = target;
                        (*scope).waiter = node;
                    }
                    ARM_IO => crate::io::attach(self.world, frame),
                    ARM_SEND | ARM_RECV if !target.is_null() && (*node).target.is_null() => {
                        return lost("waits for a channel that does not know of it");
                    }
                    ARM_SEND | ARM_RECV
                        if target.is_null() && kind_of(point) != PointKind::Select =>
                    {
                        return lost("waits for no channel");
                    }
                    ARM_JOIN | ARM_SCOPE if target.is_null() => {
                        return lost("waits for nothing");
                    }
                    ARM_GEN
                        if (*node).target.is_null() && kind_of(point) != PointKind::GenYield =>
                    {
                        return lost("drives a generator that does not know of it");
                    }
                    ARM_AFTER if (*node).target.is_null() => {
                        return lost("waits for a time that is not noted");
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
