//! Where the credentials come from. Never says what they are.

use std::time::Duration;

use artifact_domain::{Check, Error, ErrorKind};
use opendal::HttpTransporter;
use reqsign_aws_v4::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProcessCredentialProvider,
    ProfileCredentialProvider, SSOCredentialProvider,
};
use reqsign_core::{Context, ProvideCredential};

use super::super::{S3Options, standard};

const NAME: &str = "credentials";

/// How long one place may take that gives credentials out.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which part of the standard chain has credentials.
pub(super) async fn kind(options: &S3Options, transport: &HttpTransporter) -> Check {
    if options.access_keys.is_some() {
        return Check::ok(NAME, "keys of the settings (`s3.access_key`)");
    }
    let context = standard::context().with_http_send(transport.clone());
    let found = |what: &str| Check::ok(NAME, what);
    if gives(EnvCredentialProvider::new(), &context).await {
        return found("keys of the environment (AWS_ACCESS_KEY_ID)");
    }
    if gives(ProfileCredentialProvider::new(), &context).await {
        return found("keys of a profile (~/.aws)");
    }
    if gives(SSOCredentialProvider::new(), &context).await {
        return found("a session of single sign-on (`aws sso login`)");
    }
    if gives(AssumeRoleWithWebIdentityCredentialProvider::new(), &context).await {
        return found("a role by web identity (AWS_WEB_IDENTITY_TOKEN_FILE)");
    }
    if gives(ProcessCredentialProvider::new(), &context).await {
        return found("a program that a profile names (`credential_process`)");
    }
    if gives(ECSCredentialProvider::new(), &context).await {
        return found("the role of the container");
    }
    if gives(IMDSv2CredentialProvider::new(), &context).await {
        return found("the role of the machine");
    }
    let missing = Error::new(ErrorKind::Unauthenticated, "no credentials were found").with_hint(
        "set `s3.access_key` and `s3.secret_key`, or what the standard chain reads: environment, \
         profile, role of the machine",
    );
    Check::fail(NAME, &missing)
}

async fn gives(
    provider: impl ProvideCredential<Credential = Credential>,
    context: &Context,
) -> bool {
    let asked = provider.provide_credential(context);
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    matches!(answer, Ok(Ok(Some(_))))
}
