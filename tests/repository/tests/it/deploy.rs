//! Checks the files of `deploy/` as text. `scripts/gateways` runs the gateways with their files.

use crate::links::read;

const UNIT: &str = "deploy/scopegate.service";
const CONTAINERFILE: &str = "deploy/Containerfile";

/// The command of the service, without its program.
const COMMAND: [&str; 3] = ["serve", "--config", "/etc/scopegate/scopegate.toml"];

/// Lines that the unit must have. `CapabilityBoundingSet=` removes all capabilities.
const UNIT_LINES: [&str; 10] = [
    "DynamicUser=yes",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "MemoryDenyWriteExecute=yes",
    // A core dump would have tokens.
    "LimitCORE=0",
];

/// Keys that give the service files to write, or another user.
const UNIT_KEYS: [&str; 6] =
    ["User=", "ReadWritePaths=", "StateDirectory=", "CacheDirectory=", "LogsDirectory=", "RuntimeDirectory="];

/// Returns the reasons why a service of this unit may do more than it must.
fn problems_of_unit(unit: &str) -> Vec<String> {
    let has = |line: &str| unit.lines().any(|found| found == line);
    let missing = UNIT_LINES.iter().filter(|line| !has(line)).map(|line| format!("expected {line}"));
    let forbidden = |key: &&&str| unit.lines().any(|line| line.starts_with(**key));
    let more = UNIT_KEYS.iter().filter(forbidden).map(|key| format!("found {key}"));
    missing.chain(more).collect()
}

#[test]
fn unit_has_no_privileges_and_read_only_files() {
    let unit = read(UNIT);
    assert_eq!(problems_of_unit(&unit), <[String; 0]>::default());
    for line in UNIT_LINES {
        let without = unit.replace(&format!("{line}\n"), "");
        assert_eq!(problems_of_unit(&without), [format!("expected {line}")]);
    }
    for key in UNIT_KEYS {
        assert_eq!(problems_of_unit(&format!("{unit}{key}x\n")), [format!("found {key}")]);
    }
}

#[test]
fn unit_starts_again_unless_file_is_wrong() {
    let unit = read(UNIT);
    let check = format!("ExecReload=/usr/local/bin/scopegate check {}", COMMAND[2]);
    let reload = format!("{check}\nExecReload=/bin/kill -HUP $MAINPID\n");
    for lines in
        [&reload, "\nRestart=always\n", "\nRestartPreventExitStatus=64\n", "\nStartLimitIntervalSec=0\n"]
    {
        assert!(unit.contains(lines), "{lines}");
    }
    // Three addresses, each with connections of trusted and of other peers.
    let limit = unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE="));
    assert!(limit.unwrap().parse::<usize>().unwrap() > 3 * (16_384 + 256) + 1_000);
}

/// Returns the reasons why a container of this recipe may do more than it must.
fn problems_of_container(recipe: &str) -> Vec<String> {
    let last = recipe.rsplit("\nFROM ").next().unwrap();
    let instruction = |name: &str| last.lines().filter_map(move |line| line.strip_prefix(name)).next_back();
    let user = instruction("USER ").and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    let copies = || last.lines().filter(|line| line.starts_with("COPY "));
    let checks = [
        (user.is_some_and(|user| user > 0), "expected a number of a user other than root"),
        (instruction("RUN ").is_none(), "expected no command in the last stage, which has no shell"),
        (
            copies().all(|copy| copy.contains("--chown=0:0") && copy.contains("--chmod=0555")),
            "expected files of root",
        ),
        (copies().all(|copy| copy.contains("--from=build")), "expected files of the build only"),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, text)| text.to_owned()).collect()
}

#[test]
fn container_has_another_user_and_read_only_files() {
    let recipe = read(CONTAINERFILE);
    assert_eq!(problems_of_container(&recipe), <[String; 0]>::default());
    for (from, to) in [
        ("USER 65532:65532", "USER 0:0"),
        ("USER 65532:65532", "USER nonroot"),
        ("USER 65532:65532\n", ""),
        ("USER 65532:65532", "USER 65532:65532\nRUN true"),
        (" --chown=0:0", ""),
        (" --chmod=0555", " --chmod=0777"),
        ("COPY --from=build", "COPY"),
    ] {
        let changed = recipe.replace(from, to);
        assert_ne!(changed, recipe, "{from}");
        assert_eq!(problems_of_container(&changed).len(), 1, "{from} -> {to}");
    }
}

#[test]
fn container_is_built_without_earlier_builds() {
    // The recipe copies the whole checkout.
    let ignored = read(".dockerignore");
    assert!(ignored.lines().any(|line| line == "target") && ignored.lines().any(|line| line == ".git"));
}

#[test]
fn unit_and_container_run_the_same_command() {
    let (unit, recipe) = (read(UNIT), read(CONTAINERFILE));
    let program = "/usr/local/bin/scopegate";
    assert!(unit.contains(&format!("\nExecStart={program} {}\n", COMMAND.join(" "))));
    assert!(recipe.contains(&format!("\nENTRYPOINT [{program:?}]\nCMD {COMMAND:?}\n")));
}

#[test]
fn each_gateway_passes_on_the_headers_of_the_guide() {
    let guide = read("docs/guide/gateways.md");
    let names = guide.lines().filter_map(|line| line.strip_prefix("\"X-Auth-")?.split('"').next());
    let mut names: Vec<String> = names.map(|name| format!("x-auth-{}", name.to_lowercase())).collect();
    names.push("x-auth-path".to_owned());
    assert_eq!(names.len(), 4);
    for file in ["nginx/scopegate.conf", "caddy/Caddyfile", "traefik/scopegate.yaml", "envoy/envoy.yaml"] {
        assert!(guide.contains(&format!("deploy/{file}")), "{file}");
        let text = read(format!("deploy/{file}")).to_lowercase();
        for name in &names {
            assert!(text.contains(name), "{file}: {name}");
        }
    }
    assert!(
        guide.contains("deploy/envoy/grpc.yaml") && guide.contains("deploy/nginx/untrusted-headers.conf")
    );
}

/// Returns the lines of a configuration of Envoy about the headers of a caller, and whether it lets requests
/// pass if the service fails.
fn strictness(envoy: &str) -> (Vec<&str>, bool) {
    let lines = envoy.lines().map(str::trim).skip_while(|line| !line.starts_with("normalize_path"));
    let lines = lines.take_while(|line| !line.starts_with("route_config")).collect();
    let [closed, open] =
        ["failure_mode_allow: false", "failure_mode_allow: true"].map(|line| envoy.contains(line));
    (lines, open || !closed)
}

#[test]
fn both_files_of_envoy_are_equally_strict() {
    let [http, grpc] = ["deploy/envoy/envoy.yaml", "deploy/envoy/grpc.yaml"].map(read);
    let (lines, passes) = strictness(&http);
    assert!(lines.len() > 20 && !passes);
    assert_eq!(strictness(&grpc), (lines, passes));
    assert!(strictness(&grpc.replace("allow: false", "allow: true")).1);
    assert!(strictness(&grpc.replace("failure_mode_allow: false", "")).1);
}
