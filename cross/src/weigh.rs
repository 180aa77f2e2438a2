//! What an agent is made of: every byte of the program by the crate that it is there for.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use object::elf::SHF_ALLOC;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind};
use serde::{Deserialize, Serialize};

/// Code of these that is made for a type of another crate is there for the other crate.
const STANDARD: [&str; 4] = ["core", "alloc", "std", "hashbrown"];

/// What no symbol names: headers, tables of the loader, texts that the linker merged.
pub const NAMELESS: &str = "(no symbol)";

/// Constants of Rust code, whose symbols do not say whose.
pub const CONSTANTS: &str = "(constants)";

/// What an agent weighs, in bytes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Weight {
    /// The stripped program.
    pub bytes: u64,
    /// The same by crates; C by its library, with `C: ` before its name.
    pub crates: BTreeMap<String, u64>,
}

/// A function or a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Its size in bytes, without what overlaps with another.
    pub bytes: u64,
    /// The crate that it is there for.
    pub of: String,
    /// Its name, as in Rust.
    pub name: String,
}

/// Weighs a stripped program of `bytes` by the symbols of the one that is not stripped. The pieces are in order of their size.
///
/// # Errors
/// The symbols cannot be read.
pub fn weigh(bytes: u64, symbols: &Path) -> Result<(Weight, Vec<Piece>)> {
    let data = std::fs::read(symbols).with_context(|| symbols.display().to_string())?;
    let mut pieces = pieces(&object::File::parse(&*data).with_context(|| symbols.display().to_string())?);
    pieces.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let mut crates = BTreeMap::new();
    for piece in &pieces {
        *crates.entry(piece.of.clone()).or_default() += piece.bytes;
    }
    let named: u64 = crates.values().sum();
    crates.insert(NAMELESS.to_owned(), bytes.saturating_sub(named));
    Ok((Weight { bytes, crates }, pieces))
}

/// A symbol as the file has it.
struct Raw<'a> {
    address: u64,
    size: u64,
    name: &'a str,
    /// Which of the linker's input files it came from, as far as it says so.
    file: usize,
}

fn pieces(program: &object::File<'_>) -> Vec<Piece> {
    // Thumb code has the lowest bit of its address set.
    let odd = u64::from(program.architecture() == object::Architecture::Arm);
    let (mut files, mut raw) = (vec![Vec::new()], Vec::new());
    for symbol in program.symbols() {
        let name = symbol.name().unwrap_or_default();
        if symbol.kind() == SymbolKind::File {
            files.push(vec![name]);
        } else if symbol.size() > 0 && symbol.section_index().is_some_and(|at| is_in_the_program(program, at)) {
            // Global symbols come last, and belong to no file.
            let file = if symbol.is_local() { files.len().saturating_sub(1) } else { 0 };
            files.get_mut(file).into_iter().for_each(|names| names.push(name));
            raw.push(Raw { address: symbol.address() & !odd, size: symbol.size(), name, file });
        }
    }
    let libraries: Vec<_> = files.iter().map(|names| library(names)).collect();
    let piece = |(bytes, symbol): (u64, Raw<'_>)| {
        let library = libraries.get(symbol.file).copied().unwrap_or(LIBC);
        Piece { bytes, of: owner(symbol.name, library), name: readable(symbol.name) }
    };
    apart(raw).into_iter().map(piece).collect()
}

/// The symbols that hold bytes of their own, and how many: several may name the same ones, or a part of others'.
fn apart(mut symbols: Vec<Raw<'_>>) -> Vec<(u64, Raw<'_>)> {
    symbols.sort_by(|a, b| a.address.cmp(&b.address).then(b.size.cmp(&a.size)));
    let mut end = 0;
    let own = symbols.into_iter().map(|symbol| {
        let until = symbol.address.saturating_add(symbol.size);
        let bytes = until.saturating_sub(end.max(symbol.address));
        end = end.max(until);
        (bytes, symbol)
    });
    own.filter(|(bytes, _)| *bytes > 0).collect()
}

fn is_in_the_program(program: &object::File<'_>, at: object::SectionIndex) -> bool {
    let Ok(section) = program.section_by_index(at) else { return false };
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return false };
    section.file_range().is_some() && sh_flags.contains(SHF_ALLOC)
}

const LIBC: &str = "C: libc";

/// The library that a file of C or assembly belongs to: its own name, and those of its symbols.
fn library(names: &[&str]) -> &'static str {
    let file = names.first().copied().unwrap_or_default();
    if names.iter().skip(1).any(|name| name.contains("ring_core_")) {
        "C: ring"
    } else if matches!(file, "compiler_rt" | "zigc") {
        "C: zig"
    } else if file.ends_with(".cpp") || file.starts_with("Unwind") {
        "C: libunwind"
    } else {
        LIBC
    }
}

/// The crate that a symbol is there for; `library` if it is none of Rust's.
fn owner(symbol: &str, library: &str) -> String {
    if symbol.contains("ring_core_") {
        return "C: ring".to_owned();
    }
    let name = rust(symbol);
    let Some(name) = name else {
        let constant = symbol.starts_with(".Lanon.") || symbol.starts_with("anon.") || symbol.starts_with("alloc_");
        return if constant { CONSTANTS.to_owned() } else { library.to_owned() };
    };
    let crates = crates(&name);
    let other = crates.iter().find(|name| !STANDARD.contains(name));
    // Without a crate's name it is a method of a primitive type, which only the standard library can have.
    (*other.or(crates.first()).unwrap_or(&"core")).to_owned()
}

