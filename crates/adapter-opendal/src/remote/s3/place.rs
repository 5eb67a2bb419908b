//! Where a bucket is: endpoint, region, the form of its URLs, the prefix in it. Knows nothing of
//! keys and signatures.

use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use http::{Request, Uri};
use opendal::{Buffer, HttpTransporter};

use super::S3Options;
use super::standard::Surroundings;

/// How long AWS may take to say where a bucket is.
const PATIENCE: Duration = Duration::from_secs(10);

/// A region for services that have none: what their clients are set to by default.
const ANY_REGION: &str = "us-east-1";

/// Where a bucket is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    /// Scheme and authority, without the bucket.
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) path_style: bool,
    /// `/`, or the prefix between two of them.
    pub(super) root: String,
}

impl Place {
    pub(super) async fn find(
        options: &S3Options,
        around: Surroundings,
        transport: &HttpTransporter,
    ) -> Result<Self> {
        let bucket = options.bucket.clone();
        let given = options.endpoint_url.clone().or(around.endpoint_url);
        let given = given.map(|url| checked(&url)).transpose()?;
        let region = match (options.region.clone().or(around.region), &given) {
            (Some(region), _) => region,
            (None, Some(_)) => ANY_REGION.to_owned(),
            (None, None) => region_of(&bucket, transport).await?,
        };
        // A dot would make the host name one that the service's certificate does not cover.
        let path_style = options.path_style.unwrap_or(given.is_some()) || bucket.contains('.');
        Ok(Self {
            endpoint: given.unwrap_or_else(|| amazon(&region)),
            region,
            path_style,
            root: root(options.prefix.as_deref().unwrap_or_default()),
            bucket,
        })
    }

    /// The URL of the bucket, without a final slash.
    pub(super) fn bucket_url(&self) -> String {
        let (endpoint, bucket) = (&self.endpoint, &self.bucket);
        if self.path_style {
            return format!("{endpoint}/{bucket}");
        }
        endpoint.replacen("://", &format!("://{bucket}."), 1)
    }

    /// Whether it is a bucket of AWS itself.
    pub(super) fn is_amazon(&self) -> bool {
        self.endpoint == amazon(&self.region)
    }

    /// Bucket and prefix, and the service where it is not AWS, whose buckets have names of the
    /// world.
    pub(super) fn location(&self) -> String {
        let (bucket, root) = (&self.bucket, &self.root);
        if self.is_amazon() {
            format!("s3://{bucket}{root}")
        } else {
            format!("s3://{bucket}{root} at {}", self.endpoint)
        }
    }
}

/// Whether options, and the surroundings where they are silent, mean AWS itself. Asks nobody.
pub(super) fn means_amazon(options: &S3Options, around: Surroundings) -> bool {
    let endpoint = options.endpoint_url.clone().or(around.endpoint_url);
    let region = options.region.clone().or(around.region);
    endpoint.is_none_or(|endpoint| {
        let region = region.unwrap_or_else(|| ANY_REGION.to_owned());
        endpoint.trim_end_matches('/') == amazon(&region)
    })
}

fn amazon(region: &str) -> String {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://s3.{region}.{domain}")
}

/// The prefix with a slash on both sides; empty components say nothing.
fn root(prefix: &str) -> String {
    let components: Vec<_> = prefix.split('/').filter(|part| !part.is_empty()).collect();
    match components.join("/") {
        none if none.is_empty() => "/".to_owned(),
        some => format!("/{some}/"),
    }
}

/// An endpoint is scheme, host and port; a path would be lost, and keys do not belong here.
fn checked(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let parsed = url.parse::<Uri>().ok().filter(|uri| {
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        is_known && has_host && is_bare && !url.contains('@')
    });
    if parsed.is_some() {
        return Ok(url.to_owned());
    }
    // It is not shown: it may hold a password.
    let message = "the endpoint of the bucket is no URL of a service";
    Err(Error::invalid_input(message)
        .with_hint("give scheme, host and port alone, such as `https://s3.example.com:9000`"))
}

/// Asks AWS in which region a bucket is. It says so to anybody.
async fn region_of(bucket: &str, transport: &HttpTransporter) -> Result<String> {
    let url = if bucket.contains('.') {
        format!("https://s3.amazonaws.com/{bucket}")
    } else {
        format!("https://{bucket}.s3.amazonaws.com/")
    };
    let unknown = || {
        let message = format!("the region of bucket `{bucket}` is not set and can't be found out");
        Error::new(ErrorKind::InvalidInput, message)
            .with_hint("set `s3.region` (or AWS_REGION), and `s3.endpoint_url` if it is not of AWS")
    };
    let request = Request::head(url).body(Buffer::new());
    let request = request.map_err(|cause| unknown().with_source(cause))?;
    let answer = tokio::time::timeout(PATIENCE, transport.send(request)).await;
    let answer = answer.map_err(|cause| unknown().with_source(cause))?;
    let answer = answer.map_err(|cause| unknown().with_source(cause))?;
    let region = answer.headers().get("x-amz-bucket-region");
    let region = region.and_then(|region| region.to_str().ok());
    region.map(str::to_owned).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for (url, endpoint) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://s3.example.com/", "https://s3.example.com"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(checked(url).unwrap(), endpoint);
        }
        for url in [
            "s3.example.com",
            "ftp://x",
            "https://",
            "https://x/path",
            "https://key:secret@x",
            "https://x?y=z",
            "http://a b",
        ] {
            let error = checked(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn aws_is_meant_by_its_own_endpoint_too() {
        let means = |endpoint: &str, region: &str| {
            let around = Surroundings {
                endpoint_url: Some(endpoint.to_owned()),
                region: Some(region.to_owned()),
                ..Surroundings::default()
            };
            means_amazon(&S3Options::default(), around)
        };
        assert!(means_amazon(&S3Options::default(), Surroundings::default()));
        assert!(means("https://s3.eu-west-1.amazonaws.com/", "eu-west-1"));
        assert!(!means("https://s3.eu-west-1.amazonaws.com", "eu-west-2"));
        assert!(!means("http://127.0.0.1:9000", "eu-west-1"));
    }

    #[test]
    fn a_prefix_stands_between_slashes() {
        for (prefix, expected) in [("", "/"), ("/", "/"), ("a", "/a/"), ("/a//b/", "/a/b/")] {
            assert_eq!(root(prefix), expected);
        }
    }

    #[test]
    fn the_bucket_stands_in_the_host_or_in_the_path() {
        let place = |path_style| Place {
            bucket: "b".to_owned(),
            endpoint: amazon("eu-west-1"),
            region: String::new(),
            path_style,
            root: "/".to_owned(),
        };
        let in_host = place(false).bucket_url();
        assert_eq!(in_host, "https://b.s3.eu-west-1.amazonaws.com");
        let in_path = place(true).bucket_url();
        assert_eq!(in_path, "https://s3.eu-west-1.amazonaws.com/b");
        assert!(amazon("cn-north-1").ends_with(".amazonaws.com.cn"));
    }
}
