//! The HTTP server of the artifact store: settings, wiring, routes over the use cases. It decides
//! nothing itself.

mod api;
mod args;
mod beginning;
mod body;
mod client;
mod cors;
mod filter;
mod framing;
mod gate;
mod headers;
mod log;
mod metrics;
mod observe;
mod pace;
mod params;
mod problem;
mod rate;
mod readiness;
mod received;
mod routes;
mod schedule;
mod server;
mod shutdown;
mod state;
mod tls;
mod traces;
mod tus;

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use artifact_bootstrap::Access;
use artifact_bootstrap::settings::{Http, Settings, Sources};
use artifact_domain::{Error, ErrorKind, Result};
use artifact_meter::Meter;
use axum::middleware::{from_fn, from_fn_with_state};
use clap::Parser;
use tokio::net::TcpListener;

use crate::args::Args;
use crate::client::TrustedProxies;
use crate::metrics::Metrics;
use crate::observe::Observer;
use crate::rate::RateLimit;
use crate::server::{End, Limits};
use crate::shutdown::Signals;
use crate::state::App;
use crate::tls::{Files, Renewal, Tls};
use crate::traces::Traces;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.openapi {
        return print_description();
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {}\n", problem::with_causes(&error));
            if let Some(hint) = error.hint() {
                let _ = writeln!(text, "  hint: {hint}");
            }
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(if error.kind() == ErrorKind::InvalidInput {
                2
            } else {
                1
            })
        }
    }
}

/// A broken pipe is success: whoever reads has seen enough.
fn print_description() -> ExitCode {
    let _ = io::stdout().write_all(api::document().as_bytes());
    ExitCode::SUCCESS
}

fn run(args: &Args) -> Result<()> {
    let settings = settings(args)?;
    let runtime = artifact_bootstrap::start_runtime(None)?;
    let outcome = log::begin(&settings.http, io::stderr().is_terminal(), runtime.handle())
        .and_then(|traces| {
            let access = Access::new(&settings)?;
            let address = address(&settings, &access)?;
            runtime.block_on(serve(&settings, address, access, traces))
        });
    artifact_bootstrap::end_runtime(runtime);
    outcome
}

async fn serve(
    settings: &Settings,
    address: SocketAddr,
    access: Access,
    traces: Option<Traces>,
) -> Result<()> {
    let mut signals = Signals::listen()?;
    let (tls, renewal) = tls(&settings.http)?.unzip();
    let proxies = settings.http.trusted_proxies.as_deref();
    let proxies = TrustedProxies::new(proxies, settings.http.proxy_header)?;
    let rate = RateLimit::new(&settings.http);
    let meter = Meter::new();
    let store = artifact_bootstrap::open_metered(settings, &meter).await?;
    let listener = TcpListener::bind(address).await.map_err(|cause| {
        let message = format!("{address} can't be listened on");
        Error::new(ErrorKind::Unavailable, message).with_source(cause)
    })?;
    let metrics = Metrics::new(&meter);
    let upkeep = schedule::run(store.clone(), settings.retention.clone(), metrics.clone());
    let upkeep = tokio::spawn(async {
        if let Err(error) = upkeep.await {
            tracing::error!(kind = %error.kind(), "{}", problem::with_causes(&error));
        }
    });
    let app = App::new(store, access, settings, metrics.clone());
    let observer = Observer::new(
        settings.http.max_requests,
        metrics,
        traces.is_some(),
        proxies,
        settings.http.idle_timeout(),
    );
    let router = routes::all(&app).layer(from_fn(framing::require_an_end));
    let router = match &rate {
        Some(rate) => router.layer(from_fn_with_state(rate.clone(), rate::limit)),
        None => router,
    };
    let router = router.layer(from_fn_with_state(observer, observe::observe));
    let router = match &settings.http.cors_origins {
        Some(origins) => router.layer(cors::layer(origins)?),
        None => router,
    };
    let limits = Limits {
        connections: usize::try_from(settings.http.max_connections).unwrap_or(usize::MAX),
        patience: settings.http.idle_timeout(),
    };
    app.doors().announce();
    announce(&listener, tls.is_some());
    if !address.ip().is_loopback() && tls.is_none() {
        tracing::warn!(
            "tokens and artifacts can be read on their way: http.tls_cert and http.tls_key are not set"
        );
    }
    let end = tokio::select! {
        end = server::serve(listener, tls, router, limits, &mut signals) => end,
        () = tus::keep_swept(&app) => End::InOrder,
        () = whatever(renewal.map(Renewal::run)) => End::InOrder,
        () = whatever(rate.as_ref().map(RateLimit::keep_small)) => End::InOrder,
        () = app.doors().keep_noted() => End::InOrder,
    };
    // Cut off anywhere it leaves nothing that is not done next time.
    upkeep.abort();
    let last_steps = async {
        app.settle().await;
        if let Some(traces) = traces {
            traces.end().await;
        }
    };
    let end = match end {
        End::AtOnce => End::AtOnce,
        End::InOrder => tokio::select! {
            () = last_steps => End::InOrder,
            () = signals.next() => End::AtOnce,
        },
    };
    if end == End::AtOnce {
        tracing::warn!("ended before all was finished");
    }
    Ok(())
}

/// What runs for ever, if there is anything.
async fn whatever(work: Option<impl Future<Output = ()>>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// The certificate that is set, if TLS is to be spoken. The settings have both its files or neither.
fn tls(settings: &Http) -> Result<Option<(Tls, Renewal)>> {
    let files = settings.tls_cert.clone().zip(settings.tls_key.clone());
    files
        .map(|(cert, key)| Tls::new(Files { cert, key }))
        .transpose()
}

/// Says where the server is, to whoever has started it.
fn announce(listener: &TcpListener, is_secure: bool) {
    if let Ok(address) = listener.local_addr() {
        let scheme = if is_secure { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}");
        // A script that has started it on any free port reads it there, or does not care.
        let _ = writeln!(io::stdout(), "{scheme}://{address}");
    }
}

fn settings(args: &Args) -> Result<Settings> {
    let mut sources = Sources::from_process()?;
    sources.config.clone_from(&args.config);
    sources.add_flags(
        args.base_path.as_deref(),
        [
            ("backend", args.backend.clone()),
            ("index.engine", args.index.clone()),
            (
                "http.listen",
                args.listen.map(|address| address.to_string()),
            ),
        ],
    )?;
    Ok(Settings::load(&sources)?.settings)
}

/// Where to listen. Where nobody is asked who he is, nobody from elsewhere is let in.
fn address(settings: &Settings, access: &Access) -> Result<SocketAddr> {
    let text = &settings.http.listen;
    let address: SocketAddr = text.parse().map_err(|_| {
        Error::invalid_input(format!("http.listen `{text}` is no address with a port"))
            .with_hint("write it as 127.0.0.1:8080 or [::1]:8080")
    })?;
    if !address.ip().is_loopback() && !access.is_configured() {
        let message = format!(
            "{address} can be reached from other machines, and there is no token that the server \
             could ask for"
        );
        return Err(Error::invalid_input(message).with_hint(
            "`artifact token create NAME --allow read,write` makes the first one; or listen on \
             127.0.0.1 or [::1]",
        ));
    }
    Ok(address)
}
