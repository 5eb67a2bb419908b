//! What object stores mean by their codes, and what it means that one does not answer. Knows the
//! words of services and of the network, and no calls.

use std::error::Error as StdError;

use artifact_domain::ErrorKind;

use super::Meaning;

pub(super) const NO_BUCKET: Meaning = (
    ErrorKind::InvalidInput,
    "the bucket does not exist",
    Some("create it, or check the bucket's name and the endpoint in the settings"),
);
pub(super) const WRONG_REGION: Meaning = (
    ErrorKind::InvalidInput,
    "the bucket is in another region",
    Some("set `s3.region` to the region of the bucket (`aws s3api head-bucket` names it)"),
);
const CLOCK: Meaning = (
    ErrorKind::Unauthenticated,
    "this machine's clock differs too much from the service's",
    Some("set the clock, for example by NTP: signatures hold for some minutes only"),
);
const UNKNOWN_KEY: Meaning = (
    ErrorKind::Unauthenticated,
    "the service does not know the access key",
    Some("check the access key, and that the endpoint is that of the service which gave it out"),
);
const WRONG_SECRET: Meaning = (
    ErrorKind::Unauthenticated,
    "the signature is wrong: the secret key does not belong to the access key",
    Some("check the secret key; a proxy that changes requests breaks signatures too"),
);
const NO_GRANT: Meaning = (
    ErrorKind::Unauthenticated,
    "Google does not accept the credentials any more",
    Some("renew them (`gcloud auth application-default login`, a new key), or set the clock"),
);
const NO_KEY: Meaning = (
    ErrorKind::InvalidInput,
    "the private key in the credentials file can't be read",
    Some("download or create the file again, and change nothing in it"),
);
const CAN_NOT_SIGN: Meaning = (
    ErrorKind::Unsupported,
    "the credentials can't sign URLs",
    Some("set `gcs.credentials_path` to the key of a service account"),
);
const NO_PROJECT: Meaning = (
    ErrorKind::InvalidInput,
    "the bucket wants to know who pays for requests",
    Some("set `gcs.project` to the project that pays"),
);
const WRONG_PROJECT: Meaning = (
    ErrorKind::PermissionDenied,
    "the credentials may not let the project of the settings pay",
    Some("check `gcs.project`; whoever asks needs `serviceusage.services.use` in that project"),
);
const EXPIRED: Meaning = (
    ErrorKind::Unauthenticated,
    "the credentials have expired",
    Some("renew the session, for example by `aws sso login`"),
);
const NO_CREDENTIALS: Meaning = (
    ErrorKind::Unauthenticated,
    "no credentials were found",
    Some(
        "set `s3.access_key` and `s3.secret_key` or `gcs.credentials_path`, or what the standard \
         chain reads: environment, profile, role of the machine",
    ),
);
const REFUSED_CREDENTIALS: Meaning = (
    ErrorKind::Unauthenticated,
    "the service does not accept the credentials",
    Some("check keys, credentials file or role"),
);
const DENIED: Meaning = (
    ErrorKind::PermissionDenied,
    "the credentials do not allow that",
    Some(
        "allow getting, putting, listing and deleting objects, and aborting multipart uploads, in \
         the bucket's policy or the role's",
    ),
);
/// Answers to HEAD do not say why.
const FORBIDDEN: Meaning = (
    ErrorKind::PermissionDenied,
    "the service denies access",
    Some(
        "check the keys, what they allow in the policies of bucket and role, and this machine's clock",
    ),
);
const FULL: Meaning = (
    ErrorKind::StorageFull,
    "the service has no room left, or the quota of the bucket is used up",
    Some("let the store clean up what has expired, or ask for a larger quota"),
);
const TOO_LARGE: Meaning = (
    ErrorKind::TooLarge,
    "the service takes no object of that size",
    None,
);
const DAMAGED: Meaning = (
    ErrorKind::Integrity,
    "the bytes arrived damaged, and the service has refused them",
    Some("try again; if it happens again, something between here and the service changes them"),
);
const ARCHIVED: Meaning = (
    ErrorKind::Conflict,
    "the object is in a storage class that can't be read at once",
    Some("`artifact restore` asks for a copy that can be read"),
);
const UNKNOWN_CLASS: Meaning = (
    ErrorKind::InvalidInput,
    "the service does not know the storage class",
    Some("check `s3.storage_classes` or `gcs.storage_classes` in the settings"),
);
const BUSY: Meaning = (
    ErrorKind::Unavailable,
    "the service asks to slow down",
    Some("try again later, or do less at once"),
);
const FAULTY: Meaning = (
    ErrorKind::Unavailable,
    "the service has a passing fault",
    Some("try again later"),
);
const UNKNOWN_CALL: Meaning = (
    ErrorKind::Unsupported,
    "the service does not know this call",
    None,
);
const BAD_NAME: Meaning = (
    ErrorKind::InvalidInput,
    "the service does not take that name",
    Some("check the bucket's name and the length of the prefix in the settings"),
);
const LONG_NAME: Meaning = (
    ErrorKind::InvalidInput,
    "the service takes no name of that length",
    Some(
        "choose a shorter name or prefix, or another database for the service: LMDB keeps short keys",
    ),
);
const SHORT: Meaning = (
    ErrorKind::Integrity,
    "it has fewer bytes than it should",
    None,
);
const SWEPT: Meaning = (
    ErrorKind::Unavailable,
    "what was sent in parts was taken away before it was whole",
    Some(
        "try again: it was silent for so long that `artifact gc` elsewhere, or a rule of the bucket, \
         took it for one that was cut off",
    ),
);
/// Some answer so where there is nothing at all behind the beginning of a range.
const NO_RANGE: Meaning = (
    ErrorKind::Integrity,
    "the service gives a range that is none, where it has fewer bytes than it should",
    None,
);
const ABSENT: Meaning = (ErrorKind::NotFound, "not found", None);
const REFUSED: Meaning = (
    ErrorKind::Internal,
    "the service refuses the request",
    Some("is the endpoint that of a compatible service? `-v` shows its answer"),
);
const NO_HOST: Meaning = (
    ErrorKind::Unavailable,
    "the host name of the service can't be resolved",
    Some("check the endpoint and the region in the settings, and the network's name service"),
);
const NO_CONNECTION: Meaning = (
    ErrorKind::Unavailable,
    "the service can't be connected to",
    Some("check host and port of the endpoint, that the service runs, and proxies and firewalls"),
);
const UNTRUSTED: Meaning = (
    ErrorKind::Unavailable,
    "no trusted TLS connection comes about",
    Some(
        "check that the endpoint's scheme is right, and add the service's authority to the \
         system's certificates (or name its file in SSL_CERT_FILE; for S3, AWS_CA_BUNDLE does too)",
    ),
);
const BROKEN: Meaning = (
    ErrorKind::Unavailable,
    "the connection to the service broke",
    Some("try again; check the network"),
);
const SILENT: Meaning = (
    ErrorKind::Unavailable,
    "the service did not answer in time",
    Some("try again; check the network, and how busy the service is"),
);

