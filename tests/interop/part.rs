//! The parts of a run, each with tables of its own. One of them can be run alone.

use crate::installed::Installed;
use crate::outcome::Trouble;
use crate::table::Table;
use crate::{bound, callers, dpop, introspection, judges, oracle, servers, template};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Servers,
    Callers,
    Bound,
    Dpop,
    Judges,
    Introspection,
    Oracle,
    Template,
}

impl Part {
    /// In the order of the page.
    const ALL: [Self; 8] = [
        Self::Servers,
        Self::Callers,
        Self::Bound,
        Self::Dpop,
        Self::Judges,
        Self::Introspection,
        Self::Oracle,
        Self::Template,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Callers => "callers",
            Self::Bound => "bound",
            Self::Dpop => "dpop",
            Self::Judges => "judges",
            Self::Introspection => "introspection",
            Self::Oracle => "oracle",
            Self::Template => "template",
        }
    }

    /// Returns the part after `--part`, or all parts.
    pub(crate) fn of_arguments(arguments: &[String]) -> Result<Vec<Self>, Trouble> {
        let Some(at) = arguments.iter().position(|argument| argument == "--part") else {
            return Ok(Self::ALL.into());
        };
        let name = arguments.get(at + 1).map_or("", String::as_str);
        let part = Self::ALL.into_iter().find(|part| part.name() == name);
        let unknown = || {
            let names = Self::ALL.map(Self::name).join(", ");
            Trouble::failed(format!("expected a part, one of {names}, and found {name:?}"))
        };
        part.map(|part| vec![part]).ok_or_else(unknown)
    }

    pub(crate) async fn tables(self, installed: &Installed) -> Result<Vec<Table>, Trouble> {
        Ok(match self {
            Self::Servers => vec![Box::pin(servers::table(installed)).await],
            Self::Callers => Box::pin(callers::tables(installed)).await?.into(),
            Self::Bound => vec![Box::pin(bound::table(installed)).await],
            Self::Dpop => vec![Box::pin(dpop::table(installed)).await?],
            Self::Judges => vec![Box::pin(judges::table(installed)).await?],
            Self::Introspection => vec![Box::pin(introspection::table(installed)).await],
            Self::Oracle => vec![Box::pin(oracle::table(installed)).await?],
            Self::Template => vec![Box::pin(template::table(installed)).await],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Option<Vec<Part>> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Part::of_arguments(&arguments).ok()
    }

    #[test]
    fn named_part_is_run_alone() {
        assert_eq!(of(&["target/interop", "--write"]), Some(Part::ALL.into()));
        for part in Part::ALL {
            assert_eq!(of(&["target/interop", "--part", part.name(), "--write"]), Some(vec![part]));
        }
        for unknown in [&["--part"][..], &["--part", "--write"], &["--part", "server"]] {
            assert_eq!(of(unknown), None, "{unknown:?}");
        }
    }
}
