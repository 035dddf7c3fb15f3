//! From the tree to any type, keeping track of where it is: serde's errors know
//! no place, so each gets that of the innermost node it passes on its way out.

use std::fmt;
use std::ops::Range;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::node::{Key, Kind, Node, describe_number, describe_string, shorten};
use super::{DocumentError, nearest};

pub(super) fn read<T: DeserializeOwned>(root: &Node) -> Result<T, DocumentError> {
    At { node: root, place: Place::Root }
        .read(std::marker::PhantomData::<T>)
        .map_err(|fault| fault.place(&root.span, Place::Root))
}

/// What a value is called in a message: the nearest key above it, and the indices
/// from there.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Field(&'p str),
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Field(name) => f.write_str(&shorten(name)),
            Place::Item(list, index) => write!(f, "{list}[{index}]"),
        }
    }
}

/// An error on its way out.
#[derive(Debug)]
enum Fault {
    /// It has its place
    Placed(Box<DocumentError>),
    /// It has passed no node yet
    Loose(What),
}

#[derive(Debug)]
enum What {
    Type { expected: String, found: String },
    UnknownField { name: String, known: &'static [&'static str] },
    UnknownVariant { name: String, known: &'static [&'static str] },
    MissingField(&'static str),
    DuplicateField(&'static str),
    Custom(String),
}

impl What {
    fn at(self, span: Range<usize>, place: Place<'_>) -> DocumentError {
        let name = place.to_string();
        let subject = if name.is_empty() { "the document".to_owned() } else { format!("`{name}`") };
        let mut help = None;
        let message = match self {
            What::Type { expected, found } => {
                format!("{subject} must be {expected}, found {found}")
            }
            What::UnknownField { name, known } => {
                help = suggest(&name, known);
                format!("unknown field `{}`", shorten(&name))
            }
            What::UnknownVariant { name, known } => {
                help = suggest(&name, known);
                format!("{subject} cannot be `{}`", shorten(&name))
            }
            What::MissingField(name) => format!("missing field `{name}`"),
            What::DuplicateField(name) => format!("duplicate field `{name}`"),
            What::Custom(message) if name.is_empty() || message.contains(&subject) => message,
            What::Custom(message) => format!("{subject}: {message}"),
        };
        DocumentError::new(message, span, help)
    }
}

fn suggest(name: &str, known: &[&str]) -> Option<String> {
    match (nearest(name, known.iter().copied()), known) {
        (Some(near), _) => Some(format!("did you mean `{near}`?")),
        (None, []) => None,
        (None, [only]) => Some(format!("expected `{only}`")),
        (None, _) => Some(format!("expected {}", one_of(known))),
    }
}

fn one_of(known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", known.join(", "))
}

impl Fault {
    /// Gives a span and a name to an error that has none.
    fn place(self, span: &Range<usize>, place: Place<'_>) -> DocumentError {
        match self {
            Fault::Placed(error) => *error,
            Fault::Loose(what) => what.at(span.clone(), place),
        }
    }

    fn placed(self, span: &Range<usize>, place: Place<'_>) -> Fault {
        Fault::Placed(Box::new(self.place(span, place)))
    }

    /// Like `placed`, for an error that came out of `node` with no node below it
    /// having seen it. When serde reads from its own copy of the tree (internally
    /// tagged types, for one), it may still be about a node below: the one that it
    /// describes, if there is but one.
    fn placed_in(self, node: &Node, place: Place<'_>) -> Fault {
        let Fault::Loose(what) = self else {
            return self;
        };
        let mut search = Search { what: &what, hits: 0, first: None };
        if !search.fits(node) {
            search.below(node, place);
        }
        let error = match search {
            Search { hits: 1, first: Some((span, name)), .. } => what.at(span, Place::Field(&name)),
            _ => what.at(node.span.clone(), place),
        };
        Fault::Placed(Box::new(error))
    }
}

/// A look for what an error is about.
struct Search<'w> {
    what: &'w What,
    hits: usize,
    first: Option<(Range<usize>, String)>,
}

