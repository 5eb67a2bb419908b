//! An S3 service to try the store with by hand. What it keeps goes with it.
//!
//! `cargo run -p adapter-opendal --all-features --example s3_service` prints the settings that reach
//! it, to be pasted into a shell.

#![allow(clippy::unwrap_used, reason = "it serves tests")]
#![allow(clippy::print_stdout, reason = "it is a program")]

#[path = "../tests/bucket/mod.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod bucket;

#[tokio::main]
async fn main() {
    let service = bucket::Service::start().await;
    println!("export ARTIFACT_BACKEND=s3");
    println!("export ARTIFACT_S3__BUCKET={}", bucket::BUCKET);
    println!(
        "export ARTIFACT_S3__ENDPOINT_URL=http://{}",
        service.address
    );
    println!("export ARTIFACT_S3__REGION=us-east-1");
    println!("export ARTIFACT_S3__ACCESS_KEY={}", bucket::ACCESS_KEY);
    println!("export ARTIFACT_S3__SECRET_KEY={}", bucket::SECRET_KEY);
    std::future::pending::<()>().await;
}
