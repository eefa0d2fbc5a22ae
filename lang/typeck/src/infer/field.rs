//! Fields of structs and tuples.

use super::{Expect, Infer, error_expr};
use orion_diagnostics::ErrorCode;
use orion_hir::{AdtKind, Expr, ExprKind, Ty};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    pub(super) fn field(&mut self, base: &ast::Expr, name: ast::Ident, span: Span) -> Expr {
        let base = self.expr(base, Expect::Any);
        match self.known(base.ty) {
            Ty::Adt(adt, args) => {
                let item = self.g.program.adts[adt].clone();
                let index = match &item.kind {
                    AdtKind::Struct(fields) if !self.has_private_fields(adt) => {
                        fields.iter().position(|field| &*field.name == name.as_str())
                    }
                    _ => None,
                };
                let Some(index) = index else {
                    self.report_no_field(&base, name);
                    return error_expr(span);
                };
                let ty = self.types().subst(item.fields()[index].ty, &args);
                self.never_if_any(ExprKind::Field(Box::new(base), index as u32), ty, span)
            }
            Ty::Error | Ty::Never => error_expr(span),
            _ if self.is_unknown(base.ty) => {
                self.report_unknown_type(base.ty, base.span);
                error_expr(span)
            }
            _ => {
                self.report_no_field(&base, name);
                error_expr(span)
            }
        }
    }

    fn report_no_field(&mut self, base: &Expr, name: ast::Ident) {
        if self.g.methods.contains_key(&name.name) && self.find_method(base, name.name).is_some() {
            let error = self
                .error(
                    ErrorCode::E0106,
                    name.span,
                    format!("`{}` is a method, not a field", name.as_str()),
                )
                .label("not called")
                .help(format!("call it: `.{}(…)`", name.as_str()));
            self.emit(error);
            return;
        }
        if let Ty::Adt(adt, _) = self.known(base.ty)
            && matches!(self.g.program.adts[adt].kind, AdtKind::Struct(_))
            && !self.has_private_fields(adt)
        {
            let item = self.g.program.adts[adt].clone();
            self.report_unknown_field(&item, name);
            return;
        }
        let text = self.show(base.ty);
        let mut error = self
            .error(
                ErrorCode::E0106,
                name.span,
                format!("a `{text}` has no field `{}`", name.as_str()),
            )
            .label("unknown field");
        if let Ty::Adt(adt, _) = self.known(base.ty)
            && matches!(self.g.program.adts[adt].kind, AdtKind::Sum(_))
        {
            error = error.help("`match` takes a sum type apart");
        }
        self.emit(error);
    }

    pub(super) fn tuple_field(
        &mut self,
        base: &ast::Expr,
        index: u32,
        index_span: Span,
        span: Span,
    ) -> Expr {
        let base = self.expr(base, Expect::Any);
        match self.known(base.ty) {
            Ty::Tuple(parts) if (index as usize) < parts.len() => {
                let ty = parts[index as usize];
                self.never_if_any(ExprKind::Field(Box::new(base), index), ty, span)
            }
            Ty::Error | Ty::Never => error_expr(span),
            Ty::Tuple(parts) => {
                let error = self
                    .error(
                        ErrorCode::E0106,
                        index_span,
                        format!("this tuple has {} fields, none is `.{index}`", parts.len()),
                    )
                    .label(format!("`.0` to `.{}`", parts.len() - 1));
                self.emit(error);
                error_expr(span)
            }
            _ if self.is_unknown(base.ty) => {
                self.report_unknown_type(base.ty, base.span);
                error_expr(span)
            }
            _ => {
                let text = self.show(base.ty);
                let error = self
                    .error(
                        ErrorCode::E0106,
                        index_span,
                        format!("a `{text}` has no field `.{index}`"),
                    )
                    .label("tuples have numbered fields");
                self.emit(error);
                error_expr(span)
            }
        }
    }
}
