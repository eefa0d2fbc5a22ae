//! Makes ownership explicit: last uses become moves, values that die are dropped.
//!
//! Input: a body as the builder writes it (locals read by `Copy`, no drops of whole locals). Output: the same behaviour. Postcondition: each
//! value that owns something is moved or dropped exactly once on every path; a local owns its value exactly where it is live; at `Return` only the
//! result and the in-out parameters own anything, at `UnwindResume` only the in-out parameters. Nothing is dropped on the way to a block that is `Unreachable`.
//!
//! Algorithm: backward over each block with the liveness at its end.
//! - A `Copy` of a whole local that is dead afterwards and occurs nowhere else in the step becomes a `Move`; one of a part that lies in place becomes a `Take`.
//! - A local that dies in a statement otherwise is dropped behind it; one that is written and never read is dropped at once.
//! - What owns a value at the end of a block and is dead at the target of an edge is dropped on that edge, in a block of its own.
//!   Edges with one target share their drops from the common end: the chain for a set of locals is keyed by (rest of the chain, local).
//! - A step that writes a local whose old value it still reads, or that lives on on another edge, writes a temporary instead, which is moved when
//!   the old value has been dropped.
//!
//! The first parameter of a closure body is the caller's: it is never dropped.

use rustc_hash::FxHashMap;

use crate::access::{self, Access};
use crate::bitset::BitSet;
use crate::body::{
    Block, BlockData, Body, BodyKind, ENTRY, Loc, Local, LocalDecl, Operand, Place, Program, Proj,
    Rvalue, Statement, StatementKind, Terminator, TerminatorKind,
};
use crate::cfg::{self, Edge};
use crate::passes::liveness::Liveness;
use crate::suspend::{SelectArmKind, SuspendOp};
use crate::ty::{TyKind, TypeTable};

/// Runs over every body.
pub fn run(program: &mut Program) {
    for body in &mut program.bodies {
        if !body.blocks.is_empty() {
            run_body(&program.types, body);
        }
    }
}

/// Whether a local of a body owns what has to be dropped.
#[must_use]
pub fn owning_locals(types: &TypeTable, body: &Body) -> Vec<bool> {
    let borrowed = match body.kind {
        BodyKind::Closure { .. } => Some(Local(1)),
        _ => None,
    };
    (0..body.locals.len() as u32)
        .map(Local)
        .map(|local| Some(local) != borrowed && types.needs_drop(body.ty(local)))
        .collect()
}

fn run_body(types: &TypeTable, body: &mut Body) {
    let liveness = Liveness::new(body);
    let locals = liveness.local_count();
    let mut rc = Rc {
        types,
        owning: owning_locals(types, body),
        live: BitSet::new(locals),
        drop_chains: FxHashMap::default(),
        liveness,
        body,
    };
    let old_count = rc.body.blocks.len();
    for block in 0..old_count {
        let block = Block(block as u32);
        rc.terminator(block);
        rc.statements(block);
    }
    rc.unused_params();
}

struct Rc<'a> {
    types: &'a TypeTable,
    body: &'a mut Body,
    liveness: Liveness,
    /// By local; temporaries of this pass are not in it.
    owning: Vec<bool>,
    /// What is live at the current position, from the end of the block to its begin.
    live: BitSet,
    /// From (the block to go on at, the local to drop before) to the block that does so.
    drop_chains: FxHashMap<(Block, Local), Block>,
}

