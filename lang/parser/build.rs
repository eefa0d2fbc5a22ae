//! Generates the parser from `src/grammar.lalrpop`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let generated = lalrpop::Configuration::new()
        .use_cargo_dir_conventions()
        .emit_rerun_directives(true)
        .never_use_colors()
        .process();
    if let Err(error) = generated {
        panic!("src/grammar.lalrpop: {error}");
    }
}
