//! Strip-mines counted loops: takes the poll out of the loop, so that it becomes a plain loop that vectorises.
//!
//! Input: bodies before `rc`, with polls on all back edges. Output: the same behaviour. Postcondition: a loop that counts a local of 32 or 64 bits up by one
//! to a fixed limit, and contains no other suspend point, no call and no operation whose time grows with its operands, runs in chunks of [`CHUNK`]
//! rounds without a poll; between chunks there is one.
//!
//! Two shapes, as the builder writes `for` loops; `U` is the poll's clean-up:
//!
//! ```text
//! H: c = lt(i, n); switch c { 0 -> out, else -> body }      body … i = add(i, 1); poll -> H unwind U
//!   becomes
//! O: c = lt(i, n); switch c { 0 -> out, else -> O1 }        O1: e = i + min(n - i, CHUNK) ; goto H
//! H: c = lt(i, e); switch c { 0 -> P, else -> body }        body … i = add(i, 1); goto H
//! P: poll -> O unwind U
//!
//! H: body … c = lt(i, n); switch c { 0 -> out, else -> S }  S: i = add(i, 1); poll -> H unwind U
//!   becomes
//! O: e = i + min(n - i, CHUNK); goto H                      H: body … c = lt(i, e); switch c { 0 -> X, else -> S }
//! S: i = add(i, 1); goto H                                  X: c = lt(i, n); switch c { 0 -> out, else -> P }
//! P: i = add(i, 1); poll -> O unwind U
//! ```
//!
//! What every round would do alike is then moved before the inner loop ([`super::hoist`]). Differences are taken as u64, where they cannot overflow: `i` is at most `n` there.

use crate::access;
use crate::body::{
    BinOp, Block, BlockData, Body, Callee, Const, Loc, Local, LocalDecl, Operand, Place, Program,
    Rvalue, Statement, StatementKind, Terminator, TerminatorKind,
};
use crate::cfg;
use crate::intrinsic::Intrinsic;
use crate::suspend::SuspendOp;
use crate::ty::{IntTy, Ty, TyKind, TypeTable};

/// Rounds between polls: some microseconds of bodies that call nothing, far below a time slice.
const CHUNK: i128 = 1024;

/// Blocks looked through for all loops of one body: bodies of thousands of loops are not worth quadratic time.
const WORK_MAX: usize = 10_000_000;

/// Runs over every body.
pub fn run(program: &mut Program) {
    let u64_ty = program.types.intern(TyKind::Int(IntTy::U64));
    let bool_ty = program.types.intern(TyKind::Bool);
    for body in &mut program.bodies {
        let mut predecessors = None;
        let mut budget = WORK_MAX;
        for block in 0..body.blocks.len() {
            let latch = Block(block as u32);
            if !is_poll(body, latch) || body.blocks.len() > budget {
                continue;
            }
            let known = predecessors.get_or_insert_with(|| cfg::predecessors(body));
            if let Some(counted) = find(&program.types, body, latch, known) {
                predecessors = None;
                budget -= body.blocks.len();
                let before = strip(body, latch, &counted, u64_ty, bool_ty);
                let Counted { blocks, header, .. } = &counted;
                super::hoist::run(&program.types, body, blocks, *header, latch, before);
            }
        }
    }
}

/// A loop that can be strip-mined.
struct Counted {
    header: Block,
    blocks: Vec<Block>,
    unwind: Block,
    /// The blocks that jump into the loop.
    entries: Vec<Block>,
    index: Local,
    int: IntTy,
    limit: Operand,
    /// The block whose switch ends the loop: the header or the one before the latch.
    test: Block,
    test_first: bool,
    out: Block,
}

/// The local and limit of `c = lt(i, n); switch c { 0 -> out, else -> inside }` at the end of a block.
fn loop_test(body: &Body, block: Block, inside: Option<Block>) -> Option<(Local, Operand)> {
    let data = body.block(block);
    let TerminatorKind::Switch { value: Operand::Borrow(cond), cases, otherwise } =
        &data.terminator.kind
    else {
        return None;
    };
    if !matches!(cases[..], [(0, _)]) || inside.is_some_and(|inside| inside != *otherwise) {
        return None;
    }
    match &data.statements.last()?.kind {
        StatementKind::Assign(
            target,
            Rvalue::Binary(BinOp::Lt, Operand::Borrow(index) | Operand::Copy(index), limit),
        ) if target == cond && target.projection.is_empty() && index.projection.is_empty() => {
            let limit = match limit {
                Operand::Const(_) => limit.clone(),
                Operand::Borrow(place) | Operand::Copy(place) if place.projection.is_empty() => {
                    Operand::Borrow(place.clone())
                }
                _ => return None,
            };
            Some((index.local, limit))
        }
        _ => None,
    }
}