impl Search<'_> {
    fn fits(&self, node: &Node) -> bool {
        match (self.what, &node.kind) {
            (What::Type { found, .. }, kind) => *found == kind.describe(),
            (What::UnknownVariant { name, .. }, Kind::Str(value)) => name == value,
            _ => false,
        }
    }

    fn fits_key(&self, key: &Key) -> bool {
        match self.what {
            What::UnknownField { name, .. } => *name == key.name,
            What::DuplicateField(name) => *name == key.name,
            _ => false,
        }
    }

    fn below(&mut self, node: &Node, place: Place<'_>) {
        match &node.kind {
            Kind::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit(item, Place::Item(&place, index));
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    let place = Place::Field(&key.name);
                    if self.fits_key(key) {
                        self.hit(key.span.clone(), place);
                    }
                    self.visit(value, place);
                }
            }
            _ => {}
        }
    }

    fn visit(&mut self, node: &Node, place: Place<'_>) {
        if self.fits(node) {
            self.hit(node.span.clone(), place);
        }
        self.below(node, place);
    }

    fn hit(&mut self, span: Range<usize>, place: Place<'_>) {
        self.hits += 1;
        if self.hits == 1 {
            self.first = Some((span, place.to_string()));
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Placed(error) => error.fmt(f),
            Fault::Loose(What::Custom(message)) => f.write_str(message),
            Fault::Loose(what) => write!(f, "{what:?}"),
        }
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::Loose(What::Custom(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(value) => Kind::Bool(value).describe(),
            Unexpected::Unsigned(value) => describe_number(value),
            Unexpected::Signed(value) => describe_number(value),
            Unexpected::Float(value) => Kind::Float(value).describe(),
            Unexpected::Char(value) => describe_string(value.encode_utf8(&mut [0; 4])),
            Unexpected::Str(value) => describe_string(value),
            Unexpected::Unit => Kind::Null.describe(),
            Unexpected::Seq => Kind::Seq(Vec::new()).describe(),
            Unexpected::Map => Kind::Map(Vec::new()).describe(),
            other => other.to_string(),
        };
        Fault::Loose(What::Type { expected: expectation(expected), found })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let found = format!("a length of {length}");
        Fault::Loose(What::Type { expected: expectation(expected), found })
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Fault::Loose(What::UnknownVariant { name: name.to_owned(), known })
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Fault::Loose(What::UnknownField { name: name.to_owned(), known })
    }

    fn missing_field(name: &'static str) -> Self {
        Fault::Loose(What::MissingField(name))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Fault::Loose(What::DuplicateField(name))
    }
}

/// What serde expects, in the words of one who writes policies, not Rust.
fn expectation(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let words = match expected.as_str() {
        "f32" | "f64" => "a number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "u128" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => "a whole number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "unit" => "null",
        other if other.starts_with("struct ") || other.contains("tagged enum ") => "a map",
        other => match tuple_length(other) {
            Some(length) => return format!("a list of {length}"),
            None => other,
        },
    };
    words.to_owned()
}

/// The length in serde's words for a tuple, a tuple struct or a tuple variant.
fn tuple_length(expected: &str) -> Option<&str> {
    expected.strip_prefix("a tuple of size ").or_else(|| {
        let (_, length) = expected.strip_prefix("tuple ")?.split_once(" with ")?;
        length.strip_suffix(" elements")
    })
}

/// A node about to be read.
#[derive(Clone, Copy)]
struct At<'de, 'p> {
    node: &'de Node,
    place: Place<'p>,
}

impl<'de> At<'de, '_> {
    /// Reads it; an error leaves with a place.
    fn read<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self).map_err(|fault| fault.placed_in(self.node, self.place))
    }
}

