//! What the standard library already says and the compiler cannot do yet.
//!
//! Input: the program, and the library functions whose bodies use such an intrinsic. Output: E0900
//! where the program itself calls one of them, directly or through other library functions; a
//! program that does not is none the worse. Algorithm: reachability over calls, backwards.

use crate::globals::Globals;
use orion_diagnostics::Diagnostic;
use orion_hir::{Callee, Expr, ExprKind, FnId, Program};
use orion_syntax::Span;
use std::collections::BTreeMap;

impl Globals<'_> {
    /// Reports each use of a library function that cannot be compiled yet.
    pub fn check_unsupported(&mut self) {
        if self.unsupported.is_empty() {
            return;
        }
        let mut reach: BTreeMap<FnId, &'static str> = self.unsupported.clone();
        let library: Vec<FnId> =
            self.program.fns.indices().filter(|&func| self.program.fns[func].is_std).collect();
        loop {
            let mut grown = false;
            for &func in &library {
                if reach.contains_key(&func) {
                    continue;
                }
                let mut found = None;
                self.calls(func, &mut |callee, _| {
                    found = found.or(reach.get(&callee).copied());
                });
                if let Some(feature) = found {
                    reach.insert(func, feature);
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
        let mut reports: Vec<(Span, &'static str)> = Vec::new();
        for func in self.program.fns.indices() {
            if !self.program.fns[func].is_std {
                self.calls(func, &mut |callee, span| {
                    if let Some(feature) = reach.get(&callee) {
                        reports.push((span, feature));
                    }
                });
            }
        }
        for (span, feature) in reports {
            self.report(Diagnostic::not_supported_yet(span, feature));
        }
    }

    fn calls(&self, func: FnId, f: &mut dyn FnMut(FnId, Span)) {
        if let Some(body) = &self.program.fns[func].body {
            calls(&self.program, &body.value, f);
        }
    }
}

fn calls(program: &Program, e: &Expr, f: &mut dyn FnMut(FnId, Span)) {
    match &e.kind {
        ExprKind::Call(Callee::Fn(func, _), _) | ExprKind::FnRef(func, _) => f(*func, e.span),
        ExprKind::Lambda(func) | ExprKind::Gen(func) | ExprKind::Spawn { func, .. }
            if program.fns[*func].is_std =>
        {
            f(*func, e.span);
        }
        _ => {}
    }
    e.for_each_child(&mut |child| calls(program, child, f));
}
