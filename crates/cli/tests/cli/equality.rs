//! Goal: the same report and the same good and bad records, whatever the threads, the way of reading, the
//! instructions and the chunk size, from files, archives and pipes.

mod verbs;

use serde_json::Value;

use crate::data::{CODECS, PARTS};
use crate::shell::{Ran, Shell};

/// Rules of every kind, one that needs two passes among them.
const CONTRACT: &str = "\
apiVersion: v3.2.0
kind: DataContract
id: awkward
version: 1.0.0
status: active
schema:
  - name: awkward
    properties:
      - { name: key, logicalType: integer, required: true, unique: true }
      - { name: amount, logicalType: number, logicalTypeOptions: { minimum: 0, maximum: 500 } }
      - { name: when, logicalType: timestamp }
      - { name: memo, logicalType: string, logicalTypeOptions: { minLength: 2, maxLength: 12 } }
      - name: code
        logicalType: string
        logicalTypeOptions: { pattern: '^[A-Z]{2}\\d*$' }
        quality:
          - { metric: nullValues, mustBeLessThan: 1, unit: percent, severity: warning }
";

const AMOUNTS: [&str; 9] = [
    "1", "12.50", "499.999", "500.001", "-0.0", "-1", "1e2", "abc", "",
];
const TIMES: [&str; 4] = [
    "2024-02-29T12:00:00Z",
    "2023-02-29T12:00:00Z",
    "2024-01-01",
    "",
];
const CODES: [&str; 5] = ["AB", "ZZ12345", "ab", "", "ÄÖ1"];
const MEMOS: [&str; 9] = [
    "ok",
    "x",
    "a longer one, with comma",
    "two\nlines",
    "say \"hi\"",
    "\u{1F600}é",
    "",
    "tab\t",
    "cr\r\nlf",
];

/// Mostly regular records, and now and then something that is hard to cut.
fn csv(rows: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = b"key,amount,when,memo,code\r\n".to_vec();
    for row in 0..rows {
        let irregular: &[u8] = match random.u8(..) {
            0 => b"\n",
            1 => b"5\" nail,1,,ok,AB\n",
            2 => b"1,2,3\n",
            3 => b"\"7\" ,\"1\"\"2\",,\"ok\"x,AB\r",
            4 => b"9,1,,\xFF\xFE,AB\n",
            5 => b"\r\r\n",
            6 => b"a,b,c,d,e,f,g\n",
            _ => b"",
        };
        text.extend_from_slice(irregular);
        let key = if random.u8(..) == 0 { 1 } else { row };
        let [amount, when, code] =
            [&AMOUNTS[..], &TIMES, &CODES].map(|texts| choose(&mut random, texts));
        let memo = choose(&mut random, &MEMOS);
        let memo = match memo.contains(['"', ',', '\n']) || random.u8(..4) == 0 {
            true => format!("\"{}\"", memo.replace('"', "\"\"")),
            false => memo.to_owned(),
        };
        let end = if random.bool() { "\n" } else { "\r\n" };
        text.extend_from_slice(format!("{key},{amount},{when},{memo},{code}{end}").as_bytes());
    }
    text.extend_from_slice(b"1,1,,\"never closed,AB\n1,1,,ok,AB");
    text
}

fn jsonl(rows: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(2);
    let mut text = Vec::new();
    for row in 0..rows {
        let irregular: &[u8] = match random.u8(..) {
            0 => b"\n",
            1 => b" \t\r\n",
            2 => b"[1, 2]\n",
            3 => b"{\"key\": 1, \"key\": 2}\n",
            4 => b"{\"key\": 1\n",
            5 => b"{\"memo\": \"\xFF\"}\n",
            6 => b"{\"k\\u0065y\": 3.0, \"amount\": null, \"other\": {\"key\": [{}]}}\n",
            _ => b"",
        };
        text.extend_from_slice(irregular);
        let key = if random.u8(..) == 0 { 1 } else { row };
        let amount = [
            "1", "12.50", "499.999", "500.001", "-0.0", "1e2", "\"abc\"", "null", "true",
        ];
        let amount = choose(&mut random, &amount);
        let [when, code] =
            [&TIMES[..], &CODES].map(|texts| Value::from(choose(&mut random, texts)));
        let memo = Value::from(choose(&mut random, &MEMOS));
        let record = format!(
            "{{\"key\": {key}, \"amount\":{amount},\"when\":{when}, \"memo\" : {memo},\"code\":{code}}}\n"
        );
        text.extend_from_slice(record.as_bytes());
    }
    text.pop();
    text
}

/// The well-formed among these lines as the elements of an array, some of them on several lines.
fn array_of(lines: &[u8]) -> Vec<u8> {
    let values = lines.split(|&byte| byte == b'\n');
    let values: Vec<Value> = values
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let mut text = b"[\n".to_vec();
    for (index, value) in values.iter().enumerate() {
        let element = match index % 3 {
            0 => serde_json::to_string_pretty(value).expect("JSON"),
            _ => value.to_string(),
        };
        text.extend_from_slice(if index == 0 { b"  " } else { b",\r\n  " });
        text.extend_from_slice(element.as_bytes());
    }
    text.extend_from_slice(b" ]\n");
    text
}

fn choose<'t>(random: &mut fastrand::Rng, texts: &[&'t str]) -> &'t str {
    // The first one is good, and is chosen most of the time.
    let index = if random.u8(..4) > 0 {
        0
    } else {
        random.usize(..texts.len())
    };
    texts[index]
}

/// What a run came to: its report without the figures, and the records it wrote.
#[derive(Debug, PartialEq)]
struct Outcome {
    report: Value,
    good: Vec<u8>,
    bad: Vec<u8>,
}