/// The meaning of a code of S3, of a service that speaks like it, or of Google's.
fn meaning_of_code(code: &str) -> Option<Meaning> {
    Some(match code {
        "NoSuchBucket" => NO_BUCKET,
        "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "TemporaryRedirect"
        | "Redirect"
        | "IllegalLocationConstraintException" => WRONG_REGION,
        "RequestTimeTooSkewed" | "RequestExpired" => CLOCK,
        "InvalidAccessKeyId" | "NotSignedUp" => UNKNOWN_KEY,
        "SignatureDoesNotMatch" => WRONG_SECRET,
        "ExpiredToken" | "TokenRefreshRequired" => EXPIRED,
        "InvalidToken" | "InvalidSecurity" | "Unauthorized" | "authError" => REFUSED_CREDENTIALS,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "forbidden" => DENIED,
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" | "InsufficientCapacity" => {
            FULL
        }
        "EntityTooLarge" | "MaxMessageLengthExceeded" => TOO_LARGE,
        "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch" => DAMAGED,
        "InvalidObjectState" | "ObjectNotInActiveTierError" => ARCHIVED,
        "InvalidStorageClass" => UNKNOWN_CLASS,
        "SlowDown" | "TooManyRequests" | "RequestLimitExceeded" | "rateLimitExceeded" => BUSY,
        "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "OperationAborted"
        | "backendError" => FAULTY,
        "NotImplemented" | "MethodNotAllowed" => UNKNOWN_CALL,
        "InvalidBucketName" | "KeyTooLongError" => BAD_NAME,
        "InvalidRange" => SHORT,
        "NoSuchUpload" => SWEPT,
        "NoSuchKey" => ABSENT,
        _ => return None,
    })
}

/// The region that a bucket is in, where an answer names it: in its body or in its headers, as they
/// are printed.
pub(super) fn region_in(said: &str) -> Option<&str> {
    let named = between(said, "x-amz-bucket-region\": \"", "\"")
        .or_else(|| between(said, "<Region>", "</Region>"))
        .or_else(|| between(said, "expecting '", "'"))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (named.len() < 40 && named.chars().all(is_name)).then_some(named)
}

/// The meaning of a status where no code says more: answers to HEAD have no body.
fn meaning_of_status(status: u16) -> Option<Meaning> {
    Some(match status {
        301 | 307 => WRONG_REGION,
        401 => REFUSED_CREDENTIALS,
        403 => FORBIDDEN,
        404 => ABSENT,
        405 | 501 => UNKNOWN_CALL,
        413 => TOO_LARGE,
        416 => SHORT,
        429 => BUSY,
        507 => FULL,
        408 | 499 | 500..=599 => FAULTY,
        _ => return None,
    })
}

/// The code in an answer that was read here.
pub(super) fn code_of(body: &str) -> Option<&str> {
    between(body, "<Code>", "</Code>").or_else(|| between(body, "\"reason\": \"", "\""))
}

