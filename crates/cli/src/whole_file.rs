//! Files that are there whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::input::BadInput;

/// A file that takes its name when all of it is written.
pub(crate) struct WholeFile {
    path: PathBuf,
    beside: PathBuf,
}

impl WholeFile {
    /// Makes sure that it can be written.
    pub(crate) fn new(path: &Path) -> Result<WholeFile, BadInput> {
        let fault = |error| BadInput::file(path, error);
        if path.is_dir() {
            return Err(fault(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
        File::create_new(&beside).map_err(fault)?;
        Ok(WholeFile { path: path.to_path_buf(), beside })
    }

    pub(crate) fn write(self, text: impl AsRef<[u8]>) -> Result<(), BadInput> {
        let written = std::fs::write(&self.beside, text)
            .and_then(|()| std::fs::rename(&self.beside, &self.path));
        written.map_err(|error| BadInput::file(&self.path, error))
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // gone already if it has its name
        let _ = std::fs::remove_file(&self.beside);
    }
}
