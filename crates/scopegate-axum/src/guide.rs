//! Doc tests of the guide, `docs/guide`: one item for each chapter with Rust code.

#[doc = include_str!("../../../docs/guide/protecting.md")]
struct Protecting;

#[doc = include_str!("../../../docs/guide/scopes.md")]
struct Scopes;

#[doc = include_str!("../../../docs/guide/claims.md")]
struct Claims;

#[doc = include_str!("../../../docs/guide/step-up.md")]
struct StepUp;

#[doc = include_str!("../../../docs/guide/dpop.md")]
struct Dpop;

#[doc = include_str!("../../../docs/guide/certificates.md")]
struct Certificates;

#[doc = include_str!("../../../docs/guide/ml-dsa.md")]
struct MlDsa;

#[doc = include_str!("../../../docs/guide/providers/cognito.md")]
struct Cognito;

#[doc = include_str!("../../../docs/guide/providers/auth0.md")]
struct Auth0;

#[doc = include_str!("../../../docs/guide/providers/okta.md")]
struct Okta;

#[doc = include_str!("../../../docs/guide/providers/entra.md")]
struct Entra;

#[doc = include_str!("../../../docs/guide/providers/keycloak.md")]
struct Keycloak;

#[doc = include_str!("../../../docs/guide/providers/hydra.md")]
struct Hydra;

#[doc = include_str!("../../../docs/guide/providers/google.md")]
struct Google;

#[doc = include_str!("../../../docs/guide/providers/rfc9068.md")]
struct Rfc9068;

#[doc = include_str!("../../../docs/guide/providers/others.md")]
struct Others;

#[doc = include_str!("../../../docs/guide/redis.md")]
struct Redis;

#[doc = include_str!("../../../docs/guide/tenants.md")]
struct Tenants;

#[doc = include_str!("../../../docs/guide/hosts.md")]
struct Hosts;

#[doc = include_str!("../../../docs/guide/operating.md")]
struct Operating;

#[doc = include_str!("../../../docs/guide/revocation.md")]
struct Revocation;

#[doc = include_str!("../../../docs/guide/security-events.md")]
struct SecurityEvents;

#[doc = include_str!("../../../docs/guide/status-lists.md")]
struct StatusLists;

#[doc = include_str!("../../../docs/guide/introspection.md")]
struct Introspection;

#[doc = include_str!("../../../docs/guide/rotation.md")]
struct Rotation;

#[doc = include_str!("../../../docs/guide/testing.md")]
struct Testing;

#[doc = include_str!("../../../docs/guide/calling.md")]
struct Calling;

#[doc = include_str!("../../../docs/guide/fapi.md")]
struct Fapi;

#[doc = include_str!("../../../docs/guide/grpc.md")]
struct Grpc;

#[doc = include_str!("../../../docs/guide/mcp.md")]
struct Mcp;

#[doc = include_str!("../../../docs/guide/openapi.md")]
struct Openapi;

#[doc = include_str!("../../../docs/guide/cors.md")]
struct Cors;

#[doc = include_str!("../../../docs/guide/migrating.md")]
struct Migrating;

#[doc = include_str!("../../../docs/guide/deploying.md")]
struct Deploying;
