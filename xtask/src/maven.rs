//! Java libraries from Maven Central, with all that they need, in a folder below `target/maven`.
//!
//! A set of coordinates becomes a small `pom.xml`, and Maven copies the jars beside it. The same set is not asked for
//! again: what is there is taken, without a network.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::{program, require, target};

/// Of `maven-dependency-plugin`: whatever Maven is installed then does the same.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Jars in a folder.
#[derive(Debug)]
pub(crate) struct Jars {
    folder: PathBuf,
}

impl Jars {
    /// The jars of `coordinates` (`group:artifact:version`) and of what they need at run time, fetched if they are not there.
    ///
    /// # Errors
    /// Without `java` or `mvn`, and if Maven fails; [`lacking`] tells the first beforehand.
    pub(crate) fn with(name: &str, coordinates: &[&str]) -> Result<Self> {
        if let Some(missing) = lacking() {
            return Err(missing);
        }
        let home = target().join("maven").join(name);
        let jars = Self {
            folder: home.join("jars"),
        };
        let pom = project(name, coordinates)?;
        let file = home.join("pom.xml");
        // Written when the jars are there: it says of which set they are.
        if fs::read_to_string(&file).is_ok_and(|found| found == pom) {
            return Ok(jars);
        }
        remove(&home)?;
        let trial = home.join("trial.xml");
        write(&trial, &pom)?;
        let mut maven = program("mvn");
        maven
            .args(["--batch-mode", "--quiet", "--file"])
            .arg(&trial);
        maven.arg(PLUGIN).arg("-DincludeScope=runtime");
        require(maven.arg(format!("-DoutputDirectory={}", jars.folder.display())))?;
        write(&file, &pom)?;
        Ok(jars)
    }

    /// What `java -cp` takes.
    pub(crate) fn class_path(&self) -> OsString {
        self.folder.join("*").into_os_string()
    }
}

/// What is missing to run Java libraries, if something is.
pub(crate) fn lacking() -> Option<String> {
    let is_there = |tool| program(tool).arg("-version").output().is_ok();
    let missing: Vec<_> = ["java", "mvn"]
        .into_iter()
        .filter(|it| !is_there(*it))
        .collect();
    match missing.is_empty() {
        true => None,
        false => Some(format!(
            "{} missing: install Java 17 or later and Maven (Debian: openjdk-17-jdk-headless, maven)",
            missing.join(" and ")
        )),
    }
}

/// A project that is nothing but its dependencies.
fn project(name: &str, coordinates: &[&str]) -> Result<String> {
    let mut dependencies = String::new();
    for it in coordinates {
        let parts: Vec<_> = it.split(':').collect();
        let [group, artifact, version] = parts[..] else {
            return Err(format!("`{it}`: expected `group:artifact:version`"));
        };
        dependencies.push_str(&format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        ));
    }
    Ok(format!(
        "<project>\n  <modelVersion>4.0.0</modelVersion>\n  <groupId>tamis</groupId>\n  <artifactId>{name}</artifactId>\n  \
         <version>1</version>\n  <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    ))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().expect("it lies in a folder of ours");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_become_dependencies() {
        let made = project("clients", &["org.apache.kafka:kafka-clients:4.4.0"])
            .expect("it has three parts");
        assert!(made.contains("<artifactId>clients</artifactId>"), "{made}");
        assert!(
            made.contains("<artifactId>kafka-clients</artifactId><version>4.4.0</version>"),
            "{made}"
        );
        assert!(project("clients", &["org.apache.kafka:kafka-clients"]).is_err());
    }
}
