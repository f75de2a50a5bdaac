//! `filterByFormula`: read into a tree, once a request. What is not known is refused; nothing is guessed.
//!
//! Source: `facts/airtable.md` §8.

use super::base::{Field, SandboxTable};

/// How deep a formula may be nested: what a stranger sends must not exhaust the stack.
const DEPTH_MAX: usize = 64;

/// A formula whose fields are known.
#[derive(Debug, Clone)]
pub(super) enum ParsedFormula {
    Number(f64),
    Text(String),
    Field(Field),
    Call(Function, Vec<ParsedFormula>),
    Binary(Operator, Box<ParsedFormula>, Box<ParsedFormula>),
    Negative(Box<ParsedFormula>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Join,
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Blank,
    Concatenate,
    CreatedTime,
    DateAdd,
    DatetimeParse,
    False,
    Find,
    If,
    IsAfter,
    IsBefore,
    IsSame,
    LastModifiedTime,
    Len,
    Lower,
    Not,
    Now,
    Or,
    RecordId,
    Search,
    Trim,
    True,
    Upper,
    Value,
}

/// Name, function, fewest and most arguments.
const FUNCTIONS: &[(&str, Function, usize, usize)] = &[
    ("AND", Function::And, 1, usize::MAX),
    ("BLANK", Function::Blank, 0, 0),
    ("CONCATENATE", Function::Concatenate, 1, usize::MAX),
    ("CREATED_TIME", Function::CreatedTime, 0, 0),
    ("DATEADD", Function::DateAdd, 3, 3),
    ("DATETIME_PARSE", Function::DatetimeParse, 1, 1),
    ("FALSE", Function::False, 0, 0),
    ("FIND", Function::Find, 2, 3),
    ("IF", Function::If, 2, 3),
    ("IS_AFTER", Function::IsAfter, 2, 2),
    ("IS_BEFORE", Function::IsBefore, 2, 2),
    ("IS_SAME", Function::IsSame, 2, 3),
    ("LAST_MODIFIED_TIME", Function::LastModifiedTime, 0, usize::MAX),
    ("LEN", Function::Len, 1, 1),
    ("LOWER", Function::Lower, 1, 1),
    ("NOT", Function::Not, 1, 1),
    ("NOW", Function::Now, 0, 0),
    ("OR", Function::Or, 1, usize::MAX),
    ("RECORD_ID", Function::RecordId, 0, 0),
    ("SEARCH", Function::Search, 2, 3),
    ("TRIM", Function::Trim, 1, 1),
    ("TRUE", Function::True, 0, 0),
    ("UPPER", Function::Upper, 1, 1),
    ("VALUE", Function::Value, 1, 1),
];

/// Reads a formula over the fields of `table`.
///
/// # Errors
/// What is wrong with it, as Airtable ends its sentence `The formula for filtering records is invalid: `.
pub(super) fn parse(text: &str, table: &SandboxTable) -> Result<ParsedFormula, String> {
    let mut parser = Parser { rest: text, table, depth: 0, unknown: Vec::new() };
    let formula = parser.comparison()?;
    parser.skip_blanks();
    if !parser.rest.is_empty() {
        return Err(INVALID.into());
    }
    if parser.unknown.is_empty() {
        Ok(formula)
    } else {
        Err(format!("Unknown field names: {}", parser.unknown.join(", ")))
    }
}

const INVALID: &str = "Invalid formula. Please check your formula text.";

struct Parser<'a> {
    rest: &'a str,
    table: &'a SandboxTable,
    depth: usize,
    unknown: Vec<String>,
}

type Parsed = Result<ParsedFormula, String>;

impl<'a> Parser<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Operators of one rank, from the left.
    fn ranked(&mut self, tokens: &[(&str, Operator)], inner: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = inner(self)?;
        let mut long = 0;
        while let Some((_, operator)) = tokens.iter().find(|(t, _)| self.take(t)) {
            long += 1;
            if long > DEPTH_MAX {
                // The tree is as deep as the chain is long.
                return Err(INVALID.into());
            }
            let right = inner(self)?;
            left = ParsedFormula::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Parsed {
        const TOKENS: &[(&str, Operator)] = &[
            ("!=", Operator::Unequal),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        self.ranked(TOKENS, Self::joined)
    }

    fn joined(&mut self) -> Parsed {
        self.ranked(&[("&", Operator::Join)], Self::sum)
    }

    fn sum(&mut self) -> Parsed {
        self.ranked(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Parsed {
        self.ranked(&[("*", Operator::Multiply), ("/", Operator::Divide)], Self::operand)
    }

    fn operand(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(INVALID.into());
        }
        let operand = self.one();
        self.depth -= 1;
        operand
    }

    fn one(&mut self) -> Parsed {
        self.skip_blanks();
        match self.rest.chars().next() {
            Some('(') => {
                self.take("(");
                let inner = self.comparison()?;
                if self.take(")") { Ok(inner) } else { Err(INVALID.into()) }
            }
            Some('-') => {
                self.take("-");
                Ok(ParsedFormula::Negative(Box::new(self.operand()?)))
            }
            Some('{') => self.braced_field(),
            Some(quote @ ('\'' | '"')) => self.text(quote),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(),
            _ => Err(INVALID.into()),
        }
    }

    /// `{Event ID}`; a brace or a backslash in the name is written with a backslash before it.
    fn braced_field(&mut self) -> Parsed {
        let (mut name, mut escaped) = (String::new(), false);
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    name.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '}' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or("");
                    return Ok(self.field(&name));
                }
                c => name.push(c),
            }
        }
        Err(INVALID.into())
    }

    fn field(&mut self, name: &str) -> ParsedFormula {
        match self.table.field_in_formula(name) {
            Some(field) => ParsedFormula::Field(field.clone()),
            None => {
                self.unknown.push(name.to_lowercase());
                ParsedFormula::Text(String::new())
            }
        }
    }

    fn text(&mut self, quote: char) -> Parsed {
        let (mut text, mut escaped) = (String::new(), false);
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    text.push(match c {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        c => c,
                    });
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or("");
                    return Ok(ParsedFormula::Text(text));
                }
                c => text.push(c),
            }
        }
        Err(INVALID.into())
    }

    fn number(&mut self) -> Parsed {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        digits.parse().map(ParsedFormula::Number).map_err(|_| INVALID.to_owned())
    }

    /// A function, or a field whose name is one word.
    fn named(&mut self) -> Parsed {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        if !self.take("(") {
            return Ok(self.field(name));
        }
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.comparison()?);
                if self.take(")") {
                    break;
                }
                if !self.take(",") {
                    return Err(INVALID.into());
                }
            }
        }
        let known = FUNCTIONS.iter().find(|(n, ..)| n.eq_ignore_ascii_case(name));
        let Some((_, function, fewest, most)) = known else { return Err(format!("Unknown function: {name}")) };
        if !(*fewest..=*most).contains(&arguments.len()) {
            return Err(INVALID.into());
        }
        Ok(ParsedFormula::Call(*function, arguments))
    }
}
