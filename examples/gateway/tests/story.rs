//! The story of the program, with each gateway that is installed, and without one.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The statuses of the story. Two of the gateway without a decision service follow.
const STATUSES: [&str; 10] = ["401", "200", "403", "200", "200", "401", "401", "400", "200", "200"];

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway")).args(arguments).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Plays the story, and returns whether the gateway was there.
fn story(gateway: &str, without_service: &str) -> bool {
    let Ended { code, stdout, stderr } = run(&[gateway]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let is_gateway = stdout.starts_with(&format!("Callers use {gateway}, "));
    assert!(is_gateway || stdout.starts_with("The story asks the decision service directly"), "{stdout}");
    let statuses: Vec<&str> =
        stdout.lines().filter_map(|line| line.split_once(" -> ")).map(|(_, status)| status).collect();
    let last = if is_gateway { without_service } else { "no response" };
    assert_eq!(statuses, [&STATUSES[..], &[last, last]].concat(), "{stdout}");
    assert!(
        stdout.ends_with("\n12 of 12 steps got the expected response. All processes have ended.\n"),
        "{stdout}"
    );
    assert!(!stdout.contains("admin\"") && !stdout.contains("eyJ"), "{stdout}");
    let ids: Vec<&str> = stdout.lines().filter_map(process_id).collect();
    assert_eq!(ids.len(), if is_gateway { 3 } else { 1 }, "{stdout}");
    for id in ids {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let is_ours = ["scopegate", "backend.py", gateway].iter().any(|name| line.contains(name));
        assert!(!is_ours, "{line} is still running");
    }
    is_gateway
}

#[test]
fn story_has_expected_statuses_behind_each_gateway() {
    for (gateway, without_service) in [("nginx", "503"), ("caddy", "502")] {
        // Without the gateway, it is the story of the other test.
        story(gateway, without_service);
    }
}

#[test]
fn story_without_gateway_asks_decision_service() {
    assert!(!story("none", ""));
}

/// Returns the id of the process in a line such as `started scopegate (process 7)`.
fn process_id(line: &str) -> Option<&str> {
    line.split_once("(process ")?.1.strip_suffix(')')
}

#[test]
fn stopped_story_leaves_no_process() {
    let mut story = Command::new(env!("CARGO_BIN_EXE_gateway"));
    let mut story =
        story.arg("none").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let output = BufReader::new(story.stdout.take().expect("it is piped"));
    let mut lines = output.lines().map_while(Result::ok);
    let service = lines.find_map(|line| process_id(&line).map(str::to_owned)).expect("it has started");
    let sent =
        Command::new("kill").args(["-TERM", &story.id().to_string()]).status().expect("there is a shell");
    assert!(sent.success());
    let ended = story.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(1));
    let started = Instant::now();
    while std::fs::read_to_string(format!("/proc/{service}/cmdline"))
        .is_ok_and(|line| line.contains("scopegate"))
    {
        assert!(started.elapsed() < Duration::from_secs(10), "{service} is still running");
        std::thread::yield_now();
    }
}

#[test]
fn unknown_argument_is_usage_error() {
    let Ended { code, stdout, stderr } = run(&["apache"]);
    assert_eq!((code, stdout.as_str()), (Some(64), ""));
    assert!(stderr.starts_with("usage: gateway"), "{stderr}");
}