/// Whether a block ends with `i = add(i, 1)`.
fn steps(body: &Body, block: Block, index: Local) -> bool {
    let place = Place::from(index);
    matches!(
        body.block(block).statements.last().map(|statement| &statement.kind),
        Some(StatementKind::Assign(
            target,
            Rvalue::Binary(
                BinOp::Add,
                Operand::Borrow(from) | Operand::Copy(from),
                Operand::Const(Const::Int(1, _)),
            ),
        )) if *target == place && *from == place
    )
}

fn is_poll(body: &Body, block: Block) -> bool {
    let kind = &body.block(block).terminator.kind;
    matches!(kind, TerminatorKind::Suspend { op: SuspendOp::Poll { .. }, .. })
}

/// Whether an intrinsic takes about as long for large values as for small ones.
fn is_short(intrinsic: Intrinsic) -> bool {
    use Intrinsic as I;
    !matches!(
        intrinsic,
        I::StrPush
            | I::StrPushQuoted
            | I::StrCompare
            | I::StrEqual
            | I::StrHash
            | I::StrSlice
            | I::StrFind
            | I::StrConcat
            | I::StrFromChars
            | I::StrFromBytes
            | I::StrValid
            | I::StrTrim
            | I::StrUpper
            | I::StrLower
            | I::StrIsFloat
            | I::StrToFloat
            | I::ListReserve
            | I::ListRepeat
            | I::ListOpenGap
            | I::ListCloseGap
            | I::ListTruncate
            | I::ListSlice
            | I::ChanNew
            | I::GenSave
            | I::GenLoad
            | I::Print
            | I::EPrint
            | I::Exit
    )
}

fn find(
    types: &TypeTable,
    body: &Body,
    latch: Block,
    predecessors: &[Vec<Block>],
) -> Option<Counted> {
    let TerminatorKind::Suspend { op: SuspendOp::Poll { target: header }, unwind } =
        body.block(latch).terminator.kind
    else {
        return None;
    };
    // The test stands in the header, or before the latch.
    let (test, test_first) = match loop_test(body, header, None) {
        Some((index, _))
            if body.block(header).statements.len() == 1 && steps(body, latch, index) =>
        {
            (header, true)
        }
        _ => match predecessors[latch.index()][..] {
            [test] if body.block(latch).statements.len() == 1 => (test, false),
            _ => return None,
        },
    };
    let (index, limit) = loop_test(body, test, (!test_first).then_some(latch))?;
    if !steps(body, latch, index) {
        return None;
    }
    let int = match types.kind(body.ty(index)) {
        TyKind::Int(int) if int.bits() >= 32 => *int,
        _ => return None,
    };

    // The natural loop: what reaches the latch without passing the header.
    let mut inside = vec![false; body.blocks.len()];
    inside[header.index()] = true;
    let mut blocks = vec![header];
    let mut work = vec![latch];
    while let Some(block) = work.pop() {
        if !std::mem::replace(&mut inside[block.index()], true) {
            blocks.push(block);
            work.extend(&predecessors[block.index()]);
        }
    }
    // No way in but by the header: the entry of the body would be inside otherwise.
    if inside[crate::body::ENTRY.index()] {
        return None;
    }
    let entries: Vec<Block> = predecessors[header.index()]
        .iter()
        .copied()
        .filter(|block| !inside[block.index()])
        .collect();
    if predecessors[header.index()].len() != entries.len() + 1 {
        return None;
    }

    let mut writes = 0;
    for &block in &blocks {
        let data = body.block(block);
        let long = match &data.terminator.kind {
            TerminatorKind::Suspend { .. } => block != latch,
            TerminatorKind::Call { callee: Callee::Intrinsic(intrinsic), .. } => {
                !is_short(*intrinsic)
            }
            TerminatorKind::Call { .. } | TerminatorKind::Spawn { .. } => true,
            _ => false,
        };
        let long_statement = data.statements.iter().any(|statement| {
            matches!(&statement.kind, StatementKind::Assign(_, Rvalue::Intrinsic(intrinsic, _))
                if !is_short(*intrinsic))
        });
        if long || long_statement {
            return None;
        }
        let mut fixed = true;
        let limit_local = match &limit {
            Operand::Borrow(place) => Some(place.local),
            _ => None,
        };
        let mut visit = |local: Local, access: access::Access| {
            if !super::inline::only_reads(access) {
                writes += u32::from(local == index);
                fixed &= Some(local) != limit_local;
            }
        };
        for statement in &data.statements {
            access::statement(&statement.kind, &mut visit);
        }
        access::terminator(&data.terminator.kind, &mut visit);
        for edge in cfg::edges(&data.terminator.kind) {
            edge.defines.iter().for_each(|local| visit(*local, access::Access::Define));
        }
        if !fixed {
            return None;
        }
    }
    let TerminatorKind::Switch { cases, .. } = &body.block(test).terminator.kind else {
        return None;
    };
    let out = cases.first()?.1;
    // The step, and nothing else.
    (writes == 1).then_some(Counted {
        blocks,
        out,
        header,
        unwind,
        entries,
        index,
        int,
        limit,
        test,
        test_first,
    })
}

