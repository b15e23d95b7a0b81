//! Is the output in the guide that of the program?

use scopegate_issuer::Mint;

use crate::program::{CLIENT, NOW, Offline, POOL_ISSUER, file};

/// A token that is the same in each run.
fn token() -> Mint {
    let token = Mint::cognito(POOL_ISSUER, CLIENT).issued_at(NOW).lifetime(3_600).scope("orders/read");
    token.claim("jti", "63bc88dd-1a30-479e-bcdf-f73291fdb626")
}

#[test]
fn output_in_guide_is_that_of_program() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/explain.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (offline, mut missing) = (Offline::new("guide"), Vec::new());
    let id_token = token()
        .claim("token_use", "id")
        .claim("aud", CLIENT)
        .without_claim("client_id")
        .without_claim("scope");
    for (name, token, more) in [
        ("valid", token(), &[][..]),
        ("expired", token().client("5another67890"), &["--at", "2027-01-15T09:00:33Z"]),
        ("ID token", id_token.claim("email", "ann@shop.example"), &[]),
    ] {
        let run = offline.explain(&token, more);
        assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{name}: {}", run.out);
        if !page.contains(&format!("```text\n{}```\n", run.out)) {
            missing.push(run.out);
        }
    }
    let service = include_str!("../../../../docs/guide/program.md").split("```toml\n").nth(1).unwrap();
    let service = file("guide.toml", service.split("```").next().unwrap());
    let flags = ["--config", service.to_str().unwrap(), "--request", "POST /orders/7"];
    let run = offline.explain_for(&flags, &offline.sign(&token()), &[]);
    // The page shows the decision. The checks are those of the examples above.
    let decision = format!("{}\n✓ form ", run.out.split("\n✓ form ").next().unwrap());
    if !page.contains(&decision) {
        missing.push(decision);
    }
    assert!(missing.is_empty(), "the guide lacks\n{}", missing.join("```\n"));
}
