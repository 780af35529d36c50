//! Which files are found, and which of several values counts.

use super::*;

/// Folders with configuration files in them, and an environment.
struct Machine {
    root: TempDir,
    variables: HashMap<&'static str, OsString>,
}

impl Machine {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a folder"),
            variables: HashMap::new(),
        }
    }

    /// With a file of that text, and the folders above it.
    fn with_file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
        self
    }

    /// With one that sets `batch_size`.
    fn with_batch(self, path: &str, batch_size: usize) -> Self {
        self.with_file(path, format!("[performance]\nbatch_size = {batch_size}\n"))
    }

    fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    /// With a variable that is a folder of this machine.
    fn with_folder(self, name: &'static str, path: &str) -> Self {
        let folder = self.root.path().join(path);
        self.with_variable(name, folder)
    }

    fn load(&self, current_folder: &str) -> Result<Config> {
        let environment = |name: &str| self.variables.get(name).cloned();
        Config::load(&self.root.path().join(current_folder), environment)
    }

    fn batch_size(&self, current_folder: &str) -> usize {
        let config = self.load(current_folder).expect("a good configuration");
        config.performance(&flags("tamis")).batch_size
    }

    /// The exit code and the message, with the hint.
    fn refusal(&self, current_folder: &str) -> (Exit, String) {
        let error = self
            .load(current_folder)
            .expect_err("no good configuration");
        let hint = error.hint().map(|hint| format!(" (hint: {hint})"));
        let message = error.chain() + &hint.unwrap_or_default();
        let root = format!("{}/", self.root.path().display());
        (error.exit(), message.replace(&root, ""))
    }
}

#[test]
fn without_files_there_are_defaults() {
    let machine = Machine::new();
    assert_eq!(machine.batch_size("no/such/folder"), 500);
    let performance = Config::default().performance(&flags("tamis"));
    assert_eq!(performance, Performance::default());
}

#[test]
fn the_nearest_file_upward_is_read_and_no_other() {
    let machine = Machine::new()
        .with_batch("tamis.toml", 1)
        .with_batch("project/tamis.toml", 2)
        .with_file("project/data/2026/orders.csv", "")
        .with_file(
            "project/sub/tamis.toml",
            "[performance]\nbuffer_size = \"1MB\"\n",
        );
    assert_eq!(machine.batch_size(""), 1);
    assert_eq!(machine.batch_size("project"), 2);
    assert_eq!(machine.batch_size("project/data/2026"), 2);
    assert_eq!(machine.batch_size("project/data/2026/orders.csv"), 2);
    assert_eq!(
        machine.batch_size("project/sub"),
        500,
        "files above are not mixed in"
    );
}

#[test]
fn the_users_file_is_where_xdg_says_or_in_home() {
    let machine = Machine::new()
        .with_batch("home/.config/tamis/tamis.toml", 1)
        .with_batch("xdg/tamis/tamis.toml", 2)
        .with_file("work/x", "")
        .with_folder("HOME", "home");
    assert_eq!(machine.batch_size("work"), 1);
    let machine = machine.with_folder("XDG_CONFIG_HOME", "xdg");
    assert_eq!(machine.batch_size("work"), 2);
    for ignored in ["", "xdg"] {
        let machine = Machine::new()
            .with_batch("home/.config/tamis/tamis.toml", 1)
            .with_folder("HOME", "home")
            .with_variable("XDG_CONFIG_HOME", ignored);
        assert_eq!(machine.batch_size("home"), 1, "not absolute: {ignored:?}");
    }
}

