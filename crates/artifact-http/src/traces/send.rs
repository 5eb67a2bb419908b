//! How traces get to a collector: OTLP over HTTP, in protobuf. Says once when that fails, and once when it
//! goes again. Knows no request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use artifact_domain::{Error, Result};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::PATIENCE;

/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";

/// What sends to the collector at `endpoint`.
pub(super) fn exporter(endpoint: &str, runtime: &Handle) -> Result<Exporter> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::invalid_input(format!("http.otlp_endpoint can't be used: {why}"))
    };
    let address: http::Uri = endpoint.parse().map_err(|_| wrong(&"it is no URL"))?;
    if address.query().is_some() || endpoint.contains('#') {
        return Err(wrong(&"it has more than a host and a path").with_hint(
            "headers with credentials are given by the variable OTEL_EXPORTER_OTLP_HEADERS",
        ));
    }
    let url = format!("{}{PATH}", endpoint.trim_end_matches('/'));
    let client = Client {
        client: client().map_err(|fault| wrong(&fault))?,
        runtime: runtime.clone(),
    };
    let otlp = Otlp::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(&url)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .build();
    Ok(Exporter {
        otlp: otlp.map_err(|fault| wrong(&fault))?,
        url,
        is_failing: AtomicBool::new(false),
    })
}

fn client() -> reqwest::Result<reqwest::Client> {
    // It fails where there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Sends from a thread of its own by the runtime of the server.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self
            .runtime
            .spawn(async move { client.send_bytes(request).await });
        sent.await?
    }
}

/// Sends, and tells when sending begins to fail and when it no longer does.
#[derive(Debug)]
pub(super) struct Exporter {
    otlp: Otlp,
    url: String,
    is_failing: AtomicBool,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.otlp.export(batch).await;
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(fault) if !was_failing => {
                tracing::warn!(
                    "traces can't be sent to {}, and are dropped until they can: {fault}",
                    self.url
                );
            }
            Ok(()) if was_failing => tracing::info!("traces are sent to {} again", self.url),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
