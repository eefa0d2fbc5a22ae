//! Codegen on programs written as MIR: what must hold of every module, and the errors for MIR that breaks its promises.

#[expect(dead_code, reason = "a toolbox")]
mod programs;

use orion_codegen::{OptLevel, Options, Output, compile};
use orion_mir::Program;

fn all() -> Vec<(&'static str, Program)> {
    vec![
        ("fib", programs::fib(20)),
        ("sum", programs::sum(100)),
        ("pipeline", programs::pipeline_program(100, 3, 5)),
    ]
}

fn text(program: &Program, opt_level: OptLevel, output: Output) -> String {
    let options = Options { opt_level, output, verify: true, sanitize: false };
    let bytes = compile(program, options).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(bytes).expect("text")
}

#[test]
fn every_level_gives_an_object() {
    for (name, program) in all() {
        for opt_level in [OptLevel::O0, OptLevel::O1, OptLevel::O2, OptLevel::O3] {
            let options =
                Options { opt_level, output: Output::Object, verify: true, sanitize: false };
            let object = compile(&program, options).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(object.starts_with(b"\x7fELF"), "{name}");
        }
    }
}

#[test]
fn equal_programs_give_equal_bytes() {
    for ((name, a), (_, b)) in all().into_iter().zip(all()) {
        assert!(compile(&a, Options::default()) == compile(&b, Options::default()), "{name}");
    }
}

#[test]
fn the_split_leaves_no_coroutine_intrinsic() {
    for (name, program) in all() {
        for level in [OptLevel::O0, OptLevel::O2] {
            assert!(!text(&program, level, Output::LlvmIr).contains("@llvm.coro."), "{name}");
        }
    }
}

/// All locals are in registers, also in coroutine bodies and without optimisation: only helpers have stack slots.
#[test]
fn bodies_have_no_stack_slots() {
    for (name, program) in all() {
        let ir = text(&program, OptLevel::O0, Output::LlvmIr);
        let mut function = "";
        for line in ir.lines() {
            if line.starts_with("define") {
                function = line;
            }
            let is_body = function.contains("@or.") || function.contains("@\"or.");
            assert!(!(is_body && line.contains(" = alloca ")), "{name}: {function}: {line}");
        }
    }
}

/// A frame map that forgets a live local must not compile: LLVM would keep the value itself, where no state file finds it.
#[test]
fn a_forgotten_local_is_found() {
    let mut program = programs::fib(20);
    let fib = program.bodies.iter_mut().find(|b| b.name == "fib").expect("it is there");
    let call = fib.points.last_mut().expect("it has points");
    assert!(!call.live.is_empty());
    call.live.clear();
    let error = compile(&program, Options::default()).expect_err("it must be refused");
    let message = error.to_string();
    assert!(
        message.starts_with("in `fib`: something else lives across a suspend point"),
        "{message}"
    );
}

/// The stack pointer is compared with the limit, and nothing else happens on the way.
#[test]
fn a_poll_is_one_compare() {
    let assembly = text(&programs::fib(20), OptLevel::O2, Output::Assembly);
    let entry = assembly.split("or.fib:").nth(1).expect("the function");
    let until_call = entry.split("callq").next().expect("a call");
    assert!(until_call.contains("%rsp"), "{until_call}");
    assert!(!until_call.contains("(%rsp)"), "a spill before the recursion:\n{until_call}");
}
