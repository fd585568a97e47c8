//! What the grammar of bash says of a script.

use std::cell::RefCell;

use tree_sitter::{Node, Parser, Tree};

/// Splits a script into commands.
///
/// An allow list of the kinds of nodes: the tree of an accepted script holds nothing else, and no place
/// that the grammar could not read.
pub(super) fn commands(script: &str) -> Result<Vec<Vec<String>>, String> {
    let tree = parse(script).ok_or_else(|| "could not be parsed".to_owned())?;
    if tree.root_node().has_error() {
        return Err("has an error".to_owned());
    }
    let mut commands = Vec::new();
    // A list nests as deep as it is long, so this walk keeps its own stack.
    let mut open = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        match node.kind() {
            "program" | "list" | "pipeline" | "redirected_statement" => {
                let children: Vec<_> = children(node).collect();
                open.extend(children.into_iter().rev());
            }
            "command" => commands.push(words(node, script)?),
            "test_command" => commands.push(bracketed(node, script)?),
            "file_redirect" => nowhere(node, script)?,
            "&&" | "||" | ";" | "|" | "\n" => {}
            other => return Err(format!("has a {}", other.replace('_', " "))),
        }
    }
    Ok(commands)
}

fn parse(script: &str) -> Option<Tree> {
    thread_local! {
        static PARSER: RefCell<Option<Parser>> = RefCell::new({
            let mut parser = Parser::new();
            parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok().map(|()| parser)
        });
    }
    PARSER.with_borrow_mut(|parser| {
        let parser = parser.as_mut()?;
        parser.reset();
        parser.parse(script, None)
    })
}

fn children(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    (0..node.child_count()).filter_map(move |at| node.child(at))
}

fn text<'a>(node: Node<'_>, script: &'a str) -> &'a str {
    script.get(node.byte_range()).unwrap_or_default()
}

fn words(command: Node<'_>, script: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for child in children(command) {
        match child.kind() {
            "command_name" => {
                let name = child.child(0).filter(|_| child.child_count() == 1);
                words.push(word(name.ok_or("has an odd command name")?, script)?);
            }
            "file_redirect" => nowhere(child, script)?,
            _ => words.push(word(child, script)?),
        }
    }
    Ok(words)
}

/// Unquotes one word.
fn word(node: Node<'_>, script: &str) -> Result<String, String> {
    let text = text(node, script);
    match node.kind() {
        "word" | "number" if node.child_count() == 0 => Ok(text.to_owned()),
        "raw_string" => {
            let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            inner.map(str::to_owned).ok_or_else(|| "has an odd quote".to_owned())
        }
        "string" => {
            let plain = !text.contains('\\')
                && children(node).all(|part| matches!(part.kind(), "\"" | "string_content"));
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            match inner {
                Some(inner) if plain => Ok(inner.to_owned()),
                _ => Err("has an expansion or a substitution".to_owned()),
            }
        }
        "concatenation" => {
            let mut whole = String::new();
            let mut end = node.start_byte();
            for part in children(node) {
                if part.start_byte() != end || part.kind() == "concatenation" {
                    return Err("has an odd word".to_owned());
                }
                end = part.end_byte();
                whole.push_str(&word(part, script)?);
            }
            Ok(whole)
        }
        // Brackets of a glob, and of `[`.
        "[" | "]" | "!" | "=" | "==" | "!=" | "test_operator" | "extglob_pattern" | "regex" => {
            Ok(text.to_owned())
        }
        other => Err(format!("has a {}", other.replace('_', " "))),
    }
}

/// Reads `[ ... ]`: its words are what blanks separate, however the grammar groups them.
fn bracketed(test: Node<'_>, script: &str) -> Result<Vec<String>, String> {
    let mut leaves = Vec::new();
    let mut open = vec![test];
    while let Some(node) = open.pop() {
        match node.kind() {
            "test_command" | "unary_expression" | "binary_expression" | "negated_expression"
            | "concatenation" => {
                let children: Vec<_> = children(node).collect();
                open.extend(children.into_iter().rev());
            }
            _ => leaves.push((node, word(node, script)?)),
        }
    }
    let mut words: Vec<String> = Vec::new();
    let mut end = None;
    for (node, text) in leaves {
        match words.last_mut() {
            Some(last) if end == Some(node.start_byte()) => last.push_str(&text),
            _ => words.push(text),
        }
        end = Some(node.end_byte());
    }
    Ok(words)
}

/// Checks that a redirection is to `/dev/null` or to another descriptor.
fn nowhere(redirect: Node<'_>, script: &str) -> Result<(), String> {
    let parts: Vec<_> = children(redirect).filter(|it| it.kind() != "file_descriptor").collect();
    let [operator, target] = parts[..] else {
        return Err("has an odd redirection".to_owned());
    };
    match (operator.kind(), target.kind(), text(target, script)) {
        (">" | ">>" | "<" | "&>", "word", "/dev/null") | (">&", "number", "1" | "2") => Ok(()),
        _ => Err("has a redirection that is not to /dev/null".to_owned()),
    }
}
