//! `tamis inspect`: what it prints of good files, damaged ones and those it does not know.

use std::path::Path;

use crate::data::gzip;
use crate::shell::{Ran, Shell};

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/inspect");
    std::fs::read(folder.join(name)).expect("it is in the repository")
}

/// A folder with these samples in it.
fn shell(names: &[&str]) -> Shell {
    let shell = Shell::new();
    for name in names {
        shell.write(name, sample(name));
    }
    shell
}

#[test]
fn an_archive_and_what_is_in_it() {
    let shell = shell(&["zip"]);
    insta::assert_snapshot!(shell.tamis("inspect zip --entries --limit 2"), @r"
    exit code: 0
    ----- stdout -----
    zip: ZIP archive, 319 B
      zip64                   no
      bytes of the comment    9
      entries                 3
      folders                 1
      bytes unpacked          110
      bytes packed            16
      methods                 stored, deflate
      3 parts
        offset  bytes  name
             0    128  entries
           128    160  directory
                       and 1 more
      3 entries
        offset  bytes  name
             0      6  a.txt  (unpacked 100, method deflate, modified 2024-02-29T12:30:58)
            41      0  dir/  (unpacked 0, method stored, modified 1980-01-01T00:00:00)
                       and 1 more
    ");
}

#[test]
fn several_files_in_their_order() {
    let shell = shell(&["png", "sqlite", "mov"]);
    shell.write("notes.txt", "what is \x1b[2J this?\n");
    shell.write("empty", "");
    let expected = shell.tamis("inspect png notes.txt sqlite mov empty --threads 1");
    insta::assert_snapshot!(expected, @r"
    exit code: 0
    ----- stdout -----
    png: PNG image, 5 x 3, 90 B
      colour                  RGB with alpha
      bits per channel        8
      interlaced              no
      pixels per metre        2835 x 2835
      4 chunks
        offset  bytes  name
             8     25  IHDR
            33     21  pHYs
            54     24  IDAT
            78     12  IEND

    notes.txt: of no kind that is known here, 19 B
      begins with             what is \x1b[2J thi

    sqlite: SQLite database, 5.12 kB
      bytes per page          512
      pages                   10
      free pages              0
      encoding                UTF-8
      journal                 rollback
      vacuums itself          no
      schema format           4
      user version            7
      written by              3.40.1
      tables                  5
      indexes                 1
      views                   1
      triggers                1
      4 parts
        offset  bytes  name
             0    100  header
             0    512  page of the schema
         2,048    512  page of the schema
         3,072    512  page of the schema

    mov: QuickTime media, 32 x 16, 0.26 s, 1.65 kB
      brand                   qt
      tracks                  2
      4 boxes
        offset  bytes  name
             0     20  ftyp
            20  1,533  moov
         1,553      8  wide
         1,561     90  mdat

    empty: empty
    ");
    for more in ["--threads 3", "--io read", "--io mmap --threads 2"] {
        let ran = shell.tamis(&format!("inspect png notes.txt sqlite mov empty {more}"));
        assert_eq!(ran.stdout, expected.stdout, "{more}");
    }
}

#[test]
fn damage_is_told_with_what_was_found_before() {
    let shell = shell(&["gif"]);
    shell.write("cut.png", &sample("png")[..60]);
    insta::assert_snapshot!(shell.tamis("inspect cut.png gif --limit 1"), @r"
    exit code: 1
    ----- stdout -----
    cut.png: PNG image, 5 x 3, 60 B, damaged
      colour                  RGB with alpha
      bits per channel        8
      interlaced              no
      pixels per metre        2835 x 2835
      2 chunks
        offset  bytes  name
             8     25  IHDR
                       and 1 more
      damaged at byte 58: expected the name of a chunk, found the end of the file at byte 60

    gif: GIF image, 4 x 6, 0.60 s, 170 B
      version                 89a
      bits per channel        1
      colours                 4
      plays                   for ever
      frames                  3
      10 blocks
        offset  bytes  name
            13     12  colours
                       and 9 more
    ");
}

#[test]
fn objects_for_programs() {
    let shell = shell(&["elf_32_big", "wav"]);
    shell.write("cut.zip", &sample("zip")[..300]);
    let ran = shell.tamis("inspect cut.zip wav elf_32_big nowhere --json --entries --limit 2");
    insta::assert_snapshot!(ran, @r#"
    exit code: 3
    ----- stdout -----
    {"schema_version":1,"files":[
    {"file":"cut.zip","bytes":300,"packed":null,"kind":"zip","dimensions":null,"duration_seconds":null,"facts":{},"parts":{"count":0,"listed":[]},"entries":{"count":0,"listed":[]},"damage":{"byte_offset":300,"expected":"the end of a directory (`PK` 5 6) in the last 64 KiB","found":"none"}},
    {"file":"wav","bytes":444,"packed":null,"kind":"wav","dimensions":null,"duration_seconds":0.0125,"facts":{"container":"RIFF","codec":"PCM","channels":2,"samples_per_second":8000,"bits_per_sample":16,"samples":100},"parts":{"count":2,"listed":[{"name":"fmt ","offset":12,"bytes":24},{"name":"data","offset":36,"bytes":408}]},"entries":null,"damage":null},
    {"file":"elf_32_big","bytes":404,"packed":null,"kind":"elf","dimensions":null,"duration_seconds":null,"facts":{"class":"32 bits, big-endian","type":"object file","machine":"number 0x0","system":"System V","segments":0,"sections":5,"symbols":"yes"},"parts":{"count":2,"listed":[{"name":"header","offset":0,"bytes":52},{"name":"table of sections","offset":204,"bytes":200}]},"entries":{"count":5,"listed":[{"name":"","offset":0,"bytes":0,"facts":{"type":"NULL"}},{"name":".data","offset":52,"bytes":5,"facts":{"type":"PROGBITS"}}]},"damage":null},
    {"file":"nowhere","error":"cannot open `nowhere`: No such file or directory (os error 2)"}
    ]}
    ----- stderr -----
    error: cannot open `nowhere`: No such file or directory (os error 2)
    "#);
}

#[test]
fn what_cannot_be_read_does_not_stop_the_others() {
    let shell = shell(&["jpeg"]);
    std::fs::create_dir(shell.folder.path().join("folder")).expect("a folder");
    insta::assert_snapshot!(shell.tamis("inspect nowhere folder jpeg --limit 0"), @r"
    exit code: 3
    ----- stdout -----
    jpeg: JPEG image, 5 x 3, 630 B
      JFIF                    1.01
      bits per channel        8
      colour                  three components
      process                 baseline
      scans                   1
      12 segments
    ----- stderr -----
    error: cannot open `nowhere`: No such file or directory (os error 2)
    error: cannot open `folder`: it is a directory; name the files in it
    ");
    assert_eq!(shell.tamis("inspect").code, Some(2));
    assert_eq!(shell.tamis("inspect - -").code, Some(2));
}

#[test]
fn streams_and_packed_files_are_looked_into() {
    let shell = Shell::new();
    let parquet = sample("parquet");
    let plain = shell.tamis_fed("inspect - --entries", &parquet);
    insta::assert_snapshot!(plain, @r"
    exit code: 0
    ----- stdout -----
    -: Parquet table, 913 B
      version                 2
      created by              parquet-cpp-arrow version 26.0.1
      rows                    3
      columns                 3
      row groups              2
      codecs                  zstd
      5 parts
        offset  bytes  name
             0      4  magic number
             4    217  row group 0  (rows 2)
           221    191  row group 1  (rows 1)
           412    493  footer
           905      8  trailer
      6 column chunks
        offset  bytes  name
             4     76  id  (row group 0, type int64, codec zstd, values 2, unpacked 58)
            80     65  name  (row group 0, type bytes, codec zstd, values 2, unpacked 47)
           145     76  point.x  (row group 0, type double, codec zstd, values 2, unpacked 58)
           221     68  id  (row group 1, type int64, codec zstd, values 1, unpacked 50)
           289     65  name  (row group 1, type bytes, codec zstd, values 1, unpacked 47)
           354     58  point.x  (row group 1, type double, codec zstd, values 1, unpacked 40)
    ");
    shell.write("a.gz", gzip(&parquet));
    let essence = |ran: Ran| ran.stdout.lines().next().map(str::to_owned);
    let packed = essence(shell.tamis("inspect a.gz"));
    assert_eq!(
        packed.as_deref(),
        Some("a.gz: Parquet table, 913 B (in gzip)")
    );
    // Larger than what is kept in memory, so on disk in between.
    let mut wav = sample("wav");
    wav.extend_from_slice(&[0; 1 << 20]);
    let ran = shell.tamis_fed("inspect -", &wav);
    assert!(
        ran.stdout.contains("bytes after the end     1,048,576"),
        "{ran}"
    );
    // Nobody reads on to know the size of what is unknown.
    let ran = shell.tamis_fed("inspect -", &vec![b'x'; 1 << 20]);
    assert_eq!(
        essence(ran).as_deref(),
        Some("-: of no kind that is known here")
    );
}

/// Goal: a name from an archive cannot command the terminal.
#[test]
fn names_from_outside_are_tamed() {
    let mut bytes = sample("zip");
    let at = bytes.windows(5).rposition(|window| window == b"a.txt");
    let at = at.expect("the name is in the directory");
    bytes[at..at + 5].copy_from_slice(b"\x1b[2J\n");
    let shell = Shell::new();
    shell.write("a.zip", bytes);
    let ran = shell.tamis("inspect a.zip --entries");
    assert!(ran.stdout.contains("\\u{1b}[2J\\n  (unpacked"), "{ran}");
}
