//! Small questions about the parser's tree: the name of a type, what an expression stands for, what
//! is test.
//!
//! Answers are approximate where only the compiler could know; the rules that use them say what
//! follows.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, Member, Pat};

use super::syntax::Place;

/// Types whose contents are what counts.
const CONTAINERS: [&str; 11] = [
    "Option", "Box", "Vec", "VecDeque", "Rc", "Arc", "RefCell", "HashMap", "BTreeMap", "Result",
    "Slab",
];

pub fn line(span: Span) -> usize {
    span.start().line
}

pub fn text(ident: &proc_macro2::Ident) -> String {
    ident.unraw().to_string()
}

pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute
            .meta
            .require_list()
            .map(|list| list.tokens.to_string());
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && list.is_ok_and(|tokens| tokens.contains("test") && !tokens.contains("not"))
    })
}

/// The last name of a type, inside references and containers.
pub fn type_name(kind: &syn::Type) -> Option<String> {
    match kind {
        syn::Type::Reference(inner) => type_name(&inner.elem),
        syn::Type::Slice(inner) => type_name(&inner.elem),
        syn::Type::Array(inner) => type_name(&inner.elem),
        syn::Type::Paren(inner) => type_name(&inner.elem),
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            let name = text(&last.ident);
            let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return Some(name);
            };
            if !CONTAINERS.contains(&name.as_str()) {
                return Some(name);
            }
            let types = arguments.args.iter().filter_map(|argument| match argument {
                syn::GenericArgument::Type(inner) => type_name(inner),
                _ => None,
            });
            // Of a map, its values; of a result, its success; the third of a map is its hasher.
            let types: Vec<String> = types.collect();
            match name.as_str() {
                "HashMap" | "BTreeMap" => types.get(1).cloned(),
                _ => types.first().cloned(),
            }
        }
        _ => None,
    }
}

pub fn path_names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|part| text(&part.ident)).collect()
}

/// What an expression is, for whoever asks whose method is called.
pub fn place(expression: &Expr) -> Place {
    match expression {
        Expr::Path(path) if path.path.is_ident("self") => Place::Itself,
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) => Place::Name(text(name)),
            None => Place::Other,
        },
        Expr::Field(field) => match &field.member {
            Member::Named(name) => Place::Field(Box::new(place(&field.base)), text(name)),
            Member::Unnamed(index) => {
                Place::Field(Box::new(place(&field.base)), index.index.to_string())
            }
        },
        Expr::MethodCall(call) => {
            Place::Method(Box::new(place(&call.receiver)), text(&call.method))
        }
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => Place::Function(path_names(&path.path)),
            _ => Place::Other,
        },
        Expr::Reference(inner) => place(&inner.expr),
        Expr::Paren(inner) => place(&inner.expr),
        Expr::Try(inner) => place(&inner.expr),
        Expr::Unary(inner) => place(&inner.expr),
        Expr::Index(inner) => place(&inner.expr),
        _ => Place::Other,
    }
}

/// The one name that a pattern binds to (what is inside) the value: `x`, `Some(x)`, `&mut x`.
pub fn bound_name(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(name) => Some(text(&name.ident)),
        Pat::Reference(inner) => bound_name(&inner.pat),
        Pat::TupleStruct(tuple) if tuple.elems.len() == 1 => bound_name(&tuple.elems[0]),
        _ => None,
    }
}

pub fn item_attributes(item: &syn::Item) -> &[Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

pub fn is_test_statement(statement: &syn::Stmt) -> bool {
    let attributes = match statement {
        syn::Stmt::Local(local) => &local.attrs,
        syn::Stmt::Macro(call) => &call.attrs,
        syn::Stmt::Expr(Expr::If(it), _) => &it.attrs,
        syn::Stmt::Expr(Expr::Block(it), _) => &it.attrs,
        syn::Stmt::Expr(Expr::Call(it), _) => &it.attrs,
        syn::Stmt::Expr(Expr::MethodCall(it), _) => &it.attrs,
        _ => return false,
    };
    is_test(attributes)
}