impl<'de> Deserializer<'de> for At<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Int(value) => visitor.visit_i64(*value),
            Kind::Uint(value) => visitor.visit_u64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Str(value) => visitor.visit_borrowed_str(value),
            Kind::Seq(items) => {
                let mut rest = Items { items, next: 0, place: self.place };
                let value = visitor.visit_seq(&mut rest)?;
                match items.len() - rest.next {
                    0 => Ok(value),
                    _ => Err(Fault::Loose(What::Type {
                        expected: format!("a list of {}", rest.next),
                        found: format!("a length of {}", items.len()),
                    })),
                }
            }
            Kind::Map(entries) => {
                let mut rest = Entries { rest: entries.iter(), current: None, place: self.place };
                visitor.visit_map(&mut rest).map_err(|fault| match rest.current {
                    // it is the type's own complaint about what it just read
                    Some((key, _)) => fault.placed(&key.span, Place::Field(&key.name)),
                    None => fault,
                })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Serde would read a list as the fields of a struct in the order of their
    /// declaration; a policy has names.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.node.kind {
            Kind::Seq(_) => Err(Fault::invalid_type(Unexpected::Seq, &"a map")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant = match &self.node.kind {
            Kind::Str(name) => {
                Variant { name, span: &self.node.span, place: self.place, value: None }
            }
            Kind::Map(entries) if let [(key, value)] = entries.as_slice() => {
                Variant { name: &key.name, span: &key.span, place: self.place, value: Some(value) }
            }
            other => {
                let found = other.describe();
                return Err(Fault::Loose(What::Type { expected: one_of(variants), found }));
            }
        };
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Items<'de, 'p> {
    items: &'de [Node],
    next: usize,
    place: Place<'p>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.items.get(self.next) else {
            return Ok(None);
        };
        let place = Place::Item(&self.place, self.next);
        self.next += 1;
        At { node, place }.read(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

struct Entries<'de, 'p> {
    place: Place<'p>,
    rest: std::slice::Iter<'de, (Key, Node)>,
    /// The entry whose key was read last
    current: Option<(&'de Key, &'de Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.current = self.rest.next().map(|(key, value)| (key, value));
        match self.current {
            Some((key, _)) => read_name(seed, &key.name, &key.span, self.place).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        match self.current {
            Some((key, node)) => At { node, place: Place::Field(&key.name) }.read(seed),
            None => Err(Fault::custom("a value was asked for before its key")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Variant<'de, 'p> {
    name: &'de str,
    span: &'de Range<usize>,
    place: Place<'p>,
    value: Option<&'de Node>,
}

impl<'de> Variant<'de, '_> {
    fn read<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        match self.value {
            Some(node) => At { node, place: Place::Field(self.name) }.read(seed),
            None => {
                let message = format!("`{}` needs a value", shorten(self.name));
                Err(Fault::custom(message).placed(self.span, self.place))
            }
        }
    }
}

impl<'de, 'p> EnumAccess<'de> for Variant<'de, 'p> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let value = read_name(seed, self.name, self.span, self.place)?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            Some(_) => self.read(std::marker::PhantomData),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        self.read(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.read(TupleSeed(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.read(StructSeed(visitor))
    }
}

/// A visitor as a seed, for the content of a tuple variant.
struct TupleSeed<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for TupleSeed<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_seq(self.0)
    }
}

/// A visitor as a seed, for the content of a struct variant.
struct StructSeed<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for StructSeed<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_struct("", &[], self.0)
    }
}

/// Reads the name of a key or a variant; an error leaves with a place.
fn read_name<'de, S: DeserializeSeed<'de>>(
    seed: S,
    name: &'de str,
    span: &Range<usize>,
    place: Place<'_>,
) -> Result<S::Value, Fault> {
    seed.deserialize(Name(name)).map_err(|fault| fault.placed(span, place))
}

struct Name<'de>(&'de str);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
