//! From the parser's tree to `Syntax`: one walk over a file.
//!
//! What stands inside `static` and `const` items is data: functions named or wrapped there (rows of
//! closed lists) are not called by that file. Arguments of macros are read as expressions where
//! they are some.

use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Pat, Token, Visibility};

use super::shapes::{
    bound_name, is_test, is_test_statement, item_attributes, line, path_names, place, text,
    type_name,
};
use super::source::Source;
use super::syntax::{Call, Constant, Field, Function, Import, Meaning, Public, Struct, Syntax};

/// The syntax of a file without its tests. A file that is all test is empty, and so is one that
/// cannot be parsed: the compiler complains about that.
pub fn read(source: &Source) -> Syntax {
    let mut reader = Reader::default();
    if !source.shipped.trim().is_empty()
        && let Ok(file) = syn::parse_file(&source.text)
    {
        reader.visit_file(&file);
    }
    reader.syntax
}

#[derive(Default)]
struct Reader {
    syntax: Syntax,
    owner: Option<String>,
    /// The function whose body is being read, by index.
    current: Option<usize>,
    in_trait_impl: bool,
}

impl Reader {
    fn public(&mut self, visibility: &Visibility, name: &proc_macro2::Ident) {
        if matches!(visibility, Visibility::Public(_)) && !self.in_trait_impl {
            let item = Public {
                name: text(name),
                line: line(name.span()),
            };
            self.syntax.public.push(item);
        }
    }

    fn function(&mut self, visibility: &Visibility, signature: &syn::Signature, body: &syn::Block) {
        let returns = match &signature.output {
            syn::ReturnType::Default => None,
            syn::ReturnType::Type(_, kind) => type_name(kind),
        };
        self.syntax.functions.push(Function {
            name: text(&signature.ident),
            owner: self.owner.clone(),
            public: !matches!(visibility, Visibility::Inherited),
            first_line: line(signature.span()),
            last_line: body.span().end().line,
            returns,
            ..Function::default()
        });
        let outer = self.current.replace(self.syntax.functions.len() - 1);
        visit::visit_signature(self, signature);
        visit::visit_block(self, body);
        self.current = outer;
    }

    fn bind(&mut self, pattern: &Pat, value: &Expr) {
        if let (Some(at), Some(name)) = (self.current, bound_name(pattern)) {
            let meaning = Meaning::Value(place(value));
            self.syntax.functions[at].names.push((name, meaning));
        }
    }

    fn call(&mut self, call: Call) {
        if let Some(at) = self.current {
            self.syntax.functions[at].calls.push(call);
        }
    }

    /// Data: what is named inside is not called here.
    fn as_data(&mut self, walk: impl FnOnce(&mut Self)) {
        let outer = self.current.take();
        walk(self);
        self.current = outer;
    }