/// What Google and Garage say in words alone.
const WORDS: [(&str, Meaning); 10] = [
    ("Forbidden: Invalid signature", WRONG_SECRET),
    ("Forbidden: No such key: ", UNKNOWN_KEY),
    ("MDB_BAD_VALSIZE", LONG_NAME),
    ("doesn't match calculated", DAMAGED),
    ("requester pays bucket but no", NO_PROJECT),
    ("USER_PROJECT_DENIED", WRONG_PROJECT),
    ("serviceusage.services.use", WRONG_PROJECT),
    ("Anonymous caller", NO_CREDENTIALS),
    ("Invalid storage class", UNKNOWN_CLASS),
    ("specified bucket does not exist", NO_BUCKET),
];

fn meaning_of_words(text: &str) -> Option<Meaning> {
    let mut known = WORDS.into_iter();
    known.find_map(|(words, meaning)| text.contains(words).then_some(meaning))
}

/// The meaning of an answer that was read here.
pub(super) fn meaning_of_answer(status: u16, body: &str) -> Meaning {
    if let Some(meaning) = meaning_of_words(body) {
        return meaning;
    }
    let meaning = code_of(body).and_then(meaning_of_code);
    meaning
        .or_else(|| meaning_of_status(status))
        .unwrap_or(REFUSED)
}

/// The meaning of what OpenDAL reports, by what it tells of the answer or of the network; none
/// where only its own kind says something.
pub(super) fn meaning_of(cause: &opendal::Error) -> Option<Meaning> {
    use opendal::ErrorKind as Od;
    if let Some(fault) = network_fault(cause) {
        return Some(meaning_of_network(fault));
    }
    if cause.message().contains("timeout") {
        return Some(SILENT);
    }
    if cause.message().starts_with("signing http request") {
        return Some(meaning_of_signing(cause));
    }
    let message = cause.message();
    if message.starts_with("header content range is invalid") {
        return Some(NO_RANGE);
    }
    if let Some(meaning) = meaning_of_words(message) {
        return Some(meaning);
    }
    if let Some(meaning) = reported_code(cause).and_then(meaning_of_code) {
        return Some(meaning);
    }
    // These say what the status would say, and more.
    if matches!(
        cause.kind(),
        Od::NotFound | Od::ConditionNotMatch | Od::Conflict | Od::AlreadyExists
    ) {
        return None;
    }
    let (status, _) = answered(cause)?;
    Some(meaning_of_status(status).unwrap_or(REFUSED))
}

/// What the network reports at the bottom of what OpenDAL reports.
pub(super) fn network_fault(cause: &opendal::Error) -> Option<&reqwest::Error> {
    chain(cause).find_map(|source| source.downcast_ref())
}

/// Status and code of the answer that OpenDAL reports.
pub(super) fn answered(cause: &opendal::Error) -> Option<(u16, Option<&str>)> {
    let report = cause.to_string();
    let status = between(&report, "status: ", ",")?.parse().ok()?;
    Some((status, reported_code(cause)))
}

/// The driver prints the answer that it has parsed, or the answer itself.
fn reported_code(cause: &opendal::Error) -> Option<&str> {
    let message = cause.message();
    between(message, "code: \"", "\"")
        .or_else(|| between(message, "<Code>", "</Code>"))
        .or_else(|| between(message, "reason: \"", "\""))
        .filter(|code| !code.is_empty())
}

fn meaning_of_network(fault: &reqwest::Error) -> Meaning {
    let said: Vec<String> = chain(fault).map(ToString::to_string).collect();
    let says = |words: &[&str]| {
        let mut all = said.iter();
        all.any(|text| words.iter().any(|word| text.contains(word)))
    };
    if says(&["dns error", "failed to lookup address"]) {
        NO_HOST
    } else if says(&[
        "certificate",
        "InvalidContentType",
        "corrupt message",
        "tls",
    ]) {
        UNTRUSTED
    } else if fault.is_connect() {
        NO_CONNECTION
    } else if fault.is_timeout() {
        SILENT
    } else {
        BROKEN
    }
}

/// A signature can't be made where there are no credentials, or where those who give them out do
/// not answer.
fn meaning_of_signing(cause: &opendal::Error) -> Meaning {
    let said: Vec<_> = chain(cause).map(ToString::to_string).collect();
    let says = |words: &str| said.iter().any(|text| text.contains(words));
    if says("invalid_grant") {
        return NO_GRANT;
    }
    if says("failed to parse private key") {
        return NO_KEY;
    }
    if says("ExpiredToken") || says("expired") {
        return EXPIRED;
    }
    if says("signer identity required") {
        return CAN_NOT_SIGN;
    }
    NO_CREDENTIALS
}

pub(super) fn chain<'a>(
    first: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(first), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

/// What stands between two texts, the first time.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_bucket_is_found_wherever_a_service_names_it() {
        for said in [
            "status 301, {\"x-amz-bucket-region\": \"eu-west-1\", \"date\": \"x\"}: ",
            "<Error><Region>eu-west-1</Region></Error>",
            "the region 'us-east-1' is wrong; expecting 'eu-west-1'",
        ] {
            assert_eq!(region_in(said), Some("eu-west-1"), "{said}");
        }
        for said in ["", "<Region></Reg", "<Region>`rm`</Region>"] {
            assert_eq!(region_in(said), None, "{said}");
        }
    }
}
