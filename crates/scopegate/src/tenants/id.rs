//! The exact forms of tenants' ids. Names and URLs are built from these forms only.

use scopegate_proto::url::redacted;

use crate::config_error::ConfigError;

/// Maximum length of a user pool's id, as AWS documents it.
const MAX_POOL_ID: usize = 55;

/// Returns whether this is a GUID in lower case, as tokens have it.
pub(crate) fn is_tenant_guid(id: &str) -> bool {
    is_guid(id) && !id.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_guid(id: &str) -> bool {
    let mut groups = [8, 4, 4, 4, 12].into_iter();
    id.split('-')
        .all(|group| groups.next() == Some(group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
        && groups.next().is_none()
}

/// Returns the GUID of an Entra tenant in lower case.
pub(crate) fn entra_tenant(id: &str) -> Result<String, ConfigError> {
    if is_guid(id) {
        return Ok(id.to_ascii_lowercase());
    }
    Err(ConfigError::InvalidName {
        setting: "tenant",
        expected: "the id of one tenant, a GUID, because tokens name the tenant that issued them by it, and never \
                   common, organizations, consumers or a domain",
        found: redacted(id),
    })
}

/// Returns the region in the id of a Cognito user pool.
pub(crate) fn region_of_pool(id: &str) -> Option<&str> {
    let (region, name) = id.rsplit_once('_')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_region(region) && is_name && id.len() <= MAX_POOL_ID).then_some(region)
}

/// Returns whether this has the form of an AWS region.
pub(crate) fn is_region(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').count() >= 3 && text.split('-').all(is_word)
}

/// Returns the id of a tenant of any provider, in the form that tokens have.
pub(crate) fn tenant_id(id: &str) -> Result<String, ConfigError> {
    if is_guid(id) {
        return Ok(id.to_ascii_lowercase());
    }
    if region_of_pool(id).is_some() {
        return Ok(id.to_owned());
    }
    Err(ConfigError::InvalidName {
        setting: "tenant",
        expected: "the GUID of one Entra tenant, or the id of a Cognito user pool like eu-west-1_Ab12Cd34E",
        found: redacted(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    #[test]
    fn guid_has_five_groups_in_lower_case() {
        assert!(is_tenant_guid(GUID));
        let (upper, tail) = (GUID.to_uppercase(), format!("{GUID}-"));
        let (slash, line) = (format!("{GUID}/x"), format!("{GUID}\n"));
        let short = GUID.get(..35).unwrap();
        for id in
            ["", "common", "organizations", "consumers", "{tenantid}", &upper, &tail, &slash, &line, short]
        {
            assert!(!is_tenant_guid(id), "{id:?}");
        }
        for id in [
            "72f988bf86f141af91ab2d7cd011db47",
            "72f988bf-86f1-41af-91ab-2d7cd011db4g",
            "72f988bf-86f1-41af-91ab-２",
        ] {
            assert!(!is_tenant_guid(id), "{id:?}");
        }
    }

    #[test]
    fn pool_id_has_at_most_55_characters() {
        let of = |length: usize| format!("eu-west-1_{}", "a".repeat(length - 10));
        assert_eq!(region_of_pool(&of(55)), Some("eu-west-1"));
        assert_eq!(region_of_pool(&of(56)), None);
    }
}
