//! The story of the program without arguments.

mod demo_process;

use std::process::Command;

use demo_process::{Serving, run};

#[test]
fn every_step_gets_expected_response() {
    let ended = run(&["--exit"], &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.starts_with("listening on http://127.0.0.1:"), "{}", ended.stdout);
    assert_eq!(ended.stdout.lines().last(), Some("23 of 23 steps got the expected response"));
    assert!(!ended.stdout.contains("UNEXPECTED"));
    let too_wide: Vec<&str> = ended.stdout.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(too_wide.is_empty(), "{too_wide:#?}");
}

#[test]
fn story_and_log_show_no_secret() {
    let ended = run(&["--exit"], &[("RUST_LOG", "trace")]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("request rejected"), "there is a log: {}", ended.stderr);
    for (name, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        // Basic credentials are base64. A token, complete or in part, begins with a header in base64url.
        for secret in ["-secret", "bG9jYWwt"] {
            assert!(!text.contains(secret), "{secret} in {name}");
        }
        for (position, _) in text.match_indices("eyJ") {
            let shown = text[position..].bytes().take_while(u8::is_ascii_alphanumeric).count();
            assert!(shown <= 10, "a token in {name}: {:?}", text.get(position..position + 80));
        }
    }
}

#[test]
fn printed_shell_commands_work() {
    if Command::new("curl").arg("--version").output().is_err() {
        return; // curl is not installed.
    }
    let mut demo = Serving::start(&[], &[]);
    demo.until("Try it yourself.");
    let mut lines = demo.until("Ctrl-C stops");
    lines.pop();
    lines.retain(|line| !line.ends_with(':'));
    // A proxy of the environment must not get the requests.
    let script = format!("export no_proxy=127.0.0.1\n{}", lines.join("\n"));
    let output = Command::new("sh").args(["-e", "-c", &script]).output().expect("there is a shell");
    let answers = String::from_utf8(output.stdout).unwrap();
    let statuses: Vec<&str> = answers.lines().filter(|line| line.contains("HTTP/1.1 ")).collect();
    let statuses: Vec<&str> =
        statuses.iter().filter_map(|line| line.split_once("HTTP/1.1 ").map(|(_, status)| status)).collect();
    assert_eq!(statuses, ["200 OK", "201 Created", "200 OK", "401 Unauthorized"], "{script}\n{answers}");
    assert!(answers.contains(r#""item":"tea""#) && answers.contains(r#""item":"coffee""#), "{answers}");
    assert!(answers.contains(r#""client_id":"local-writer""#), "{answers}");

    let ended = demo.stop("INT");
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}