#[test]
fn later_places_count_more_setting_by_setting() {
    let user = "[performance]\nmax_worker_threads = 1\nbatch_size = 1\nbuffer_size = \"1MB\"\n\
                max_memory_usage = \"1MB\"\nchunk_cache_size = 1\n";
    let project = "[performance]\nmax_worker_threads = 2\nbatch_size = 2\nbuffer_size = \"2MB\"\n\
                   max_memory_usage = \"2MB\"\n";
    let machine = Machine::new()
        .with_file("xdg/tamis/tamis.toml", user)
        .with_file("project/tamis.toml", project)
        .with_folder("XDG_CONFIG_HOME", "xdg")
        .with_variable("TAMIS_MAX_WORKER_THREADS", "3")
        .with_variable("TAMIS_BATCH_SIZE", "3")
        .with_variable("TAMIS_MAX_MEMORY_USAGE", "3000000")
        .with_variable("TAMIS_COMPRESSION", "none")
        .with_variable("TAMIS_BUFFER_SIZE", "")
        .with_variable("TAMIS_SOAK", "no setting of ours");
    let config = machine.load("project").expect("a good configuration");
    let layered = Performance {
        max_worker_threads: 3,
        batch_size: 3,
        buffer_size: ByteSize(2_000_000),
        max_memory_usage: ByteSize(3_000_000),
        chunk_cache_size: ByteSize(1),
        compression: Compression::None,
        ..Performance::default()
    };
    assert_eq!(config.performance(&flags("tamis")), layered);
    let with_flags = config.performance(&flags("tamis --threads 4 --memory 200MB"));
    let expected = Performance {
        max_worker_threads: 4,
        max_memory_usage: ByteSize(200_000_000),
        ..layered.clone()
    };
    assert_eq!(
        with_flags, expected,
        "a flag counts though it says the default"
    );
    assert_eq!(
        config
            .performance(&flags("tamis --level 1"))
            .max_worker_threads,
        1
    );
    assert_eq!(config.performance(&flags("tamis --level 3")), layered);
}

#[test]
fn every_key_has_a_variable() {
    let values = [
        ("TAMIS_MAX_WORKER_THREADS", "3"),
        ("TAMIS_BATCH_SIZE", "7"),
        ("TAMIS_BUFFER_SIZE", "1MiB"),
        ("TAMIS_MAX_MEMORY_USAGE", "1GB"),
        ("TAMIS_CHUNK_CACHE_SIZE", "0"),
        ("TAMIS_FILE_CACHE_SIZE", "4096"),
        ("TAMIS_MEMORY_MAP_THRESHOLD", "1kb"),
        ("TAMIS_COMPRESSION_THRESHOLD", "100"),
        ("TAMIS_STREAMING_THRESHOLD", "2GiB"),
        ("TAMIS_COMPRESSION", "zstd:-3"),
    ];
    let machine = values
        .into_iter()
        .fold(Machine::new(), |machine, (name, value)| {
            machine.with_variable(name, value)
        });
    let expected = Performance {
        max_worker_threads: 3,
        batch_size: 7,
        buffer_size: ByteSize(1 << 20),
        max_memory_usage: ByteSize(1_000_000_000),
        chunk_cache_size: ByteSize(0),
        file_cache_size: ByteSize(4096),
        memory_map_threshold: ByteSize(1_000),
        compression_threshold: ByteSize(100),
        streaming_threshold: ByteSize(2 << 30),
        compression: Compression::Zstd(-3),
    };
    let config = machine.load("").expect("a good environment");
    assert_eq!(config.performance, expected);
}

