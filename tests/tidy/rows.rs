//! The rows of the command table as they are written, each with the functions that it names.
//!
//! A row is a literal `Command { name: "get", ..., run: Run::Keys(get) }`, or one that stands
//! beside its function: `HomeCommand::new(kill, Command { ... })`. A subcommand's row has its own
//! name only.

use syn::visit::{self, Visit};
use syn::{Expr, Member};

use super::shapes::{is_test, item_attributes, line, path_names, text};
use super::source::Source;

/// A row, as far as it matters here.
#[derive(Debug)]
pub struct Row {
    pub path: String,
    pub line: usize,
    /// Without a container's name.
    pub name: String,
    /// Last names of the functions that it names, or calls in a closure.
    pub functions: Vec<String>,
    /// It runs through its subcommands only.
    pub is_container: bool,
}

/// The rows of a file, its tests left out.
pub fn read(source: &Source) -> Vec<Row> {
    let mut reader = Reader::default();
    if !source.shipped.trim().is_empty()
        && let Ok(file) = syn::parse_file(&source.text)
    {
        reader.visit_file(&file);
    }
    for row in &mut reader.rows {
        row.path.clone_from(&source.path);
    }
    reader.rows
}

#[derive(Default)]
struct Reader {
    rows: Vec<Row>,
    /// Functions that stand beside the literal that is being read.
    beside: Vec<String>,
}

/// The literal of a row.
fn literal(expression: &Expr) -> Option<&syn::ExprStruct> {
    match expression {
        Expr::Struct(literal) if literal.path.segments.last()?.ident == "Command" => Some(literal),
        _ => None,
    }
}

fn field<'a>(literal: &'a syn::ExprStruct, wanted: &str) -> Option<&'a Expr> {
    let named =
        |field: &&syn::FieldValue| matches!(&field.member, Member::Named(name) if name == wanted);
    literal.fields.iter().find(named).map(|field| &field.expr)
}

/// Functions that an expression names or calls; constructors of enums and types are none.
#[derive(Default)]
struct Functions(Vec<String>);

impl<'ast> Visit<'ast> for Functions {
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let name = path_names(&path.path).pop().unwrap_or_default();
        if name.starts_with(char::is_lowercase) {
            self.0.push(name);
        }
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        // What is called in it; the arguments are no functions.
        match &*closure.body {
            Expr::MethodCall(call) => self.0.push(text(&call.method)),
            Expr::Call(call) => self.visit_expr(&call.func),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if call.args.iter().any(|argument| literal(argument).is_some()) {
            let mut functions = Functions::default();
            let others = call
                .args
                .iter()
                .filter(|argument| literal(argument).is_none());
            for argument in others {
                functions.visit_expr(argument);
            }
            self.beside = functions.0;
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_struct(&mut self, expression: &'ast syn::ExprStruct) {
        let name = field(expression, "name");
        let row = expression
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Command");
        if let Some(Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(name),
            ..
        })) = name
            && row
        {
            let mut functions = Functions(std::mem::take(&mut self.beside));
            let run = field(expression, "run");
            let is_container = matches!(run, Some(Expr::Path(path))
                if path_names(&path.path).last().is_some_and(|last| last == "Container"));
            if let Some(run) = run {
                functions.visit_expr(run);
            }
            self.rows.push(Row {
                path: String::new(),
                line: line(name.span()),
                name: name.value(),
                functions: functions.0,
                is_container,
            });
        }
        visit::visit_expr_struct(self, expression);
    }
}