impl Rc<'_> {
    fn owns(&self, local: Local) -> bool {
        self.owning.get(local.index()).copied().unwrap_or(false)
    }

    fn temporary(&mut self, like: Local, loc: Loc) -> Local {
        let temporary = Local(self.body.locals.len() as u32);
        self.body.locals.push(LocalDecl { name: None, ty: self.body.ty(like), loc });
        temporary
    }

    /// Treats the terminator of a block; afterwards `self.live` is what is live before it.
    fn terminator(&mut self, block: Block) {
        let mut scratch = BitSet::new(self.liveness.local_count());
        let loc = self.body.block(block).terminator.loc;
        let mut kind = self.body.block(block).terminator.kind.clone();
        let mut edges = cfg::edges(&kind);

        // What is live behind the terminator on some edge: arguments among it are copied, others moved.
        let mut behind = BitSet::new(self.liveness.local_count());
        for edge in &edges {
            self.liveness.on_edge(edge, &mut scratch);
            behind.union(scratch.words());
        }
        let mentions = Mentions::new(|f| access::terminator(&kind, f));
        for operand in access::terminator_owned_operands_mut(&mut kind) {
            if let Some(local) = whole_copy(operand)
                && self.owns(local)
                && mentions.once(local)
                && !behind.contains(local)
            {
                *operand = Operand::Move(local);
            }
        }
        self.liveness.before_terminator(self.body, block, &mut self.live, &mut scratch);

        // What the terminator leaves owned on every edge, but for what single edges consume and define.
        let mut kept = self.live.clone();
        access::terminator(&kind, &mut |local, access| {
            if access.consumes() {
                kept.remove(local);
            }
        });
        let mut renamed: Vec<(Local, Local)> = Vec::new();
        let borrowed = match &kind {
            TerminatorKind::Suspend { op, .. } => access::suspend_operands(op),
            _ => Vec::new(),
        };
        for local in destinations(&edges) {
            if kept.contains(local) && self.owns(local)
                || behind.contains(local)
                || borrowed.contains(&local)
            {
                let temporary = self.temporary(local, loc);
                renamed.push((local, temporary));
                rename_destination(&mut kind, local, temporary);
            }
        }

        for (index, edge) in edges.iter_mut().enumerate() {
            if self.is_unreachable(edge.target) {
                continue;
            }
            let target = self.edge_block(edge, &kept, &renamed, loc);
            if target != edge.target
                && let Some(slot) = cfg::targets_mut(&mut kind).into_iter().nth(index)
            {
                *slot = target;
            }
        }
        self.body.blocks[block.index()].terminator.kind = kind;
    }

    fn is_unreachable(&self, block: Block) -> bool {
        let data = self.body.block(block);
        data.statements.is_empty() && matches!(data.terminator.kind, TerminatorKind::Unreachable)
    }

    /// Where an edge has to lead so that what dies on it is dropped.
    fn edge_block(
        &mut self,
        edge: &Edge,
        kept: &BitSet,
        renamed: &[(Local, Local)],
        loc: Loc,
    ) -> Block {
        let mut moves = Vec::new();
        let mut dying = kept.clone();
        for local in &edge.consumes {
            dying.remove(*local);
        }
        for &local in &edge.defines {
            match renamed.iter().find(|(old, _)| *old == local) {
                // The old value is dropped in any case, the new one where nobody reads it.
                Some(&(old, new)) => {
                    let live = self.liveness.is_live_in(edge.target, old);
                    moves.push((old, new, live));
                    dying.remove(old);
                }
                None => dying.insert(local),
            }
        }
        dying.subtract(self.liveness.live_in(edge.target));
        let drops: Vec<Local> = dying.iter().filter(|local| self.owns(*local)).collect();
        let mut target = edge.target;
        for local in drops {
            target = self.drop_before(local, target, loc);
        }
        for (old, new, live) in moves {
            let owns = self.owns(old);
            let mut statements = Vec::new();
            if owns {
                statements.push(drop_statement(old, loc));
            }
            if live {
                let value = if owns { Operand::Move(new) } else { Operand::Copy(new.into()) };
                let kind = StatementKind::Assign(old.into(), Rvalue::Use(value));
                statements.push(Statement { kind, loc });
            } else if owns {
                statements.push(drop_statement(new, loc));
            }
            target = self.push_block(statements, target, loc);
        }
        target
    }

    fn drop_before(&mut self, local: Local, target: Block, loc: Loc) -> Block {
        if let Some(&block) = self.drop_chains.get(&(target, local)) {
            return block;
        }
        let block = self.push_block(vec![drop_statement(local, loc)], target, loc);
        self.drop_chains.insert((target, local), block);
        block
    }

    fn push_block(&mut self, statements: Vec<Statement>, target: Block, loc: Loc) -> Block {
        let block = Block(self.body.blocks.len() as u32);
        let terminator = Terminator { kind: TerminatorKind::Goto(target), loc };
        self.body.blocks.push(BlockData { statements, terminator });
        block
    }

    /// Treats the statements of a block, backward from `self.live`.
    fn statements(&mut self, block: Block) {
        let old = std::mem::take(&mut self.body.blocks[block.index()].statements);
        // In reverse order.
        let mut new: Vec<Statement> = Vec::with_capacity(old.len());
        for mut statement in old.into_iter().rev() {
            if statement.kind == StatementKind::Nop {
                continue;
            }
            let loc = statement.loc;
            let mentions = Mentions::new(|f| access::statement(&statement.kind, f));
            let defined = match &statement.kind {
                StatementKind::Assign(place, _) if place.projection.is_empty() => Some(place.local),
                _ => None,
            };
            let defined_live = defined.is_some_and(|local| self.live.contains(local));
            if let Some(local) = defined {
                self.live.remove(local);
            }
            if let StatementKind::Assign(_, value) = &mut statement.kind {
                for operand in access::rvalue_operands_mut(value) {
                    if let Some(local) = whole_copy(operand)
                        && self.dies(local, &mentions)
                    {
                        *operand = Operand::Move(local);
                    }
                }
                self.take_last_use(value, &mentions);
            }
            // What the statement reads for the last time and does not consume.
            let mut dying = Vec::new();
            let mut consumed = Vec::new();
            access::statement(&statement.kind, &mut |local, access| {
                if access.consumes() {
                    consumed.push(local);
                } else if access.is_use() && self.owns(local) && !self.live.contains(local) {
                    dying.push(local);
                }
            });
            dying.sort_unstable();
            dying.dedup();
            dying.retain(|local| !consumed.contains(local));

            let overwrites = defined.filter(|local| dying.contains(local));
            if let Some(local) = overwrites
                && let StatementKind::Assign(place, _) = &mut statement.kind
            {
                let temporary = self.temporary(local, loc);
                place.local = temporary;
                new.push(if defined_live {
                    let kind =
                        StatementKind::Assign(local.into(), Rvalue::Use(Operand::Move(temporary)));
                    Statement { kind, loc }
                } else {
                    drop_statement(temporary, loc)
                });
            } else if let Some(local) = defined
                && !defined_live
                && self.owns(local)
            {
                new.push(drop_statement(local, loc));
            }
            for local in dying {
                new.push(drop_statement(local, loc));
            }
            access::statement(&statement.kind, &mut |local, access| {
                if access.is_use() && local.index() < self.owning.len() {
                    self.live.insert(local);
                }
            });
            new.push(statement);
        }
        new.reverse();
        self.body.blocks[block.index()].statements = new;
    }

    /// Whether a statement is the last to read an owning local, and reads it once.
    fn dies(&self, local: Local, mentions: &Mentions) -> bool {
        self.owns(local) && mentions.once(local) && !self.live.contains(local)
    }

    /// Turns the copy of a part that lies in place into taking it, where the whole is dead afterwards: the part keeps its one owner. (The whole,
    /// with a dummy in it, is dropped behind the statement as ever.) Taking a whole local that is dead afterwards is moving it.
    fn take_last_use(&self, value: &mut Rvalue, mentions: &Mentions) {
        match value {
            Rvalue::Take(place)
                if place.projection.is_empty() && self.dies(place.local, mentions) =>
            {
                *value = Rvalue::Use(Operand::Move(place.local));
            }
            Rvalue::Use(Operand::Copy(place))
                if !place.projection.is_empty()
                    && self.dies(place.local, mentions)
                    && self.lies_in_place(place) =>
            {
                *value = Rvalue::Take(place.clone());
            }
            _ => {}
        }
    }

    /// Whether a part that owns something lies within its local's own memory.
    fn lies_in_place(&self, place: &Place) -> bool {
        let mut ty = self.body.ty(place.local);
        for step in &place.projection {
            ty = match (step, self.types.kind(ty)) {
                (Proj::Field(field), TyKind::Tuple(items)) => items[*field as usize],
                (Proj::Variant(variant, field), TyKind::Adt(id)) => {
                    let def = self.types.adt(*id);
                    if def.boxed {
                        return false;
                    }
                    def.variants[*variant as usize].fields[*field as usize].ty
                }
                _ => return false,
            };
        }
        self.types.needs_drop(ty)
    }

    /// Drops parameters that nobody reads.
    fn unused_params(&mut self) {
        let params: Vec<Local> = self
            .body
            .params()
            .filter(|local| self.owns(*local) && !self.liveness.is_live_in(ENTRY, *local))
            .collect();
        let loc = self.body.loc;
        let entry = &mut self.body.blocks[ENTRY.index()].statements;
        entry.splice(0..0, params.into_iter().map(|local| drop_statement(local, loc)));
    }
}

