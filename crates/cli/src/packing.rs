//! What `compress` and `decompress` share: which file becomes which, and what happens to both.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use clap::Args;
use tamis_engine::sink::{FileSink, Sink, StdoutSink};
use tamis_engine::source::{ReadOptions, Source, StdinSource};

use crate::{Context, Error, Exit, Result, inputs, output, stores};

/// What is read, and where the results go.
#[derive(Clone, Debug, Args)]
pub(crate) struct PackingArgs {
    /// Files, `-` for standard input
    #[arg(value_name = "INPUT", default_value = "-")]
    inputs: Vec<PathBuf>,

    /// Where the result goes: a file, a folder for the results of several inputs, `-` for standard output [default: beside
    /// the input]
    #[arg(long, short, value_name = "OUT", value_parser = output::file())]
    output: Option<PathBuf>,

    /// Write to standard output, as `-o -` does
    #[arg(long, short = 'c', conflicts_with = "output")]
    stdout: bool,

    /// Replace outputs that exist
    #[arg(long, short)]
    force: bool,

    /// Remove each input once its output is in place
    #[arg(long)]
    rm: bool,

    /// Keep the inputs: so it is anyway
    #[arg(long, short, conflicts_with = "rm")]
    keep: bool,
}

/// An input and its output.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    /// `-` for standard output.
    pub(crate) output: PathBuf,
}

impl PackingArgs {
    /// The codec's name is told by this file's, if there is one.
    pub(crate) fn named_output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| !path.is_dir())
    }

    /// Whether results are written, and not to files.
    pub(crate) fn is_to_stdout(&self) -> bool {
        self.stdout || self.output.as_deref().is_some_and(output::is_stdout)
    }

    /// The inputs.
    ///
    /// # Errors
    /// When standard input is among them twice.
    pub(crate) fn inputs(&self) -> Result<&[PathBuf]> {
        let stdin = self.inputs.iter().filter(|path| output::is_stdout(path));
        match stdin.count() {
            0 | 1 => Ok(&self.inputs),
            _ => Err(usage("standard input can be read once only", None)),
        }
    }

    /// All jobs, refused before the first if one of them must not be done. `name` says what an input's output is called.
    pub(crate) fn jobs(&self, name: impl Fn(&Path) -> Result<PathBuf>) -> Result<Vec<Job>> {
        let inputs = self.inputs()?;
        if inputs.len() > 1 && self.named_output().is_some() && !self.is_to_stdout() {
            let hint = "name a folder, or `-` to put all of them together";
            return Err(usage("several inputs cannot go into one file", Some(hint)));
        }
        let job = |input: &PathBuf| {
            Ok(Job {
                input: input.clone(),
                output: self.target(input, &name)?,
            })
        };
        let jobs = inputs.iter().map(job).collect::<Result<Vec<Job>>>()?;
        for job in &jobs {
            self.judge(job)?;
        }
        let outputs: Vec<_> = jobs.iter().map(|job| Some(job.output.as_path())).collect();
        match output::named_twice(&outputs) {
            Some(path) => Err(usage(
                &format!("two inputs would become `{}`", path.display()),
                None,
            )),
            None => Ok(jobs),
        }
    }

    fn target(&self, input: &Path, name: &impl Fn(&Path) -> Result<PathBuf>) -> Result<PathBuf> {
        let stdout = || Ok(PathBuf::from("-"));
        match &self.output {
            _ if self.is_to_stdout() => stdout(),
            Some(folder) if folder.is_dir() && is_nameless(input) => Err(usage(
                &format!(
                    "`{}` has no name in `{}`",
                    input.display(),
                    folder.display()
                ),
                Some("name the output"),
            )),
            Some(folder) if folder.is_dir() => {
                let named = name(input)?;
                Ok(folder.join(named.file_name().unwrap_or_default()))
            }
            Some(path) => Ok(path.clone()),
            None if is_nameless(input) => stdout(),
            None => name(input),
        }
    }

    fn judge(&self, Job { input, output }: &Job) -> Result<()> {
        if self.rm && (is_nameless(input) || !output::appears_whole(output)) {
            let message = "`--rm` removes files whose results are files";
            return Err(usage(message, Some("leave it out")));
        }
        if output::replaces(output, input) {
            let message = format!(
                "the output would replace `{}`, which is read",
                input.display()
            );
            return Err(usage(&message, Some("write to another file")));
        }
        let exists = output::appears_whole(output) && output.symlink_metadata().is_ok();
        match exists && !self.force {
            true => Err(usage(
                &format!("`{}` exists", output.display()),
                Some("use `--force` to replace it"),
            )),
            false => Ok(()),
        }
    }

    /// Whether packed bytes may go to standard output.
    ///
    /// # Errors
    /// When that is a terminal, which they would upset.
    pub(crate) fn spare_the_terminal(&self, jobs: &[Job]) -> Result<()> {
        match jobs.iter().find(|job| output::is_terminal(&job.output)) {
            Some(_) if !self.force => Err(usage(
                "packed bytes are nothing for a terminal",
                Some("name an output, or use `--force`"),
            )),
            _ => Ok(()),
        }
    }

    /// Does all jobs, one after the other; one that fails does not keep the others from being done. `work` does the work and says
    /// what came of it.
    pub(crate) fn each(
        &self,
        jobs: &[Job],
        context: &Context<'_>,
        work: impl Fn(&Job) -> Result<String>,
    ) -> Result<Exit> {
        let mut exit = Exit::Good;
        for job in jobs {
            let done = work(job).and_then(|said| {
                if self.rm {
                    fs::remove_file(&job.input).map_err(|source| Error::Remove {
                        path: job.input.clone(),
                        source,
                    })?;
                }
                Ok(said)
            });
            match done {
                Ok(said) => context.printer.say(&said),
                Err(error) if error.is_silent() => return Err(error),
                Err(error) => {
                    context.printer.error(&error);
                    exit = exit.max(error.exit_of_archive());
                }
            }
        }
        Ok(exit)
    }
}

