//! Issuers' names with a place for the tenant.

use crate::tenants::id::is_tenant_guid;

/// The place of the tenant's id, as Entra writes it into metadata and keys.
pub(crate) const PLACEHOLDER: &str = "{tenantid}";

/// A form of names, with one name for each tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameTemplate {
    before: String,
    after: &'static str,
}

impl NameTemplate {
    /// Creates the form `before` + tenant + `after`.
    pub(crate) fn new(before: impl Into<String>, after: &'static str) -> Self {
        Self { before: before.into(), after }
    }

    /// Returns the form with the placeholder.
    pub(crate) fn written(&self) -> String {
        self.name_of(PLACEHOLDER)
    }

    /// Returns the name of a tenant.
    pub(crate) fn name_of(&self, tenant: &str) -> String {
        format!("{}{tenant}{}", self.before, self.after)
    }

    /// Returns the tenant in a name of this form: a GUID in lower case. Nothing else is a tenant, so
    /// the placeholder, `common` and ids in another spelling are none.
    pub(crate) fn tenant_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        let tenant = name.strip_prefix(&*self.before)?.strip_suffix(self.after)?;
        is_tenant_guid(tenant).then_some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_have_a_tenant() {
        let guid = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let template = NameTemplate::new("https://login.microsoftonline.com/", "/v2.0");
        assert_eq!(template.tenant_of(&template.name_of(guid)), Some(guid));
        assert_eq!(template.tenant_of(&template.written()), None);
        for name in [
            format!("https://login.microsoftonline.com/{guid}/v2.0/"),
            format!("https://login.microsoftonline.com/{guid}/v1.0"),
            format!("https://login.microsoftonline.com//{guid}/v2.0"),
            format!("https://login.microsoftonline.com/x/{guid}/v2.0"),
            format!("https://login.microsoftonline.com.evil.example/{guid}/v2.0"),
            format!("http://login.microsoftonline.com/{guid}/v2.0"),
            format!("https://login.microsoftonline.com/{}/v2.0", guid.to_uppercase()),
            format!("https://LOGIN.microsoftonline.com/{guid}/v2.0"),
            "https://login.microsoftonline.com/v2.0".to_owned(),
            "https://login.microsoftonline.com/common/v2.0".to_owned(),
        ] {
            assert_eq!(template.tenant_of(&name), None, "{name}");
        }
    }
}