    fn constant(&mut self, name: &proc_macro2::Ident, kind: &syn::Type) {
        const INTEGERS: [&str; 12] = [
            "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        ];
        if type_name(kind).is_some_and(|kind| INTEGERS.contains(&kind.as_str())) {
            let constant = Constant {
                name: text(name),
                line: line(name.span()),
            };
            self.syntax.constants.push(constant);
        }
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String]) {
        let joined = |name: String| [before, &[name]].concat();
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &joined(text(&path.ident))),
            syn::UseTree::Name(name) if text(&name.ident) == "self" => {
                let alias = before.last().cloned().unwrap_or_default();
                self.syntax.imports.push(Import {
                    alias,
                    path: before.to_vec(),
                });
            }
            syn::UseTree::Name(name) => {
                let alias = text(&name.ident);
                self.syntax.imports.push(Import {
                    path: joined(alias.clone()),
                    alias,
                });
            }
            syn::UseTree::Rename(name) => self.syntax.imports.push(Import {
                alias: text(&name.rename),
                path: joined(text(&name.ident)),
            }),
            syn::UseTree::Glob(_) => {
                self.syntax.imports.push(Import {
                    alias: "*".into(),
                    path: before.to_vec(),
                });
            }
            syn::UseTree::Group(group) => {
                group
                    .items
                    .iter()
                    .for_each(|item| self.import(item, before));
            }
        }
    }

    fn macro_arguments(&mut self, tokens: &proc_macro2::TokenStream) {
        let list = Punctuated::<Expr, Token![,]>::parse_terminated;
        let pair = Punctuated::<Expr, Token![;]>::parse_terminated;
        let first = |input: ParseStream<'_>| {
            let expression = input.parse::<Expr>()?;
            input.parse::<proc_macro2::TokenStream>()?;
            Ok(expression)
        };
        if let Ok(expressions) = list.parse2(tokens.clone()) {
            expressions.iter().for_each(|it| self.visit_expr(it));
        } else if let Ok(expressions) = pair.parse2(tokens.clone()) {
            expressions.iter().for_each(|it| self.visit_expr(it));
        } else if let Ok(expression) = first.parse2(tokens.clone()) {
            self.visit_expr(&expression);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if !is_test_statement(statement) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !is_test(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.public(&item.vis, &item.sig.ident);
        let owner = self.owner.take();
        self.function(&item.vis, &item.sig, &item.block);
        self.owner = owner;
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = std::mem::replace(&mut self.owner, type_name(&item.self_ty));
        let in_trait = std::mem::replace(&mut self.in_trait_impl, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        (self.owner, self.in_trait_impl) = (owner, in_trait);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.public(&item.vis, &item.sig.ident);
        self.function(&item.vis, &item.sig, &item.block);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.public(&item.vis, &item.ident);
        self.constant(&item.ident, &item.ty);
        self.as_data(|reader| visit::visit_impl_item_const(reader, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.public(&item.vis, &item.ident);
        self.constant(&item.ident, &item.ty);
        self.as_data(|reader| visit::visit_item_const(reader, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.public(&item.vis, &item.ident);
        self.as_data(|reader| visit::visit_item_static(reader, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let fields = item
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| !is_test(&field.attrs));
        let fields = fields.map(|(number, field)| Field {
            name: field
                .ident
                .as_ref()
                .map_or_else(|| number.to_string(), text),
            kind: type_name(&field.ty).unwrap_or_default(),
            public: !matches!(field.vis, Visibility::Inherited),
        });
        self.syntax.structs.push(Struct {
            name: text(&item.ident),
            fields: fields.collect(),
        });
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.as_data(|reader| visit::visit_item_enum(reader, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&Visibility::Inherited, &item.sig, body);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[]);
    }

    fn visit_item_macro(&mut self, _: &'ast syn::ItemMacro) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.macro_arguments(&call.tokens);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        match &*call.func {
            Expr::Path(path) => self.call(Call::Path(path_names(&path.path))),
            _ => self.call(Call::Value),
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.call(Call::Method(place(&call.receiver), text(&call.method)));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_pat_type(&mut self, pattern: &'ast syn::PatType) {
        if let (Some(at), Some(name), Some(kind)) = (
            self.current,
            bound_name(&pattern.pat),
            type_name(&pattern.ty),
        ) {
            self.syntax.functions[at]
                .names
                .push((name, Meaning::Type(kind)));
        }
        visit::visit_pat_type(self, pattern);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Some(value) = &local.init {
            self.bind(&local.pat, &value.expr);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_let(&mut self, binding: &'ast syn::ExprLet) {
        self.bind(&binding.pat, &binding.expr);
        visit::visit_expr_let(self, binding);
    }

    fn visit_expr_for_loop(&mut self, each: &'ast syn::ExprForLoop) {
        self.bind(&each.pat, &each.expr);
        visit::visit_expr_for_loop(self, each);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        let at = line(literal.span());
        self.syntax.literals.push((literal.value(), at));
    }

    fn visit_lit_byte_str(&mut self, literal: &'ast syn::LitByteStr) {
        let value = String::from_utf8_lossy(&literal.value()).into_owned();
        let at = line(literal.span());
        self.syntax.literals.push((value, at));
    }
}
