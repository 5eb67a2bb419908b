//! The headers of requests as the description names them. They are read elsewhere: see `headers`.

use utoipa::IntoParams;

/// What `GET` and `HEAD` of content heed.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is made for the description alone")]
pub(crate) struct Fetching {
    /// Which bytes, such as `bytes=0-99`, `bytes=-100` or several with commas between
    #[param(rename = "Range")]
    range: Option<String>,
    /// The `ETag` of the content that the range is of: other content is answered whole
    #[param(rename = "If-Range")]
    if_range: Option<String>,
    /// The `ETag` of content that the client has: it is answered with 304
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
    /// The `ETag` of the content that is wanted: other content is answered with 412
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// What an upload heeds.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is made for the description alone")]
pub(crate) struct Storing {
    /// The SHA-256 of the bytes in hexadecimal digits: other bytes are answered with 422, and not kept
    #[param(rename = "X-Checksum-Sha256", pattern = "^[0-9a-f]{64}$")]
    x_checksum_sha256: Option<String>,
    /// The same in base64
    #[param(
        rename = "Repr-Digest",
        pattern = "^sha-256=:[0-9A-Za-z+/]{42}[048AEIMQUYcgkosw]=:$"
    )]
    repr_digest: Option<String>,
    /// `*`: nothing may be stored there yet
    #[param(rename = "If-None-Match", pattern = "^\\*$")]
    if_none_match: Option<String>,
    /// The `ETag` of the content that is replaced, or `*` for any
    #[param(rename = "If-Match")]
    if_match: Option<String>,
    /// A key of the client's own: an upload that is sent again under it is stored once
    #[param(rename = "Idempotency-Key", pattern = "^[!-~]{1,256}$")]
    idempotency_key: Option<String>,
    /// An id of the client's own for this version, UUIDv7: it can be asked for where no answer came
    #[param(
        rename = "X-Artifact-Id",
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    )]
    x_artifact_id: Option<String>,
}
