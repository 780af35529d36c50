//! What the numbers in ELF headers are called (System V ABI, and `elf.h` of glibc).

/// The name of the number, or the number.
fn name(table: &[(u32, &str)], number: u32) -> String {
    match table.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("number {number:#x}"),
    }
}

pub(super) fn of_type(number: u16) -> String {
    let table = [
        (0, "none"),
        (1, "object file"),
        (2, "program"),
        (3, "shared object or position-independent program"),
        (4, "core dump"),
    ];
    name(&table, number.into())
}

pub(super) fn of_machine(number: u16) -> String {
    let table = [
        (2, "SPARC"),
        (3, "Intel 80386"),
        (4, "Motorola 68000"),
        (8, "MIPS"),
        (15, "PA-RISC"),
        (20, "PowerPC"),
        (21, "PowerPC 64"),
        (22, "IBM S/390"),
        (40, "ARM"),
        (42, "SuperH"),
        (43, "SPARC 64"),
        (50, "Intel Itanium"),
        (62, "x86-64"),
        (183, "AArch64"),
        (190, "CUDA"),
        (224, "AMD GPU"),
        (243, "RISC-V"),
        (247, "BPF"),
        (258, "LoongArch"),
    ];
    name(&table, number.into())
}

pub(super) fn of_system(number: u8) -> String {
    let table = [
        (0, "System V"),
        (1, "HP-UX"),
        (2, "NetBSD"),
        (3, "Linux"),
        (6, "Solaris"),
        (9, "FreeBSD"),
        (12, "OpenBSD"),
    ];
    name(&table, number.into())
}

pub(super) fn of_segment(number: u32) -> String {
    let table = [
        (0, "NULL"),
        (1, "LOAD"),
        (2, "DYNAMIC"),
        (3, "INTERP"),
        (4, "NOTE"),
        (5, "SHLIB"),
        (6, "PHDR"),
        (7, "TLS"),
        (0x6474_e550, "GNU_EH_FRAME"),
        (0x6474_e551, "GNU_STACK"),
        (0x6474_e552, "GNU_RELRO"),
        (0x6474_e553, "GNU_PROPERTY"),
    ];
    name(&table, number)
}

pub(super) fn of_section(number: u32) -> String {
    let table = [
        (0, "NULL"),
        (1, "PROGBITS"),
        (2, "SYMTAB"),
        (3, "STRTAB"),
        (4, "RELA"),
        (5, "HASH"),
        (6, "DYNAMIC"),
        (7, "NOTE"),
        (8, "NOBITS"),
        (9, "REL"),
        (10, "SHLIB"),
        (11, "DYNSYM"),
        (14, "INIT_ARRAY"),
        (15, "FINI_ARRAY"),
        (16, "PREINIT_ARRAY"),
        (17, "GROUP"),
        (18, "SYMTAB_SHNDX"),
        (19, "RELR"),
        (0x6fff_fff5, "GNU_ATTRIBUTES"),
        (0x6fff_fff6, "GNU_HASH"),
        (0x6fff_fffd, "VERDEF"),
        (0x6fff_fffe, "VERNEED"),
        (0x6fff_ffff, "VERSYM"),
    ];
    name(&table, number)
}