/// Gives the block before the inner loop.
fn strip(body: &mut Body, latch: Block, counted: &Counted, u64_ty: Ty, bool_ty: Ty) -> Block {
    let loc = body.block(latch).terminator.loc;
    let Counted { header, unwind, index, int, test, .. } = *counted;
    let limit = counted.limit.clone();
    let ty = body.ty(index);
    let here = || Operand::Borrow(index.into());

    let out = counted.out;
    let before = push(body, loc, Vec::new(), goto(header));

    // The end of the chunk: from `chunk` on, then the inner loop.
    let end = new_local(body, ty, loc);
    let rest = new_local(body, ty, loc);
    let rest_u64 = new_local(body, u64_ty, loc);
    let long = new_local(body, bool_ty, loc);
    let whole = push(body, loc, vec![set(end, Rvalue::Use(as_copy(&limit)))], goto(before));
    let step = Operand::Const(Const::Int(CHUNK, int));
    let part = set(end, Rvalue::Binary(BinOp::Add, here(), step));
    let part = push(body, loc, vec![part], goto(before));
    let chunk = Operand::Const(Const::Int(CHUNK, IntTy::U64));
    let chunk = push(
        body,
        loc,
        vec![
            set(rest, Rvalue::Binary(BinOp::Sub, limit.clone(), here())),
            set(rest_u64, Rvalue::Cast(Operand::Borrow(rest.into()), u64_ty)),
            set(long, Rvalue::Binary(BinOp::Gt, Operand::Borrow(rest_u64.into()), chunk)),
        ],
        switch(long, whole, part),
    );
    let more = new_local(body, bool_ty, loc);
    let is_more = set(more, Rvalue::Binary(BinOp::Lt, here(), limit.clone()));
    let poll = |target| TerminatorKind::Suspend { op: SuspendOp::Poll { target }, unwind };
    let (outer, inner_out) = if counted.test_first {
        let outer = push(body, loc, vec![is_more], switch(more, out, chunk));
        (outer, push(body, loc, Vec::new(), poll(outer)))
    } else {
        let one = Operand::Const(Const::Int(1, int));
        let step = set(index, Rvalue::Binary(BinOp::Add, here(), one));
        let again = push(body, loc, vec![step], poll(chunk));
        (chunk, push(body, loc, vec![is_more], switch(more, out, again)))
    };

    body.blocks[latch.index()].terminator.kind = goto(header);
    let data = &mut body.blocks[test.index()];
    if let Some(Statement { kind: StatementKind::Assign(_, Rvalue::Binary(_, _, limit)), .. }) =
        data.statements.last_mut()
    {
        *limit = Operand::Borrow(end.into());
    }
    if let TerminatorKind::Switch { cases, .. } = &mut data.terminator.kind {
        cases[0].1 = inner_out;
    }
    for entry in &counted.entries {
        for target in cfg::targets_mut(&mut body.blocks[entry.index()].terminator.kind) {
            if *target == header {
                *target = outer;
            }
        }
    }
    before
}

fn new_local(body: &mut Body, ty: Ty, loc: Loc) -> Local {
    body.locals.push(LocalDecl { name: None, ty, loc });
    Local(body.locals.len() as u32 - 1)
}

fn set(local: Local, value: Rvalue) -> StatementKind {
    StatementKind::Assign(local.into(), value)
}

fn goto(target: Block) -> TerminatorKind {
    TerminatorKind::Goto(target)
}

fn switch(cond: Local, no: Block, yes: Block) -> TerminatorKind {
    let value = Operand::Borrow(cond.into());
    TerminatorKind::Switch { value, cases: vec![(0, no)], otherwise: yes }
}

fn as_copy(limit: &Operand) -> Operand {
    match limit {
        Operand::Borrow(place) => Operand::Copy(place.clone()),
        other => other.clone(),
    }
}

fn push(
    body: &mut Body,
    loc: Loc,
    statements: Vec<StatementKind>,
    terminator: TerminatorKind,
) -> Block {
    let statements = statements.into_iter().map(|kind| Statement { kind, loc }).collect();
    let terminator = Terminator { kind: terminator, loc };
    body.blocks.push(BlockData { statements, terminator });
    Block(body.blocks.len() as u32 - 1)
}
