//! Channels and scopes that a worker has made, where several run: a list for each worker, so that making one meets nobody.
//!
//! Invariants: an object's `home` is the number of the worker in whose list it stands, from 1; 0: it stands in the world's own, under the world's lock. Whoever
//! frees it takes it out of its home's list, under that list's lock. While the world is halted all of them stand in the world's, by age.

use std::ptr::null_mut;

use orion_abi::Ctx;
use orion_fast::{
    chan::Chan,
    sync::{is_parallel, lock, unlock},
};

use super::Team;
use crate::{
    scope::Scope,
    world::{World, list_push, list_remove, worker_of, world_of},
};

/// The lists of a worker.
pub struct Lists {
    lock: u32,
    first_chan: *mut Chan,
    last_chan: *mut Chan,
    first_scope: *mut Scope,
    last_scope: *mut Scope,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            lock: 0,
            first_chan: null_mut(),
            last_chan: null_mut(),
            first_scope: null_mut(),
            last_scope: null_mut(),
        }
    }
}

/// The number of a worker, from 1.
///
/// # Safety
/// `team` is a worker's.
#[must_use]
pub unsafe fn number_of(team: *const Team) -> u16 {
    // SAFETY: the caller's promise; there are never as many workers as would not fit.
    unsafe { (*team).index as u16 + 1 }
}

/// The lists of the worker with a number from 1.
unsafe fn lists_of(world: *mut World, home: u16) -> *mut Lists {
    // SAFETY: workers live as long as the run.
    unsafe {
        let worker = (&(*(*world).shared).workers)[home as usize - 1];
        &raw mut (*worker).team.lists
    }
}

macro_rules! listed {
    ($add:ident, $remove:ident, $T:ident, $first:ident, $last:ident, $link:ident, $unlink:ident) => {
        /// Lists a new one.
        ///
        /// # Safety
        /// `ctx` is the caller's own; the object stands in no list.
        pub unsafe fn $add(ctx: *mut Ctx, object: *mut $T) {
            // SAFETY: listed objects are alive, and touched under the list's lock.
            unsafe {
                if !is_parallel(ctx) {
                    (*object).home = 0;
                    World::$link(world_of(ctx), object);
                    return;
                }
                let team = &raw mut (*worker_of(ctx)).team;
                (*object).home = number_of(team);
                let lists = &raw mut (*team).lists;
                lock(&raw mut (*lists).lock);
                let ends = (&raw mut (*lists).$first, &raw mut (*lists).$last);
                list_push!(ends, object);
                unlock(&raw mut (*lists).lock);
            }
        }

        /// Takes one out of its list.
        ///
        /// # Safety
        /// `ctx` is the caller's own; the object stands in a list of its world.
        pub unsafe fn $remove(ctx: *mut Ctx, object: *mut $T) {
            // SAFETY: as above.
            unsafe {
                let world = world_of(ctx);
                let home = (*object).home;
                if home == 0 {
                    orion_fast::sync::lock_if(ctx, &raw mut (*world).lists_lock);
                    World::$unlink(world, object);
                    orion_fast::sync::unlock_if(ctx, &raw mut (*world).lists_lock);
                    return;
                }
                let lists = lists_of(world, home);
                lock(&raw mut (*lists).lock);
                let ends = (&raw mut (*lists).$first, &raw mut (*lists).$last);
                list_remove!(ends, object);
                unlock(&raw mut (*lists).lock);
            }
        }
    };
}
listed!(add_chan, remove_chan, Chan, first_chan, last_chan, link_chan, unlink_chan);
listed!(add_scope, remove_scope, Scope, first_scope, last_scope, link_scope, unlink_scope);

macro_rules! gathered {
    ($shared:ident, $world:ident, $T:ident, $first:ident, $last:ident, $link:ident) => {{
        let mut all: Vec<*mut $T> = Vec::new();
        let mut found = false;
        let mut collect = |mut object: *mut $T| {
            while !object.is_null() {
                all.push(object);
                object = (*object).all_next;
            }
        };
        collect((*$world).$first);
        for &worker in &$shared.workers {
            let lists = &raw mut (*worker).team.lists;
            found |= !(*lists).$first.is_null();
            collect((*lists).$first);
            ((*lists).$first, (*lists).$last) = (null_mut(), null_mut());
        }
        if found {
            all.sort_unstable_by_key(|&object| (*object).id);
            ((*$world).$first, (*$world).$last) = (null_mut(), null_mut());
            for object in all {
                (*object).home = 0;
                World::$link($world, object);
            }
        }
    }};
}

/// Puts everything into the world's lists, by age, if several workers have run.
///
/// # Safety
/// No other worker runs.
pub unsafe fn gather(world: *mut World) {
    // SAFETY: listed objects are alive; what workers share lives as long as the world.
    unsafe {
        let Some(shared) = (*world).shared.as_ref() else { return };
        gathered!(shared, world, Chan, first_chan, last_chan, link_chan);
        gathered!(shared, world, Scope, first_scope, last_scope, link_scope);
    }
}