struct Data {
    shell: Shell,
    format: &'static str,
    bytes: Vec<u8>,
}

impl Data {
    fn new(format: &'static str, bytes: Vec<u8>) -> Self {
        let shell = Shell::new();
        shell.write("awkward.odcs.yaml", CONTRACT);
        shell.write("data", &bytes);
        for (ending, compress) in CODECS.into_iter().chain(PARTS) {
            shell.write(format!("data.{ending}"), compress(&bytes));
        }
        Self {
            shell,
            format,
            bytes,
        }
    }

    /// Checks `input`; `-` is fed the data.
    fn check(&self, input: &str, options: &str) -> Outcome {
        let arguments = format!(
            "check {input} --contract awkward.odcs.yaml --input-format {} --json --max-errors 60 \
             --good good --bad bad {options}",
            self.format
        );
        let fed = if input == "-" {
            self.bytes.as_slice()
        } else {
            b""
        };
        let ran = self.shell.tamis_fed(&arguments, fed);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(1), ""),
            "{arguments}"
        );
        let mut report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let fields = report.as_object_mut().expect("an object");
        fields.remove("performance").expect("the figures");
        // Names and what compression did to them tell inputs apart, and nothing else does.
        for input in fields["inputs"].as_array_mut().expect("a list") {
            input["name"] = "input".into();
            input["compression"] = Value::Null;
            input["bytes"] = Value::Null;
        }
        for sample in fields["samples"].as_array_mut().expect("a list") {
            sample["input"] = "input".into();
        }
        for note in fields["notes"].as_array_mut().expect("a list") {
            note["input"] = "input".into();
        }
        let read =
            |name| std::fs::read(self.shell.folder.path().join(name)).expect("it was written");
        Outcome {
            report,
            good: read("good"),
            bad: read("bad"),
        }
    }

    #[track_caller]
    fn compare(&self, expected: &Outcome, input: &str, options: &str) {
        let found = self.check(input, options);
        assert_eq!(found.report, expected.report, "{input} {options}");
        assert_eq!(
            (found.good.len(), found.bad.len()),
            (expected.good.len(), expected.bad.len()),
            "{input} {options}"
        );
        assert!(found == *expected, "{input} {options}: other records");
    }

    /// The instruction sets that this CPU has.
    fn levels(&self) -> Vec<&'static str> {
        let has = |level: &&str| {
            let Ran { code, .. } = self.shell.tamis(&format!(
                "check data --contract awkward.odcs.yaml --input-format {} --simd {level}",
                self.format
            ));
            code == Some(1)
        };
        ["scalar", "avx2", "avx512"]
            .into_iter()
            .filter(has)
            .collect()
    }

    fn compare_everything(&self) {
        let expected = self.check("data", "--threads 1 --io read --simd scalar");
        let rows = &expected.report["rows"];
        assert!(
            rows["valid"].as_u64() > Some(50) && rows["invalid"].as_u64() > Some(50),
            "{rows}"
        );
        for simd in self.levels() {
            for threads in [1, 2, 3, 7] {
                for io in ["mmap", "read"] {
                    for chunk in ["1KiB", "512KiB"] {
                        let options = format!("--threads {threads} --io {io} --simd {simd}");
                        self.compare(
                            &expected,
                            "data",
                            &format!("{options} --chunk-size {chunk}"),
                        );
                    }
                }
            }
        }
        for level in 0..=3 {
            self.compare(
                &expected,
                "data",
                &format!("--level {level} --chunk-size 1KiB"),
            );
        }
        // A chunk for each byte: slow, so not with everything else.
        for input in ["data --io mmap", "data --io read", "-"] {
            self.compare(&expected, input, "--threads 3 --chunk-size 1");
        }
        let archives = CODECS.into_iter().chain(PARTS);
        let archives = archives.map(|(ending, _)| format!("data.{ending}"));
        for input in archives.chain(["-".to_owned()]) {
            for chunk in ["1KiB", "512KiB"] {
                self.compare(
                    &expected,
                    &input,
                    &format!("--threads 2 --chunk-size {chunk}"),
                );
            }
        }
    }
}

/// Rows of each table; many more in a long run.
fn row_count() -> usize {
    if std::env::var_os("TAMIS_SOAK").is_some() {
        5_000
    } else {
        300
    }
}

#[test]
fn awkward_csv_gives_the_same_everywhere() {
    Data::new("csv", csv(row_count())).compare_everything();
}

#[test]
fn awkward_json_lines_give_the_same_everywhere() {
    Data::new("jsonl", jsonl(row_count())).compare_everything();
}

#[test]
fn an_awkward_json_array_gives_the_same_everywhere() {
    Data::new("json", array_of(&jsonl(row_count()))).compare_everything();
}

#[test]
fn a_json_array_is_checked_as_the_same_json_lines() {
    let array = array_of(&jsonl(200));
    let values: Vec<Value> = serde_json::from_slice(&array).expect("JSON");
    let lines: Vec<String> = values.iter().map(Value::to_string).collect();
    let places_removed = |mut report: Value| {
        report["inputs"][0]["format"] = Value::Null;
        for output in report["outputs"].as_array_mut().expect("a list") {
            output["bytes"] = Value::Null;
        }
        for sample in report["samples"].as_array_mut().expect("a list") {
            (sample["line"], sample["byte_offset"]) = (Value::Null, Value::Null);
        }
        report
    };
    let array = Data::new("json", array).check("data", "--threads 2");
    assert!(array.report["samples"][0]["line"].is_null());
    assert!(array.report["samples"][0]["byte_offset"].is_u64());
    let lines = Data::new("jsonl", lines.join("\n").into_bytes()).check("data", "--threads 2");
    assert_eq!(places_removed(array.report), places_removed(lines.report));
}