fn drop_statement(local: Local, loc: Loc) -> Statement {
    Statement { kind: StatementKind::Drop(local.into()), loc }
}

/// How often a step reads each local.
struct Mentions {
    /// Sorted.
    locals: Vec<Local>,
}

impl Mentions {
    fn new(visit: impl FnOnce(&mut dyn FnMut(Local, Access))) -> Self {
        let mut locals = Vec::new();
        visit(&mut |local, access| {
            if access.is_use() {
                locals.push(local);
            }
        });
        locals.sort_unstable();
        Self { locals }
    }

    fn once(&self, local: Local) -> bool {
        let start = self.locals.partition_point(|other| *other < local);
        self.locals.get(start) == Some(&local) && self.locals.get(start + 1) != Some(&local)
    }
}

/// The local that an operand copies as a whole.
fn whole_copy(operand: &Operand) -> Option<Local> {
    match operand {
        Operand::Copy(place) if place.projection.is_empty() => Some(place.local),
        _ => None,
    }
}

/// The locals that edges define, each once.
fn destinations(edges: &[Edge]) -> Vec<Local> {
    let mut locals: Vec<Local> = edges.iter().flat_map(|edge| &edge.defines).copied().collect();
    locals.sort_unstable();
    locals.dedup();
    locals
}

/// Lets a terminator write `new` where it wrote `old`.
fn rename_destination(kind: &mut TerminatorKind, old: Local, new: Local) {
    let slots: Vec<&mut Local> = match kind {
        TerminatorKind::Call { dest, inout, .. } => [dest].into_iter().chain(inout).collect(),
        TerminatorKind::Spawn { dest, .. } => dest.iter_mut().collect(),
        TerminatorKind::Suspend { op, .. } => match op {
            SuspendOp::Recv { dest, .. }
            | SuspendOp::Join { dest, .. }
            | SuspendOp::TryJoin { dest, .. }
            | SuspendOp::JoinTimeout { dest, .. }
            | SuspendOp::GenNext { dest, .. }
            | SuspendOp::GenYield { dest, .. }
            | SuspendOp::Io { dest, .. } => vec![dest],
            SuspendOp::Select { arms, .. } => arms
                .iter_mut()
                .filter_map(|arm| match &mut arm.kind {
                    SelectArmKind::Recv(dest) => Some(dest),
                    SelectArmKind::Send(_) => None,
                })
                .collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    for slot in slots {
        if *slot == old {
            *slot = new;
        }
    }
}
