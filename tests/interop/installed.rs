//! The programs that `scripts/interop` has installed. It writes a marker file after a list was
//! installed completely.

use std::path::{Path, PathBuf};

pub(crate) struct Installed {
    pub(crate) folder: PathBuf,
}

impl Installed {
    pub(crate) fn at(folder: &Path) -> std::io::Result<Self> {
        Ok(Self { folder: folder.canonicalize()? })
    }

    /// Node.js and the packages of `package.json`.
    pub(crate) fn node(&self) -> Result<(), &'static str> {
        self.marked("node", "Node.js, or its packages, could not be installed")
    }

    /// Python and the packages of `requirements.txt`.
    pub(crate) fn python(&self) -> Result<(), &'static str> {
        self.marked("python", "Python, or its packages, could not be installed")
    }

    /// Python and the packages of `cognito/requirements.txt`.
    pub(crate) fn aws(&self) -> Result<(), &'static str> {
        self.marked("aws", "Python, or cfn-lint and moto, could not be installed")
    }

    pub(crate) fn curl(&self) -> Result<(), &'static str> {
        self.marked("curl", "there is no curl")
    }

    /// Debian's packages of Apache and its module.
    pub(crate) fn apache(&self) -> Result<(), &'static str> {
        self.marked("apache", "Apache, or mod_oauth2, could not be installed")
    }

    /// Debian's package, and Node.js, which generates its keys.
    pub(crate) fn glewlwyd(&self) -> Result<(), &'static str> {
        let without = "glewlwyd, or the Node.js that makes its keys, could not be installed";
        self.marked("glewlwyd", without)
    }

    fn marked(&self, name: &str, otherwise: &'static str) -> Result<(), &'static str> {
        self.folder.join(format!("installed-{name}")).exists().then_some(()).ok_or(otherwise)
    }
}