#[test]
fn a_wrong_variable_is_named() {
    let refusal = |name, value: &str| {
        let (exit, message) = Machine::new().with_variable(name, value).refusal("");
        assert_eq!(exit, Exit::Usage);
        message
    };
    insta::assert_snapshot!(refusal("TAMIS_BATCH_SIZE", "many"), @"the environment variable `TAMIS_BATCH_SIZE` must be a whole number from 1 to 1000000, not `many`");
    insta::assert_snapshot!(refusal("TAMIS_BATCH_SIZE", "0"), @"the environment variable `TAMIS_BATCH_SIZE` must be a whole number from 1 to 1000000, not `0`");
    insta::assert_snapshot!(refusal("TAMIS_BUFFER_SIZE", "64XB"), @"the environment variable `TAMIS_BUFFER_SIZE` must be a size from 4KB to 1GB, not `64XB` (hint: unknown unit `XB`: expected B, KB, MB, GB, TB or KiB, MiB, GiB, TiB, as in 64KB)");
    insta::assert_snapshot!(refusal("TAMIS_MAX_MEMORY_USAGE", "500TB"), @"the environment variable `TAMIS_MAX_MEMORY_USAGE` must be a size from 1MB to 16TB, not `500TB`");
    insta::assert_snapshot!(refusal("TAMIS_COMPRESSION", "zst"), @"the environment variable `TAMIS_COMPRESSION` must be `none`, `lz4`, `zstd` or `zstd:LEVEL` with a level from -7 to 19, not `zst` (hint: did you mean `zstd`?)");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_wrong() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(vec![b'5', 0xff]);
    let (exit, message) = Machine::new()
        .with_variable("TAMIS_BATCH_SIZE", bytes)
        .refusal("");
    assert_eq!(exit, Exit::Usage);
    insta::assert_snapshot!(message, @"the environment variable `TAMIS_BATCH_SIZE` must be a whole number from 1 to 1000000, not `5�`");
}

#[test]
fn a_wrong_file_is_named_with_line_and_column() {
    let machine = Machine::new().with_file("a/tamis.toml", "[performance]\n  batch_size = 0\n");
    let (exit, message) = machine.refusal("a");
    assert_eq!(exit, Exit::Usage);
    insta::assert_snapshot!(message, @"a/tamis.toml:2:16: error: `batch_size` must be a whole number from 1 to 1000000, not `0`");
    // A mistake in the user's file shows although the project's file says the same setting.
    let machine = machine
        .with_batch("a/b/tamis.toml", 5)
        .with_file("xdg/tamis/tamis.toml", "[performance]\nbatch_size = -1\n")
        .with_folder("XDG_CONFIG_HOME", "xdg");
    insta::assert_snapshot!(machine.refusal("a/b").1, @"xdg/tamis/tamis.toml:2:14: error: `batch_size` must be a whole number from 1 to 1000000, not `-1`");
}

#[test]
fn files_that_are_no_text() {
    let machine = Machine::new().with_file("tamis.toml", b"[performance]\n# caf\xe9\n");
    let (exit, message) = machine.refusal("");
    assert_eq!(exit, Exit::Usage);
    insta::assert_snapshot!(message, @"tamis.toml:2:6: error: not UTF-8 (byte 19); a configuration is UTF-8 text");

    let most = "#".repeat(1 << 20);
    assert_eq!(
        Machine::new().with_file("tamis.toml", &most).batch_size(""),
        500
    );
    let (exit, message) = Machine::new()
        .with_file("tamis.toml", most + "#")
        .refusal("");
    assert_eq!(exit, Exit::Usage);
    insta::assert_snapshot!(message, @"tamis.toml:1:1: error: larger than 1 MiB, which no configuration is");
}

#[test]
fn files_that_cannot_be_read() {
    let machine = Machine::new().with_file("a/tamis.toml/x", "");
    let (exit, message) = machine.refusal("a");
    assert_eq!(exit, Exit::Failure);
    insta::assert_snapshot!(message, @"cannot read `a/tamis.toml`: not a file");
}

#[cfg(unix)]
#[test]
fn files_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new()
        .with_batch("a/tamis.toml", 5)
        .with_batch("home/.config/tamis/tamis.toml", 6)
        .with_folder("HOME", "home");
    let allow = |path: &str, mode| {
        let path = machine.root.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    allow("a/tamis.toml", 0o000);
    // Nothing is forbidden to the superuser, who runs tests in containers.
    if fs::read(machine.root.path().join("a/tamis.toml")).is_ok() {
        return;
    }
    let (exit, message) = machine.refusal("a");
    assert_eq!(exit, Exit::Failure);
    insta::assert_snapshot!(message, @"cannot read `a/tamis.toml`: Permission denied (os error 13)");
    allow("a/tamis.toml", 0o600);
    allow("home/.config", 0o000);
    assert_eq!(
        machine.batch_size("a"),
        5,
        "what may not be entered is not there"
    );
    allow("home/.config", 0o700);
}
