//! Another implementation as a program that reads settings and tokens, and prints a verdict for
//! each token.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::hostile::{AUDIENCE, CLIENT, LEEWAY, NOW, POOL, Suite};

/// An implementation and its program.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// The path in the folder of installed implementations.
    pub(crate) program: &'static str,
    pub(crate) script: &'static str,
    /// Shapes with an algorithm that it does not support.
    pub(crate) without: &'static [&'static str],
}

pub(crate) const PEERS: [Peer; 4] = [
    Peer { name: "pyjwt", program: "venv/bin/python", script: "peers/pyjwt.py", without: &[] },
    Peer { name: "joserfc", program: "venv/bin/python", script: "peers/joserfc_peer.py", without: &[] },
    Peer { name: "jose", program: "node", script: "peers/jose.mjs", without: &[] },
    Peer {
        name: "aws-jwt-verify",
        program: "node",
        script: "peers/aws_jwt_verify.mjs",
        without: &["rfc9068-ps256"],
    },
];

/// The verdict about one token.
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) accepted: bool,
    pub(crate) reason: String,
}

impl Peer {
    pub(crate) fn knows(&self, shape: &str) -> bool {
        !self.without.contains(&shape)
    }

    /// Returns the verdicts about all tokens of the supported shapes.
    pub(crate) fn judge(&self, suite: &Suite, installed: &Path) -> Vec<Answer> {
        let cases = suite.cases.iter().filter(|case| self.knows(case.shape));
        let lines = cases.map(|case| json!({ "name": case.name, "shape": case.shape, "token": case.token }));
        self.ask(&self.settings(suite), lines, installed)
    }

    /// Writes the settings and then the cases, and returns the verdicts.
    pub(crate) fn ask(
        &self,
        settings: &Value,
        cases: impl Iterator<Item = Value> + Send,
        installed: &Path,
    ) -> Vec<Answer> {
        let installed = installed.canonicalize().expect("the folder is there");
        // `node` is installed on the machine, not in the folder.
        let program = installed.join(self.program);
        let program = if program.exists() { program } else { self.program.into() };
        let mut child = Command::new(program)
            .arg(installed.join(self.script))
            .current_dir(&installed)
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.name));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let answers = thread::scope(|scope| {
            scope.spawn(|| {
                let mut input = BufWriter::new(input);
                writeln!(input, "{settings}").unwrap();
                cases.for_each(|case| writeln!(input, "{case}").unwrap());
            });
            BufReader::new(output).lines().map(|line| Answer::read(&line.unwrap())).collect()
        });
        assert!(child.wait().unwrap().success(), "{} failed", self.name);
        answers
    }

    fn settings(&self, suite: &Suite) -> Value {
        let shapes = suite.shapes.iter().filter(|shape| self.knows(shape.name)).map(|shape| {
            let settings = json!({
                "profile": format!("{:?}", shape.profile),
                "issuer": shape.identifier,
                "algorithms": shape.algorithms(),
                "jwks": shape.jwks(),
            });
            (shape.name.to_owned(), settings)
        });
        let shapes: serde_json::Map<String, Value> = shapes.collect();
        json!({
            "now": NOW, "leeway": LEEWAY, "audience": AUDIENCE, "client": CLIENT, "pool": POOL, "shapes": shapes,
        })
    }
}

impl Answer {
    fn read(line: &str) -> Self {
        let answer: Value = serde_json::from_str(line).expect("an answer is JSON");
        let text = |member: &str| answer[member].as_str().expect("an answer has it").to_owned();
        let accepted = answer["accepted"].as_bool().expect("an answer has it");
        Self { name: text("name"), accepted, reason: text("reason") }
    }
}