/// The source of a job.
pub(crate) fn source(
    input: &Path,
    options: ReadOptions,
    context: &Context<'_>,
) -> Result<Box<dyn Source>> {
    match output::is_stdout(input) {
        true => Ok(Box::new(StdinSource::new(options))),
        false => inputs::named_source(input, options, context.globals, context.cancel),
    }
}

/// Whether an input has no file of its own beside which its result could lie: standard input, and a file in a store.
fn is_nameless(input: &Path) -> bool {
    output::is_stdout(input) || stores::is_meant(input)
}

/// The sink of a job: a file has the permissions and the time of its input.
pub(crate) fn sink(job: &Job) -> Result<Box<dyn Sink>> {
    if output::is_stdout(&job.output) {
        return Ok(Box::new(StdoutSink::new()?));
    }
    let input = fs::metadata(&job.input).ok().filter(Metadata::is_file);
    Ok(match input {
        Some(metadata) if !output::is_stdout(&job.input) => {
            FileSink::create_like(&job.output, &metadata)?
        }
        _ => FileSink::create(&job.output)?,
    })
}

/// Two sizes, and what the smaller one is of the larger: `648 MB, packed 199 MB (30.7 %)`.
pub(crate) fn sizes(plain_bytes: u64, packed_bytes: u64) -> String {
    use tamis_engine::human::bytes;
    let (plain, packed) = (bytes(plain_bytes), bytes(packed_bytes));
    match plain_bytes {
        0 => format!("{plain}, packed {packed}"),
        all => {
            let share = packed_bytes as f64 * 100.0 / all as f64;
            format!("{plain}, packed {packed} ({share:.1} %)")
        }
    }
}

fn usage(message: &str, hint: Option<&str>) -> Error {
    Error::Usage {
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}