/// The name of a symbol as in Rust, if it is one of Rust's, also where the compiler put something before it.
fn rust(symbol: &str) -> Option<String> {
    let start = symbol.find("_R").filter(|start| symbol[..*start].is_empty() || symbol[..*start].ends_with('.'));
    let mangled = symbol.get(start.or_else(|| symbol.find("_ZN"))?..)?;
    let name = rustc_demangle::try_demangle(mangled).ok()?;
    // Those of C++ look like Rust's older ones, without the hash at the end.
    (mangled.starts_with("_R") || mangled.contains("17h")).then(|| format!("{name:#}"))
}

fn readable(symbol: &str) -> String {
    rust(symbol).unwrap_or_else(|| symbol.to_owned())
}

/// The crates in a name, in the order in which they stand in it.
fn crates(name: &str) -> Vec<&str> {
    let mut crates = Vec::new();
    let mut rest = name;
    let mut before = "";
    while let Some(start) = rest.find(|c: char| c.is_alphanumeric() || c == '_') {
        let (gap, word) = rest.split_at(start);
        let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let inside = gap.ends_with("::") || before.ends_with("::") && gap.is_empty();
        if after.starts_with("::") && !inside {
            crates.push(word);
        }
        before = gap;
        rest = after;
    }
    crates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_belongs_to_the_crate_that_it_is_there_for() {
        for (symbol, of) in [
            // v0: a function, a method of a trait, one of a generic type, a primitive's, a constant's.
            ("_RNvNtCs9ltgdHTiPiY_8webpki_x4cert4main", "webpki_x"),
            ("_RNvXs5_NtCsbfUmElpHv8r_3nix5errnoNtNtB5_6consts5ErrnoNtNtCs2GuMXxkw2ym_4core3fmt7Display3fmt", "nix"),
            (".Lswitch.table._RNvNtNtCsbfUmElpHv8r_3nix5errno6consts8from_i32", "nix"),
            ("_RINvNtCs2GuMXxkw2ym_4core3ptr13drop_in_placeNtNtCsbfUmElpHv8r_4line5agent5AgentEB4_", "line"),
            ("_RNvNtCs2GuMXxkw2ym_4core9panicking5panic", "core"),
            // Legacy.
            ("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core"),
            ("_ZN57_$LT$rustls..msgs..Packet$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE", "rustls"),
            ("_ZN4core3ptr46drop_in_place$LT$line3_agent..agent..Agent$GT$17h0123456789abcdefE", "line3_agent"),
            ("_ZN5tokio7runtime5start17h0123456789abcdefE.llvm.1234", "tokio"),
            // What is not of Rust.
            ("ring_core_0_17_14__x25519_sc_muladd", "C: ring"),
            ("_ZN9libunwind13Registers_arm15getRegisterNameEi", "C: a library"),
            ("printf_core", "C: a library"),
            (".Lanon.59159d8da87cedc8a8fcee24b7ce26dc.258", CONSTANTS),
        ] {
            assert_eq!(owner(symbol, "C: a library"), of, "{symbol}");
        }
    }

    #[test]
    fn crates_stand_before_paths_and_nowhere_else() {
        assert_eq!(
            crates("<core::iter::Map<std::vec::IntoIter<u8>, a::b::{closure#0}> as c::D>::next::<e::F>"),
            ["core", "std", "a", "c", "e"]
        );
        assert_eq!(crates("<u128>::_fmt"), Vec::<&str>::new());
        assert_eq!(crates("<alloc::boxed::Box<dyn rumqttc::Link>>::new"), ["alloc", "rumqttc"]);
    }

    #[test]
    fn c_belongs_to_the_library_of_its_file() {
        assert_eq!(library(&["curve25519.c", "fe_mul", "ring_core_0_17_14__x25519_ge_add"]), "C: ring");
        assert_eq!(library(&["vfprintf.c", "printf_core"]), LIBC);
        assert_eq!(library(&["zigc", "heap.SmpAllocator.alloc"]), "C: zig");
        assert_eq!(library(&["libunwind.cpp", "_ZN9libunwind13Registers_arm15getRegisterNameEi"]), "C: libunwind");
        assert_eq!(library(&[]), LIBC);
    }

    #[test]
    fn bytes_with_several_names_are_counted_once() {
        let raw = |name, address, size| Raw { address, size, name, file: 0 };
        let symbols = vec![raw("second", 110, 5), raw("first", 100, 10), raw("inside", 102, 4), raw("over", 113, 4), raw("alias", 100, 10)];
        let own: Vec<_> = apart(symbols).into_iter().map(|(bytes, symbol)| (symbol.name, bytes)).collect();
        assert_eq!(own, [("first", 10), ("second", 5), ("over", 2)]);
    }

    #[test]
    fn every_byte_of_a_program_is_weighed_once() {
        let program = std::env::current_exe().expect("this test");
        let bytes = std::fs::metadata(&program).expect("it is there").len();
        let (weight, pieces) = weigh(bytes, &program).expect("it is weighed");
        assert_eq!(weight.crates.values().sum::<u64>(), bytes);
        assert!(weight.crates.get("line3_cross").is_some_and(|bytes| *bytes > 10_000), "{:?}", weight.crates);
        assert!(weight.crates.get("object").is_some_and(|bytes| *bytes > 1_000), "{:?}", weight.crates);
        assert!(pieces.is_sorted_by(|a, b| a.bytes >= b.bytes));
    }
}
